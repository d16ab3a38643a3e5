"""Events on their way to the hub, kept until it says that it has them, and 30 days longer.

Written by `ledger` inside its transaction, read and acknowledged by the uplink.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlite_utils import Database

from edge.store.database import transaction
from edge.wire import codec
from edge.wire.codec import utc_text
from edge.wire.messages import Ack, Body, EpochAck, EpochSpan, Event

KEEP_ACKED: Final = timedelta(days=30)
"""So that a hub restored from a backup can ask again (DESIGN section 5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The clocks when a fact became known."""

    at: datetime
    mono: float
    clock: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An outbox row that the hub has not acknowledged. `id` grows with each row."""

    id: int
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How much the hub does not have yet."""

    events: int
    oldest_at: datetime | None


Origin = Literal["run", "replay", "private"]
"""Who began an epoch. Events of a `private` one, a replay without --publish, are never sent."""

_SENT = "epoch IN (SELECT epoch FROM epoch WHERE origin <> 'private')"
EPOCHS_TOLD_MAX: Final = 1_000
"""Epochs in a hello: those with events that wait first, then the newest."""


class Outbox:
    """The outbox table, through one connection."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def begin_epoch(self, now: datetime, origin: Origin, boot: str | None = None) -> str:
        """Start a new epoch: 128 random bits, so no restored database reuses an identity.

        `boot` names the start of the machine that its times belong to; None for a recording's.
        """
        epoch = secrets.token_hex(16)
        with transaction(self._db) as db:
            db.execute(
                "INSERT INTO epoch (epoch, started_at, origin, last_seq, boot)"
                " VALUES (?, ?, ?, 0, ?)",
                [epoch, utc_text(now), origin, boot],
            )
        return epoch

    def append(self, epoch: str, entries: Sequence[tuple[Body, Reading]]) -> None:
        """Add events; the caller's transaction holds the rows that they describe.

        Raises:
            edge.wire.codec.WireFault: a field breaks the contract; roll the transaction back.
        """
        if not entries:
            return
        row = self._db.execute(
            "UPDATE epoch SET last_seq = last_seq + ? WHERE epoch = ? RETURNING last_seq",
            [len(entries), epoch],
        ).fetchone()
        first = row[0] - len(entries) + 1
        rows = []
        for seq, (body, reading) in enumerate(entries, start=first):
            event = Event(
                epoch=epoch,
                seq=seq,
                at=reading.at,
                mono=reading.mono,
                clock=reading.clock,
                body=body,
            )
            raw = json.dumps(codec.dump_event(event), ensure_ascii=False, separators=(",", ":"))
            rows.append((epoch, seq, body.KIND, utc_text(reading.at), raw))
        self._db.conn.executemany(
            "INSERT INTO outbox (epoch, seq, kind, at, event) VALUES (?, ?, ?, ?, ?)", rows
        )

    def waiting(self, *, after: int, limit: int) -> list[Waiting]:
        """Return unacknowledged rows with an id above `after`, oldest first."""
        rows = self._db.execute(
            f"SELECT id, event FROM outbox WHERE acked_at IS NULL AND id > ? AND {_SENT}"
            " ORDER BY id LIMIT ?",
            [after, limit],
        ).fetchall()
        return [Waiting(id=i, event=codec.load_event(json.loads(raw))) for i, raw in rows]

    def spans(self) -> list[EpochSpan]:
        """Return what is held of epochs that may be sent, oldest first; empty ones are left out."""
        rows = self._db.execute(
            "SELECT epoch, first, last FROM ("
            " SELECT epoch, min(seq) AS first, max(seq) AS last, max(id) AS newest,"
            " count(*) > count(acked_at) AS waits"
            f" FROM outbox WHERE {_SENT} GROUP BY epoch ORDER BY waits DESC, newest DESC LIMIT ?"
            ") ORDER BY newest",
            [EPOCHS_TOLD_MAX],
        ).fetchall()
        return [EpochSpan(epoch=e, first=first, last=last) for e, first, last in rows]

    def acknowledge(self, ack: Ack, now: datetime) -> int:
        """Mark what the hub has, and what it has lost; return how many rows changed.

        An answer to a hello speaks of everything that the box holds, so rows that the hub
        misses wait again even if they were acknowledged once: the hub was restored.
        """
        changed = 0
        with transaction(self._db):
            for entry in ack.epochs:
                changed += self._mark(entry, utc_text(now), whole=ack.hello is not None)
        return changed

    def _mark(self, entry: EpochAck, now: str, *, whole: bool) -> int:
        changed = 0
        if whole:
            for low, high in entry.missing:
                changed += self._db.execute(
                    "UPDATE outbox SET acked_at = NULL WHERE epoch = ? AND seq BETWEEN ? AND ?"
                    " AND acked_at IS NOT NULL",
                    [entry.epoch, low, high],
                ).rowcount
        cursor = self._db.execute(
            "UPDATE outbox SET acked_at = ? WHERE epoch = ? AND seq <= ? AND acked_at IS NULL",
            [now, entry.epoch, entry.through],
        )
        return changed + cursor.rowcount

    def backlog(self) -> Backlog:
        """Count what the hub has not acknowledged."""
        count, oldest = self._db.execute(
            f"SELECT count(*), min(at) FROM outbox WHERE acked_at IS NULL AND {_SENT}"
        ).fetchone()
        return Backlog(events=count, oldest_at=datetime.fromisoformat(oldest) if oldest else None)

    def prune(self, now: datetime) -> int:
        """Delete what was acknowledged more than `KEEP_ACKED` ago; return how many rows."""
        with transaction(self._db) as db:
            return db.execute(
                "DELETE FROM outbox WHERE acked_at < ?", [utc_text(now - KEEP_ACKED)]
            ).rowcount
