"""What the eyes do besides looking: corrections, codes and staff from the shop's page, consents
that run out, and the audit log's word on modes and matches.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlite_utils import Database

from edge.app.common import reading_of
from edge.core.codes import CODE_LIVES
from edge.core.identity import Recognised
from edge.core.visit import Change, EndReason, Visit
from edge.modes import ModeStatus
from edge.ports import Clock
from edge.store.audit import Audit, Code, What
from edge.store.consents import Change as MemberChange
from edge.store.consents import Consents
from edge.store.database import StoreAway, transaction
from edge.store.outbox import Outbox
from edge.store.people import member_of
from edge.store.recall import visit_of
from edge.store.switches import ARRIVAL, PAID, Request, note_done, open_requests
from edge.wire.messages import MemberChanged

log = logging.getLogger(__name__)

ACTOR: Final = "eyes"
EXPIRE_EVERY_S: Final = 60.0
_SAID: Final[Mapping[str, What]] = {
    ARRIVAL: "code",
    "end": "end",
    PAID: "end",
    "staff": "staff",
    "guest": "staff",
}
"""What the audit log calls a request; all others are corrections."""
_HOW: Final = {ARRIVAL: "arrival", "staff": "was_staff", "guest": "was_guest"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """A request that the eyes have dealt with: of whom it spoke, and of what visit."""

    request: Request
    subject: str | None
    visit: str | None

    @property
    def detail(self) -> dict[str, Code]:
        told: dict[str, Code] = {"visit": self.visit}
        how = _HOW.get(self.request.kind)
        return {**told, "how": how} if how else told


class StoreErrands:
    """Implements `edge.eyes.Errands` over the box's database.

    Args:
        db: the database, through the eyes' connection.
        epoch: the epoch of this start.
        clock: the box's clock.
    """

    def __init__(self, db: Database, epoch: str, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._audit = Audit(db)
        self._outbox = Outbox(db)
        self._epoch = epoch
        self._consents = Consents(db, actor=ACTOR, tell=self._tell)
        self._expired = float("-inf")
        self._in_hand: dict[int, _Done] = {}
        self._takes = {
            ARRIVAL: self._arrived,
            "end": self._ended,
            PAID: self._ended,
            "staff": self._marked,
            "guest": self._marked,
        }
        self.correct: Callable[[datetime, Visit], list[Change]] = lambda at, visit: []
        self.end: Callable[[datetime, str, EndReason], list[Change]] = lambda at, visit, reason: []
        self.mark: Callable[[datetime, Visit, bool], list[Change]] = lambda at, visit, staff: []
        self.let_in: Callable[[datetime, str], Recognised] = lambda at, subject: Recognised(
            changes=[]
        )

    def _tell(self, subject: str, change: MemberChange) -> None:
        body = MemberChanged(subject=subject, change=change)
        self._outbox.append(self._epoch, [(body, reading_of(self._clock))])

    def note_match(self, at: datetime, visit: Visit) -> None:
        """Note in the audit log that a visit was found to be a member's."""
        detail: dict[str, Code] = {"visit": visit.id, "sure": visit.sure}
        if visit.sure is None:
            detail["how"] = "code"
        self._audit.append(at=at, what="match", actor=ACTOR, subject=visit.subject, detail=detail)

    def note_mode(self, status: ModeStatus) -> None:
        """Note the mode that this start runs, if the last one ran another or had other reasons."""
        detail = {"mode": status.mode, "wanted": status.wanted, "why": ".".join(status.why) or None}
        try:
            with transaction(self._db):
                last = self._audit.last("mode")
                if last is None or dict(last.detail) != detail:
                    self._audit.append(
                        at=self._clock.now(), what="mode", actor=ACTOR, detail=detail
                    )
        except StoreAway as exc:
            log.error("the mode is not in the audit log: %s", exc)

    def open(self) -> Sequence[Change]:
        """Return what follows from the corrections and codes that wait."""
        self._expire()
        changes: list[Change] = []
        for request in open_requests(self._db):
            if request.id not in self._in_hand:
                changes += self._takes.get(request.kind, self._corrected)(request)
        return changes

    def _corrected(self, request: Request) -> list[Change]:
        visit = visit_of(self._db, request.visit) if request.visit else None
        subject = visit.subject if visit else None
        self._in_hand[request.id] = _Done(request=request, subject=subject, visit=request.visit)
        if visit is None or request.kind != "wrong_person":
            return []
        return self.correct(self._clock.now(), visit)

    def _ended(self, request: Request) -> list[Change]:
        """Let a guest go who has left, not before somebody said so: the eyes may have been away."""
        visit = visit_of(self._db, request.visit) if request.visit else None
        subject = visit.subject if visit else None
        self._in_hand[request.id] = _Done(request=request, subject=subject, visit=request.visit)
        reason: EndReason = "receipt" if request.kind == PAID else "tap"
        return self.end(min(request.at, self._clock.now()), visit.id, reason) if visit else []

    def _marked(self, request: Request) -> list[Change]:
        """Take from a person in the shop that a visit was staff's, or a guest's after all."""
        visit = visit_of(self._db, request.visit) if request.visit else None
        self._in_hand[request.id] = _Done(request=request, subject=None, visit=request.visit)
        return self.mark(self._clock.now(), visit, request.kind == "staff") if visit else []

    def _arrived(self, request: Request) -> list[Change]:
        """Let a member in who showed a code, unless the eyes were away for so long that it is over
        or the member was erased since.
        """
        now, subject = self._clock.now(), request.subject
        known = None
        if subject is not None and now - request.at <= CODE_LIVES and member_of(self._db, subject):
            known = self.let_in(now, subject)
        self._in_hand[request.id] = _Done(
            request=request, subject=subject, visit=known.visit if known else None
        )
        return known.changes if known else []

    def done(self) -> None:
        """Note that what was asked for is kept, and in whose name it was done."""
        if not self._in_hand:
            return
        now = self._clock.now()
        with transaction(self._db):
            for one in self._in_hand.values():
                note_done(self._db, one.request, now, one.subject, one.visit)
                self._audit.append(
                    at=now,
                    what=_SAID.get(one.request.kind, "wrong_person"),
                    actor=one.request.actor,
                    subject=one.subject,
                    detail=one.detail,
                )
        self._in_hand.clear()

    def _expire(self) -> None:
        """End the consents that have run out, unless the clock may be wrong: gone is gone."""
        now = self._clock.mono()
        if now - self._expired < EXPIRE_EVERY_S or self._clock.state() != "ok":
            return
        ended = self._consents.expire(self._clock.now())
        for subject in ended:
            log.info("the consent of %s has run out; the template is gone", subject)
        if not ended:  # else there may be more
            self._expired = now
