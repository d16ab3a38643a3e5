"""One day of a simulated shop into all tables of days. Called by the package; pure but its rows.

footfall (doors, Wi-Fi) -> recognise, serve, sell (desk) -> ask, book, tickets (bookings)
"""

from datetime import date, datetime
from random import Random
from typing import Final

from cloud.simulate.calendar import busyness
from cloud.simulate.chain import Shop
from cloud.simulate.years import bookings, desk
from cloud.simulate.years.footfall import Footfall, count
from cloud.simulate.years.habits import Habits
from cloud.simulate.years.rows import Rows
from cloud.simulate.years.today import Today
from cloud.tables import FIGURES

_PLACES: Final = {name: place for place, name in enumerate(FIGURES)}
_OF_DOORS: Final = ("visitors", "entered", "left", "reentries", "staff")


def tell(seed: int, shop: Shop, habits: Habits, day: date, now: datetime, rows: Rows) -> int:
    """Append a day that has begun; return its visitors.

    Args:
        seed: of the chain.
        shop: the shop.
        habits: what is usual there.
        day: today or before, in the shop's zone.
        now: an aware moment.
        rows: to append to.
    """
    ago = (now.astimezone(shop.zone).date() - day).days
    sees = habits.sees if ago < habits.declines else 1.0
    seen = count(seed, shop, day, int(now.timestamp()), sees, rows)
    today = _today(seed, shop, habits, day, ago, seen.over, rows)
    today.visitors = seen.visitors
    _know(today, seen)
    today.tally(shop.boxes[0].basis)
    return seen.total[0]


def foresee(seed: int, shop: Shop, habits: Habits, day: date, ago: int, rows: Rows) -> None:
    """Append a day to come: what is booked for it."""
    if habits.desk:
        today = _today(seed, shop, habits, day, ago, 0.0, rows)
        bookings.book(today, busyness(day))
        today.tally(None)


def _know(today: Today, seen: Footfall) -> None:
    today.counts = {name: seen.total[_PLACES[name]] for name in _OF_DOORS}
    if seen.street:
        today.counts["passers"], today.counts["captured"] = seen.street
    visitors, members = today.counts["visitors"], seen.total[_PLACES["members"]]
    if today.habits.desk:
        desk.recognise(today, visitors, members)
        desk.serve(today, visitors, members)
        bookings.ask(today)
        bookings.book(today, busyness(today.day))
        bookings.tickets(today)
    elif today.habits.till:
        desk.sell_without_desk(today, visitors)


def _today(
    seed: int, shop: Shop, habits: Habits, day: date, ago: int, over: float, rows: Rows
) -> Today:
    random = Random(f"{seed}/desk-day/{shop.id}/{day.toordinal()}")
    return Today(shop=shop, habits=habits, day=day, ago=ago, over=over, random=random, rows=rows)
