"""A running box whose line was cut for so long that its store is full, and its hub later."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from edge.store.database import connect, migrate
from edge.store.limit import FULL_SHARE, REFUSED_SHARE, used_bytes
from edge.store.outbox import Outbox
from tests.integration.conftest import Chain
from tests.support.days import BEGAN, keep_days
from tests.support.processes import Running, free_port, until

LIMIT = 64_000_000
OTHERS = 51_000_000
"""What else the store holds: the rest of the month, without the time that it takes to send it."""
DAYS, VISITORS = 12, 400
DAYS_AGO = 2

COUNTED = (
    "SELECT count(*) FILTER (WHERE who = 'visitor' AND void = 0),"
    " count(*) FILTER (WHERE who = 'member' AND void = 0) FROM visit WHERE opened_at {when}"
)
CROSSED = "SELECT sum(entered), sum(left) FROM crossing_minute WHERE minute {when}"
AT_THE_HUB = "SELECT sum(visitors), sum(members), sum(entered), sum(left) FROM hourly"


class FullBox:
    """A box, its page, and the hub that it could not reach for a month."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.address = f"127.0.0.1:{free_port()}"
        config = chain.folder / "edge.toml"
        settings = config.read_text(encoding="utf-8").replace("127.0.0.1:0", self.address)
        more = 'data_dir = "box"\nclock = "host"\nstore_limit = "64MB"'
        config.write_text(settings.replace('data_dir = "box"', more), encoding="utf-8")
        self._fill()
        self.process: Running = chain.box("run")

    def _fill(self) -> None:
        folder = self.chain.folder / "box"
        folder.mkdir()
        db = connect(folder)
        migrate(db)
        db.execute("PRAGMA synchronous=OFF")  # only for the test's speed
        epoch = Outbox(db).begin_epoch(BEGAN, "run")
        first = (datetime.now(UTC) - BEGAN).days - DAYS - DAYS_AGO
        keep_days(db, epoch, DAYS, first=first, visitors=VISITORS, at_once=True)
        db.execute("CREATE TABLE others (piece BLOB)")
        db.execute("INSERT INTO others VALUES (zeroblob(?))", [OTHERS])
        assert LIMIT * FULL_SHARE < used_bytes(db) < LIMIT * REFUSED_SHARE
        db.close()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query of the box's database."""
        path = self.chain.folder / "box/menkou.db"
        with closing(sqlite3.connect(path, timeout=10)) as connection:
            return list(connection.execute(query))

    def figures(self, when: str = "> ''") -> tuple[int, ...]:
        """Return visitors, members, entered and left, by the box's own tables."""
        (counted,), (crossed,) = (
            self.rows(query.format(when=when)) for query in (COUNTED, CROSSED)
        )
        visitors, members = counted
        return (visitors + members, members, *crossed)

    def state(self) -> dict[str, Any]:
        """Return the page as JSON, empty while it does not answer."""
        try:
            found: dict[str, Any] = requests.get(
                f"http://{self.address}/api/state", timeout=5
            ).json()
        except requests.RequestException:
            return {}
        return found

    def crossings(self) -> int:
        """Return how many crossings were ever kept."""
        return int(self.rows("SELECT coalesce(max(id), 0) FROM crossing")[0][0])

    def backlog(self) -> int:
        """Return how many events the hub does not have."""
        db = connect(self.chain.folder / "box")
        try:
            return Outbox(db).backlog().events
        finally:
            db.close()


@pytest.fixture
def full(chain: Chain) -> Iterator[FullBox]:
    made = FullBox(chain)
    yield made
    made.process.stop()


def test_a_full_box_counts_on_says_so_and_the_hubs_figures_are_its_own(full: FullBox) -> None:
    held = full.figures()
    before = full.crossings()
    full.process.start()
    until(lambda: "storage_hourly" in full.state().get("notices", ()), within_s=90, what="the word")
    page = requests.get(f"http://{full.address}/?lang=en", timeout=5).text
    assert "Older days are kept by the hour only" in page
    until(lambda: full.crossings() > before, within_s=60, what="counting that goes on")
    assert full.figures("< date('now', '-1 day')") == held, "the box's own figures stay"
    summaries = "SELECT count(*) FROM outbox WHERE kind = 'hour_summary'"
    until(lambda: full.rows(summaries)[0][0] > 50, within_s=60, what="a week by the hour")
    full.chain.broker.start()
    full.chain.hub.start()
    counted = full.crossings()
    until(lambda: full.crossings() > counted, within_s=60, what="counting beside the delivery")
    full.process.stop()
    full.process.start()
    until(lambda: full.backlog() == 0, within_s=120, what="the end of the backlog")
    full.process.stop()
    until(settled(full), within_s=30, what="the hub's figures")
    assert full.backlog() == 0
    assert full.chain.figures("hub/hub.db", AT_THE_HUB) == full.figures()
    assert full.chain.figures("hub/hub.db", "SELECT count(*) FROM set_aside") == (0,)
    assert full.chain.figures("hub/hub.db", "SELECT sum(missing) FROM epoch") == (0,)


def settled(full: FullBox) -> Any:
    """Return what says whether the hub's rollup has dealt with all that it heard."""
    path: Path = full.chain.folder / "hub/hub.db"
    assert path.exists()
    return lambda: full.chain.figures("hub/hub.db", "SELECT count(*) FROM dirty") == (0,)
