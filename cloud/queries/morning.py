"""Head office's first page, read whole: asks the questions beside it and keeps the slow answers.

Called by `cloud.app`. What is kept is kept under what was counted (`Memo`): past days change
seldom, and then by a late or a corrected fact that changes the day's sums as well.
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine

from cloud.accounts.scope import EVERYTHING, Scope
from cloud.boxes import zone_or_utc
from cloud.db import reading
from cloud.figures.compare import WEEKS, YEAR, compare
from cloud.figures.metric import METRICS, Sums
from cloud.figures.ranking import Ranking, Standing, rank
from cloud.figures.suppress import HIDDEN, LEAST
from cloud.memo import Memo
from cloud.queries import overview
from cloud.queries.data_health import health_of
from cloud.queries.hidden import ChainScreen, decide
from cloud.queries.morning_views import NAMED, Asked, Bins, ChainDay, DataHealth, Morning
from cloud.queries.privacy import consents_of, endings_of

_DAY: Final = timedelta(days=1)
_EARLIEST: Final = date(2000, 1, 1)
_BACK: Final = (*WEEKS, YEAR)
_LIVE_S: Final = 15
"""How old may be what changes all the time: boxes' states, today's visitors, the grid."""
_KEPT: Final = 512
_KEPT_WHOLE: Final = 16
_COUNTED_S: Final = 600
"""How old may be what is of days that were counted, and no sum of theirs shows to have changed."""
_CONSENTS_S: Final = 600
"""Consents are counted from every word on members that is kept: not anew for every look."""
Days = Mapping[tuple[date, str], Sums]
Counted = Mapping[date, Hashable]


@dataclass(frozen=True, slots=True)
class Mornings:
    """The first page of one hub, of each day. Any thread may ask.

    `least`: from how many people on a figure is shown. `whole`: remembers what is of every shop,
    and large; `memo` all else.
    """

    engine: Engine
    least: int = LEAST
    memo: Memo = field(default_factory=lambda: Memo(_KEPT))
    whole: Memo = field(default_factory=lambda: Memo(_KEPT_WHOLE))

    def read(self, scope: Scope, asked: Asked, now: datetime) -> Morning:
        """Return what somebody sees on the page."""
        with reading(self.engine) as connection:
            live = (scope, int(now.timestamp()) // _LIVE_S)
            zone = zone_or_utc(
                self.memo.get(("zone", live), lambda: overview.commonest_zone(connection, scope))
            )
            newest = now.astimezone(zone).date() - _DAY
            day = asked.day if asked.day and _EARLIEST <= asked.day <= newest else newest
            counted = _counted(connection, day, now)
            days = self._days(connection, scope, day, counted)
            health = self.memo.get(
                ("health", day, live), lambda: health_of(connection, scope, day, now)
            )
            shops, rankings = self._shops(connection, scope, day, counted, health)
            lacking = health.lacking | shops.uncounted
            return Morning(
                now=now.astimezone(zone),
                day=day,
                newest=newest,
                today=self.memo.get(
                    ("today", live), lambda: overview.today_so_far(connection, scope, now)
                ),
                chain=self._chain(connection, scope, day, days, counted),
                rankings=rankings,
                uncounted=shops.uncounted,
                bases=shops.bases,
                names=_names(connection, scope, rankings, lacking),
                grid=self.memo.get(
                    ("grid", day, asked.find, asked.page, live),
                    lambda: overview.grid(connection, scope, day, asked.find, asked.page),
                ),
                find=asked.find,
                health=health,
                consents=self.memo.get(
                    ("consents", scope, int(now.timestamp()) // _CONSENTS_S),
                    lambda: consents_of(connection, scope),
                ),
                endings=self.memo.get(("endings", live), lambda: endings_of(connection, scope)),
            )

    def _days(self, connection: Connection, scope: Scope, day: date, counted: Counted) -> Days:
        found: dict[tuple[date, str], Sums] = {}
        for on, key in counted.items():
            found |= self.memo.get(
                ("sums", scope, on, key),
                lambda on=on: overview.sums_of_days(connection, scope, [on]),  # type: ignore[misc]
            )
        return found

    def _chain(
        self, connection: Connection, scope: Scope, day: date, days: Days, counted: Counted
    ) -> ChainDay:
        def waits(on: date) -> Bins:
            key = ("waits", scope, on, counted[on])
            return self.memo.get(key, lambda: overview.waits_on(connection, scope, on))

        then = {week: day - timedelta(weeks=week) for week in _BACK}
        # Of the other weeks only a median and a spread are told.
        screens = {
            week: self._screen(connection, scope, day - timedelta(weeks=week), counted)
            for week in (0, 1, YEAR)
        }
        shops, known = self.memo.get(
            ("known", scope, day, counted[day]),
            lambda: overview.known_on(connection, scope, day),
        )
        return ChainDay(
            sums={basis: sums for (of, basis), sums in days.items() if of == day},
            history={
                basis: {week: days[on, basis] for week, on in then.items() if (on, basis) in days}
                for basis in {basis for _, basis in days}
            },
            shops=shops,
            known=known,
            hidden={
                week: frozenset(_hidden(screen, day - timedelta(weeks=week), days))
                for week, screen in screens.items()
            },
            waits=waits(day),
            waits_before={week: bins for week, on in then.items() if (bins := waits(on))},
        )

    def _shops(
        self,
        connection: Connection,
        scope: Scope,
        day: date,
        counted: Counted,
        health: DataHealth,
    ) -> tuple["_Shops", tuple[Ranking, ...]]:
        every = tuple(counted.values())
        screen = self._screen(connection, scope, day, counted)
        shops = self.whole.get(
            ("shops", scope, day, every), lambda: _shops(connection, scope, day, screen)
        )
        rankings = self.memo.get(
            ("rankings", scope, day, every, health.lacking),
            lambda: _rankings(shops.standings, health),
        )
        return shops, rankings

    def _screen(
        self, connection: Connection, scope: Scope, on: date, counted: Counted
    ) -> ChainScreen:
        """Return what `hidden` hides of a day."""
        whole = self.memo.get(
            ("screen", on, counted[on]), lambda: decide(connection, on, on, self.least)
        )
        return replace(whole, scope=scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shops:
    """Each shop's day beside its own usual; the shops that were counted a week before only."""

    standings: tuple[Standing, ...]
    uncounted: frozenset[str]
    bases: Mapping[str, str]


