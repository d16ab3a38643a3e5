"""Tells targets of alerts: a member has come in, and it was somebody else. A thread of the front.

Put together by `edge.app.outbound`. It reads what the eyes have committed; each alert is taken into
the queue once for each target, since its key is known there, over restarts too. A name goes to a
webhook only whose settings say so, sealed while it waits and noted as a view first.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from edge.core.moments import Mark
from edge.core.profile import Profile
from edge.keys.profiles import ProfileKeys
from edge.store.audit import Audit
from edge.store.database import StoreAway, transaction
from edge.store.outbound import Content, Json, NoKeys, Outgoing, cancel, enqueue
from edge.store.people import MemberMissing, People, ProfileUnreadable
from edge.wire.codec import utc_text

log = logging.getLogger(__name__)

POLL_S: Final = 1.0
LATE: Final = timedelta(minutes=10)
"""What the box learns of so much later, as after a time without power, is no news to anybody."""
LIVES: Final = timedelta(hours=1)
"""A message that could not go out for so long is not sent any more."""
WITHDRAWN_WITHIN: Final = timedelta(days=1)
"""Who was somebody else is taken back on the same day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """A target that wants alerts; `named`: with the member's name and number."""

    name: str
    named: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alert:
    id: int
    at: datetime
    kind: str
    visit: str
    subject: str | None
    sure: bool | None


