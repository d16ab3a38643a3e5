"""API: the queue at the desk: take a number, call, back, served, gone; the set time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from edge.console.api.problems import Refused
from edge.console.api.route import Body, Id, Topic
from edge.core.queue import CALL_AFTER_MIN
from edge.desk.queue import QueueDesk
from edge.desk.queue_view import Display, Problem, QueueView
from edge.store.tokens import Token

Text = Annotated[str, StringConstraints(max_length=64)]
Step = Literal["called", "back", "served", "gone"]
_WHY: Final[Mapping[Problem, str]] = {
    "nobody": "invalid",
    "phone": "phone_unclear",
    "member": "no_such_member",
    "key": "key_missing",
    "damaged": "unreadable",
    "full": "queue_full",
    "code": "code_not_taken",
}


class Waits(Body):
    """Who waits: a phone number, a one-time code (of a phone's, with its last digits in `phone`),
    or a member's id or number in the shop's systems. One of them at least.
    """

    phone: Text = ""
    code: Text = ""
    member: Text = ""

    @model_validator(mode="after")
    def _somebody(self) -> "Waits":
        if not (self.phone.strip() or self.code.strip() or self.member.strip()):
            raise PydanticCustomError("queue_nobody", "expected somebody")
        return self


class Reached(Body):
    """What came of the call: somebody was reached, who then comes, or not, who is then gone."""

    reached: bool


class SetTime(Body):
    """After how many minutes guests are called."""

    call_after_min: Annotated[int, Field(ge=CALL_AFTER_MIN[0], le=CALL_AFTER_MIN[-1])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """The number that was given out, such as A012."""

    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """Whether it was done now; False: somebody was quicker, or there is no such ticket."""

    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneNumber:
    """Whom to call."""

    phone: str = field(repr=False)


def queue_api(desk: QueueDesk) -> Topic:
    """Declare the topic."""
    topic = Topic("queue", "Guests who wait: numbers, messages, calls")

    @topic.get("/queue", scope="read:arrivals")
    def queue(caller: Token) -> QueueView:
        """Who waits, was called, is back; who has to be called by phone.

        With read:names members' names, each a view in the audit log, and the ends of phone numbers.
        """
        return desk.shown(caller.actor, names="read:names" in caller.scopes)

    @topic.get("/queue/display", scope="read:shop")
    def queue_display() -> Display:
        """What guests may see: numbers, and nothing of anybody."""
        return desk.display()

    @topic.post("/queue", scope="write:desk", status=201, problems=tuple(_WHY.values()))
    def take_number(caller: Token, body: Waits) -> Number:
        """Give out a number; after the set time a message calls the guest back, once."""
        given = desk.take(phone=body.phone, code=body.code, member=body.member, actor=caller.actor)
        if given.problem is not None:
            raise Refused(_WHY[given.problem])
        return Number(number=given.number)

    @topic.post("/queue/<ticket>/<step>", scope="write:desk")
    def move_ticket(caller: Token, ticket: Id, step: Step) -> Done:
        """Let a ticket go on: `called` before its time, `back`, `served`, or `gone`."""
        return Done(done=desk.move(ticket, step, caller.actor))

    @topic.post("/queue/<ticket>/call-task", scope="write:desk")
    def end_call_task(caller: Token, ticket: Id, body: Reached) -> Done:
        """Note what came of a call that somebody was asked to make."""
        how: Literal["reached", "unreached"] = "reached" if body.reached else "unreached"
        return Done(done=desk.end_task(ticket, how, caller.actor))

    @topic.get("/queue/<ticket>/phone", scope="read:names")
    def ticket_phone(caller: Token, ticket: Id) -> PhoneNumber:
        """The whole phone number of a ticket; it is logged who saw it."""
        found = desk.phone(ticket, caller.actor)
        if found is None:
            raise Refused("not_found")
        return PhoneNumber(phone=found)

    @topic.post("/queue/settings", scope="manage:desk")
    def set_queue_time(caller: Token, body: SetTime) -> SetTime:
        """Set after how many minutes guests are called; it goes before the settings file."""
        desk.set_call_after(body.call_after_min, caller.actor)
        return body

    return topic
