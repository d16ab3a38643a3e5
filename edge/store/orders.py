"""Which orders of the hub were carried out, and what of them lasts. Written by `edge.app.orders`.

An order is held once it was carried out: what it says is in the store before its number is. If
the power fails in between, it comes again, and to carry it out twice changes nothing.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlite_utils import Database

from edge.store.database import transaction
from edge.wire.codec import utc_text
from edge.wire.messages import EpochAck
from edge.wire.orders import ConfigOrder
from edge.wire.received import Received, at_most

EPOCHS_TOLD_MAX: Final = 1_000
_RANGES_MAX: Final = 50
"""Gaps told of an epoch; to tell of too many is harmless, the hub then sends what is held."""
_FORGOTTEN_AFTER: Final = timedelta(days=90)
"""The hub forgets what was carried out after 30 days; what it never asks for again goes here."""


class HeldOrders:
    """The numbers of the orders that were carried out, through one connection."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def of(self, epoch: str) -> Received:
        """Return what is held of one epoch of the hub."""
        row = self._db.execute(
            "SELECT top, gaps FROM held_order WHERE epoch = ?", [epoch]
        ).fetchone()
        if row is None:
            return Received()
        return Received(top=row[0], gaps=[(low, high) for low, high in json.loads(row[1])])

    def take(
        self, epoch: str, seqs: Sequence[int], now: datetime, also: Callable[[], None]
    ) -> None:
        """Note orders as carried out; `also` runs in the same transaction."""
        with transaction(self._db) as db:
            held = self.of(epoch)
            held.take(sorted(set(seqs)))
            db.execute(
                "INSERT OR REPLACE INTO held_order VALUES (?, ?, ?, ?)",
                [epoch, held.top, json.dumps(held.gaps), utc_text(now)],
            )
            also()

    def told(self, epoch: str | None = None) -> tuple[EpochAck, ...]:
        """Return what is held of one epoch, or of the 1,000 that were touched last."""
        names = [epoch] if epoch is not None else self._newest()
        return tuple(_told(name, self.of(name)) for name in names)

    def _newest(self) -> list[str]:
        rows = self._db.execute(
            "SELECT epoch FROM held_order ORDER BY touched_at DESC LIMIT ?", [EPOCHS_TOLD_MAX]
        ).fetchall()
        return [epoch for (epoch,) in rows]

    def mark(self) -> str | None:
        """Return the last checkpoint that the hub set."""
        row = self._db.execute("SELECT value FROM head_office WHERE name = 'mark'").fetchone()
        return row[0] if row else None

    def keep_mark(self, mark: str, now: datetime) -> None:
        """Keep a checkpoint, and forget numbers that nobody will ask for any more."""
        with transaction(self._db) as db:
            _keep(db, "mark", 0, mark, now)
            db.execute(
                "DELETE FROM held_order WHERE touched_at < ?", [utc_text(now - _FORGOTTEN_AFTER)]
            )


def _told(epoch: str, held: Received) -> EpochAck:
    return EpochAck(epoch=epoch, through=held.top, missing=tuple(at_most(held.gaps, _RANGES_MAX)))


def _keep(db: Database, name: str, version: int, value: str, now: datetime) -> None:
    db.execute(
        "INSERT OR REPLACE INTO head_office VALUES (?, ?, ?, ?)",
        [name, version, value, utc_text(now)],
    )


def has_orders(db: Database) -> bool:
    """Say whether this store was made, or brought up to date, by a release that knows orders."""
    return "head_office" in db.table_names()


def wish_of(db: Database) -> ConfigOrder | None:
    """Return the settings that head office laid over the box's own, None while there are none."""
    row = db.execute("SELECT value FROM head_office WHERE name = 'config'").fetchone()
    return ConfigOrder(**json.loads(row[0])) if row else None


def keep_wish(db: Database, wish: ConfigOrder, now: datetime) -> None:
    """Keep settings of head office, in the caller's transaction."""
    _keep(db, "config", wish.version, json.dumps(asdict(wish), ensure_ascii=False), now)


def digest_of(subject: str) -> str:
    """Return by what an erased subject is known."""
    return sha256(subject.encode()).hexdigest()


def bury(db: Database, digest: str, now: datetime) -> None:
    """Note, in the caller's transaction, that whoever has this hash was erased."""
    db.execute("INSERT OR IGNORE INTO erased_subject VALUES (?, ?)", [digest, utc_text(now)])


def is_buried(db: Database, subject: str) -> bool:
    """Say whether a subject was erased."""
    row = db.execute("SELECT 1 FROM erased_subject WHERE hash = ?", [digest_of(subject)]).fetchone()
    return row is not None


def member_with(db: Database, digest: str) -> tuple[str, str] | None:
    """Return id and subject of the member whose subject has a hash; 1 ms for 1,000 members."""
    rows = db.execute(
        "SELECT m.id, m.subject, o.id FROM member AS m"
        " LEFT JOIN office_member AS o ON o.subject = m.subject"
    )
    # Another box may call the member something else: of that name only the hash is held.
    (shared,) = db.execute(
        "SELECT max(subject) FROM share_in WHERE id = ? AND subject IS NOT NULL", [digest]
    ).fetchone()
    for member_id, subject, office_id in rows:
        if subject == shared or digest in (
            digest_of(subject),
            office_id and digest_of(office_id),
        ):
            return member_id, subject
    return None


def office_member(db: Database, office_id: str) -> tuple[str, int] | None:
    """Return the subject and the revision of a member of head office."""
    row = db.execute("SELECT subject, rev FROM office_member WHERE id = ?", [office_id]).fetchone()
    return (row[0], row[1]) if row else None


def note_office_member(db: Database, office_id: str, subject: str, rev: int) -> bool:
    """Note, in the caller's transaction, who a member of head office is; say whether that is new.

    Whoever head office knew under another id before is known under this one now.
    """
    new = office_member(db, office_id) is None
    db.execute("DELETE FROM office_member WHERE id = ? OR subject = ?", [office_id, subject])
    db.execute("INSERT INTO office_member VALUES (?, ?, ?)", [office_id, subject, rev])
    return new


def forget_office_member(db: Database, subject: str, now: datetime) -> None:
    """Forget, in the caller's transaction, what head office calls an erased member, for ever."""
    rows = db.execute("SELECT id FROM office_member WHERE subject = ?", [subject]).fetchall()
    for (office_id,) in rows:
        bury(db, digest_of(office_id), now)
    db.execute("DELETE FROM office_member WHERE subject = ?", [subject])


def want_key(db: Database, now: datetime) -> None:
    """Note that head office wants the box's key to seal things to."""
    with transaction(db):
        _keep(db, "key", 0, "wanted", now)


def key_wanted(db: Database) -> bool:
    """Say whether head office ever wanted the box's key."""
    row = db.execute("SELECT 1 FROM head_office WHERE name = 'key'").fetchone()
    return row is not None