def _counted(connection: Connection, day: date, now: datetime) -> Counted:
    """Return what was counted of a day and of those that it is compared with, in the whole chain.

    What changes in one shop's day changes this, too, mostly: what depends on it is asked anew. What
    does not (a claim that was corrected, a shop that gained what another lost) is after a while.
    """
    days = [day - timedelta(weeks=week) for week in (0, *_BACK)]
    found: dict[date, list[Hashable]] = {on: [int(now.timestamp()) // _COUNTED_S] for on in days}
    sums = overview.sums_of_days(connection, EVERYTHING, days)
    for on, basis in sorted(sums):
        found[on].append((basis, *sums[on, basis].values()))
    return {on: tuple(told) for on, told in found.items()}


def _hidden(screen: ChainScreen, on: date, days: Days) -> Iterator[tuple[str, str]]:
    for (of, basis), sums in days.items():
        for key in (*overview.OF_VISITORS, *overview.OF_PEOPLE):
            if of == on and screen.of_all(METRICS[key], basis, sums) is HIDDEN:
                yield basis, key


def _shops(connection: Connection, scope: Scope, day: date, screen: ChainScreen) -> _Shops:
    weeks = {week: day - timedelta(weeks=week) for week in _BACK}
    before = overview.visitors_on(connection, scope, list(weeks.values()))
    found = []
    for shop, basis, visitors, sales, till_visitors in overview.shops_on(connection, scope, day):
        then = before.get((shop, basis), {})
        sums = {"visitors": visitors, "sales": sales, "till_visitors": till_visitors}
        past = {n: {"visitors": then[on]} for n, on in weeks.items() if on in then}
        found.append(
            Standing(
                store_id=shop,
                basis=basis,
                sums=sums,
                compare=compare(METRICS["visitors"], sums, past),
                conversion=screen.of_shop(METRICS["conversion"], shop, basis, sums),
            )
        )
    counted = {one.store_id: one.basis for one in found}
    usual = {shop: basis for (shop, basis), then in before.items() if weeks[1] in then}
    return _Shops(
        standings=tuple(found),
        uncounted=frozenset(usual.keys() - counted.keys()),
        bases=usual | counted,
    )


def _rankings(standings: tuple[Standing, ...], health: DataHealth) -> tuple[Ranking, ...]:
    """Return the rankings, that of most shops first."""
    bases = Counter(one.basis for one in standings)
    return tuple(rank(basis, standings, health.lacking) for basis, _ in bases.most_common())


def _names(
    connection: Connection,
    scope: Scope,
    rankings: tuple[Ranking, ...],
    lacking: frozenset[str],
) -> dict[str, str]:
    listed = {
        one.store_id
        for ranking in rankings
        for one in (*ranking.below, *ranking.above, *ranking.best, *ranking.least)
    }
    return overview.names_of(connection, scope, listed | set(sorted(lacking)[:NAMED]))
