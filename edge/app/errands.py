"""What the eyes do besides looking: corrections from the shop's page, consents that run out, and
the audit log's word on modes and matches.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from sqlite_utils import Database

from edge.app.common import reading_of
from edge.core.visit import Change, Visit
from edge.modes import ModeStatus
from edge.ports import Clock
from edge.store.audit import Audit
from edge.store.consents import Change as MemberChange
from edge.store.consents import Consents
from edge.store.database import StoreAway, transaction
from edge.store.outbox import Outbox
from edge.store.recall import visit_of
from edge.store.switches import Request, note_done, open_requests
from edge.wire.messages import MemberChanged

log = logging.getLogger(__name__)

ACTOR: Final = "eyes"
EXPIRE_EVERY_S: Final = 60.0


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
        self._in_hand: dict[int, tuple[Request, str | None]] = {}
        self.correct: Callable[[datetime, Visit], list[Change]] = lambda at, visit: []

    def _tell(self, subject: str, change: MemberChange) -> None:
        body = MemberChanged(subject=subject, change=change)
        self._outbox.append(self._epoch, [(body, reading_of(self._clock))])

    def note_match(self, at: datetime, visit: Visit) -> None:
        """Note in the audit log that a visit was found to be a member's."""
        self._audit.append(
            at=at,
            what="match",
            actor=ACTOR,
            subject=visit.subject,
            detail={"visit": visit.id, "sure": visit.sure},
        )

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
        """Return what follows from the corrections that wait."""
        self._expire()
        changes: list[Change] = []
        for request in open_requests(self._db):
            if request.id in self._in_hand:
                continue
            visit = visit_of(self._db, request.visit)
            self._in_hand[request.id] = (request, visit.subject if visit else None)
            if visit is not None and request.kind == "wrong_person":
                changes += self.correct(self._clock.now(), visit)
        return changes

    def done(self) -> None:
        """Note that the corrections are kept, and in whose name they were made."""
        if not self._in_hand:
            return
        now = self._clock.now()
        with transaction(self._db):
            for request, subject in self._in_hand.values():
                note_done(self._db, request, now, subject)
                self._audit.append(
                    at=now,
                    what="wrong_person",
                    actor=request.actor,
                    subject=subject,
                    detail={"visit": request.visit},
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
