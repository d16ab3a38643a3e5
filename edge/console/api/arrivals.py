"""API: who has come in, and what consultants do: wrong person, a guest's code, faces off."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import StringConstraints

from edge.console.api.problems import Refused
from edge.console.api.route import Body, Id, Topic
from edge.console.codes import CodeDesk, CodeForm
from edge.console.desk import Desk
from edge.console.view import Arrivals
from edge.store.tokens import Token

Digits = Annotated[str, StringConstraints(max_length=64)]


class TypedCode(Body):
    """A guest's one-time code as it was typed or scanned: six digits; for those that a phone made,
    its last four digits beside them, or ten digits in one.
    """

    code: Digits
    phone: Digits = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whether the eyes were asked now; False: they were before, or the visit names no member."""

    asked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Faces:
    """Whether faces are read, as far as people in the shop have a say."""

    faces: Literal["on", "off"]


def arrivals_api(desk: Desk, codes: CodeDesk) -> Topic:
    """Declare the topic."""
    topic = Topic("arrivals", "Who has come in, and what consultants do")

    @topic.get("/arrivals", scope="read:arrivals")
    def arrivals(caller: Token) -> Arrivals:
        """Today's arrivals of the last hours, newest first.

        Without read:names a member's card is `withheld`: nothing on it says who. With it each card
        is noted in the audit log as a view, once for each token, visit and member.
        """
        return desk.arrivals(caller.actor, names="read:names" in caller.scopes)

    @topic.get("/events", scope="read:arrivals", streams=True)
    def events() -> None:
        """Server-sent events: `changed` whenever there is something new to read.

        Nothing else is said; read /arrivals then. `alive` comes every 15 seconds.
        """

    @topic.post("/visits/<visit>/wrong-person", scope="write:desk", status=202)
    def wrong_person(caller: Token, visit: Id) -> Asked:
        """Say that a visit names the wrong person.

        The visit's identity is withdrawn everywhere within a moment; saying it twice does no harm.
        """
        return Asked(asked=desk.wrong_person(visit, caller.actor))

    @topic.post("/codes/entered", scope="write:desk", problems=("key_missing",))
    def enter_code(caller: Token, body: TypedCode) -> CodeForm:
        """Take a guest's one-time code.

        The card follows in a moment (`waits`). After five wrong codes the token is locked for 15
        minutes, here only; the manager unlocks it.
        """
        codes.enter(body.code, body.phone, caller.actor)
        told = codes.shown(caller.actor)
        if told.outcome == "key":
            raise Refused("key_missing")
        return told

    @topic.post("/faces/off", scope="write:desk")
    def faces_off(caller: Token) -> Faces:
        """Stop reading faces in the whole shop, at once."""
        desk.switch_faces("off", caller.actor)
        return Faces(faces="off")

    @topic.post("/faces/on", scope="manage:faces")
    def faces_on(caller: Token) -> Faces:
        """Let faces be read again, as far as mode and declaration allow."""
        desk.switch_faces("on", caller.actor)
        return Faces(faces="on")

    return topic
