"""What a full box sends by the hour makes the same figures at the hub, whatever it had already."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, select
from sqlite_utils import Database

from cloud import tables
from cloud.accounts.scope import EVERYTHING
from cloud.db import migrate as migrate_hub
from cloud.db import open_engine, reading
from cloud.ingest import Ingest
from cloud.queries.today import chain_today
from cloud.rollup import rollup
from cloud.shares import Shares
from edge.store.database import connect, migrate
from edge.store.outbox import Outbox, Reading, Waiting
from edge.store.summaries import summarise_some
from edge.wire.codec import decode_ack, encode
from edge.wire.messages import BATCH_EVENTS_MAX, Batch, Hello, HourSummary
from edge.wire.topics import BoxAddress
from tests.support.days import BEGAN, keep_days

ADDRESS = BoxAddress(store="nj-001", box="nj-001-a")
SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = BEGAN + timedelta(days=20)
SESSION = "5" * 32


class Hub:
    """A hub's database and its ingest, without a broker."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.engine: Engine = open_engine(f"sqlite:///{folder}/hub.db")
        migrate_hub(self.engine)
        self._ingest = Ingest(self.engine, Shares(self.engine, folder / "share.secret"))

    def take(self, channel: str, payload: bytes) -> list[tuple[str, bytes]]:
        topic = f"menkou/v1/{ADDRESS.store}/{ADDRESS.box}/{channel}"
        return self._ingest.take([(topic, payload, NOW)])

    def hear(self, rows: list[Waiting], channel: str = "late") -> None:
        for start in range(0, len(rows), BATCH_EVENTS_MAX):
            some = tuple(row.event for row in rows[start : start + BATCH_EVENTS_MAX])
            self.take(channel, encode(Batch(events=some)))

    def figures(self) -> list[dict[str, Any]]:
        rollup(self.engine)
        found = []
        with reading(self.engine) as connection:
            for table in (tables.hourly, tables.daily):
                rows = connection.execute(select(table)).mappings()
                found += [dict(row) for row in rows if any(row[name] for name in tables.FIGURES)]
        return found


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = connect(tmp_path)
    migrate(database)
    database.execute("PRAGMA synchronous=OFF")  # only for the test's speed
    yield database
    database.close()


@pytest.fixture
def epoch(db: Database) -> str:
    epoch = Outbox(db).begin_epoch(BEGAN, "run")
    keep_days(db, epoch, 18)
    return epoch


def hello_of(db: Database) -> bytes:
    hello = Hello(
        session=SESSION,
        name="南京东路店",
        timezone="Asia/Shanghai",
        version="1.2.3",
        epochs=tuple(Outbox(db).spans()),
    )
    return encode(hello)


def waiting(db: Database) -> list[Waiting]:
    return Outbox(db).waiting(after=0, limit=1_000_000)


def shorten(db: Database, epoch: str) -> None:
    reading = Reading(at=NOW, mono=1.0, clock="ok")
    while summarise_some(db, epoch, SHANGHAI, reading):
        pass


@pytest.mark.parametrize("had", [0, 1, 7, 333, 1_000, 100_000])
def test_the_figures_are_those_of_the_whole_delivery_whatever_the_hub_had_already(
    db: Database, epoch: str, tmp_path: Path, had: int
) -> None:
    whole, shortened = Hub(tmp_path / "whole"), Hub(tmp_path / "shortened")
    for hub in (whole, shortened):
        hub.take("up", hello_of(db))
    told = waiting(db)
    whole.hear(told)
    shortened.hear(told[:had])  # and the acknowledgements were lost
    shorten(db, epoch)
    summaries = [row for row in waiting(db) if isinstance(row.event.body, HourSummary)]
    assert len(summaries) > 100
    shortened.take("up", hello_of(db))
    for _ in range(2):  # twice: it must not matter
        shortened.hear(waiting(db))
    shortened.hear(told[had : had + 50])  # what was under way, long overtaken
    assert shortened.figures() == whole.figures()


def test_a_hub_that_heard_of_the_shorter_outbox_misses_nothing_and_says_which_days_are_hours(
    db: Database, epoch: str, tmp_path: Path
) -> None:
    hub = Hub(tmp_path / "hub")
    hub.take("up", hello_of(db))
    hub.hear(waiting(db)[:10])
    shorten(db, epoch)
    ((_, payload),) = hub.take("up", hello_of(db))
    answer = decode_ack(payload)
    Outbox(db).acknowledge(answer, NOW, {s.epoch: s.last for s in Outbox(db).spans()})
    hub.hear(waiting(db))
    ((_, payload),) = hub.take("up", hello_of(db))
    assert [entry.missing for entry in decode_ack(payload).epochs] == [()]
    Outbox(db).acknowledge(decode_ack(payload), NOW, {})
    assert Outbox(db).backlog().events == 0
    with reading(hub.engine) as connection:
        (shop,) = chain_today(connection, EVERYTHING, NOW).shops
    assert [box.missing for box in shop.boxes] == [0]
    assert shop.hourly_until == (NOW - timedelta(days=8)).astimezone(SHANGHAI).date()


def test_a_second_box_of_the_shop_is_counted_beside_the_summaries(
    db: Database, epoch: str, tmp_path: Path
) -> None:
    hub = Hub(tmp_path / "hub")
    hub.take("up", hello_of(db))
    told = waiting(db)
    topic = f"menkou/v1/{ADDRESS.store}/other/up"
    first = tuple(row.event for row in told[:100])
    hub._ingest.take([(topic, encode(Batch(events=first)), NOW)])
    alone = {row["hour"]: row for row in hub.figures() if "hour" in row}
    shorten(db, epoch)
    hub.hear(waiting(db))
    both = {row["hour"]: row for row in hub.figures() if "hour" in row}
    hour = min(alone)
    assert both[hour]["entered"] == 2 * alone[hour]["entered"] > 0
    assert both[hour]["visitors"] == 2 * alone[hour]["visitors"]
    assert both[hour]["basis"] == "crossings"
