"""The queue at the desk: numbers are given out, guests called back, calls made.

Used by the pages and the API; `run` is the clock's part of it, a thread of the front process. A
number and its message are kept in one transaction, so each goes out once, whatever is restarted.
"""

import logging
import threading
from datetime import timedelta
from typing import Final

from edge.core.codes import read_typed
from edge.core.moments import Mark, elapsed
from edge.core.queue import (
    CALL_AFTER_MIN,
    Rules,
    State,
    Step,
    due,
    number_text,
    phone_number,
)
from edge.desk.means import Means
from edge.desk.queue_board import QueueBoard
from edge.desk.queue_caller import Calling, QueueCaller, key_of
from edge.desk.queue_view import Display, Given, QueueView
from edge.keys.profiles import ProfileKeys
from edge.store import outbound, queue
from edge.store.arrivals import visit_of
from edge.store.audit import Audit, Code
from edge.store.codes import Codes
from edge.store.database import StoreAway, transaction
from edge.store.people import MemberMissing, People, ProfileUnreadable
from edge.store.queue import QueueFull, TaskEnd, Ticket
from edge.wire.messages import DeskFact

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 2.0
_OVER: Final = timedelta(hours=6)
"""Who has waited so long, and since another day, is gone; a shop may be open at midnight."""
_WAITED_MAX_S: Final = 1_000_000


