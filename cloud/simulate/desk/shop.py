"""Who works at a simulated shop's desk, what money its till takes, when it is open. Pure."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Final

from cloud.simulate.chain import Shop
from cloud.simulate.step import ulid

_TILL_SHARE: Final = 0.25  # of the shops that only count
_CURRENCIES: Final = {"Asia/Hong_Kong": "HKD", "Asia/Macau": "MOP", "Asia/Tokyo": "JPY"}
_MINUTE_MS: Final = 60_000


def has_desk(shop: Shop) -> bool:
    """Say whether a shop has a desk: wherever members are recognised."""
    return any(box.mode == "entrance" for box in shop.boxes)


def has_till(seed: int, shop: Shop) -> bool:
    """Say whether a shop's till tells of receipts: wherever there is a desk, and elsewhere."""
    return has_desk(shop) or Random(f"{seed}/till/{shop.id}").random() < _TILL_SHARE


def staff_of(seed: int, shop: Shop) -> tuple[str, ...]:
    """Return the random ids of those who work in a shop."""
    return _staff(seed, shop.id, shop.staff)


@lru_cache(maxsize=4_096)  # asked for each day of a shop
def _staff(seed: int, store: str, count: int) -> tuple[str, ...]:
    return tuple(_staff_id(seed, store, number) for number in range(count))


def _staff_id(seed: int, store: str, number: int) -> str:
    random = Random(f"{seed}/{store}/staff/{number}")
    return ulid(random, 1_700_000_000_000 + random.getrandbits(34))


def currency_of(shop: Shop) -> str:
    """Return the money of the place where a shop is."""
    return _CURRENCIES.get(shop.zone.key, "CNY")


def open_hours(shop: Shop, day: date) -> tuple[int, int]:
    """Return when a shop opens and closes on a day, in milliseconds since 1970."""
    weekday = day.weekday()
    midnight = datetime(day.year, day.month, day.day, tzinfo=shop.zone)
    opens, closes = (midnight + timedelta(minutes=of[weekday]) for of in (shop.opens, shop.closes))
    return _ms(opens), _ms(closes)


def _ms(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp()) * 1_000


def moment_in(random: Random, shop: Shop, day: date) -> int:
    """Return a full minute of a day's open hours, in milliseconds since 1970."""
    opens, closes = open_hours(shop, day)
    return opens + random.randrange((closes - opens) // _MINUTE_MS) * _MINUTE_MS
