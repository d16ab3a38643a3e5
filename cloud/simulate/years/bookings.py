"""What brought guests, and who had an appointment: channels, bookings, tickets. Used by `day`."""

import math
from typing import Final

from cloud.simulate.desk.guests import SOURCES
from cloud.simulate.plan import poisson
from cloud.simulate.years.chance import binomial, split
from cloud.simulate.years.today import Today
from cloud.tally.tables import (
    booking_tally,
    channel_money,
    channel_tally,
    reason_tally,
    service_tally,
)

_BECOMES: Final = {
    # Of the guests whom a channel brings: shares of those with an appointment, of those who buy.
    **{"passing": (0.02, 0.16), "friend": (0.25, 0.42), "dianping": (0.20, 0.30)},
    **{"xiaohongshu": (0.22, 0.27), "douyin": (0.10, 0.18), "wechat": (0.35, 0.40)},
    **{"app": (0.50, 0.48), "web": (0.40, 0.35), "other": (0.10, 0.22), "unknown": (0.05, 0.18)},
}
AHEAD: Final = 14
"""Days ahead for which there are bookings."""
_BOOKED_BY: Final = (("app", 0.42), ("web", 0.16), ("phone", 0.22), ("shop", 0.16), ("other", 0.04))
_REASONS: Final = (
    *(("", 0.30), ("forgot", 0.18), ("no_time", 0.18), ("traffic", 0.06), ("weather", 0.05)),
    *(("ill", 0.06), ("bought_elsewhere", 0.07), ("not_wanted", 0.04), ("unreachable", 0.05)),
    ("other", 0.01),
)
_CANCELLED: Final = 0.12
_BOOKED_ON_THE_DAY: Final = 0.3
_BOOKED_AHEAD_DAYS: Final = 7.0  # on average
_TICKETS: Final = (
    # Kind, how many an average day of a shop with a desk, states while it is open, at its end.
    ("repair", 0.5, ("taken_in", "at_workshop", "ready"), ("collected", "cancelled"), 8),
    ("return", 0.15, ("taken_in", "in_review"), ("settled",), 4),
    ("stock", 0.2, ("requested", "ordered", "ready"), ("collected",), 9),
    ("styling", 0.3, ("requested", "confirmed"), ("done", "no_show"), 4),
)
"""The last number: after so many days half of them have ended."""


def ask(today: Today) -> None:
    """Split the guests who were asked among what brought them."""
    random, habits = today.random, today.habits
    weights = [usual * own for (_, usual, _), own in zip(SOURCES, habits.sources, strict=True)]
    asked = split(random, today.counts["asked"], weights)
    for (channel, _, adverts), number in zip(SOURCES, asked, strict=True):
        parts = split(random, number, [share for _, share in adverts])
        for (advert, _), some in zip(adverts, parts, strict=True):
            if some:
                _brought(today, (channel, advert or ""), some)


def _brought(today: Today, by: tuple[str, str], number: int) -> None:
    random, head = today.random, (today.shop.id, today.day, *by)
    books, buys = _BECOMES[by[0]]
    booked, sales = binomial(random, number, books), binomial(random, number, buys)
    today.rows.of(channel_tally).append((*head, number, booked, sales))
    if sales:
        value = int(sales * today.habits.value * random.lognormvariate(0.4, 0.3))
        today.rows.of(channel_money).append((*head, today.habits.currency, value))


def book(today: Today, busyness: float) -> None:
    """Count the appointments of a day: what became of them, or that they are to come."""
    random, habits, over = today.random, today.habits, today.over
    mean = habits.books * busyness * _made(-today.ago)
    if habits.fewer_since and today.ago < habits.fewer_since:
        mean *= 0.65
    head, sums = (today.shop.id, today.day), [0, 0, 0, 0, 0]
    reasons = 0
    for channel, share in _BOOKED_BY:
        all_of = poisson(random, mean * share)
        cancelled = binomial(random, all_of, _CANCELLED)
        past = binomial(random, all_of - cancelled, over)
        missed = binomial(random, past, habits.no_show)
        late = binomial(random, past - missed, habits.late)
        counts = [all_of - cancelled, past - missed, late, missed, cancelled]
        if all_of:
            today.rows.of(booking_tally).append((*head, channel, *counts))
        sums = [one + other for one, other in zip(sums, counts, strict=True)]
        reasons += missed
    today.counts |= dict(zip(("booked", "kept", "late", "no_show", "cancelled"), sums, strict=True))
    said = split(random, reasons, [share for _, share in _REASONS])
    rows = zip(_REASONS, said, strict=True)
    today.rows.of(reason_tally).extend([(*head, name, n) for (name, _), n in rows if n])


def _made(ahead: int) -> float:
    """Return the share of a day's appointments that are made by so many days before it."""
    if ahead <= 0:
        return 1.0
    return (1 - _BOOKED_ON_THE_DAY) * math.exp(-ahead / _BOOKED_AHEAD_DAYS)


def tickets(today: Today) -> None:
    """Count what has become of the tickets made on a day: those of long ago have ended."""
    random, head = today.random, (today.shop.id, today.day)
    size = today.habits.books / 9 * today.over
    for kind, mean, open_, ends, half in _TICKETS:
        made = poisson(random, mean * size)
        ended = binomial(random, made, 1 - 0.5 ** (today.ago / half))
        usual = [1.0, *[0.1 for _ in ends[1:]]]
        for states, number, weights in (
            (open_, made - ended, [1.0 for _ in open_]),
            (ends, ended, usual),
        ):
            told = zip(states, split(random, number, weights), strict=True)
            today.rows.of(service_tally).extend([(*head, kind, state, n) for state, n in told if n])
