"""What is hidden of the chain's shops in a period: asked by every page, file and route.

Whether a shop's figure is shown is decided once, from the list of all the chain's shops, whoever
asks: so a shop's own page hides what the list hides, and a region's list what the chain's does.
The decision is kept until a day of it is counted anew, that of a period that is not over for a
minute; a count that has grown small or known since is hidden for itself.

    screen = chain_screen(connection, scope, first, last, least)
    screen.wholes(["asked"], "nj-001")                      whether what is told in parts is hidden
    screen.of_shop(metric, "nj-001", "crossings", sums)     HIDDEN, a number, or None
    screen.of_all(metric, "crossings", sums)                of all shops together
    screen.of_all(metric, "crossings", sums, shops)         of some shops together
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from cloud.accounts.scope import Scope
from cloud.db import reading
from cloud.figures.cells import safe
from cloud.figures.metric import Metric, Sums
from cloud.figures.suppress import HIDDEN, LEAST, Shown, shown, suppress_rows
from cloud.memo import Memo
from cloud.queries.chain_people import NAMES, people_of
from cloud.queries.days import by_shop
from cloud.queries.kept import RESTLESS, revisions

_log = logging.getLogger(__name__)
KEPT_S: Final = 60.0
_KEPT: Final = 32
_AHEAD_S: Final = 25.0
_WANTED_S: Final = 300.0
DAYS_MOST: Final = 31
"""So many days are decided one by one; half a megabyte each."""
_WHOLE: Final = Scope(shops=None, names=False)
"""All shops: what is hidden of one depends on the others. Nothing of them leaves this module."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainScreen:
    """What is hidden: by basis and count the shops with their counts, and the totals' counts."""

    hidden: Mapping[tuple[str, str], Mapping[str, int]]
    totals_hidden: frozenset[tuple[str, str]]
    least: int
    scope: Scope

    def of_shop(self, metric: Metric, shop: str, basis: str, sums: Sums) -> Shown:
        """Return a shop's figure; `sums` are its counts of the period and basis."""
        for name in (*metric.top, *metric.bottom):
            if shop in self.hidden.get((basis, name), ()):
                return HIDDEN
        return shown(metric, sums, self.least)

    def shops_hidden(self, name: str) -> set[str]:
        """Return the shops of which a count is hidden, by whatever their visitors were counted."""
        return {shop for (_, of), shops in self.hidden.items() if of == name for shop in shops}

    def hides_shop(self, name: str, shop: str) -> bool:
        """Say whether a shop's count is hidden, by whatever its visitors were counted."""
        return any(shop in shops for (_, of), shops in self.hidden.items() if of == name)

    def wholes(self, names: Collection[str], shop: str | None = None) -> dict[str, bool]:
        """Return of counts that are told in parts whether their sum is hidden, by whatever visitors
        were counted: a shop's, or that of all that the caller sees.
        """
        if shop is not None:
            return {name: self.hides_shop(name, shop) for name in names}
        bases = {basis for basis, _ in (*self.hidden, *self.totals_hidden)}
        return {name: any(self.hides_all(name, basis) for basis in bases) for name in names}

    def of_all(
        self, metric: Metric, basis: str, sums: Sums, shops: Collection[str] | None = None
    ) -> Shown:
        """Return the figure of shops together; None: of all that the caller sees.

        It is hidden where the shops' own figures beside it would give one of them away.
        """
        if any(self.hides_all(name, basis, shops) for name in (*metric.top, *metric.bottom)):
            return HIDDEN
        return shown(metric, sums, self.least)

    def hides_all(self, name: str, basis: str, shops: Collection[str] | None = None) -> bool:
        """Say whether a count of shops together is hidden; None: of all that the caller sees.

        Shops may be asked for in any choice: the sum of one that holds some of the hidden cells is
        never told, only that of all there are.
        """
        if self.scope.shops is None and shops is None:
            return (basis, name) in self.totals_hidden
        hidden = self.hidden.get((basis, name), {})
        seen = hidden.keys() if self.scope.shops is None else hidden.keys() & self.scope.shops
        asked = seen if shops is None else seen & set(shops)
        if not asked:
            return False
        if asked != seen:
            return True  # of three, the sums of each two would tell all
        if self.scope.shops is None:
            return (basis, name) in self.totals_hidden
        return not safe([hidden[shop] for shop in asked], self.least)


def chain_screen(
    connection: Connection, scope: Scope, first: date, last: date, least: int = LEAST
) -> ChainScreen:
    """Return what is hidden of the shops in a period; both days are in it."""
    kept = _memo(connection.engine)
    found = kept.ahead.get((first, last, least))
    if found is None:
        key = (first, last, least, _counted(connection, first, last))
        found = kept.periods.get(key, lambda: decide(connection, first, last, least))
    return replace(found, scope=scope)


