"""The database dies, the broker forgets all, a process stands still: and boxes tell on."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from cloud import db
from cloud.boxes import lock_boxes
from cloud.db import migrate, open_engine, writing
from cloud.ingest import Ingest
from cloud.throwaway import Postgres, throwaway
from tests.hub.conftest import FakeBox, on_postgresql
from tests.hub.test_many_ingests import Shop, agree, held, until_settled
from tests.hub.test_side_by_side import beside
from tests.support.processes import Mosquitto, Running, free_port, our_command, until

SHOPS = 6


class House:
    """Boxes, a broker, ingest processes that share the work, PostgreSQL, and the pages."""

    def __init__(self, folder: Path, broker: Mosquitto, server: Postgres, ingests: int) -> None:
        self.broker, self.server = broker, server
        url = server.make("hub")
        self.engine = open_engine(url)
        migrate(self.engine)
        self.port = free_port()
        config = folder / "hub.toml"
        config.write_text(
            f'[hub]\ndata_dir = "{folder}"\ndatabase_url = "{url}"\n'
            f'listen = "127.0.0.1:{self.port}"\n'
            f'[broker]\nurl = "{broker.url}"\nshare = "menkou"\n'
        )

        def started(command: str, number: int) -> Running:
            log = folder / f"{command}-{number}.log"
            return our_command("cloud.cli", command, "--config", str(config), log=log).start()

        self.ingests = [started("ingest", number) for number in range(ingests)]
        self.pages = started("serve", 0)
        # Who is still beginning ends when the database does, and is begun again by systemd.
        until(lambda: all("takes facts" in one.log() for one in self.ingests), what="ingest")
        until(lambda: "http" in self.pages.log(), what="the pages")
        self.shops = [Shop(broker.port, number) for number in range(SHOPS)]
        for shop in self.shops:
            shop.start()

    def work_goes_on(self, by: int = 200) -> None:
        before = held(self.engine)
        until(lambda: held(self.engine) > before + by, within_s=90, what="the work to go on")

    def get(self, path: str, language: str = "en") -> requests.Response:
        headers = {"Accept-Language": language}
        return requests.get(f"http://127.0.0.1:{self.port}{path}", headers=headers, timeout=30)

    def finish(self) -> None:
        """Let the boxes tell the rest; make sure that all of it is there, once."""
        for shop in self.shops:
            shop.closing.set()
        for shop in self.shops:
            shop.join()
        logs = [one.log()[-1000:] for one in self.ingests]
        assert not any(shop.failed for shop in self.shops), logs
        assert until_settled(self.engine), "the rollup"
        agree(self.engine, self.shops)
        gone = [one.log()[-3000:] for one in (*self.ingests, self.pages) if not one.alive]
        assert not gone, gone

    def close(self) -> None:
        for shop in self.shops:
            shop.closing.set()
        for one in (*self.ingests, self.pages):
            one.kill()
        for shop in self.shops:
            shop.join()
        self.engine.dispose()


@pytest.fixture
def house(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[Callable[[int], House]]:
    made: list[House] = []
    with throwaway(durable=True) as server:

        def make(ingests: int) -> House:
            made.append(House(tmp_path, mosquitto, server, ingests))
            return made[-1]

        yield make
        for one in made:
            one.close()


@pytest.mark.parametrize(
    "blow", [signal.SIGKILL, signal.SIGQUIT], ids=["killed", "stopped at once"]
)
def test_a_database_server_that_dies_amid_the_work_costs_nothing_but_time(
    blow: signal.Signals, house: Callable[[int], House]
) -> None:
    hub = house(2)
    hub.work_goes_on()
    until(lambda: hub.get("/").status_code == 200, what="the pages")
    hub.server.kill(blow)
    for language, words in (("en", "The database does not answer"), ("zh", "数据库没有响应")):
        page = hub.get("/", language)
        assert page.status_code == 503
        assert words in page.text
    assert hub.get("/today/live").status_code == 503
    answer = hub.get("/api/v1/shops")
    assert (answer.status_code, answer.json()["code"]) == (503, "away")
    assert hub.get("/api/v1/health").json()["state"] == "database_away"
    time.sleep(2)  # the boxes go on telling
    hub.server.restart()
    hub.work_goes_on()
    until(lambda: hub.get("/").status_code == 200, what="the pages")
    assert "Traceback" not in hub.pages.log()
    assert not any("Traceback" in one.log() for one in hub.ingests)
    hub.finish()


def test_a_broker_that_comes_back_without_its_queue_costs_nothing_but_time(
    house: Callable[[int], House],
) -> None:
    hub = house(4)
    for _ in range(2):
        hub.work_goes_on()
        hub.broker.kill()
        time.sleep(1)
        hub.broker.start()
    hub.work_goes_on()
    hub.finish()


def test_an_ingest_that_stood_still_and_goes_on_doubles_and_loses_nothing(
    house: Callable[[int], House],
) -> None:
    hub = house(4)
    for _ in range(2):
        hub.work_goes_on()
        os.kill(hub.ingests[0].pid, signal.SIGSTOP)
        try:
            time.sleep(5)
        finally:
            os.kill(hub.ingests[0].pid, signal.SIGCONT)
    hub.work_goes_on()
    hub.finish()


def stand_still(engine: Engine, box: FakeBox, meanwhile: Callable[[], object]) -> None:
    """Hold a box's row until a peer has done its work, then go on."""
    with writing(engine) as connection:
        lock_boxes(connection, [box.address])
        with beside(meanwhile):
            pass
        connection.execute(text("SELECT 1"))


@on_postgresql
def test_who_stands_still_amid_a_transaction_holds_up_its_peers_for_a_while_only(
    engine: Engine, ingest: Ingest, box: FakeBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest.take([box.hello()])
    monkeypatch.setattr(db, "LET_GO_S", 1)
    paused = open_engine(engine.url.render_as_string(hide_password=False))
    with pytest.raises(DBAPIError):
        stand_still(paused, box, lambda: ingest.take([box.batch(box.opened())]))
    with writing(paused) as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    paused.dispose()
    assert held(engine) == 1
