"""Several ingest processes share the work; one is killed now and then. Nothing lost or doubled."""

import random as chances
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from cloud import tables
from cloud.db import migrate, open_engine, reading
from cloud.throwaway import throwaway
from edge.wire.messages import CrossingMinute, VisitOpened
from tests.hub.conftest import NOW, FakeBox
from tests.hub.test_mqtt import Line
from tests.support.processes import Mosquitto, Running, our_command, until

KILLS = 3
WINDOW, TOGETHER = 400, 20


class Shop(threading.Thread):
    """A box that goes on telling until it is told to stop, then until all is acknowledged.

    It is impatient: what is not acknowledged within a second it sends again.
    """

    def __init__(self, port: int, number: int) -> None:
        super().__init__()
        self.box = FakeBox(store=f"{'aBc'[number % 3]}-{number}", box="x", epoch=f"{number:032x}")
        self._line = Line(port, self.box)
        self._sent_at = 0.0
        self._sent = 0
        self.closing = threading.Event()
        self.failed = True

    def run(self) -> None:
        until_s = time.monotonic() + 120
        self._line.send(self.box.hello())
        while time.monotonic() < until_s:
            through = self._line.through()
            if self.closing.is_set() and through == len(self.box.events):
                self.failed = False
                break
            self._send(through)
            time.sleep(0.02)
        self._line.close()

    def _send(self, through: int) -> None:
        if time.monotonic() - self._sent_at > 1.0:
            self._sent = through
        if not self.closing.is_set() and len(self.box.events) - through < WINDOW:
            for _ in range(TOGETHER // 2):
                at = NOW + timedelta(seconds=len(self.box.events))
                (
                    self.box.opened(at),
                    self.box.crossed(at.replace(second=0), rev=len(self.box.events)),
                )
        while self._sent < min(len(self.box.events), through + WINDOW):
            batch = self.box.events[self._sent : self._sent + TOGETHER]
            self._line.send(self.box.batch(*batch))
            self._sent += len(batch)
            self._sent_at = time.monotonic()


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """A database that waits for the disk at every commit."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'hub.db'}"
        return
    with throwaway(durable=True) as server:
        yield server.make("hub")


@pytest.mark.parametrize(("kind", "processes"), [("postgresql", 3), ("sqlite", 2)])
def test_whichever_ingest_is_killed_each_fact_is_taken_once(
    kind: str, processes: int, tmp_path: Path, mosquitto: Mosquitto
) -> None:
    chance = chances.Random(f"{kind} 2026")
    with database(kind, tmp_path) as url:
        config = tmp_path / "hub.toml"
        config.write_text(
            f'[hub]\ndata_dir = "{tmp_path}"\ndatabase_url = "{url}"\n'
            f'[broker]\nurl = "{mosquitto.url}"\nshare = "menkou"\n'
        )
        engine = open_engine(url)
        migrate(engine)
        hubs = [
            our_command(
                *("cloud.cli", "ingest", "--config", str(config)), log=tmp_path / f"hub-{n}.log"
            ).start()
            for n in range(processes)
        ]
        shops = [Shop(mosquitto.port, number) for number in range(6)]
        try:
            for shop in shops:
                shop.start()
            for _ in range(KILLS):
                kill_one(chance, engine, hubs)
        finally:
            for shop in shops:
                shop.closing.set()
            for shop in shops:
                shop.join()
            settled = until_settled(engine)
            for hub in hubs:
                hub.kill()
        assert not any(shop.failed for shop in shops), [hub.log()[-1000:] for hub in hubs]
        assert settled, "the rollup"
        agree(engine, shops)
        engine.dispose()


def held(engine: Engine) -> int:
    with reading(engine) as connection:
        return connection.execute(select(func.count()).select_from(tables.event)).scalar_one()


def kill_one(chance: chances.Random, engine: Engine, hubs: list[Running]) -> None:
    """Kill a process amid its work, and start it again a little later."""
    before = held(engine)
    until(lambda: held(engine) > before + 200, within_s=60, what="the work goes on")
    time.sleep(chance.uniform(0.0, 0.3))
    victim = chance.choice(hubs)
    victim.kill()
    time.sleep(chance.uniform(0.0, 0.5))
    victim.start()


def agree(engine: Engine, shops: list[Shop]) -> None:
    """The hub holds each event once, and its figures are what the boxes told."""
    told = [(shop.box.store, event.seq) for shop in shops for event in shop.box.events]
    bodies = [event.body for shop in shops for event in shop.box.events]
    minutes = {
        (shop.box.store, event.body.minute)
        for shop in shops
        for event in shop.box.events
        if isinstance(event.body, CrossingMinute)
    }
    with reading(engine) as connection:
        found = connection.execute(
            select(tables.epoch.c.store, tables.event.c.seq).join_from(
                tables.event, tables.epoch, tables.event.c.epoch_pk == tables.epoch.c.pk
            )
        )
        assert sorted((row.store, row.seq) for row in found) == sorted(told)
        columns = (tables.hourly.c.visitors, tables.hourly.c.entered)
        figures = connection.execute(select(*(func.sum(one) for one in columns))).one()
        assert connection.execute(select(tables.set_aside)).all() == []
    visits = sum(isinstance(body, VisitOpened) for body in bodies)
    assert tuple(map(int, figures)) == (visits, len(minutes))


def until_settled(engine: Engine) -> bool:
    """Wait for the rollup; say whether it came to an end."""
    until_s = time.monotonic() + 30
    marks = select(func.count()).select_from(tables.dirty)
    while time.monotonic() < until_s:
        with reading(engine) as connection:
            if connection.execute(marks).scalar_one() == 0:
                return True
        time.sleep(0.05)
    return False
