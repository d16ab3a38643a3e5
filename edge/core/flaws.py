"""What is wrong with something that a person handed in: every flaw at once, by key.

Raised by `consent` and `profile`; the commands and the console turn it into words.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One thing that is wrong. `text` says what was expected, and never repeats personal data."""

    key: str
    text: str

    def __str__(self) -> str:
        return f"{self.key}: {self.text}"


class Flaws(ValueError):
    """What was handed in cannot be used; `flaws` says all that is wrong with it."""

    def __init__(self, flaws: Sequence[Flaw]) -> None:
        super().__init__("; ".join(str(flaw) for flaw in flaws))
        self.flaws = tuple(flaws)