class AlertsOut:
    """Takes alerts into the queue.

    Args:
        receivers: who wants them.
        shop: the shop's name, for people.
        store_id: its id, for machines.
        zone: the shop's.
        db: a connection of the calling thread.
        keys: the key of the profiles, None while there is none.
        mark: the moment, by the box's clock.
    """

    def __init__(
        self,
        receivers: Sequence[Receiver],
        *,
        shop: str,
        store_id: str,
        zone: ZoneInfo,
        db: Callable[[], Database],
        keys: Callable[[], ProfileKeys | None],
        mark: Callable[[], Mark],
    ) -> None:
        self._receivers = receivers
        self._shop = shop
        self._store_id = store_id
        self._zone = zone
        self._db = db
        self._keys = keys
        self._mark = mark
        self._through = dict.fromkeys((one.name for one in receivers), 0)

    def run(self, stop: threading.Event) -> None:
        """Take alerts until `stop` is set."""
        while not stop.wait(POLL_S):
            self.step()

    def step(self) -> None:
        """Take what is new; what cannot be taken now is tried again at the next step."""
        for receiver in self._receivers:
            try:
                self._withdraw(receiver)
                for alert in self._alerts(self._through[receiver.name]):
                    self._take(receiver, alert)
                    self._through[receiver.name] = alert.id
            except NoKeys:
                continue  # it has to wait for its name
            except MemberMissing:
                continue  # erased at this moment: the next step tells it without a name
            except StoreAway as exc:
                log.warning("alerts to %s have to wait: %s", receiver.name, exc)

    def _alerts(self, after: int) -> list[_Alert]:
        # Of a visit that was corrected before it could be told nothing is told.
        rows = self._db().execute(
            "SELECT a.id, a.at, a.kind, a.visit, a.subject, v.sure FROM alert a"
            " JOIN visit v ON v.id = a.visit"
            " WHERE a.id > ? AND a.at >= ? AND a.origin = 'run' AND v.void = 0"
            " AND v.subject IS a.subject ORDER BY a.id",
            [after, utc_text(self._mark().at - LATE)],
        )
        return [
            _Alert(
                id=row[0],
                at=datetime.fromisoformat(row[1]),
                kind=row[2],
                visit=row[3],
                subject=row[4],
                sure=None if row[5] is None else bool(row[5]),
            )
            for row in rows.fetchall()
        ]

    def _take(self, receiver: Receiver, alert: _Alert) -> None:
        db, mark = self._db(), self._mark()
        profile = self._profile(alert) if receiver.named else None
        message = self._message(receiver, alert, profile)
        with transaction(db):
            taken = enqueue(db, message, mark, self._keys())
            if taken == "queued" and profile is not None:
                Audit(db).append(
                    at=mark.at,
                    what="view",
                    actor=f"outbound:{receiver.name}",
                    subject=alert.subject,
                    detail={"visit": alert.visit},
                )
        if taken == "full":
            log.error("an alert to %s is lost: too many messages wait", receiver.name)

    def _withdraw(self, receiver: Receiver) -> None:
        """Take back what was told of visits that turned out to be somebody else's, once each.

        What has not gone out yet is cancelled; what may have is followed by `alert.withdrawn`.
        """
        db, mark = self._db(), self._mark()
        rows = db.execute(
            "SELECT a.id, a.at, a.kind, a.visit, o.key, o.state, o.tries FROM alert a"
            " JOIN visit v ON v.id = a.visit"
            " JOIN outbound o ON o.key = 'alert/' || a.id || '/' || a.visit || '/' || ?1"
            " WHERE a.at >= ?2 AND a.origin = 'run' AND (v.void = 1 OR v.subject IS NOT a.subject)"
            " AND (o.state = 'waiting' OR (o.state IN ('sending', 'sent', 'unsure') AND NOT EXISTS"
            "  (SELECT 1 FROM outbound w WHERE w.key = o.key || '/withdrawn')))",
            [receiver.name, utc_text(mark.at - WITHDRAWN_WITHIN)],
        ).fetchall()
        for alert_id, at, kind, visit, key, state, tries in rows:
            alert = _Alert(
                id=alert_id,
                at=datetime.fromisoformat(at),
                kind=kind,
                visit=visit,
                subject=None,
                sure=None,
            )
            with transaction(db):
                unsent = state == "waiting" and cancel(db, key, mark.at) and not tries
                if unsent:
                    continue
                # It may have arrived, also where no answer came.
                taken = enqueue(db, self._withdrawal(receiver, alert, key), mark, None)
            if taken == "full":
                log.error("%s is not told of a wrong person: too many messages", receiver.name)

    def _withdrawal(self, receiver: Receiver, alert: _Alert, key: str) -> Outgoing:
        """Return the message that takes another one back, of which it names the id and nobody."""
        local = alert.at.astimezone(self._zone)
        return Outgoing(
            kind="alert.withdrawn",
            target=receiver.name,
            key=f"{key}/withdrawn",
            content=Content(
                text=f"【{self._shop}】{local:%H:%M} 的到店提醒认错人了，请忽略",
                data={
                    "alert": alert.kind,
                    "store": self._store_id,
                    "visit": alert.visit,
                    "at": local.isoformat(timespec="seconds"),
                    "withdraws": key,
                },
            ),
            lives=LIVES,
        )

    def _profile(self, alert: _Alert) -> Profile | None:
        """Return whose alert it is; None: nobody's, or nobody can read it any more."""
        keys = self._keys()
        if keys is None:
            raise NoKeys("an alert with a name: expected the profiles' key, got none")
        if alert.subject is None:
            return None
        try:
            member = People(self._db(), keys).by_subject(alert.subject)
        except (MemberMissing, ProfileUnreadable):
            return None
        return member.profile if member is not None else None

    def _message(self, receiver: Receiver, alert: _Alert, profile: Profile | None) -> Outgoing:
        local = alert.at.astimezone(self._zone)
        data: dict[str, Json] = {
            "alert": alert.kind,
            "store": self._store_id,
            "visit": alert.visit,
            "at": local.isoformat(timespec="seconds"),
            "sure": alert.sure,
        }
        who = "会员"
        if profile is not None:
            who = profile.called or profile.name
            data |= {"name": who, "member": profile.external_id}
        return Outgoing(
            kind=f"alert.{alert.kind}",
            target=receiver.name,
            key=f"alert/{alert.id}/{alert.visit}/{receiver.name}",
            content=Content(text=f"【{self._shop}】{who} 到店 {local:%H:%M}", data=data),
            lives=LIVES,
            subject=alert.subject if profile is not None else None,
        )
