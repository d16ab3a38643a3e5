"""What the shop was told of members, and what people in the shop said against it. Pure.

Part of `core.book`: when an arrival was last told, and of which visits a person said "not her".
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from edge.core.returns import within
from edge.core.visit import Window

Told = tuple[datetime, str]
"""When an arrival was told, and of which visit."""
Veto = tuple[str, str]
"""A visit, and the member whose visit it is not."""
STAY: Final = timedelta(minutes=10)
"""Somebody recognised again within this time, without a new crossing, is still on the same visit.
It is also the time within which a check-in joins an anonymous visit (DESIGN section 6)."""


class Word:
    """What was said of members, either way.

    Args:
        alerted: when each member's arrival was last told and of which visit, by subject.
        vetoes: when a person in the shop said of a visit that it is not that member's.
    """

    def __init__(self, alerted: Mapping[str, Told], vetoes: Mapping[Veto, datetime]) -> None:
        self._alerted = dict(alerted)
        self._vetoes = dict(vetoes)

    def is_due(self, subject: str, *, at: datetime, first_at: datetime, window: Window) -> bool:
        """Say whether the arrival of a member who came first at `first_at` is still to be told."""
        last, _ = self._alerted.get(subject, (None, ""))
        return last is None or not (last >= first_at or within(window, last, last, at))

    def note(self, subject: str, at: datetime, visit: str) -> None:
        """An arrival is told."""
        self._alerted[subject] = (at, visit)

    def take_back(self, visit: str) -> None:
        """Whoever was told of has not come: told again when she does."""
        self._alerted = {s: told for s, told in self._alerted.items() if told[1] != visit}

    def correct(self, visit: str, subject: str, at: datetime) -> None:
        """A person says that a visit is not that member's."""
        self._alerted.pop(subject, None)
        self._vetoes[visit, subject] = at

    def forbids(self, visit: str, subject: str | None) -> bool:
        """Say whether a visit is known not to be a member's."""
        return (visit, subject) in self._vetoes

    def corrected_at(self, subject: str, at: datetime, here: Collection[str]) -> datetime | None:
        """Return when a member was last said to be somebody else, if that still matters.

        It does while whoever was taken for the member is `here`, and for a while after.
        """
        return max(
            (
                corrected
                for (visit, whom), corrected in self._vetoes.items()
                if whom == subject and (visit in here or at - corrected <= STAY)
            ),
            default=None,
        )

    def forget(self, limit: datetime, known: Collection[str]) -> None:
        """Let go of what was told before `limit`, and of corrections of visits not `known`."""
        self._alerted = {s: told for s, told in self._alerted.items() if told[0] >= limit}
        self._vetoes = {v: at for v, at in self._vetoes.items() if v[0] in known}

    def move(self, moved: Callable[[datetime], datetime]) -> None:
        """The clock has stepped: take every moment as it would be told now."""
        self._alerted = {s: (moved(at), visit) for s, (at, visit) in self._alerted.items()}
        self._vetoes = {veto: moved(at) for veto, at in self._vetoes.items()}
