"""The funnel: how many of those who passed came in, were known, were served, bought and came back.

The chain's sums are there (`days.by_basis`); of the table's page of shops they are added up. Each
step's share has a denominator of its own, taken where both are known: `cloud.figures.metric`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, func, select

from cloud.accounts.scope import Scope
from cloud.figures.metric import METRICS, Metric, Sums
from cloud.figures.period import Period
from cloud.figures.suppress import LEAST
from cloud.queries.days import NOTHING, by_basis, only
from cloud.queries.hidden import ChainScreen, chain_screen
from cloud.queries.shops import Counted, OfShops, sums_of
from cloud.tally.tables import chain_tally, day_tally


class Step(Struct, frozen=True, kw_only=True):
    """A step of the funnel: the count it shows, and the figure that is its share (none of the
    first). `of` is the count of which that is a share.
    """

    key: str
    count: str
    share: str | None
    of: str | None


def _step(key: str, count: str, share: str | None = None) -> Step:
    return Step(key=key, count=count, share=share, of=METRICS[share].bottom[0] if share else None)


STEPS: Final = (
    _step("passers", "passers"),
    _step("visitors", "visitors", "capture_rate"),
    _step("identified", "members", "member_share"),
    _step("served", "served", "served_share"),
    _step("purchase", "sales", "conversion"),
    _step("returned", "members_returned", "return_rate"),
)
"""From the street to the next visit."""
COUNTED: Final = tuple(
    dict.fromkeys(
        name
        for step in STEPS
        for name in (
            step.count,
            *(METRICS[step.share].top if step.share else ()),
            *([step.of] if step.of else ()),
        )
    )
)
"""The counts that the funnel is made of."""


DUE: Final = ("members_due", "members_returned")
RETURN_DAYS: Final = 91
"""Whole weeks, so that weekdays agree: 90 days are over then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screens:
    """What is hidden of the shops' figures: of the period, and of those days of which it is known
    who came back.
    """

    period: ChainScreen
    due: ChainScreen

    def of(self, metric: Metric) -> ChainScreen:
        """Return the one that a figure is of."""
        return self.due if {*metric.top, *metric.bottom} <= set(DUE) else self.period


def screens_of(
    connection: Connection, scope: Scope, period: Period, due: Period, least: int = LEAST
) -> Screens:
    """Return what is hidden of the shops in a period, and in that of its last step."""
    return Screens(
        period=chain_screen(connection, scope, period.first, period.last, least),
        due=chain_screen(connection, scope, due.first, due.last, least),
    )


def due_of(period: Period, today: date) -> Period:
    """Return the days of which it is known who came back: the same weekdays, 90 days ago or more.

    Of the last 90 days nobody can say it yet. Whoever came back within a period would have come
    before it; so the step is of the latest period of that length that is far enough back.

    >>> due_of(Period(first=date(2026, 10, 25), last=date(2026, 11, 21)), date(2026, 11, 21)).last
    datetime.date(2026, 8, 22)
    """
    early = (period.last - (today - timedelta(days=RETURN_DAYS))).days
    back = timedelta(weeks=max(0, -(-early // 7)))
    return Period(first=period.first - back, last=period.last - back)


def funnel_sums(
    connection: Connection,
    scope: Scope,
    period: Period,
    due: Period,
    shops: Collection[str] | None = None,
) -> dict[str, Sums]:
    """Return the funnel's counts over a period by basis; `due`: that of its last step."""
    found = by_basis(connection, scope, period.first, period.last, shops)
    then = by_basis(connection, scope, due.first, due.last, shops)
    return {
        basis: with_due(found.get(basis, NOTHING), then.get(basis, NOTHING), COUNTED)
        for basis in found | then
    }


def funnel_of_shops(
    connection: Connection, scope: Scope, period: Period, due: Period, shops: Collection[str]
) -> OfShops:
    """Return the same of each of some shops."""
    found = sums_of(connection, scope, period, COUNTED, shops)
    then = sums_of(connection, scope, due, DUE, shops)
    none = Counted(days=0, sums=NOTHING)
    return {
        key: Counted(
            days=found.get(key, none).days,
            sums=with_due(found.get(key, none).sums, then.get(key, none).sums, COUNTED),
        )
        for key in {**found, **then}
    }


def with_due(sums: Sums, then: Sums, names: Collection[str]) -> Sums:
    """Return some counts, with those of who came back from the days of which that is known."""
    return {name: (then if name in DUE else sums).get(name) for name in names}


class Knowing(Struct, frozen=True, kw_only=True):
    """In how many shops of a basis a day is known, and each step's share of the step before it."""

    shops: int
    by_step: Mapping[str, int]


def shops_knowing(
    connection: Connection, scope: Scope, period: Period, shops: Collection[str] | None
) -> tuple[date | None, dict[str, Knowing]]:
    """Return how many shops know what, by basis, and on which day that was asked.

    That is the last day of the period that was counted: of the whole period it would take every
    shop's days.
    """
    table = chain_tally if scope.shops is None and shops is None else day_tally
    whose = [] if table is chain_tally else [only(table, scope, shops)]
    of_period = (
        table.c.day.between(period.first, period.last),
        table.c.visitors.is_not(None),
        *whose,
    )
    day = connection.execute(select(func.max(table.c.day)).where(*of_period)).scalar()
    if day is None:
        return None, {}
    names = [step.of or step.count for step in STEPS]
    basis = func.coalesce(day_tally.c.basis, "")
    rows = connection.execute(
        select(basis, func.count(), *(func.count(day_tally.c[name]) for name in names))
        .where(day_tally.c.day == day, only(day_tally, scope, shops))
        .group_by(basis)
    )
    return day, {row[0]: _knowing(row) for row in rows.all()}


def _knowing(row: Any) -> Knowing:
    steps = {step.key: count for step, count in zip(STEPS, row[2:], strict=True)}
    return Knowing(shops=row[1], by_step=steps)
