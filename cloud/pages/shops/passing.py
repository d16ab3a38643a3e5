"""A shop's passers-by over a period, and how sure its capture rate is. Pure. Beside `board`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cloud.queries.shop import StreetDay

_WHOLE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Street:
    """Passers-by and the capture rate, as far as both are known by the basis of the page.

    `error`: how far the passers-by may be off, in percent; `low` and `high`: between which the
    rate then lies. `days`: how many days know both.
    """

    passers: int
    captured: int
    rate: float
    error: int
    low: float
    high: float
    days: int


def street_of(days: Sequence[StreetDay], basis: str) -> Street | None:
    """Return what Wi-Fi says of the days of a basis; None: no day knows both."""
    known = [
        (day.passers, day.captured, day.error or 0)
        for day in days
        if day.basis == basis and day.passers and day.captured is not None
    ]
    passers = sum(one[0] for one in known)
    if not passers:
        return None
    captured = sum(one[1] for one in known)
    # A box learns its scale once: its days are off the same way, and that does not even out.
    error = sum(one[0] * one[2] for one in known) / passers
    rate, off = captured / passers, error / _WHOLE
    return Street(
        passers=passers,
        captured=captured,
        rate=rate,
        error=round(error),
        low=rate / (1 + off),
        high=min(1.0, rate / (1 - off)) if off < 1 else 1.0,
        days=len(known),
    )


def no_street(days: Sequence[StreetDay]) -> str:
    """Return why there is no capture rate."""
    if not any(day.minutes for day in days):
        return "no_wifi"
    return "no_both" if any(day.passers for day in days) else "learning"