class QueueDesk:
    """What people in the shop do with the queue.

    Args:
        means: what every desk works with.
        rules: when things are due; the manager's word goes before `call_after`.
        calling: how guests are called.
    """

    def __init__(
        self,
        means: Means,
        *,
        rules: Rules,
        calling: Calling,
    ) -> None:
        self._teller = means.teller
        self._means = means
        self._board = QueueBoard(means, rules, tells=calling.target is not None)
        self._caller = QueueCaller(means, calling, rules.late_after)
        self._zone = means.zone
        self._db = means.db
        self._clock = means.clock
        self._mark = means.mark
        self._profile_root = means.profile_root
        self._wake = means.wake

    # What is asked of it

    def take(self, *, phone: str, code: str, member: str, actor: str) -> Given:
        """Give out a number to whoever left a phone number, showed a code, or is a member.

        Args:
            phone: a phone number, or nothing. Beside a member's code of the phone, its end will do.
            code: a one-time code, or nothing.
            member: a member's id or number in the shop's systems, or nothing.
            actor: the device.

        Raises:
            edge.store.database.StoreAway: it cannot be kept now.
        """
        if not (phone.strip() or code.strip() or member.strip()):
            return Given(problem="nobody")
        root = self._profile_root()
        if root is None:
            return Given(problem="key")
        keys, to = ProfileKeys(root), phone_number(phone)
        if to is None and phone.strip() and not code.strip():
            return Given(problem="phone")
        subject: str | None = None
        if member.strip():
            found = self._member(keys, member.strip())
            if isinstance(found, Given):
                return found
            subject = found
        elif code.strip():
            judged = Codes(self._db(), keys).redeem_for(
                read_typed(code, phone if to is None else ""),
                device=actor,
                now=self._clock.now(),
                sure=self._clock.state() == "ok",
            )
            if judged.subject is None:
                self._wake()
                return Given(problem="code", outcome=judged.outcome)
            subject = judged.subject
        return self._given(subject, to, keys, actor)

    def _member(self, keys: ProfileKeys, wanted: str) -> str | Given:
        people = People(self._db(), keys)
        try:
            return (people.by_external_id(wanted) or people.by_id(wanted)).subject
        except MemberMissing:
            return Given(problem="member")
        except ProfileUnreadable:
            return Given(problem="damaged")

    def _given(self, subject: str | None, to: str | None, keys: ProfileKeys, actor: str) -> Given:
        db, mark = self._db(), self._mark()
        try:
            with transaction(db):
                made = queue.take(
                    db, self._means.day_of(mark.at), mark, subject=subject, phone=to, keys=keys
                )
                self._note(actor, made, "take")
                self._tell(made.id, mark)
        except QueueFull:
            return Given(problem="full")
        except MemberMissing:
            return Given(problem="member")
        self._wake()
        return Given(number=number_text(made.number))

    def move(self, ticket: str, to: State, actor: str) -> bool:
        """Let a ticket go on: `called` by hand, `back`, `served` or `gone`.

        Returns:
            False if it is not there, or somebody was quicker; the page shows what is true now.
        """
        db, mark = self._db(), self._mark()
        with transaction(db):
            found = queue.ticket_of(db, ticket)
            if found is None:
                return False
            if to == "called":
                done = found.state == "waiting" and self._caller.call(found, mark)
            else:
                done = queue.move(db, found, to, mark.at)
                if done:
                    outbound.cancel(db, key_of(found), mark.at)
            if done:
                self._note(actor, found, to)
                self._tell(ticket, mark)
        if done:
            self._wake()
        return done

    def end_task(self, ticket: str, how: TaskEnd, actor: str) -> bool:
        """Note what came of a call: reached, who then comes; or not, who is then gone."""
        db, mark = self._db(), self._mark()
        with transaction(db):
            found = queue.ticket_of(db, ticket)
            if found is None or not queue.end_task(db, found, how):
                return False
            if how == "unreached" and (now := queue.ticket_of(db, ticket)) is not None:
                queue.move(db, now, "gone", mark.at)
                self._tell(ticket, mark)
            self._note(actor, found, how)
        self._wake()
        return True

    def phone(self, ticket: str, actor: str) -> str | None:
        """Return the whole phone number of a ticket, to be called; it is logged who saw it.

        None: there is none, or it cannot be opened.
        """
        root, db = self._profile_root(), self._db()
        found = queue.ticket_of(db, ticket)
        if root is None or found is None:
            return None
        to = queue.phone_of(db, ProfileKeys(root), found)
        if to is not None:
            with transaction(db):
                self._note(actor, found, "phone")
        return to

    def set_call_after(self, minutes: int, actor: str) -> bool:
        """Set after how many minutes guests are called; False: no such time can be set."""
        if minutes not in CALL_AFTER_MIN:
            return False
        db, now = self._db(), self._clock.now()
        with transaction(db):
            queue.set_call_after(db, timedelta(minutes=minutes), now, actor=actor)
            detail: dict[str, Code] = {"how": "set", "minutes": minutes}
            Audit(db).append(at=now, what="queue", actor=actor, detail=detail)
        self._wake()
        return True

    def _note(self, actor: str, ticket: Ticket, how: str) -> None:
        detail: dict[str, Code] = {"how": how, "ticket": ticket.id}
        Audit(self._db()).append(
            at=self._mark().at, what="queue", actor=actor, subject=ticket.subject, detail=detail
        )

    def _tell(self, ticket: str, mark: Mark) -> None:
        """Tell the hub, in the caller's transaction, what state a ticket is in now."""
        one = queue.ticket_of(self._db(), ticket)
        if one is None:
            return
        waited_s = int(elapsed(one.taken, mark).total_seconds())
        self._say(one, min(waited_s, _WAITED_MAX_S))

    def _say(self, one: Ticket, waited_s: int) -> None:
        visit = self._visit(one)
        fact = DeskFact(
            what="queue",
            id=one.id,
            rev=one.rev + 1,
            visit=visit,
            staff=None,
            about=one.taken.at,
            state=one.state,
            waited_s=waited_s,
        )
        queue.note_said(self._db(), one.id, visit, waited_s)
        self._teller.tell(self._db(), fact)

    def _correct(self) -> None:
        """Tell the hub anew of tickets whose visit turned out to be somebody else's."""
        db = self._db()
        for ticket, waited_s in queue.astray(db):
            with transaction(db):
                queue.revise(db, ticket)
                if (one := queue.ticket_of(db, ticket)) is not None:
                    self._say(one, waited_s)

    def _visit(self, one: Ticket) -> str | None:
        """Return the visit that a ticket was taken on, where its member is known to be here."""
        if one.subject is None:
            return None
        midnight = one.taken.at.astimezone(self._zone).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        return visit_of(self._db(), one.subject, one.taken.at, since=midnight)

    # What it shows

    def shown(self, actor: str, *, names: bool = True) -> QueueView:
        """Return the consultants' page; members' names are logged as seen, or withheld.

        Without `names` nothing is opened: no name, no end of a phone number.
        """
        return self._board.shown(actor, names=names)

    def display(self) -> Display:
        """Return what guests see: numbers, and nothing of anybody."""
        return self._board.display()

    # What the clock does

    def run(self, stop: threading.Event) -> None:
        """Take the steps that are due until `stop` is set."""
        while not stop.wait(LOOK_EVERY_S):
            try:
                if self.fire():
                    self._wake()
            except StoreAway as exc:
                log.warning("the queue has to wait: %s", exc)

    def fire(self) -> int:
        """Take every step that is due now; return how many there were.

        Raises:
            edge.store.database.StoreAway: some have to wait.
        """
        db, mark, rules = self._db(), self._mark(), self._board.rules()
        steps = self._close_day(mark)
        self._correct()
        for one in queue.open_tickets(db):
            step = due(self._caller.waits(one), rules, mark, self._caller.message(one))
            if step is not None:
                with transaction(db):
                    # Nobody has been quicker, and no member was erased.
                    if queue.ticket_of(db, one.id) == one:
                        steps += self._step(one, step, mark)
                        if one.state == "waiting":
                            self._tell(one.id, mark)
        return steps

    def _close_day(self, mark: Mark) -> int:
        """End who is left of the days before, unless nobody knows what day it is."""
        if self._clock.state() != "ok":
            return 0
        db, day = self._db(), self._means.day_of(mark.at)
        left = [
            one
            for one in queue.open_tickets(db)
            if one.day < day.isoformat() and elapsed(one.taken, mark) >= _OVER
        ]
        if left or queue.has_old(db, day):
            with transaction(db):
                queue.close_day(db, left, day, mark.at)
                for one in left:
                    self._tell(one.id, mark)
        return len(left)

    def _step(self, one: Ticket, step: Step, mark: Mark) -> bool:
        db = self._db()
        match step:
            case "call":
                return self._caller.call(one, mark)
            case "told":
                return queue.note_told(db, one, mark)
            case "late" | "no_way":
                return queue.note_called(db, one, mark, step)
            case _:
                return queue.open_task(db, one, step)
