"""What brought guests, and who had an appointment: channels, bookings, tickets. Used by `day`."""

import math
from typing import Final

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

CHANNELS: Final = (
    # Id, weight, of them with an appointment, of them who buy, adverts with their weights.
    ("passing", 0.30, 0.02, 0.16, ()),
    ("friend", 0.12, 0.25, 0.42, ()),
    ("dianping", 0.14, 0.20, 0.30, (("deal-99", 0.6), ("unknown", 0.4))),
    ("xiaohongshu", 0.16, 0.22, 0.27, (("ring-notes", 0.5), ("live-11", 0.3), ("unknown", 0.2))),
    ("douyin", 0.10, 0.10, 0.18, (("gold-film", 0.7), ("unknown", 0.3))),
    ("wechat", 0.07, 0.35, 0.40, (("members-day", 1.0),)),
    ("app", 0.03, 0.50, 0.48, ()),
    ("web", 0.02, 0.40, 0.35, ()),
    ("other", 0.03, 0.10, 0.22, ()),
    ("unknown", 0.03, 0.05, 0.18, ()),
)
"""Ids of the list that boxes have at first (`edge.core.sources.USUAL`), and `unknown`."""
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
    # Kind, state, how many an average day of a shop with a desk.
    *(("repair", "taken_in", 0.5), ("repair", "at_workshop", 0.45), ("repair", "ready", 0.45)),
    *(("repair", "collected", 0.4), ("return", "settled", 0.15), ("stock", "ordered", 0.2)),
    *(("stock", "collected", 0.18), ("styling", "done", 0.3), ("styling", "no_show", 0.05)),
    ("repair", "cancelled", 0.04),
)


def ask(today: Today) -> None:
    """Split the guests who were asked among what brought them."""
    random, habits = today.random, today.habits
    weights = [usual * own for (_, usual, *_), own in zip(CHANNELS, habits.sources, strict=True)]
    asked = split(random, today.counts["asked"], weights)
    for (channel, _, books, buys, adverts), number in zip(CHANNELS, asked, strict=True):
        if number:
            parts = split(random, number, [share for _, share in adverts])
            said = [(name, part) for (name, _), part in zip(adverts, parts, strict=True)]
            for advert, some in said or (("", number),):
                if some:
                    _brought(today, (channel, advert), some, books, buys)


def _brought(today: Today, by: tuple[str, str], number: int, books: float, buys: float) -> None:
    random, head = today.random, (today.shop.id, today.day, *by)
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
    """Count what became of repairs, returns, wishes and styling appointments."""
    size = today.habits.books / 9 * today.over
    head = (today.shop.id, today.day)
    for kind, state, mean in _TICKETS:
        if number := poisson(today.random, mean * size):
            today.rows.of(service_tally).append((*head, kind, state, number))
