"""API: members: find, read, make, change, import, see off; notes on them; the shop's join link."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import urljoin

from flask import request, url_for
from pydantic import BaseModel, ConfigDict, StringConstraints

from edge.console.api.problems import Refused
from edge.console.api.route import Body, Id, Topic
from edge.desk.guests import GuestDesk, Noted
from edge.desk.intake import FAULTS_KEPT, ImportDesk, Progress, Stage, plain
from edge.desk.join import JoinDesk
from edge.desk.members import LISTED, Done, MemberDesk, Shown
from edge.desk.members import Problem as Why
from edge.store.notes import CHARS_MAX
from edge.store.roster import Line
from edge.store.tokens import Token

_Text = Annotated[str, StringConstraints(max_length=500)]
_Words = Annotated[str, StringConstraints(max_length=100)]
NoteText = Annotated[str, StringConstraints(min_length=1, max_length=CHARS_MAX)]
NoteId = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,15}$")]
_WHY: Final[Mapping[Why, str]] = {
    "key": "key_missing",
    "gone": "no_such_member",
    "damaged": "unreadable",
    "flaws": "profile",
    "taken": "number_taken",
    "moved": "changed_since",
    "no_consent": "nothing_to_withdraw",
}
_NOTE_WHY: Final[Mapping[Noted, str]] = {
    "empty": "note_empty",
    "gone": "no_such_note",
    "key": "key_missing",
    "not_yours": "others_note",
}


class Asked(BaseModel):
    """Words that a member's name, number or phone is to hold; none: those changed last."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    q: _Words = ""


class Fields(Body):
    """Fields of a profile; `""` empties one, a field that is not there stays as it is."""

    name: _Text | None = None
    called: _Text | None = None
    external_id: _Text | None = None
    tier: _Text | None = None
    birthday: _Text | None = None
    consultant: _Text | None = None
    note: _Text | None = None
    tags: _Text | None = None
    appointment_at: _Text | None = None
    appointment_what: _Text | None = None
    repair_ready: _Text | None = None
    last_purchase: _Text | None = None
    last_purchase_on: _Text | None = None
    last_visit_on: _Text | None = None
    last_visit_shop: _Text | None = None
    phone: _Text | None = None

    def texts(self) -> dict[str, str]:
        """Return what was sent."""
        return {name: text for name, text in self.model_dump().items() if text is not None}


