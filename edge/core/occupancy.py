"""How many people are in the shop, by what its doors counted (DESIGN section 6).

Called by `core.book`; calls nothing. Pure.

    in ──> + 1                     closing ──> 0, and one more day is known
    out ─> - what an exit is worth, never below 0

Counting misses some people, and not as many on the way in as on the way out: what is missed adds
up from morning to night. But whoever came in has gone out by closing time, so the closed days
tell how many people one counted exit stands for.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

LEARNT_FROM: Final = timedelta(days=7)
"""Closed days that tell what an exit is worth: every weekday once, and soon again when a camera
is moved."""
EVIDENCE: Final = 200
"""Entries and exits each before that is believed: 5 % missed are then known to within 1.6 %."""
WORTH: Final = (0.8, 1.25)
"""Least and most that an exit is worth. A camera that misses every fifth is to be mended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """How often guests came in and went out on closed days, less those who turned back."""

    entered: int = 0
    left: int = 0

    @property
    def exit_worth(self) -> float:
        """How many people one counted exit stands for; 1 while too little is known."""
        if min(self.entered, self.left) < EVIDENCE:
            return 1.0
        return min(WORTH[1], max(WORTH[0], self.entered / self.left))


class Occupancy:
    """The people in one shop, over all its doors; `people` were there before."""

    def __init__(self, people: int = 0) -> None:
        self._level = float(people)
        self._worth = 1.0

    @property
    def people(self) -> int:
        """How many people are in the shop, never below 0."""
        return int(self._level + 0.5)

    def enter(self, *, turned_back: bool = False) -> int:
        """Somebody came in, or straight back in; return how many are there now."""
        self._level += self._worth if turned_back else 1.0
        return self.people

    def leave(self, *, turned_back: bool = False) -> int:
        """Somebody went out; return how many are there now.

        Who turned back at the door takes away what that one's entry gave. What is left of less
        than half a person is nobody: fractions do not add up to one.
        """
        self._level -= 1.0 if turned_back else self._worth
        if self.people <= 0:
            self._level = 0.0
        return self.people

    def empty(self) -> int:
        """The shop has closed: nobody is in it."""
        self._level = 0.0
        return 0

    def learn(self, balance: Balance) -> None:
        """From now on exits are worth what the closed days say."""
        self._worth = balance.exit_worth
