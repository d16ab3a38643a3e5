"""What service tickets look like: on their page, and on the cards of members.

Made by `edge.desk.service`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from edge.core.queue import masked
from edge.core.service import (
    days_open,
    is_overdue,
    steps,
)
from edge.desk.means import Means
from edge.desk.named import names_shown
from edge.desk.service_view import MembersTickets, ServiceView, TicketLine, Told
from edge.keys.profiles import ProfileKeys
from edge.store import outbound, service
from edge.store.service import Content, Ticket

_ENDED_SHOWN: Final = 40


class ServiceBoard:
    """Shows tickets.

    Args:
        means: what every desk works with.
        tells: whether guests are told by a message.
    """

    def __init__(self, means: Means, *, tells: bool) -> None:
        self._means = means
        self._tells = tells

    def shown(self, actor: str, *, names: bool = True) -> ServiceView:
        """Return the page; members' names are logged as seen, or withheld.

        Without `names` nothing is opened: only kinds, states and days are told.
        """
        db, root = self._means.db(), self._means.profile_root()
        keys = ProfileKeys(root) if root is not None and names else None
        going = service.open_tickets(db)
        over = service.ended_tickets(db, _ENDED_SHOWN)
        known = self._names([*going, *over], actor) if keys is not None else {}

        def line(one: Ticket) -> TicketLine:
            readable = one.subject is None or one.id in known
            return self._line(one, keys if readable else None, known.get(one.id, ""))

        return ServiceView(
            open=tuple(line(one) for one in going),
            ended=tuple(line(one) for one in over),
            locked=root is None,
            tells=self._tells,
        )

    def of_members(self, subjects: Collection[str]) -> Mapping[str, MembersTickets]:
        """Return what is open of some members, whose names whoever asks is shown."""
        db, root = self._means.db(), self._means.profile_root()
        if root is None or not subjects:
            return {}
        keys, found = ProfileKeys(root), dict[str, MembersTickets]()
        for one in service.of_members(db, subjects):
            assert one.subject is not None, "it was looked for by that"
            held = found.get(one.subject, MembersTickets())
            content = service.content_of(db, keys, one)
            if one.office and content is not None:
                held = replace(held, handed_over=(*held.handed_over, content.office))
            if one.ended_at is None:
                held = replace(held, lines=(*held.lines, self._line(one, keys)))
            found[one.subject] = held
        return found

    def _line(self, one: Ticket, keys: ProfileKeys | None, name: str = "") -> TicketLine:
        content = service.content_of(self._means.db(), keys, one) if keys is not None else None
        held = content or Content()
        return TicketLine(
            id=one.id,
            kind=one.kind,
            state=one.state,
            steps=steps(one.kind, one.state),
            days=self.days(one),
            due=one.due,
            overdue=is_overdue(one.state, one.due, self._today()),
            member=one.subject is not None,
            has_phone=bool(held.phone),
            told=self._told(one) if one.state == "ready" else None,
            doubtful=one.doubtful,
            what=held.what,
            name=name if one.subject else held.name,
            phone=masked(held.phone) if held.phone else "",
        )

    def _told(self, one: Ticket) -> Told | None:
        if not one.asked:
            return "none"
        state = outbound.state_of(self._means.db(), key_of(one))
        if state in ("waiting", "sending"):
            return "waiting"
        if state in ("sent", "unsure"):
            return "sent"
        return "lost" if state is not None else None  # a week later nobody knows

    def _names(self, tickets: Sequence[Ticket], actor: str) -> dict[str, str]:
        """Return what members wish to be called, by ticket."""
        root = self._means.profile_root()
        if root is None:
            return {}
        whose = {one.id: one.subject for one in tickets if one.subject}
        return names_shown(self._means.db(), ProfileKeys(root), whose, actor, self._means.mark().at)

    def _today(self) -> date:
        return self._means.day_of(self._means.mark().at)

    def days(self, one: Ticket) -> int:
        """Return how many days a ticket is open, or was."""
        until = self._means.day_of(one.ended_at) if one.ended_at else self._today()
        return days_open(self._means.day_of(one.made_at), until)


def key_of(ticket: Ticket) -> str:
    """Return the key of a ticket's message; another one once that was withdrawn unsent."""
    return f"service/{ticket.id}/ready/{ticket.withdrawn}"
