"""Who was greeted on a day, when, by whom, and who bought: desk and till. Used by `day`."""

from typing import Final

from cloud.figures.bins import Measure
from cloud.simulate.plan import poisson
from cloud.simulate.years.chance import binomial, log_normal_sum, split
from cloud.simulate.years.habits import Colleague
from cloud.simulate.years.today import Today
from cloud.tally.tables import bin_tally, hour_tally, money_tally, staff_tally

_QUICK_BINS: Final = 3  # of waits: below 30 s
_AT_WORK: Final = 0.72
_WRONG: Final = 0.01
_BACK: Final = 0.02  # of sales: what is brought back
_RETURN_DAYS: Final = 90
_VALUE_SPREAD: Final = 0.9
_TAPPED: Final = 0.3  # of the served: their visit is ended by a tap, and its length known


def recognise(today: Today, visitors: int, members: int) -> None:
    """Count the members among a day's visitors."""
    random, habits, counts = today.random, today.habits, today.counts
    back = binomial(random, members, habits.back)
    due = members if today.ago > _RETURN_DAYS else 0
    counts |= {
        "faces_visitors": visitors,
        "members": members,
        "members_new": members - back,
        "members_back": back,
        "members_due": due,
        "members_returned": binomial(random, due, habits.returns),
        "wrong_person": binomial(random, members, _WRONG),
    }


def serve(today: Today, visitors: int, members: int) -> None:
    """Count who was greeted, by whom and how soon, and what they bought."""
    random, habits, counts = today.random, today.habits, today.counts
    of_members = binomial(random, members, habits.members_served)
    served = of_members + binomial(random, visitors - members, habits.others_served)
    at_work = [one for one in habits.colleagues if random.random() < _AT_WORK]
    at_work = at_work or [habits.colleagues[0]]
    greeted = split(random, served, [one.takes for one in at_work])
    of_members = min(of_members, served)
    known = split(random, of_members, [number or 1e-9 for number in greeted])
    quick = sales = told_members = 0
    for one, number, some in zip(at_work, greeted, known, strict=True):
        done = _of_colleague(today, one, number, min(some, number))
        told_members += min(some, number)
        quick, sales = quick + done[0], sales + done[1]
    queued = binomial(random, visitors - served, habits.queues_share)
    gone = binomial(random, queued, habits.queue_leaves)
    counts |= {
        "desk_visitors": visitors,
        "served": served,
        "greeted_30s": quick,
        "served_members": told_members,
        "asked": binomial(random, served, min(0.9, habits.asked * visitors / max(1, served))),
        "queued": queued,
        "queue_back": queued - gone,
        "queue_gone": gone,
    }
    _times(today, "wait", [*split(random, quick, habits.waits[:_QUICK_BINS])])
    slow = split(random, served - quick, habits.waits[_QUICK_BINS:])
    _times(today, "wait", slow, first=_QUICK_BINS)
    _times(today, "queue", split(random, queued - gone, habits.queues))
    ended = sales + binomial(random, served - sales, _TAPPED)
    _times(today, "dwell", split(random, ended, habits.dwells))
    sell(today, visitors, visitors - served, sales)
    _hours(today, served, counts["sales"], len(at_work))


def _of_colleague(today: Today, one: Colleague, number: int, members: int) -> tuple[int, int]:
    """Add the row of a colleague; return how many were greeted soon, and how many bought."""
    random, habits = today.random, today.habits
    quick = binomial(random, number, min(0.97, habits.quick * one.quick))
    sales = binomial(random, number, min(0.8, habits.buys_served * one.sells))
    wrong, tickets = binomial(random, members, _WRONG), poisson(random, 0.35 * today.over)
    row = (today.shop.id, today.day, one.id, number, quick, members, sales, wrong, tickets)
    today.rows.of(staff_tally).append(row)
    return quick, sales


def _times(today: Today, measure: Measure, counts: list[int], first: int = 0) -> None:
    head = (today.shop.id, today.day, measure)
    today.rows.of(bin_tally).extend(
        [(*head, place, number) for place, number in enumerate(counts, start=first) if number]
    )


def _hours(today: Today, served: int, sales: int, at_work: int) -> None:
    weights = list(today.visitors.values())
    greeted = split(today.random, served, weights)
    sold = split(today.random, sales, weights)
    name = today.shop.id
    today.rows.of(hour_tally).extend(
        [
            (name, start, one, other, min(at_work, one + other))
            for start, one, other in zip(today.visitors, greeted, sold, strict=True)
            if one or other
        ]
    )


def sell(today: Today, visitors: int, others: int, sales: int) -> None:
    """Count what was sold: `sales` to guests who were greeted, and some to the others."""
    random, habits, counts = today.random, today.habits, today.counts
    sales += binomial(random, others, habits.buys_else)
    back = binomial(random, sales, _BACK)
    counts |= {
        "till_visitors": visitors,
        "sales": sales,
        "returns": back,
        "items": sales + binomial(random, sales, 0.35),
    }
    if habits.desk:
        known = counts["served_members"]
        counts["sales_members"] = min(sales, binomial(random, known, habits.buys_served * 1.4))
    abroad = binomial(random, sales, 0.06) if habits.abroad else 0
    for currency, number, value, returned in (
        (habits.currency, sales - abroad, habits.value, back),
        (habits.abroad, abroad, round(habits.value * 1.1), 0),
    ):
        if number or returned:
            sold = log_normal_sum(random, number, value, _VALUE_SPREAD)
            came = (number, int(sold), returned * value)
            row = (today.shop.id, today.day, currency, *came)
            today.rows.of(money_tally).append(row)


def sell_without_desk(today: Today, visitors: int) -> None:
    """Count the sales of a shop that has a till and no desk."""
    sell(today, visitors, visitors, 0)
    weights = list(today.visitors.values())
    sold = split(today.random, today.counts["sales"], weights)
    rows = zip(today.visitors, sold, strict=True)
    today.rows.of(hour_tally).extend([(today.shop.id, at, 0, n, 0) for at, n in rows if n])
