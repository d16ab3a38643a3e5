"""A whole installation for tests: broker, hub and box as processes."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.databases import make_hub_database
from tests.support.processes import Mosquitto, Running, our_command


class Chain:
    """Mosquitto, a hub's ingest and a box's data directory."""

    def __init__(self, folder: Path, film: Path) -> None:
        self.folder = folder
        self.broker = Mosquitto(folder)
        (folder / "hub.toml").write_text(
            f'[hub]\ndata_dir = "{folder}/hub"\n[broker]\nurl = "{self.broker.url}"\n'
        )
        (folder / "edge.toml").write_text(
            '[store]\nid = "nj-001"\nname = "南京东路店"\ntimezone = "Asia/Shanghai"\n'
            '[box]\nid = "nj-001-a"\ndata_dir = "box"\n'
            f'[[camera]]\nname = "door"\nsource = "{film}"\nloop = true\n'
            f'[uplink]\nbroker = "{self.broker.url}"\n'
            '[console]\nlisten = "127.0.0.1:0"\n',
            encoding="utf-8",
        )
        self.hub = self._hub("ingest")
        make_hub_database(folder / "hub/hub.db")
        self.film = film

    def _hub(self, command: str) -> Running:
        config = str(self.folder / "hub.toml")
        return our_command(
            "cloud.cli", command, "--config", config, log=self.folder / f"hub-{command}.log"
        )

    def box(self, command: str, *arguments: str) -> Running:
        """Return one of the box's commands."""
        config = str(self.folder / "edge.toml")
        log = self.folder / f"box-{command}.log"
        return our_command("edge", command, "--config", config, *arguments, log=log)

    def replay(self) -> Running:
        """Return a replay of the film that sends while it plays."""
        return self.box("replay", "--camera", f"door={self.film}", "--publish", "60")

    def committed(self) -> set[tuple[str, int]]:
        """Return the (epoch, seq) of every event that the box has committed."""
        if not (self.folder / "box/menkou.db").exists():
            return set()
        return set(self._all("box/menkou.db", "SELECT epoch, seq FROM outbox"))

    def held(self) -> list[tuple[str, int]]:
        """Return the (epoch, seq) of every event at the hub, as often as it stands there."""
        return sorted(
            self._all(
                "hub/hub.db",
                "SELECT epoch.epoch, event.seq FROM event JOIN epoch ON epoch.pk = epoch_pk",
            )
        )

    def _all(self, database: str, query: str) -> list[tuple[str, int]]:
        with closing(sqlite3.connect(self.folder / database, timeout=10)) as connection:
            try:
                return list(connection.execute(query))
            except sqlite3.OperationalError as exc:
                if "no such table" in str(exc):  # the first start is still making them
                    return []
                raise

    def figures(self, database: str, query: str) -> tuple[int, ...]:
        """Return the first row of a query."""
        with closing(sqlite3.connect(self.folder / database, timeout=10)) as connection:
            row: tuple[int, ...] = connection.execute(query).fetchone()
            return row

    def close(self) -> None:
        """End what still runs."""
        self.hub.stop()
        self.broker.stop()


@pytest.fixture
def chain(tmp_path: Path, recordings: Path) -> Iterator[Chain]:
    made = Chain(tmp_path, recordings / "video/one-by-one.mp4")
    yield made
    made.close()