def decide_ahead(engine: Engine, stop: threading.Event) -> None:
    """Decide anew what was asked for lately and still changes, before it is a minute old: to be
    run beside the pages, so that none waits for it.
    """
    while not stop.wait(_AHEAD_S):
        try:
            with reading(engine) as connection:
                refresh(connection)
        except SQLAlchemyError as exc:
            _log.warning("decisions: the database does not answer: %s", type(exc).__name__)


def refresh(connection: Connection) -> None:
    """Decide anew, once, what was asked for in the last minutes of periods that are not over."""
    ahead = _memo(connection.engine).ahead
    for first, last, least in ahead.wanted():
        if last >= datetime.now(UTC).date() - RESTLESS:
            began = time.monotonic()
            ahead.put((first, last, least), decide(connection, first, last, least), began)


def day_screens(
    connection: Connection, scope: Scope, days: Collection[date], least: int = LEAST
) -> dict[date, ChainScreen]:
    """Return what is hidden of the shops on each of some days, as of a period of that day alone.

    Takes a fifteenth of a second a day.
    """

    def work(day: date) -> ChainScreen:
        return screen_of(by_shop(connection, _WHOLE, day, day), least)

    memo, found = _memo(connection.engine).days, {}
    for day in days:
        key = (day, least, _counted(connection, day, day))
        screen = memo.get(key, partial(work, day))
        found[day] = replace(screen, scope=scope)
    return found


def _counted(connection: Connection, first: date, last: date) -> tuple[Any, ...]:
    """Return what a decision about a period is kept by: the newest days change all the time."""
    if last < datetime.now(UTC).date() - RESTLESS:
        return revisions(connection, [(first, last)])[0]
    return (time.monotonic() // KEPT_S,)


def decide(connection: Connection, first: date, last: date, least: int) -> ChainScreen:
    """Return what is hidden of the whole chain, worked out anew."""
    today = datetime.now(UTC).date()
    people = people_of(connection, _WHOLE, first, last, today)
    return screen_of(
        {of: dict(zip(NAMES, counts, strict=True)) for of, counts in people.items()}, least
    )


def screen_of(people: Mapping[tuple[str, str], Sums], least: int) -> ChainScreen:
    """Return what is hidden of the whole chain, whose counts these are by shop and basis."""
    tables: dict[str, dict[str, Sums]] = {}
    for (shop, basis), sums in people.items():
        tables.setdefault(basis, {})[shop] = sums
    hidden: dict[tuple[str, str], dict[str, int]] = {}
    totals: set[tuple[str, str]] = set()
    for basis, rows in tables.items():
        screen = suppress_rows(rows, least=least)
        totals |= {(basis, name) for name in screen.totals_hidden}
        for name, shops in screen.hidden.items():
            if shops:
                hidden[basis, name] = {shop: rows[shop].get(name) or 0 for shop in shops}
    return ChainScreen(hidden=hidden, totals_hidden=frozenset(totals), least=least, scope=_WHOLE)


_Asked = tuple[date, date, int]


class _Ahead:
    """What was decided before somebody asks, for a minute, and what is asked for. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: OrderedDict[_Asked, float] = OrderedDict()
        self._found: dict[_Asked, tuple[float, ChainScreen]] = {}

    def get(self, key: _Asked) -> ChainScreen | None:
        now = time.monotonic()
        with self._lock:
            self._asked[key] = now
            self._asked.move_to_end(key)
            while len(self._asked) > _KEPT:
                self._found.pop(self._asked.popitem(last=False)[0], None)
            decided, screen = self._found.get(key, (now - KEPT_S, None))
        return screen if now - decided < KEPT_S else None

    def wanted(self) -> list[_Asked]:
        now = time.monotonic()
        with self._lock:
            return [key for key, asked in self._asked.items() if now - asked < _WANTED_S]

    def put(self, key: _Asked, screen: ChainScreen, decided: float) -> None:
        with self._lock:
            if key in self._asked:
                self._found[key] = decided, screen


class _Kept:
    """What is kept of one database."""

    def __init__(self) -> None:
        self.periods, self.days, self.ahead = Memo(_KEPT), Memo(DAYS_MOST), _Ahead()


def _memo(engine: Engine) -> _Kept:
    with _lock:
        return _memos.setdefault(engine, _Kept())


_lock: Final = threading.Lock()
_memos: Final[WeakKeyDictionary[Engine, _Kept]] = WeakKeyDictionary()
