"""Whether it is the chain rather than its shops: one word instead of 2,000. Pure; used by `look`.

Two ways lead there. All shops' hours together are watched like one shop's, so that a slight fall
of all is found in the first hour; and where many shops raise the same within a day, it is the
chain's as well, as a region's snow is.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from cloud.anomalies.shop import Pulse
from cloud.anomalies.watch import Kind, State, step
from cloud.expect.model import Expected

SHOPS_LEAST: Final = 5
SHARE: Final = 0.2
"""Of the shops that were looked at; from so many on, and never fewer than 5, it is the chain's."""
_OF_DAY: Final = 0.08**2
_OF_HOUR: Final = 0.03**2
"""The chain's own chance: holidays nobody knew of, weather of half a country. Ours; wide."""
_HALF: Final = 0.5
_PART: Final = 0.05
"""Of a day: all shops together know within the hour, before the first of them says a word."""


class ChainWatch(Struct, frozen=True, kw_only=True):
    """What is kept of the chain: its state, and the last hour that was looked at."""

    state: State = State()
    hour: int = 0


def many(count: int, of: int) -> bool:
    """Say whether so many shops of so many are the chain's matter.

    >>> many(4, 5), many(5, 20), many(100, 2100), many(420, 2100)
    (False, True, False, True)
    """
    return count >= SHOPS_LEAST and count >= SHARE * of


def hours_together(shops: Iterable[Iterable[Pulse]]) -> dict[int, tuple[int, Expected, int]]:
    """Return by hour how many shops were looked at, what they expected together, and who came."""
    found: dict[int, tuple[int, float, float, int]] = {}
    for pulses in shops:
        for hour, chance, got in pulses:
            count, mean, whole, came = found.get(hour, (0, 0.0, 0.0, 0))
            found[hour] = (count + 1, mean + chance.mean, whole + chance.whole, came + got)
    return {
        hour: (
            count,
            # The day by its hours' UTC: shops of several zones share them.
            Expected(day=hour // 86_400, mean=mean, whole=whole, of_hour=_OF_HOUR, of_day=_OF_DAY),
            came,
        )
        for hour, (count, mean, whole, came) in sorted(found.items())
    }


def watch_chain(
    before: ChainWatch, together: Mapping[int, tuple[int, Expected, int]], shops: int
) -> ChainWatch:
    """Take the chain's next hours. Those of which fewer than half of the shops are known wait for
    no one: they are passed over, and late shops change nothing.
    """
    state, last = before.state, before.hour
    for hour, (count, chance, got) in together.items():
        if hour <= last or count < SHOPS_LEAST or count < _HALF * shops:
            continue
        state, _ = step(state, hour, chance, got, part=_PART)
        last = hour
    return ChainWatch(state=state, hour=last)


def crowded(raised: Iterable[tuple[Kind, int]], since: int, shops: int) -> Kind | None:
    """Return what many shops raised since a moment, None if it is a few."""
    kinds = [kind for kind, begun in raised if begun >= since]
    for kind in ("drop", "surge"):
        if many(kinds.count(kind), shops):
            return kind
    return None