class NewNote(Body):
    """The words of a note."""

    text: NoteText


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A member in a list."""

    id: str
    name: str = field(repr=False)
    called: str = field(repr=False)
    external_id: str = field(repr=False)
    tier: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """Members found, the last changed first; `more` were found besides, `unopened` not looked
    into yet: ask again in a moment.
    """

    members: tuple[Listed, ...]
    more: int
    unopened: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberNote:
    """A note on a member."""

    id: int
    at: datetime
    visit: str
    by: str = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OneMember:
    """A member. `profile` holds the fields that hold something, as texts; `agreed_until`: to be
    recognised; `face`: whether a template is stored.
    """

    id: str
    profile: Mapping[str, str] = field(repr=False)
    joined_at: datetime
    changed_at: datetime
    agreed_until: datetime | None
    face: bool
    notes: tuple[MemberNote, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeMember:
    """The member's id."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenRow:
    """A place in the file that was passed over; what stands there is not repeated."""

    line: int
    code: str
    column: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """The import that runs, or the last one. `broken` rows were passed over; `faults` names them,
    the first 500.
    """

    stage: Stage
    line: int
    lines: int
    added: int
    changed: int
    broken: int
    faults: tuple[BrokenRow, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinLink:
    """The shop's link of the day: whoever opens it in the shop's network can join."""

    address: str
    day: str


def members_api(desk: MemberDesk, imports: ImportDesk, join: JoinDesk, guests: GuestDesk) -> Topic:
    """Declare the topic."""
    topic = Topic("members", "Members: find, make, change, import, see off")
    _reading(topic, desk)
    _writing(topic, desk, imports)
    _ending(topic, desk)
    _notes(topic, guests)

    @topic.get("/join", scope="write:desk")
    def join_link() -> JoinLink:
        """The shop's link of today, as a QR code shows it; it ends at midnight."""
        return _link(join.link().token, join.link().day.isoformat())

    @topic.post("/join/new", scope="manage:members", status=201)
    def new_join_link(caller: Token) -> JoinLink:
        """Make another link for today; the one before leads nowhere at once."""
        link = join.new_link(caller.actor)
        return _link(link.token, link.day.isoformat())

    return topic


def _link(token: str, day: str) -> JoinLink:
    address = urljoin(request.host_url, url_for("join.begin", token=token))
    return JoinLink(address=address, day=day)


def _sound(done: Done) -> str:
    if done.problem is not None:
        raise Refused(_WHY[done.problem], fields=[flaw.key for flaw in done.flaws])
    assert done.member is not None, "it was done to somebody"
    return done.member


def _reading(topic: Topic, desk: MemberDesk) -> None:
    @topic.get("/members", scope="read:members", problems=("key_missing",))
    def find_members(caller: Token, query: Asked) -> Members:
        """Find members by a part of the name, the number, the phone.

        At most 50 are returned; that they were is one `view` in the audit log.
        """
        found = desk.find(query.q, caller.actor, most=LISTED)
        if found is None:
            raise Refused("key_missing")
        return Members(
            members=tuple(_listed(line) for line in found.lines),
            more=found.more,
            unopened=found.unopened,
        )

    @topic.get(
        "/members/<member>",
        scope="read:members",
        problems=("no_such_member", "unreadable", "key_missing"),
    )
    def read_member(caller: Token, member: Id) -> OneMember:
        """A member's profile, consent and notes; a `view` in the audit log."""
        found = desk.shown(member, caller.actor)
        if not isinstance(found, Shown):
            raise Refused(_WHY[found])
        return _one(found)

    @topic.get(
        "/members/<member>/export",
        scope="manage:members",
        problems=("no_such_member", "unreadable", "key_missing"),
    )
    def export_member(caller: Token, member: Id) -> dict[str, Any]:
        """All that is held of a member, for the member; an `export` in the audit log."""
        found = desk.exported(member, caller.actor)
        if isinstance(found, str):
            raise Refused(_WHY[found])
        return found


def _listed(line: Line) -> Listed:
    return Listed(
        id=line.id,
        name=line.name,
        called=line.called,
        external_id=line.external_id,
        tier=line.tier,
    )


def _one(found: Shown) -> OneMember:
    return OneMember(
        id=found.member.id,
        profile=found.member.profile.texts(),
        joined_at=found.member.created_at,
        changed_at=found.member.changed_at,
        agreed_until=found.agreed_until,
        face=found.face is not None,
        notes=tuple(
            MemberNote(
                id=one.note.id,
                at=one.note.at,
                visit=one.note.visit,
                by=one.by,
                text=one.note.text,
            )
            for one in found.notes
        ),
    )


def _writing(topic: Topic, desk: MemberDesk, imports: ImportDesk) -> None:
    @topic.post(
        "/members",
        scope="write:members",
        status=201,
        problems=("profile", "number_taken", "key_missing"),
    )
    def add_member(caller: Token, body: Fields) -> MadeMember:
        """Make a member without a face. `name` is needed."""
        return MadeMember(id=_sound(desk.add(body.texts(), caller.actor)))

    @topic.post(
        "/members/<member>",
        scope="write:members",
        problems=(
            *("no_such_member", "unreadable", "profile"),
            *("number_taken", "changed_since", "key_missing"),
        ),
    )
    def change_member(caller: Token, member: Id, body: Fields) -> None:
        """Change fields of a member's profile."""
        _sound(desk.change(member, body.texts(), caller.actor))

    @topic.post(
        "/imports", scope="write:members", status=202, problems=("importing", "key_missing")
    )
    def import_members(caller: Token, table: bytes) -> Import:
        """Take in a table of members: CSV in UTF-8 or GBK, columns in Chinese or English.

        A row with an `external_id` that is known changes that member. Broken rows are passed over
        and named; GET /imports says how far it has come.
        """
        unbegun = imports.begin(table, caller.actor)
        if unbegun is not None:
            raise Refused("key_missing" if unbegun == "key" else "importing")
        return _import(imports.progress)

    @topic.get("/imports", scope="write:members")
    def read_import() -> Import:
        """How far the import has come, and which rows were passed over (the first 500)."""
        return _import(imports.progress)


def _import(progress: Progress) -> Import:
    return Import(
        stage=progress.stage,
        line=progress.line,
        lines=progress.lines,
        added=progress.added,
        changed=progress.changed,
        broken=progress.broken,
        faults=tuple(BrokenRow(**plain(fault)) for fault in progress.faults[:FAULTS_KEPT]),  # type: ignore[arg-type]
        why=progress.why,
    )


def _ending(topic: Topic, desk: MemberDesk) -> None:
    @topic.post(
        "/members/<member>/withdraw",
        scope="write:members",
        problems=("no_such_member", "nothing_to_withdraw"),
    )
    def withdraw_consent(caller: Token, member: Id) -> None:
        """End a member's consent: the face template goes at once, the card stays."""
        _sound(desk.withdraw(member, caller.actor))

    @topic.delete("/members/<member>", scope="manage:members", problems=("no_such_member",))
    def erase_member(caller: Token, member: Id) -> None:
        """Destroy all that is held of a member. It cannot be undone."""
        _sound(desk.erase(member, caller.actor))


def _notes(topic: Topic, guests: GuestDesk) -> None:
    problems = ("no_such_note", "others_note", "key_missing")

    def sound(noted: Noted) -> None:
        if noted != "kept":
            raise Refused(_NOTE_WHY[noted])

    def may_all(caller: Token) -> bool:
        return "manage:members" in caller.scopes

    @topic.post("/notes/<note>", scope="write:desk", problems=(*problems, "note_empty"))
    def change_note(caller: Token, note: NoteId, body: NewNote) -> None:
        """Change a note of one's own; with manage:members anybody's."""
        anybodys = may_all(caller)
        sound(guests.change_note(int(note), body.text, caller.actor, anybodys=anybodys))

    @topic.delete("/notes/<note>", scope="write:desk", problems=problems)
    def delete_note(caller: Token, note: NoteId) -> None:
        """Delete a note of one's own; with manage:members anybody's."""
        sound(guests.delete_note(int(note), caller.actor, anybodys=may_all(caller)))
