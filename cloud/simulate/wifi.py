"""What the radio of a simulated shop tells of its day: minutes, and hours beside the cameras.

Pure; drawn from a seed of its own, so that the visits of a chain are the same with and without.
Figures are ours, chosen for a plausible street, not measured. Used by `day` and `years`.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Final, NamedTuple

from cloud.simulate.chain import Box, Shop
from cloud.simulate.plan import OpenHour, poisson
from edge.wire.messages import Body, PresenceHour, PresenceMinute

NEEDED: Final = 20
"""Hours that a simulated box learns from before it estimates anything."""
LEARNT: Final = 168
_LEARNING_SHARE: Final = 0.15
_PASSERS: Final = (6.0, 22.0)  # for each visitor so many come by, by shop
_ERROR: Final = (9, 24)  # percent
_NEAR: Final = 0.4  # share of the kinds of phones that are heard from inside the shop
_STAY_MINUTES: Final = 9.0
_STAYS: Final = ("stays", "stays_5", "stays_10", "stays_20", "stays_40")
_SHARES: Final = (44, 31, 19, 6)
_KNOWN_STAYS: Final = 10  # of so many visitors the stay of one is known
_STAYS_NEEDED: Final = 30
_CLASSES: Final = 28.0  # of phones in a street: so many kinds at most show in one minute
_MINUTE_S: Final = 60
_TOLD_AFTER_S: Final = 300
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Sensed(NamedTuple):
    """An hour of a radio: its minutes' footfall in hundredths, who came by, the error in percent.

    `passers` None: the box is still learning.
    """

    start: int
    begin: int
    minutes: tuple[int, ...]
    passers: int | None
    error: int | None


def is_learning(shop: Shop) -> bool:
    """Say whether a shop's box has not learnt from enough hours yet."""
    return Random(f"{shop.id}/learning").random() < _LEARNING_SHARE


def sensed(seed: int, shop: Shop, box: Box, day: date, hours: Sequence[OpenHour]) -> list[Sensed]:
    """Return the open hours of a box's day as its radio hears them."""
    random = Random(f"{seed}/wifi/{box.id}/{day.toordinal()}")
    street = Random(f"{seed}/street/{shop.id}")
    for_each, error = street.uniform(*_PASSERS), street.randint(*_ERROR)
    known, found = not is_learning(shop), []
    for hour in hours:
        passers = max(hour.visitors, poisson(random, hour.visitors * for_each))
        length = max(1, (hour.end - hour.begin) // _MINUTE_S)
        inside = hour.visitors * _STAY_MINUTES / length
        minutes = tuple(
            round(100 * max(0.0, random.gauss(1, 0.18)) * (inside + passers / length))
            for _ in range(length)
        )
        estimate = (passers, error) if known else (None, None)
        found.append(Sensed(hour.start, hour.begin, minutes, *estimate))
    return found


class Heard(NamedTuple):
    """An hour of a radio in sum: minutes, footfall in hundredths, that of the busiest minute."""

    start: int
    minutes: int
    footfall: int
    peak: int
    passers: int
    error: int


def heard(seed: int, shop: Shop, box: Box, day: date, hours: Sequence[OpenHour]) -> list[Heard]:
    """Return the open hours of a box's day in sum, of a box that has learnt.

    Of the same street as `sensed`, without each minute's chance: sixty numbers an hour are most of
    the work of a year.
    """
    random = Random(f"{seed}/heard/{box.id}/{day.toordinal()}")
    street = Random(f"{seed}/street/{shop.id}")
    for_each, error = street.uniform(*_PASSERS), street.randint(*_ERROR)
    found = []
    for hour in hours:
        passers = max(hour.visitors, poisson(random, hour.visitors * for_each))
        length = max(1, (hour.end - hour.begin) // _MINUTE_S)
        mean = 100 * (hour.visitors * _STAY_MINUTES + passers) / length
        footfall = round(mean * length * random.uniform(0.96, 1.04))
        peak = round(mean * random.uniform(1.2, 1.6))
        found.append(Heard(hour.start, min(60, length), footfall, peak, passers, error))
    return found


def told(
    seed: int, shop: Shop, box: Box, day: date, hours: Sequence[OpenHour]
) -> Iterator[tuple[int, int, Body]]:
    """Yield when a box tells what, in order: at, since (milliseconds since 1970), and the body."""
    if box.wifi:
        facts = _told(seed, shop, box, day, hours)
        yield from sorted(facts, key=lambda fact: fact[0])


def _told(
    seed: int, shop: Shop, box: Box, day: date, hours: Sequence[OpenHour]
) -> Iterator[tuple[int, int, Body]]:
    visitors = {hour.start: hour.visitors for hour in hours}
    for number, one in enumerate(sensed(seed, shop, box, day, hours), start=1):
        for minute, footfall in enumerate(one.minutes):
            at = one.begin + minute * _MINUTE_S
            yield (at + _MINUTE_S) * 1000, at * 1000, _minute(at, footfall)
        end = one.begin + len(one.minutes) * _MINUTE_S + _TOLD_AFTER_S
        learnt = LEARNT if one.passers is not None else day.toordinal() % NEEDED
        body = PresenceHour(
            hour=_moment(one.start),
            rev=1,
            minutes=min(60, len(one.minutes)),
            footfall=sum(one.minutes),
            visitors=None if box.fault == "camera" else visitors[one.start],
            basis=box.basis,
            passers=one.passers,
            error=one.error,
            learnt=learnt,
            needed=NEEDED,
            **dict(zip(_STAYS, _stays(number, visitors), strict=True)),
        )
        yield end * 1000, one.start * 1000, body


def stays(visitors: int) -> tuple[int, ...]:
    """Return how many stays are known of so many visitors, and their shares by length."""
    return (visitors // _KNOWN_STAYS, *_SHARES)


def _stays(closed: int, visitors: Mapping[int, int]) -> tuple[int | None, ...]:
    """Return what is known of stays after so many hours, if it is enough."""
    known = stays(sum(list(visitors.values())[:closed]))
    return known if known[0] >= _STAYS_NEEDED else (None,) * len(_STAYS)


def classes_of(footfall: int) -> int:
    """Return how many kinds of phones show in a minute."""
    devices = footfall / 100
    return round(_CLASSES * devices / (devices + _CLASSES))


def _minute(at: int, footfall: int) -> PresenceMinute:
    devices, classes = footfall / 100, classes_of(footfall)
    near = min(classes, round(classes * _NEAR))
    return PresenceMinute(
        minute=_moment(at),
        rev=1,
        classes=classes,
        near=near,
        far=min(classes - near, round(classes * (1 - _NEAR) * 0.7)),
        footfall=footfall,
        probes=round(devices * 7),
    )


def _moment(second: int) -> datetime:
    return _EPOCH + timedelta(seconds=second)
