"""API: service tickets: repairs, returns, what was out of stock, styling appointments."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import StringConstraints

from edge.console.api.problems import Refused
from edge.console.api.route import Body, Id, Topic
from edge.core.service import Kind, State
from edge.desk.service import NAME_CHARS_MAX, WHAT_CHARS_MAX, ServiceDesk
from edge.desk.service_view import Problem, ServiceView
from edge.store.tokens import Token

What = Annotated[str, StringConstraints(max_length=WHAT_CHARS_MAX)]
Name = Annotated[str, StringConstraints(max_length=NAME_CHARS_MAX)]
Number = Annotated[str, StringConstraints(max_length=64)]
Phone = Annotated[str, StringConstraints(max_length=24)]
Day = Annotated[str, StringConstraints(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")]
Entry = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9_-]{8,64})?$")]
_WHY: Final[Mapping[Problem, str]] = {
    **{"member": "no_such_member", "phone": "phone_unclear", "key": "key_missing"},
    **{"damaged": "unreadable", "nobody": "ticket_nobody", "due": "ticket_due"},
    **{"full": "ticket_full", "gone": "not_found", "kind": "not_found"},
}


class NewTicket(Body):
    """A ticket of a member (`member`: the id or the number in the shop's systems), or of somebody
    with a `name` or a `phone` number. `due` is a day such as 2026-11-30. `entry` is the program's
    own word for it: the same one again is the same ticket.
    """

    kind: Kind
    what: What = ""
    due: Day = ""
    member: Number = ""
    name: Name = ""
    phone: Phone = ""
    entry: Entry = ""


class To(Body):
    """The state that follows."""

    to: State


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeTicket:
    """The ticket's id."""

    ticket: str


def service_api(desk: ServiceDesk) -> Topic:
    """Declare the topic."""
    topic = Topic("tickets", "Service tickets")

    @topic.get("/tickets", scope="read:arrivals")
    def tickets(caller: Token) -> ServiceView:
        """The tickets that are open, and those that ended last.

        Without read:names nothing tells whose they are or what of. With it each member's ticket is
        a view in the audit log.
        """
        return desk.shown(caller.actor, names="read:names" in caller.scopes)

    @topic.post(
        "/tickets", scope="write:desk", status=201, problems=tuple(dict.fromkeys(_WHY.values()))
    )
    def make_ticket(caller: Token, body: NewTicket) -> MadeTicket:
        """Make a ticket."""
        made = desk.take_in(
            body.kind,
            device=caller.actor,
            what=body.what,
            due=body.due,
            member=body.member,
            name=body.name,
            phone=body.phone,
            entry=body.entry or None,
        )
        if made.problem is not None:
            raise Refused(_WHY[made.problem])
        return MadeTicket(ticket=made.ticket)

    @topic.post(
        "/tickets/<ticket>/state", scope="write:desk", problems=("ticket_state", "not_found")
    )
    def move_ticket(caller: Token, ticket: Id, body: To) -> None:
        """Let a ticket go on. Once it is `ready`, the guest is told so, once."""
        if not desk.move(ticket, body.to, caller.actor):
            raise Refused("ticket_state")

    @topic.delete("/tickets/<ticket>", scope="manage:desk", problems=("not_found",))
    def forget_ticket(caller: Token, ticket: Id) -> None:
        """Delete a ticket that has ended, with all that it says."""
        if not desk.forget(ticket, caller.actor):
            raise Refused("not_found")

    return topic
