"""Every row of every tally equals a slow, independent count of the events' bodies."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, Table, select

from cloud import tables
from cloud.db import reading
from cloud.ingest import Ingest
from cloud.rollup import rollup
from cloud.tally import tables as tallies
from cloud.tally.recount import Counting, recount
from tests.hub.conftest import Message, on_postgresql, on_sqlite
from tests.hub.tally.lives import FIRST, Chain, chain_of
from tests.hub.tally.slowly import Slowly, told

NOW = FIRST + timedelta(days=112, hours=19)
_LATE = 6
NAMED = ("day_tally", "chain_tally")
COMPARED = (
    *("day_tally", "hour_tally", "bin_tally", "money_tally", "channel_tally", "channel_money"),
    *("booking_tally", "reason_tally", "service_tally", "staff_tally", "subject_day"),
    *("correction", "told_day", "chain_tally", "chain_money", "chain_channel"),
    *("chain_channel_money", "chain_booking", "chain_reason", "chain_staff"),
)


def rows_of(engine: Engine, table: Table) -> dict[tuple[Any, ...], Any]:
    """Return a table's rows by their keys: as tuples, or by name where columns are many."""
    keys = [column.name for column in table.primary_key.columns]
    found: dict[tuple[Any, ...], Any] = {}
    with reading(engine) as connection:
        for row in connection.execute(select(table)).mappings():
            rest = {name: value for name, value in row.items() if name not in keys}
            key = tuple(row[name] for name in keys)
            found[key] = rest if table.name in NAMED else tuple(rest.values())
    return found


def slowly(engine: Engine, chain: Chain, now: datetime) -> Slowly:
    """Count what the events say whose bodies the database holds."""
    event, epoch = tables.event.c, tables.epoch.c
    columns = (epoch.store, epoch.box, event.kind, event.at, event.body, event.subject)
    with reading(engine) as connection:
        held = connection.execute(
            select(*columns)
            .select_from(tables.event)
            .join(tables.epoch, event.epoch_pk == epoch.pk)
        ).all()
    assert len(held) == sum(len(life.told) for life in chain.lives)
    return Slowly(
        events=[told(*row) for row in held],
        zones={store: ZoneInfo(zone) for store, zone in chain.zones.items()},
        links=chain.links,
        gone=chain.erased,
        now=now,
    )


def messages(chain: Chain, random: Random) -> tuple[list[Message], list[Message]]:
    """Return every event at least once, in any order, some twice; and some that come last, each by
    itself, when all else was counted.
    """
    batches, last = [], []
    for life in chain.lives:
        late = random.sample(life.told, _LATE)
        last += [life.box.batch(event) for event in late]
        events = [event for event in life.told if event not in late]
        events += random.sample(events, len(events) // 10)
        random.shuffle(events)
        while events:
            size = random.randrange(1, 60)
            batches.append(life.box.batch(*events[:size]))
            events = events[size:]
    random.shuffle(batches)
    random.shuffle(last)
    return batches, last


def live_through(engine: Engine, ingest: Ingest, chain: Chain, random: Random) -> None:
    """Take a chain's life in, counting in between whenever it happens."""
    ingest.take([life.box.hello() for life in chain.lives])
    counting = Counting(engine, clock=lambda: random.random() * 900)
    waiting, last = messages(chain, random)
    now = FIRST
    while waiting:
        size = random.randrange(1, 7)
        ingest.take(waiting[:size])
        waiting = waiting[size:]
        now = min(now + random.randrange(20) * timedelta(days=1), NOW)
        match random.randrange(6):
            case 0:
                rollup(engine)
            case 1:
                recount(engine, now=now)
            case 2:
                rollup(engine)
                recount(engine, now=now)
            case 3:
                counting.run(lambda: None, now)
    for message in last:
        rollup(engine)
        recount(engine, now=NOW)
        ingest.take([message])


def compare(engine: Engine, chain: Chain) -> None:
    expected = slowly(engine, chain, NOW).tables
    for name in COMPARED:
        found, meant = rows_of(engine, tables.METADATA.tables[name]), expected[name]
        assert found.keys() == meant.keys(), name
        for key, row in meant.items():
            assert found[key] == row, (name, key)


def proved(engine: Engine, ingest: Ingest, seed: int) -> None:
    random, chain = Random(seed), chain_of(seed, visits=48)
    live_through(engine, ingest, chain, random)
    rollup(engine)
    recount(engine, now=NOW)
    compare(engine, chain)
    for table in (tallies.dirty_day, tallies.dirty_chain, tables.dirty):
        assert rows_of(engine, table) == {}, "nothing is left to be counted"


@on_sqlite
@pytest.mark.parametrize("seed", range(6))
def test_every_row_equals_a_slow_count_of_the_events(
    engine: Engine, ingest: Ingest, seed: int
) -> None:
    proved(engine, ingest, seed)


@on_postgresql
@pytest.mark.parametrize("seed", [6, 7])
def test_and_on_a_server(engine: Engine, ingest: Ingest, seed: int) -> None:
    proved(engine, ingest, seed)


def test_the_proof_has_something_of_everything() -> None:
    """A figure that is nowhere other than zero would prove nothing."""
    seen: dict[str, set[Any]] = {}
    for seed in range(8):
        chain = chain_of(seed, visits=48)
        events = [
            told(life.box.store, life.box.box, event.body.KIND, event.at, body, subject)
            for life in chain.lives
            for event, body, subject in _bodies(life.told)
        ]
        zones = {store: ZoneInfo(zone) for store, zone in chain.zones.items()}
        slow = Slowly(events=events, zones=zones, links=chain.links, gone=chain.erased, now=NOW)
        for name in COMPARED:
            assert slow.tables[name], name
        for row in slow.tables["day_tally"].values():
            for name, value in row.items():
                seen.setdefault(name, set()).add(value)
    assert set(seen) == {"basis", *tallies.COUNTS}
    for name in tallies.COUNTS:
        assert max(value for value in seen[name] if value is not None) > 0, name
        assert None in seen[name], f"{name}: known everywhere"
    assert seen["basis"] == {None, "crossings", "distinct"}


def _bodies(events: Any) -> Iterator[tuple[Any, str, str | None]]:
    """Yield events with the texts of their bodies, as the hub holds them."""
    from cloud.batches import load_fact, texts_of
    from edge.wire.codec import dump_event

    for event in events:
        fact = load_fact(dump_event(event))
        yield event, texts_of([fact])[0], fact.subject
