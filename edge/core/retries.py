"""When a check-in camera pauses, tried in vain too often, and whether its picture is mirrored.

Called by edge.guests, one of each a camera; calls nothing. Pure: what came of the checks in,
how long to pause and a suspicion out.

Who holds a recording up and may try again without end is right in the end, since the sides are
drawn anew for each face. So refusals of faces that **look like a member** are counted, at one
camera together: another photo is no new start. Whoever looks like nobody has nothing to win, and
neither has a member who has just passed: their refusals (somebody who sits by the camera and talks)
pause nothing. A pause is short at first and grows with each further refusal; codes work meanwhile.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from edge.core.presentation import Why

FAILURES: Final = 5
"""NIST SP 800-63B, 5.2.3: at most so many where the check was not tested to its measure, then
PAUSE_S at least, longer after each further one, or another way in. Here there are both."""
PAUSE_S: Final = 30.0
LONGEST_S: Final = 240.0
"""An honest guest waits no longer, if the code is not at hand."""
REMEMBERED_S: Final = 900.0

OPPOSITE: Final = 5
"""Guests in a row who turned to the other side: one in twenty errs, five in a row never do."""


class Retries:
    """The refusals at one camera. Times are seconds of its stream, and never run backwards."""

    def __init__(self) -> None:
        self._failed: deque[tuple[float, str]] = deque()
        self._passed: dict[str, float] = {}
        self._until_s = 0.0

    def paused(self, at_s: float) -> bool:
        """Whether nobody is checked at this moment."""
        return at_s < self._until_s

    def failed(self, subject: str, at_s: float) -> float | None:
        """Count a refusal of a face that looks like this member.

        Returns how many seconds the check pauses from now on; None: it goes on.
        """
        self._forget(at_s)
        if subject in self._passed:
            return None
        self._failed.append((at_s, subject))
        over = len(self._failed) - FAILURES
        if over < 0:
            return None
        pause_s = min(PAUSE_S * 2.0**over, LONGEST_S)
        self._until_s = at_s + pause_s
        return pause_s

    def passed(self, subject: str, at_s: float) -> None:
        """A member has shown a head: what failed before was the member's own clumsiness."""
        self._forget(at_s)
        self._passed[subject] = at_s
        self._failed = deque(one for one in self._failed if one[1] != subject)

    def _forget(self, at_s: float) -> None:
        limit_s = at_s - REMEMBERED_S
        while self._failed and self._failed[0][0] < limit_s:
            self._failed.popleft()
        self._passed = {one: then_s for one, then_s in self._passed.items() if then_s >= limit_s}


class Mirror:
    """Whether those who are asked at one camera all turn to the other side.

    Only told, never acted on: else whoever answers wrongly often enough would shut out everybody.
    """

    def __init__(self) -> None:
        self._opposite = 0

    def add(self, *, passed: bool, why: Why | None) -> bool:
        """Take what came of a check; say whether just now it became likely.

        Other refusals say nothing of sides: a photo turns nowhere.
        """
        if passed:
            self._opposite = 0
        elif why == "side":
            self._opposite += 1
            return self._opposite == OPPOSITE
        return False

    @property
    def likely(self) -> bool:
        """Whether the picture seems to be mirrored, or a recording is held up again and again."""
        return self._opposite >= OPPOSITE
