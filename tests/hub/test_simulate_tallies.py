"""Days of a simulated chain with its desks, through ingest, counted: every table gets its rows."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select

from cloud.db import reading
from cloud.ingest import Ingest
from cloud.shares import Shares
from cloud.simulate.chain import make_chain
from cloud.simulate.desk.shop import has_desk, has_till
from cloud.simulate.facts import Feeder
from cloud.tally.recount import recount
from cloud.tally.tables import OF_DAYS, SUMMED, chain_tally, day_tally

SEED = 48
START = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)  # midnight in Shanghai


def test_what_desks_tell_is_counted_by_shop_and_summed_over_the_chain(
    engine: Engine, tmp_path: Path
) -> None:
    chain = make_chain(seed=SEED, shops=8, visits_a_year=8 * 25_000)
    ingest = Ingest(engine, Shares(engine, tmp_path / "share.secret"))
    end = START + timedelta(days=1)
    Feeder(engine, ingest, chain, seed=SEED, start=START, end=end).run(lambda *_: None)
    recount(engine, now=end)
    day = START.date() + timedelta(days=1)
    for table in OF_DAYS:
        assert rows(engine, select(table)), table.name
    known = {
        row.store: (row.desk_visitors is not None, row.till_visitors is not None)
        for row in rows(engine, select(day_tally).where(day_tally.c.day == day))
        if row.visitors
    }
    told = {shop.id: (has_desk(shop), has_till(SEED, shop)) for shop in chain}
    assert known == {name: told[name] for name in known}
    assert set(known.values()) == {(True, True), (False, True), (False, False)}
    for shops, sums in SUMMED:
        keys = [shops.c[column.name] for column in sums.primary_key]
        counts = [column.name for column in sums.columns if not column.primary_key]
        added = select(*keys, *(func.sum(shops.c[name]) for name in counts)).group_by(*keys)
        assert sorted(map(plain, rows(engine, added))) == sorted(
            map(plain, rows(engine, select(sums)))
        )
    assert rows(engine, select(chain_tally).where(chain_tally.c.day == day))


def rows(engine: Engine, question: Any) -> list[Any]:
    with reading(engine) as connection:
        return list(connection.execute(question))


def plain(row: Any) -> tuple[Any, ...]:
    """Return a row as one of numbers and words: PostgreSQL adds up to a Decimal."""
    return tuple(one if isinstance(one, str) else str(one) for one in row)
