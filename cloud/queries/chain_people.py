"""Counts of people of each of the chain's shops, summed over a period, for what is hidden of them.

Called by `hidden` alone. A year of 2,100 shops is 764,000 days: days that are over change seldom,
and then by late facts. So their sums are kept, a whole month at a time, which all periods share,
for as long as the chain's own sums of those days are the same (`chain_tally`, and the marks that
say that it is behind). The newest days are read each time.

    people = people_of(connection, WHOLE, first, last, today)
    people["nj-001", "crossings"]    the counts of `NAMES`, in their order; None: not known
"""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, func, select

from cloud.accounts.scope import Scope
from cloud.figures.suppress import PEOPLE
from cloud.memo import Memo
from cloud.tables import store
from cloud.tally.tables import COUNTS, chain_tally, day_tally, dirty_chain

NAMES: Final = tuple(name for name in COUNTS if name in PEOPLE)
RESTLESS: Final = timedelta(days=2)
"""So many days before today change all the time: today's, and what boxes send late."""
AT_MOST_S: Final = 3600.0
"""How long sums are kept even so: two shops' changes of one day may make up for each other."""
_PARTS: Final = 32
"""Kept parts of periods: two years' months, and the ends of some. About 2 MB each."""
_PERIODS: Final = 8
_DAY: Final = timedelta(days=1)

Counts = tuple[int | None, ...]
People = Mapping[tuple[str, str], Counts]
Span = tuple[date, date]


def people_of(
    connection: Connection, scope: Scope, first: date, last: date, today: date
) -> dict[tuple[str, str], Counts]:
    """Return the sums of `NAMES` by shop and basis ("": of days that have none).

    Args:
        connection: a transaction on the hub's database.
        scope: whose shops; only those of the whole chain are kept.
        first: the first day.
        last: the last one; it is in the period.
        today: the present day. It says what is kept, never what is counted.
    """
    parts = list(spans(first, last, today))
    over = [span for span in parts if span[1] < today - RESTLESS and scope.shops is None]
    restless = [_read(connection, scope, span) for span in parts if span not in over]
    return _added([_settled(connection, scope, over), *restless])


def spans(first: date, last: date, today: date) -> Iterator[Span]:
    """Yield a period in parts, in order: months, what of months it begins and ends with, and the
    days that still change.
    """
    settled = today - RESTLESS - _DAY
    while first <= last:
        end = (first.replace(day=1) + timedelta(days=32)).replace(day=1) - _DAY
        end = min(end, settled) if first <= settled else last
        yield first, min(end, last)
        first = min(end, last) + _DAY


def _settled(connection: Connection, scope: Scope, over: Sequence[Span]) -> People:
    """Return the sums of parts that are over, as they are kept: each of them, and all together."""
    hour = time.monotonic() // AT_MOST_S
    keys = tuple((span, _token(connection, span), hour) for span in over)
    kept = _memo(connection.engine)

    def work() -> People:
        return _added(
            kept.parts.get(key, lambda span=key[0]: _read(connection, scope, span))  # type: ignore[misc]
            for key in keys
        )

    return kept.periods.get(keys, work)


def _added(several: Iterable[People]) -> dict[tuple[str, str], Counts]:
    found: dict[tuple[str, str], Counts] = {}
    for one in several:
        for key, counts in one.items():
            before = found.get(key)
            found[key] = counts if before is None else tuple(map(_sum, before, counts))
    return found


def _sum(one: int | None, other: int | None) -> int | None:
    if one is None:
        return other
    return one if other is None else one + other


def _token(connection: Connection, span: Span) -> tuple[Any, ...]:
    """Return what changes whenever a shop's count of these days does."""
    sums = (func.sum(chain_tally.c[name]) for name in NAMES)
    counted = connection.execute(
        select(chain_tally.c.basis, func.sum(chain_tally.c.shops), *sums)
        .where(chain_tally.c.day.between(*span))
        .group_by(chain_tally.c.basis)
        .order_by(chain_tally.c.basis)
    )
    marks = select(dirty_chain.c.day, dirty_chain.c.mark).order_by(dirty_chain.c.day)
    behind = connection.execute(marks.where(dirty_chain.c.day.between(*span)))
    return (*map(tuple, counted), *map(tuple, behind))


def _read(connection: Connection, scope: Scope, span: Span) -> People:
    of, basis = day_tally.c.store, func.coalesce(day_tally.c.basis, "")
    # Shop by shop: a period of each lies together, the days of all lie far apart.
    among = select(store.c.id).where(scope.only(store.c.id))
    rows = connection.execute(
        select(of, basis, *(func.sum(day_tally.c[name]) for name in NAMES))
        .where(of.in_(among), scope.only(of), day_tally.c.day.between(*span))
        .group_by(of, basis)
    )
    return {(row[0], row[1]): tuple(map(_whole, row[2:])) for row in rows}


def _whole(value: Any) -> int | None:
    # PostgreSQL adds whole numbers up to a Decimal.
    return None if value is None else int(value)


class _Kept:
    """What is kept of one database."""

    def __init__(self) -> None:
        self.parts, self.periods = Memo(_PARTS), Memo(_PERIODS)


def _memo(engine: Engine) -> _Kept:
    with _lock:
        return _memos.setdefault(engine, _Kept())


_lock: Final = threading.Lock()
_memos: Final[WeakKeyDictionary[Engine, _Kept]] = WeakKeyDictionary()
