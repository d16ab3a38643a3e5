"""Days of Wi-Fi as pages show them: shops that know their passers-by, learn, or have none."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cloud.views import ShopStreet, StreetHour, StreetMinutes, StreetToday
from edge.console.view import StreetHourView, StreetView

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 21, 16, 25, 30, tzinfo=SHANGHAI)
MIDNIGHT = NOW.replace(hour=0, minute=0, second=0)
OPENED, DEAF, NEEDED = 10, 13, 20
"""The shop opens, and its radio was unplugged for half an hour."""


def minutes_of_day() -> tuple[int | None, ...]:
    """Return the index by the minute: unknown before the shop opened, and for half an hour."""
    past = (NOW - MIDNIGHT) // timedelta(minutes=1)
    return tuple(
        None
        if not OPENED * 60 <= minute < past or DEAF * 60 <= minute < DEAF * 60 + 30
        else 4 + minute * 7919 % 13
        for minute in range(24 * 60)
    )


def street_view(**changes: Any) -> StreetView:
    """What a box knows of its street."""
    hours = tuple(
        StreetHourView(
            start=MIDNIGHT + timedelta(hours=hour),
            minutes=30 if hour == DEAF else 60,
            passers=None if hour == DEAF else 400,
            visitors=None if hour == DEAF else 31,
        )
        for hour in range(OPENED, NOW.hour)
    )
    fields: dict[str, Any] = {
        "start": MIDNIGHT,
        "minutes": minutes_of_day(),
        "hours": hours,
        "passers": 2000,
        "captured": 155,
        "error": 14,
        "learnt": 168,
        "needed": NEEDED,
        "stays": (64, 41, 33, 20, 6),
    }
    return StreetView(**{**fields, **changes})


def shop_street(store_id: str, name: str, **changes: Any) -> ShopStreet:
    """What head office knows of a shop's street."""
    hours = tuple(
        StreetHour(
            start=MIDNIGHT + timedelta(hours=hour),
            minutes=60 if OPENED <= hour < NOW.hour and hour != DEAF else 0,
            footfall=6.5 if OPENED <= hour < NOW.hour and hour != DEAF else 0.0,
            passers=400 if OPENED <= hour < NOW.hour and hour != DEAF else None,
            captured=31 if OPENED <= hour < NOW.hour and hour != DEAF else None,
        )
        for hour in range(24)
    )
    fields: dict[str, Any] = {
        "store_id": store_id,
        "name": name,
        "timezone": "Asia/Shanghai",
        "day": NOW.date(),
        "basis": "crossings",
        "passers": 2000,
        "captured": 155,
        "error": 14,
        "learnt": 168,
        "needed": NEEDED,
        "minutes": 300,
        "heard_on": NOW.date(),
        "hours": hours,
        "stays": (64, 41, 33, 20, 6),
    }
    return ShopStreet(**{**fields, **changes})


def learning(store_id: str, name: str) -> ShopStreet:
    """A shop whose box has not learnt from enough hours."""
    return shop_street(
        *(store_id, name), passers=None, captured=None, error=None, learnt=12, hours=_unknown()
    )


def _unknown() -> tuple[StreetHour, ...]:
    return tuple(
        StreetHour(
            start=h.start, minutes=h.minutes, footfall=h.footfall, passers=None, captured=None
        )
        for h in shop_street("", "").hours
    )


def without(store_id: str, name: str, heard_on: date | None = None) -> ShopStreet:
    """A shop that is not heard today: it has no Wi-Fi, or its radio is away."""
    return shop_street(
        *(store_id, name),
        passers=None,
        captured=None,
        error=None,
        learnt=0,
        needed=0,
        minutes=0,
        heard_on=heard_on,
        hours=(),
    )


def street_today(*shops: ShopStreet) -> StreetToday:
    """Return some shops; one of each kind if none are given."""
    some = (
        shop_street("nj-001", "南京东路店"),
        learning("nj-002", "新街口店"),
        shop_street("nj-003", "夫子庙店", basis="distinct"),
        without("nj-004", "河西店", NOW.date() - timedelta(days=3)),
        without("sz-001", "苏州观前街店"),
    )
    return StreetToday(now=NOW, shops=shops or some)


def street_minutes(shop: ShopStreet) -> StreetMinutes:
    """Return a shop by the minute."""
    minutes = minutes_of_day() if shop.minutes else (None,) * (24 * 60)
    return StreetMinutes(shop=shop, now=NOW, start=MIDNIGHT, minutes=minutes)
