"""Appointments as they are drawn: what became of them, shops that deviate, why nobody came. Pure.

Called by the package, beside `board`. Which shops deviate is said by `figures.weekly` alone.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from cloud.figures.metric import METRICS, OF_TABLES
from cloud.figures.suppress import LEAST, Hidden, Shown, small, suppress_rows
from cloud.figures.weekly import WeekOnWeek, week_on_week
from cloud.queries.bookings import Weeks
from cloud.queries.channels import Asked
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
    """A week in the picture. `state`: known | few | missing; few are drawn as the most that is."""

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
        reasons=_reasons(asked.reasons, least),
    )


def _ways(asked: Asked, least: int) -> tuple[Way | None, tuple[Way, ...]]:
    if not asked.ways:
        return None, ()
    metrics = {**METRICS, **OF_TABLES}
    screen = suppress_rows(asked.ways, least=least)
    total = Way(channel="", figures={key: screen.total(metrics[key]) for key in KEYS})
    most = sorted(asked.ways, key=lambda way: (-(asked.ways[way]["booked"] or 0), way))
    return total, tuple(
        Way(channel=way, figures={key: screen.shown(metrics[key], way) for key in KEYS})
        for way in most
    )


def _weeks(store_id: str, weeks: Weeks, found: WeekOnWeek, least: int) -> ShopWeeks:
    drawn = [(least - 1 if small(booked, least) else booked or 0) for booked in weeks.booked]
    top = max(*drawn, round(found.usual or 0), 1)
    bars = tuple(
        WeekBar(
            column=column,
            state="missing" if booked is None else "few" if small(booked, least) else "known",
            booked=None if small(booked, least) else booked,
            last=date.fromordinal(weeks.last.toordinal() - 7 * back),
        )
        for column, booked, back in zip(
            columns(drawn, top, head=_HEAD),
            weeks.booked,
            range(len(weeks.booked) - 1, -1, -1),
            strict=True,
        )
    )
    hidden = small(found.booked, least)
    change = None
    if found.booked is not None and found.usual:
        change = (least - 1 if hidden else found.booked) / found.usual - 1
    return ShopWeeks(
        store_id=store_id,
        name=weeks.name,
        last=weeks.last,
        found=found,
        booked=Hidden.HIDDEN if hidden else found.booked,
        change=change,
        bars=bars,
        usual_y=None if found.usual is None else 100 - (100 - _HEAD) * found.usual / top,
    )


def _reasons(told: Mapping[str, int], least: int) -> tuple[Reason, ...]:
    screen = suppress_rows(
        {reason: {"count": count} for reason, count in told.items()}, least=least
    )
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
