"""Provisional."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

HOURS_NEEDED: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownHour:
    """An hour."""

    index: float
    visitors: int
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A fit."""

    scale: float
    error_percent: float

    def people(self, index: float) -> float:
        """Return people."""
        return self.scale * index


def fit(hours: Sequence[KnownHour]) -> Fit | None:
    """Fit."""
    if len(hours) < HOURS_NEEDED:
        return None
    scale = sum(h.visitors for h in hours) / sum(h.index for h in hours)
    error = sum(abs(scale * h.index - h.visitors) for h in hours) / sum(h.visitors for h in hours)
    return Fit(scale=scale, error_percent=100 * error)
