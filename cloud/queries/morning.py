"""Head office's first page, read whole: asks the questions beside it and keeps the slow answers.

Called by `cloud.app`. What is kept is kept under what was counted (`Memo`): past days change
seldom, and then by a late or a corrected fact that changes the day's sums as well.
"""

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine

from cloud.accounts.scope import Scope
from cloud.boxes import zone_or_utc
from cloud.db import reading
from cloud.figures.compare import WEEKS, YEAR, compare
from cloud.figures.metric import METRICS, Sums
from cloud.figures.ranking import Ranking, Standing, rank
from cloud.figures.suppress import LEAST, shown
from cloud.memo import Memo
from cloud.queries import overview
from cloud.queries.data_health import health_of
from cloud.queries.morning_views import NAMED, Asked, Bins, ChainDay, DataHealth, Morning
from cloud.queries.privacy import consents_of, endings_of
from cloud.queries.today import change_token

_DAY: Final = timedelta(days=1)
_EARLIEST: Final = date(2000, 1, 1)
_BACK: Final = (*WEEKS, YEAR)
_LIVE_S: Final = 5
_CONSENTS_S: Final = 600
"""Consents are counted from every word on members that is kept: not anew for every look."""
Days = Mapping[tuple[date, str], Sums]


@dataclass(frozen=True, slots=True)
class Mornings:
    """The first page of one hub, of each day. Any thread may ask.

    `least`: from how many people on a figure is shown.
    """

    engine: Engine
    least: int = LEAST
    memo: Memo = field(default_factory=Memo)

    def read(self, scope: Scope, asked: Asked, now: datetime) -> Morning:
        """Return what somebody sees on the page."""
        with reading(self.engine) as connection:
            zone = zone_or_utc(overview.commonest_zone(connection, scope))
            newest = now.astimezone(zone).date() - _DAY
            day = asked.day if asked.day and _EARLIEST <= asked.day <= newest else newest
            days = _sums(connection, scope, day)
            health, today = self._live(connection, scope, day, now)
            shops = self._shops(connection, scope, day, days)
            rankings = _rankings(shops.standings, health)
            return Morning(
                now=now.astimezone(zone),
                day=day,
                newest=newest,
                today=today,
                chain=self._chain(connection, scope, day, days),
                rankings=rankings,
                uncounted=shops.uncounted,
                bases=shops.bases,
                names=_names(connection, scope, rankings, health.lacking | shops.uncounted),
                grid=overview.grid(connection, scope, day, asked.find, asked.page),
                find=asked.find,
                health=health,
                consents=self.memo.get(
                    ("consents", scope, int(now.timestamp()) // _CONSENTS_S),
                    lambda: consents_of(connection, scope),
                ),
                endings=endings_of(connection, scope),
            )

    def _live(
        self, connection: Connection, scope: Scope, day: date, now: datetime
    ) -> tuple[DataHealth, Mapping[str, int]]:
        """Return what changes all the time: anew after each change, and every few seconds."""
        token, moment = change_token(connection), int(now.timestamp()) // _LIVE_S
        return self.memo.get(
            ("live", scope, day, token, moment),
            lambda: (
                health_of(connection, scope, day, now),
                overview.today_so_far(connection, scope, now),
            ),
        )

    def _chain(self, connection: Connection, scope: Scope, day: date, days: Days) -> ChainDay:
        then = {week: day - timedelta(weeks=week) for week in _BACK}
        shops, known = self.memo.get(
            ("known", scope, day, _counted(days, day)),
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
            waits=self._waits(connection, scope, day, days),
            waits_before={
                week: bins
                for week, on in then.items()
                if (bins := self._waits(connection, scope, on, days))
            },
        )

    def _waits(self, connection: Connection, scope: Scope, day: date, days: Days) -> Bins:
        return self.memo.get(
            ("waits", scope, day, _counted(days, day)),
            lambda: overview.waits_on(connection, scope, day),
        )

    def _shops(self, connection: Connection, scope: Scope, day: date, days: Days) -> "_Shops":
        every: Hashable = tuple(_counted(days, day - timedelta(weeks=n)) for n in (0, *_BACK))
        return self.memo.get(
            ("shops", scope, day, every), lambda: _shops(connection, scope, day, self.least)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shops:
    """Each shop's day beside its own usual; the shops that were counted a week before only."""

    standings: tuple[Standing, ...]
    uncounted: frozenset[str]
    bases: Mapping[str, str]


def _sums(connection: Connection, scope: Scope, day: date) -> Days:
    weeks = (0, *_BACK)
    return overview.sums_of_days(connection, scope, [day - timedelta(weeks=n) for n in weeks])


def _counted(days: Days, day: date) -> Hashable:
    """Return what a day's answers depend on: all that was counted of it."""
    of_day = sorted((basis, sums) for (on, basis), sums in days.items() if on == day)
    return tuple((basis, *sums.values()) for basis, sums in of_day)


def _shops(connection: Connection, scope: Scope, day: date, least: int) -> _Shops:
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
                compare=compare(METRICS["visitors"], sums, past, least),
                conversion=shown(METRICS["conversion"], sums, least),
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
