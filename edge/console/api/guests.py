"""API: what is done for a guest: greet, note, offer, see off. In the name of whoever the token says
it is used by (`/me`), as a device is.
"""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import StringConstraints

from edge.console.api.problems import Refused
from edge.console.api.route import Body, Id, Topic
from edge.core.stay import Offer
from edge.desk.floor import Floor, Written
from edge.store.desk_facts import Answer
from edge.store.notes import CHARS_MAX
from edge.store.tokens import Token

NoteText = Annotated[str, StringConstraints(max_length=CHARS_MAX, pattern=r"\S")]


class NewNote(Body):
    """What is to be remembered of a guest."""

    text: NoteText


class Said(Body):
    """What the guest said to it."""

    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Mine:
    """The guest is greeted in the name of whoever asked."""

    claimed: Literal["mine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Whether it was kept now; False: it was settled before, or the guest has left."""

    kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Whether the visit is ended now; False: it was before, or there is none."""

    asked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """What was written of a guest, the newest first."""

    notes: tuple[Written, ...] = field(repr=False)


def guests_api(floor: Floor) -> Topic:
    """Declare the topic."""
    topic, guests = Topic("guests", "What is done for a guest"), floor.guests

    @topic.post("/visits/<visit>/claim", scope="write:desk", problems=("claimed", "nobody_here"))
    def claim_visit(caller: Token, visit: Id) -> Mine:
        """Say who greets a guest.

        The first one wins; the same again has won before. Others are refused, and see in /arrivals
        who was first. Where the shop has a list of staff, say first who you are (/me).
        """
        outcome = guests.claim(visit, caller.actor)
        if outcome == "mine":
            return Mine(claimed="mine")
        raise Refused({"taken": "claimed", "unnamed": "nobody_here", "gone": "not_found"}[outcome])

    @topic.delete("/visits/<visit>/claim", scope="write:desk", problems=("not_yours",))
    def release_visit(caller: Token, visit: Id) -> None:
        """Let others greet a guest whom you claimed; with manage:desk also what others claimed."""
        anybodys = "manage:desk" in caller.scopes
        if not guests.release(visit, caller.actor, anybodys=anybodys):
            raise Refused("not_yours")

    @topic.get("/visits/<visit>/notes", scope="read:names", problems=("key_missing",))
    def visit_notes(caller: Token, visit: Id) -> Notes:
        """What was written on a visit, and last of its member.

        Of a member it is noted in the audit log as a view.
        """
        found = floor.notes(visit, caller.actor)
        if isinstance(found, str):
            raise Refused("not_found" if found == "gone" else "key_missing")
        return Notes(notes=found)

    @topic.post("/visits/<visit>/notes", scope="write:desk", status=201, problems=("key_missing",))
    def write_note(caller: Token, visit: Id, body: NewNote) -> Kept:
        """Keep a note on a guest: of a member as long as the member, of a visitor until midnight.

        The same words again are kept once.
        """
        outcome = guests.note(visit, body.text, caller.actor)
        if outcome == "kept":
            return Kept(kept=True)
        raise Refused({"gone": "not_found", "key": "key_missing", "empty": "invalid"}[outcome])

    @topic.post("/visits/<visit>/offers/<offer>", scope="write:desk")
    def answer_offer(caller: Token, visit: Id, offer: Offer, body: Said) -> Kept:
        """Note what a guest said to tea or a meal; the first answer stands."""
        return Kept(kept=guests.answer(visit, offer, body.answer, caller.actor))

    @topic.post("/visits/<visit>/end", scope="write:desk", status=202)
    def end_visit(caller: Token, visit: Id) -> Ending:
        """Say that a guest has left; the visit ends within a moment, once."""
        return Ending(asked=guests.see_off(visit, caller.actor))

    return topic
