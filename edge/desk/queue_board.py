"""What the queue looks like: to consultants, and to guests. Made by `edge.desk.queue`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from edge.core.moments import Mark, elapsed
from edge.core.queue import (
    Rules,
    masked,
    number_text,
)
from edge.desk.means import Means
from edge.desk.named import names_shown
from edge.desk.queue_view import Display, Line, QueueView
from edge.keys.profiles import ProfileKeys
from edge.store import queue
from edge.store.queue import Ticket

_ENDED_SHOWN: Final = 20
_CALLED_SHOWN: Final = 8


class QueueBoard:
    """Shows the queue.

    Args:
        means: what every desk works with.
        rules: as the settings have them.
        tells: whether guests are called by a message.
    """

    def __init__(self, means: Means, rules: Rules, *, tells: bool) -> None:
        self._means = means
        self._rules = rules
        self._tells = tells

    def rules(self) -> Rules:
        """Return when things are due: the manager's word goes before the settings."""
        after = queue.call_after(self._means.db()) or self._rules.call_after
        return replace(self._rules, call_after=after)

    def shown(self, actor: str, *, names: bool = True) -> QueueView:
        """Return the consultants' page; members' names are logged as seen, or withheld.

        Without `names` nothing is opened: no name, no end of a phone number.
        """
        db, mark = self._means.db(), self._means.mark()
        tickets = queue.open_tickets(db)
        ended = queue.ended_tickets(db, self._means.day_of(mark.at), _ENDED_SHOWN)
        named = self._names(tickets, actor) if names else {}
        root = self._means.profile_root()
        keys = ProfileKeys(root) if names and root is not None else None
        lines = [self._line(one, mark, named, keys) for one in tickets]
        rules = self.rules()
        return QueueView(
            tasks=tuple(line for line in lines if line.task is not None),
            called=tuple(line for line in lines if line.state == "called" and line.task is None),
            waiting=tuple(line for line in lines if line.state == "waiting"),
            back=tuple(line for line in lines if line.state == "back"),
            ended=tuple(self._line(one, mark, {}, None) for one in ended),
            call_after_min=int(rules.call_after.total_seconds() // 60),
            back_within_min=int(rules.back_within.total_seconds() // 60),
            tells=self._tells,
            locked=root is None,
        )

    def display(self) -> Display:
        """Return what guests see: numbers, and nothing of anybody."""
        tickets = queue.open_tickets(self._means.db())
        called = [one for one in tickets if one.state == "called"]
        called.sort(key=lambda one: one.called.at if one.called else one.taken.at, reverse=True)
        return Display(
            called=tuple(number_text(one.number) for one in called[:_CALLED_SHOWN]),
            waiting=sum(one.state == "waiting" for one in tickets),
            call_after_min=int(self.rules().call_after.total_seconds() // 60),
        )

    def _names(self, tickets: Sequence[Ticket], actor: str) -> dict[str, str]:
        """Return what members wish to be called, by ticket."""
        root = self._means.profile_root()
        if root is None:
            return {}
        whose = {one.id: one.subject for one in tickets if one.subject}
        return names_shown(self._means.db(), ProfileKeys(root), whose, actor, self._means.now())

    def _line(
        self, one: Ticket, mark: Mark, names: dict[str, str], keys: ProfileKeys | None
    ) -> Line:
        to = queue.phone_of(self._means.db(), keys, one) if keys is not None else None
        return Line(
            id=one.id,
            number=number_text(one.number),
            state=one.state,
            taken_at=one.taken.at.astimezone(self._means.zone),
            waited_min=int(elapsed(one.taken, mark).total_seconds() // 60),
            member=one.subject is not None,
            held=one.state == "called" and not one.told and one.task_why is None,
            has_phone=one.sealed is not None,
            task=one.task_why if one.task_open else None,
            name=names.get(one.id, ""),
            phone=masked(to) if to else "",
        )
