"""Service tickets at the desk: repairs, returns, what was out of stock, styling appointments.

Used by the pages, the members' cards and the API. A ticket is tied to a member, under whose key it
is sealed and with whom it is erased, or to the name or the phone number of somebody who is none.
Who may come is told so once, by a message that is kept in the transaction of the step (ADR 26).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final, Literal

from edge.core.moments import Mark
from edge.core.queue import phone_number
from edge.core.service import (
    KINDS,
    STATES,
    Kind,
    State,
    first,
    is_handed_over,
)
from edge.core.wording import one_line
from edge.desk.means import Means
from edge.desk.named import external_id_of, profile_of
from edge.desk.service_board import ServiceBoard, key_of
from edge.desk.service_view import Made, MembersTickets, ServiceView
from edge.desk.staff import StaffDesk
from edge.keys.errors import Unreadable
from edge.keys.profiles import ProfileKeys
from edge.store import outbound, service
from edge.store.audit import Audit, Code
from edge.store.database import transaction
from edge.store.desk_facts import is_here
from edge.store.outbound import Content as Said
from edge.store.outbound import Outgoing
from edge.store.people import MemberMissing, People, ProfileUnreadable
from edge.store.service import Content, Ticket, TooManyTickets
from edge.store.service_schema import rebuild_service
from edge.store.staff import Staff
from edge.wire.messages import DeskFact

WHAT_CHARS_MAX: Final = 120
NAME_CHARS_MAX: Final = 80
KIND: Final = "service.ready"
LIVES: Final = timedelta(days=3)
"""What could not be told within this time is no news any more; somebody calls instead."""
AGAIN: Final = timedelta(minutes=2)
"""The same ticket of the same guest within this time is a form that was sent twice."""
Reach = Literal["phone", "member"]
"""Whom a target reaches: who left a phone number; members too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """How guests are told to come. `target` None: by consultants alone."""

    target: str | None
    reach: Reach
    text: Callable[[Kind], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whose:
    subject: str | None = None
    visit: str | None = None


class ServiceDesk:
    """What people in the shop do with service tickets.

    Args:
        means: what every desk works with.
        telling: how guests are told to come.
        staff: who is at which device.
    """

    def __init__(
        self,
        means: Means,
        *,
        telling: Telling,
        staff: StaffDesk,
    ) -> None:
        self._telling = telling
        self._board = ServiceBoard(means, tells=telling.target is not None)
        self._db = means.db
        self._mark = means.mark
        self._profile_root = means.profile_root
        self._staff = staff
        self._teller = means.teller
        self._wake = means.wake

    # What is done

    def take_in(
        self,
        kind: str,
        *,
        device: str,
        what: str = "",
        due: str = "",
        visit: str = "",
        member: str = "",
        name: str = "",
        phone: str = "",
        entry: str | None = None,
    ) -> Made:
        """Make a ticket.

        Args:
            kind: what for.
            device: on which.
            what: what it is of, in the shop's words.
            due: the day that was promised, as 2026-11-30, or nothing.
            visit: the visit on whose card it is made, or nothing.
            member: the member's id or number in the shop's systems, or nothing.
            name: of somebody who is no member.
            phone: to be told by.
            entry: what a program calls it: the same one again is the same ticket.

        Raises:
            edge.store.database.StoreAway: it cannot be kept now.
        """
        wanted = next((one for one in KINDS if one == kind), None)
        root = self._profile_root()
        if wanted is None or root is None:
            return Made(problem="kind" if wanted is None else "key")
        day, to = _day(due), phone_number(phone)
        if due.strip() and day is None:
            return Made(problem="due")
        if phone.strip() and to is None:
            return Made(problem="phone")
        keys = ProfileKeys(root)
        whose = self._whose(keys, visit.strip(), member.strip())
        if isinstance(whose, Made):
            return whose
        called = "" if whose.subject else one_line(name, NAME_CHARS_MAX)
        if whose.subject is None and not (called or to):
            return Made(problem="nobody")
        content = Content(what=one_line(what, WHAT_CHARS_MAX), name=called, phone=to or "")
        return self._made(wanted, first(wanted), content, whose, day, device, keys, entry)

    def _whose(self, keys: ProfileKeys, visit: str, member: str) -> _Whose | Made:
        db = self._db()
        if visit:
            row = db.execute("SELECT subject FROM visit WHERE id = ?", [visit]).fetchone()
            if row is None or not is_here(db, visit):
                return Made(problem="gone")
            return _Whose(subject=row[0], visit=visit if row[0] else None)
        if not member:
            return _Whose()
        people = People(db, keys)
        try:
            return _Whose(subject=(people.by_external_id(member) or people.by_id(member)).subject)
        except MemberMissing:
            return Made(problem="member")
        except ProfileUnreadable:
            return Made(problem="damaged")

    def _made(
        self,
        kind: Kind,
        state: State,
        content: Content,
        whose: _Whose,
        due: date | None,
        device: str,
        keys: ProfileKeys,
        entry: str | None,
    ) -> Made:
        db, now, me = self._db(), self._mark().at, self._staff.me(device)
        try:
            with transaction(db):
                # A program that names its tickets may mean two of the same.
                known = (
                    service.entered(db, entry)
                    if entry
                    else self._twin(kind, content, whose, keys, now)
                )
                if known is not None:
                    return Made(ticket=known.id)
                made = service.make(
                    db,
                    keys,
                    kind,
                    state,
                    content,
                    subject=whose.subject,
                    visit=whose.visit,
                    due=due,
                    staff=me.staff,
                    device=device,
                    entry=entry,
                    now=now,
                )
                self._note(device, made, "made")
                self._tell(made, me.staff)
        except TooManyTickets:
            return Made(problem="full")
        except MemberMissing:
            return Made(problem="member")
        except Unreadable:
            return Made(problem="damaged")
        self._wake()
        return Made(ticket=made.id)

    def _twin(
        self, kind: Kind, content: Content, whose: _Whose, keys: ProfileKeys, now: datetime
    ) -> Ticket | None:
        """Return the ticket that a form sent twice has made already."""
        db = self._db()
        for one in service.made_since(db, kind, now - AGAIN):
            held = service.content_of(db, keys, one) if one.subject == whose.subject else None
            if held is not None and replace(held, office="") == replace(content, office=""):
                return one
        return None

    def move(self, ticket: str, to: str, device: str) -> bool:
        """Let a ticket go on; who may come is told so.

        Returns:
            False if it is not there, that is no way, or somebody was quicker; the page shows what
            is true now.
        """
        wanted = next((state for state in STATES if state == to), None)
        db, mark, me = self._db(), self._mark(), self._staff.me(device)
        with transaction(db):
            before = service.ticket_of(db, ticket)
            if before is None or wanted is None:
                return False
            after = service.move(db, before, wanted, mark.at)
            if after is None:
                return False
            if after.state == "ready":
                self._call(after, mark)
            elif before.state == "ready" and outbound.cancel(db, key_of(before), mark.at):
                service.note_withdrawn(db, before)
            self._mind_office(before, after)
            self._note(device, after, after.state)
            self._tell(after, me.staff)
        self._wake()
        return True

    def _call(self, ticket: Ticket, mark: Mark) -> None:
        """Write the message that a guest may come, in the caller's transaction, if one can be."""
        db, root = self._db(), self._profile_root()
        if root is None or self._telling.target is None or ticket.asked or ticket.doubtful:
            return
        keys = ProfileKeys(root)
        content = service.content_of(db, keys, ticket)
        if content is None or not self._is_reachable(ticket, content):
            return
        said = Said(
            text=self._telling.text(ticket.kind),
            phone=content.phone or None,
            data={
                "ticket": ticket.id,
                "kind": ticket.kind,
                "member": external_id_of(self._db(), keys, ticket.subject),
            },
        )
        message = Outgoing(
            kind=KIND,
            target=self._telling.target,
            key=key_of(ticket),
            content=said,
            lives=LIVES,
            subject=ticket.subject,
        )
        if outbound.enqueue(db, message, mark, keys) != "full":
            service.note_asked(db, ticket)

    def _is_reachable(self, ticket: Ticket, content: Content) -> bool:
        by_number = bool(content.phone)
        return by_number or (self._telling.reach == "member" and ticket.subject is not None)

    def _mind_office(self, before: Ticket, after: Ticket) -> None:
        """Remember, in the caller's transaction, what head office says of a repair that was just
        collected: it may say so for days. A step back takes that back.
        """
        root, db = self._profile_root(), self._db()
        if root is None or before.kind != "repair" or before.subject is None:
            return
        keys = ProfileKeys(root)
        held = service.content_of(db, keys, before)
        if held is None or (after.state != "collected" and not held.office):
            return
        office = ""
        if after.state == "collected":
            profile = profile_of(People(db, keys), before.subject)
            office = (profile.repair_ready or "") if profile else ""
            others = service.of_members(db, [before.subject])
            if any(one.kind == "repair" and one.state == "ready" for one in others):
                office = ""  # what it says may lie ready still
        service.note_office(db, keys, after, replace(held, office=office))

    def hand_over(self, visit: str, device: str) -> bool:
        """Note that what head office says lies ready was collected, of which there is no ticket.

        Returns:
            False if there is no such guest, or nothing of the kind.
        """
        root, db = self._profile_root(), self._db()
        if root is None:
            return False
        keys = ProfileKeys(root)
        whose = self._whose(keys, visit, "")
        if isinstance(whose, Made) or whose.subject is None:
            return False
        profile = profile_of(People(db, keys), whose.subject)
        office = (profile.repair_ready or "") if profile else ""
        held = self._board.of_members([whose.subject]).get(whose.subject, MembersTickets())
        if not office or is_handed_over(office, held.handed_over):
            return False
        content = Content(what=office, office=office)
        made = self._made("repair", "collected", content, whose, None, device, keys, None)
        return made.problem is None

    def phone(self, ticket: str, actor: str) -> str | None:
        """Return the whole phone number of a ticket, to be called; it is logged who saw it.

        None: there is none, or it cannot be opened.
        """
        root, db = self._profile_root(), self._db()
        found = service.ticket_of(db, ticket)
        if root is None or found is None:
            return None
        content = service.content_of(db, ProfileKeys(root), found)
        if content is None or not content.phone:
            return None
        with transaction(db):
            self._note(actor, found, "phone")
        return content.phone

    def forget(self, ticket: str, actor: str) -> bool:
        """Delete a ticket that has ended, whoever it is of; False: there is no such ticket."""
        db = self._db()
        with transaction(db):
            found = service.ticket_of(db, ticket)
            if found is None or not service.forget(db, ticket):
                return False
            rebuild_service(db)
            self._note(actor, found, "forgotten")
        self._wake()
        return True

    def _note(self, actor: str, ticket: Ticket, how: str) -> None:
        db, now = self._db(), self._mark().at
        detail: dict[str, Code] = {"how": how, "ticket": ticket.id, "kind": ticket.kind}
        Audit(db).append(at=now, what="service", actor=actor, subject=ticket.subject, detail=detail)
        Staff(db).acts(actor, now)

    def _tell(self, ticket: Ticket, staff: str | None) -> None:
        """Tell the hub, in the caller's transaction, what state a ticket is in now."""
        fact = DeskFact(
            what="service",
            id=ticket.id,
            rev=ticket.rev + 1,
            visit=None,
            staff=staff,
            about=ticket.made_at,
            kind=ticket.kind,
            state=ticket.state,
            open_days=self._board.days(ticket),
        )
        self._teller.tell(self._db(), fact)

    # What is shown

    def shown(self, actor: str, *, names: bool = True) -> ServiceView:
        """Return the page; members' names are logged as seen, or withheld.

        Without `names` nothing is opened: only kinds, states and days are told.
        """
        return self._board.shown(actor, names=names)

    def of_members(self, subjects: Collection[str]) -> Mapping[str, MembersTickets]:
        """Return what is open of some members, whose names whoever asks is shown."""
        return self._board.of_members(subjects)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip()) if len(text.strip()) == 10 else None
    except ValueError:
        return None
