"""Appointments as they are drawn: what became of them, shops that deviate, why nobody came. Pure.

Called by the package, beside `board`. Which shops deviate is said by `figures.weekly` alone.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from cloud.figures.metric import METRICS, OF_TABLES
from cloud.figures.splits import split_rows
from cloud.figures.suppress import LEAST, Hidden, Screen, Shown, small, suppress_rows
from cloud.figures.weekly import WeekOnWeek, week_on_week
from cloud.queries.bookings import Weeks
from cloud.queries.channels import Asked
from cloud.tally.tables import BOOKINGS
from menkou.web.chart import Column, columns

DRAWN_MOST: Final = 24
"""So many shops that deviate are drawn; how many there are is said."""
_HEAD: Final = 8.0
KEYS: Final = ("booked", "kept_share", "late_share", "no_show_share", "cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How appointments were booked ("": all of them), and what became of them, by `KEYS`."""

    channel: str
    figures: Mapping[str, Shown]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekBar:
    """A week in the picture. `state`: known | few (this week, drawn as the most that is) | hidden
    (one before, of which only the mean is told) | missing.
    """

    column: Column
    state: str
    booked: int | None
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopWeeks:
    """A shop's weeks. `change`: by which share this week differs, at least, if it is hidden.

    `usual_y`: where the usual week lies in the picture.
    """

    store_id: str
    name: str
    last: date
    found: WeekOnWeek
    booked: Shown
    change: float | None
    bars: tuple[WeekBar, ...]
    usual_y: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why nobody came ("": nobody said); `bar` as a share of the most frequent reason."""

    reason: str
    count: Shown
    share: float | None
    bar: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingBoard:
    """Appointments. `compared`, `few` and `unknown`: how many shops could be judged, and not."""

    total: Way | None
    ways: tuple[Way, ...]
    deviating: tuple[ShopWeeks, ...]
    deviate: int
    compared: int
    few: int
    unknown: int
    one: ShopWeeks | None
    reasons: tuple[Reason, ...]


def booking_board(asked: Asked, least: int = LEAST) -> BookingBoard:
    """Work out what is drawn of appointments.

    Args:
        asked: what the page is about.
        least: from how many people on a count is shown.
    """
    judged = {
        store_id: week_on_week(one.booked[-1], one.booked[:-1])
        for store_id, one in asked.weeks.items()
    }
    reasons = Counter(one.reason for one in judged.values())
    # Those that lack most first, then those that have most more.
    deviate = sorted(
        (store_id for store_id, one in judged.items() if one.deviates),
        key=lambda store_id: (judged[store_id].verdict, judged[store_id].ratio or 0.0, store_id),
    )
    total, ways = _ways(asked, least)
    one = None
    if asked.shop in judged:
        one = _weeks(asked.shop, asked.weeks[asked.shop], judged[asked.shop], least)
    unknown = reasons["week_unknown"] + reasons["before_unknown"]
    return BookingBoard(
        total=total,
        ways=ways,
        deviating=tuple(
            _weeks(store_id, asked.weeks[store_id], judged[store_id], least)
            for store_id in deviate[:DRAWN_MOST]
        ),
        deviate=len(deviate),
        compared=len(judged) - unknown - reasons["too_few"],
        few=reasons["too_few"],
        unknown=unknown,
        one=one,
        reasons=_reasons(asked, least),
    )


def _ways(asked: Asked, least: int) -> tuple[Way | None, tuple[Way, ...]]:
    if not asked.ways:
        return None, ()
    metrics = {**METRICS, **OF_TABLES}
    screen = ways_of(asked, least)
    total = Way(channel="", figures={key: screen.total(metrics[key]) for key in KEYS})
    most = sorted(asked.ways, key=lambda way: (-(asked.ways[way]["booked"] or 0), way))
    return total, tuple(
        Way(channel=way, figures={key: screen.shown(metrics[key], way) for key in KEYS})
        for way in most
    )


def ways_of(asked: Asked, least: int) -> Screen[str]:
    """Return what may be seen of appointments by how they were booked."""
    return split_rows(asked.ways, asked.screen.wholes(BOOKINGS, asked.shop), least)


def _weeks(store_id: str, weeks: Weeks, found: WeekOnWeek, least: int) -> ShopWeeks:
    gone = _gone(weeks.booked[:-1], least)
    few = small(found.booked, least)
    drawn = [0 if week in gone else booked or 0 for week, booked in enumerate(weeks.booked)]
    if few:
        drawn[-1] = least - 1
    top = max(*drawn, round(found.usual or 0), 1)
    last_week = len(weeks.booked) - 1
    bars = tuple(
        WeekBar(
            column=column,
            state="hidden"
            if week in gone
            else "few"
            if few and week == last_week
            else "missing"
            if weeks.booked[week] is None
            else "known",
            booked=None if week in gone or (few and week == last_week) else weeks.booked[week],
            last=date.fromordinal(weeks.last.toordinal() - 7 * (last_week - week)),
        )
        for week, column in enumerate(columns(drawn, top, head=_HEAD))
    )
    change = None
    if found.booked is not None and found.usual:
        change = (least - 1 if few else found.booked) / found.usual - 1
    return ShopWeeks(
        store_id=store_id,
        name=weeks.name,
        last=weeks.last,
        found=found,
        booked=Hidden.HIDDEN if few else found.booked,
        change=change,
        bars=bars,
        usual_y=None if found.usual is None else 100 - (100 - _HEAD) * found.usual / top,
    )


def _gone(before: Sequence[int | None], least: int) -> frozenset[int]:
    """Return which weeks before are hidden: their mean is told, so one alone is no secret."""
    rows = {week: {"booked": booked} for week, booked in enumerate(before)}
    return suppress_rows(rows, least=least).hidden.get("booked", frozenset())


def _reasons(asked: Asked, least: int) -> tuple[Reason, ...]:
    told = asked.reasons
    hidden = asked.screen.wholes(["no_show"], asked.shop)["no_show"]
    rows = {reason: {"count": count} for reason, count in told.items()}
    screen = split_rows(rows, {"count": hidden}, least)
    total = screen.total(OF_TABLES["no_shows"])
    seen = {reason: count for reason, count in told.items() if not screen.hides(reason, "count")}
    most = max(seen.values(), default=0)
    # Hidden ones by their names, at the end, and at the very end what nobody said.
    order = sorted(
        told, key=lambda reason: (not reason, reason not in seen, -seen.get(reason, 0), reason)
    )
    return tuple(
        Reason(
            reason=reason,
            count=screen.count(reason, "count"),
            share=seen[reason] / total
            if reason in seen and isinstance(total, int | float) and total
            else None,
            bar=seen[reason] / most if reason in seen and most else None,
        )
        for reason in order
        if told[reason]
    )
