"""Sums of shops' days over a period, out of sums of months that are kept in memory.

Called by `chain_people` (the counts of days) and `consultants` (those of the staff). A year of
2,100 shops is 764,000 days, and days that are over change seldom, by late facts. So their sums are
kept, a whole month at a time, which all periods share, until a day of it is added up anew
(`chain_revision`, and the marks that say that the chain is behind). The newest days are read each
time.

    kept = KeptSums(read)                          read(connection, scope, span, shops) -> ByShop
    kept.all(connection, scope, first, last, today)
    kept.some(connection, scope, first, last, today, shops)
"""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, select

from cloud.accounts.scope import Scope
from cloud.memo import Memo
from cloud.tally.tables import chain_revision, dirty_chain

RESTLESS: Final = timedelta(days=2)
"""So many days before today change all the time: today's, and what boxes send late."""
_PARTS: Final = 32
"""Kept parts of periods: two years' months, and the ends of some. About 2 MB each."""
_PERIODS: Final = 8
_DAY: Final = timedelta(days=1)
_WHOLE: Final = Scope(shops=None, names=False)

Counts = tuple[int | None, ...]
ByShop = Mapping[str, Mapping[str, Counts]]
"""By shop and basis ("": of none); None: not known."""
Sums = Mapping[tuple[str, str], Counts]
Span = tuple[date, date]
Read = Callable[[Connection, Scope, Span, Sequence[str] | None], ByShop]
_Key = tuple[Span, tuple[Any, ...]]


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


def revisions(connection: Connection, over: Sequence[Span]) -> list[tuple[Any, ...]]:
    """Return of each part of a period what changes whenever a shop's count of its days does."""
    if not over:
        return []
    ends = over[0][0], over[-1][1]
    told = []
    for table, counter in (
        (chain_revision, chain_revision.c.revision),
        (dirty_chain, dirty_chain.c.mark),
    ):
        rows = select(table.c.day, counter).where(table.c.day.between(*ends))
        told.append([(row[0], row[1]) for row in connection.execute(rows.order_by(table.c.day))])
    # Apart: a first mark is no first revision.
    return [
        tuple(tuple(one for one in rows if first <= one[0] <= last) for rows in told)
        for first, last in over
    ]


class _Memos:
    """What is kept of one database."""

    def __init__(self) -> None:
        self.parts, self.periods = Memo(_PARTS), Memo(_PERIODS)


@dataclass(frozen=True)
class KeptSums:
    """Sums of one table; `read` returns those of a part of a period, None: of all shops."""

    read: Read
    _memos: "WeakKeyDictionary[Engine, _Memos]" = field(default_factory=WeakKeyDictionary)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def all(
        self, connection: Connection, scope: Scope, first: date, last: date, today: date
    ) -> Sums:
        """Return the sums of all shops that somebody sees.

        Args:
            connection: a transaction on the hub's database.
            scope: whose shops; only those of the whole chain are kept.
            first: the first day.
            last: the last one; it is in the period.
            today: the present day. It says what is kept, never what is counted.
        """
        if scope.shops is not None:
            return _flat(self.read(connection, scope, (first, last), None))
        over, others = _parts(first, last, today)
        restless = [_flat(self.read(connection, scope, span, None)) for span in _joined(others)]
        return _added([self._settled(connection, over), *restless])

    def some(
        self,
        connection: Connection,
        scope: Scope,
        first: date,
        last: date,
        today: date,
        shops: Collection[str],
    ) -> Sums:
        """Return the sums of some shops. What is not kept of the chain is read of these alone."""
        ours = sorted(shops if scope.shops is None else scope.shops & set(shops))
        over, others = _parts(first, last, today)
        kept = []
        for key in _keys(connection, over):
            month = self._of(connection).parts.peek(key)
            if month is None:
                others.append(key[0])
            else:
                kept.append(_flat({shop: month[shop] for shop in ours if shop in month}))
        read = [_flat(self.read(connection, scope, span, ours)) for span in _joined(others)]
        return _added([*kept, *read])

    def keep(self, connection: Connection, span: Span) -> None:
        """Read a part of a period that is over (`spans`) before somebody asks, unless it is kept
        and still true.
        """
        for key in _keys(connection, [span]):
            self._part(connection, key)

    def _settled(self, connection: Connection, over: Sequence[Span]) -> Sums:
        """Return the sums of parts that are over: each of them is kept, and all together."""
        keys = tuple(_keys(connection, over))
        return self._of(connection).periods.get(
            keys, lambda: _added(_flat(self._part(connection, key)) for key in keys)
        )

    def _part(self, connection: Connection, key: _Key) -> ByShop:
        parts = self._of(connection).parts
        return parts.get(key, lambda: self.read(connection, _WHOLE, key[0], None))

    def _of(self, connection: Connection) -> _Memos:
        with self._lock:
            return self._memos.setdefault(connection.engine, _Memos())


def _keys(connection: Connection, over: Sequence[Span]) -> Iterator[_Key]:
    return zip(over, revisions(connection, over), strict=True)


def _parts(first: date, last: date, today: date) -> tuple[list[Span], list[Span]]:
    """Return the parts of a period that are kept once they were read, and the others."""
    parts = list(spans(first, last, today))
    over = [span for span in parts if span[1] < today - RESTLESS]
    return over, [span for span in parts if span not in over]


def _joined(several: Iterable[Span]) -> list[Span]:
    """Return parts of a period in order, those that follow each other as one."""
    found: list[Span] = []
    for first, last in sorted(several):
        if found and found[-1][1] + _DAY == first:
            found[-1] = found[-1][0], last
        else:
            found.append((first, last))
    return found


def _flat(month: ByShop) -> dict[tuple[str, str], Counts]:
    return {(shop, basis): told for shop, bases in month.items() for basis, told in bases.items()}


def _added(several: Iterable[Sums]) -> dict[tuple[str, str], Counts]:
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


def whole(value: Any) -> int | None:
    """Return a sum as a whole number: PostgreSQL adds whole numbers up to a Decimal."""
    return None if value is None else int(value)
