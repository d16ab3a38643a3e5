"""Events on their way to the hub, kept until it says that it has them, and 30 days longer.

Written by `ledger` inside its transaction, read and acknowledged by the uplink; `keeping` and
`limit` delete what is no longer needed, of each epoch always the oldest events first:

    epoch   . . . 4 5 6 7 8 9 10 11 12      deleted up to 3, hub has all up to 6 (`acked`)
            gone  had   wait    had         and 10 to 12 already (`acked_ahead`)
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple

from sqlite_utils import Database

from edge.store.database import transaction
from edge.wire import codec
from edge.wire.codec import utc_text
from edge.wire.messages import Ack, Body, EpochAck, EpochSpan, Event


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

EPOCHS_TOLD_MAX: Final = 1_000
"""Epochs in a hello: those with events that wait first, then the newest."""

THROUGH: Final = (
    "coalesce((SELECT max(acked.through) FROM acked WHERE acked.epoch = epoch.epoch), 0)"
)
"""Up to where the hub has an epoch without a gap, in a query of `epoch`."""
_FIRST: Final = "(SELECT min(seq) FROM outbox WHERE outbox.epoch = epoch.epoch)"
_LAST: Final = "(SELECT max(seq) FROM outbox WHERE outbox.epoch = epoch.epoch)"


class Span(NamedTuple):
    """The events of one epoch that wait; among them may be some that the hub has already."""

    epoch: str
    first: int
    last: int


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

    def newest(self) -> int:
        """Return the id of the newest row, 0 without one."""
        (newest,) = self._db.execute("SELECT coalesce(max(id), 0) FROM outbox").fetchone()
        return int(newest)

    def waiting(
        self,
        *,
        after: int,
        limit: int,
        upto: int | None = None,
        alerts: bool = False,
        alerts_after: int = 0,
    ) -> list[Waiting]:
        """Return unacknowledged rows with an id above `after`, oldest first.

        Args:
            after: the id after which to begin.
            limit: how many at most.
            upto: the last id that is wanted, None for all.
            alerts: only alerts are wanted.
            alerts_after: alerts are wanted only above this id, other rows whatever theirs is.
        """
        begin = max(after, self._before_first_waiting())
        # An alert's row is found by its index only if nothing else is asked of the kind.
        kinds = " AND kind = 'alert'" if alerts else " AND (kind <> 'alert' OR outbox.id > ?)"
        bounds = [begin, upto] if alerts else [begin, upto, alerts_after]
        rows = self._db.execute(
            "SELECT outbox.id, outbox.event FROM outbox CROSS JOIN epoch USING (epoch)"
            " WHERE outbox.id > ? AND outbox.id <= coalesce(?, outbox.id)"
            f" AND epoch.origin <> 'private' AND outbox.seq > {THROUGH}{kinds}"
            " AND NOT EXISTS (SELECT 1 FROM acked_ahead AS ahead WHERE ahead.epoch = outbox.epoch"
            "  AND outbox.seq BETWEEN ahead.low AND ahead.high)"
            " ORDER BY outbox.id LIMIT ?",
            [*bounds, limit],
        ).fetchall()
        return [Waiting(id=i, event=codec.load_event(json.loads(raw))) for i, raw in rows]

    def _before_first_waiting(self) -> int:
        """Return an id below which nothing waits: what was acknowledged is not to be read through.

        Nothing waiting: the newest id.
        """
        firsts = []
        for span in self.waiting_spans():
            row = self._db.execute(
                "SELECT id FROM outbox WHERE epoch = ? AND seq = ?", [span.epoch, span.first]
            ).fetchone()
            if row is None:
                return 0  # summarised by another process since the spans were read
            firsts.append(row[0])
        return min(firsts) - 1 if firsts else self.newest()

    def waiting_spans(self) -> list[Span]:
        """Return the unacknowledged events of each epoch that has some, in no order."""
        rows = self._db.execute(
            f"SELECT epoch, max(through + 1, {_FIRST}), {_LAST} FROM ("
            f" SELECT epoch, last_seq, {THROUGH} AS through FROM epoch WHERE origin <> 'private'"
            ") AS epoch WHERE last_seq > through"
        ).fetchall()
        return [Span(*row) for row in rows if row[1] is not None and row[1] <= row[2]]

    def spans(self) -> list[EpochSpan]:
        """Return what is held of epochs that may be sent, oldest first; empty ones are left out."""
        rows = self._db.execute(
            "SELECT epoch, first, last, begun FROM ("
            f" SELECT epoch, {_FIRST} AS first, {_LAST} AS last, {THROUGH} AS through,"
            " rowid AS begun FROM epoch WHERE origin <> 'private')"
            " WHERE first IS NOT NULL ORDER BY last > through DESC, begun DESC LIMIT ?",
            [EPOCHS_TOLD_MAX],
        ).fetchall()
        rows.sort(key=lambda row: row[3])
        return [EpochSpan(epoch=e, first=first, last=last) for e, first, last, _ in rows]

    def acknowledge(
        self, ack: Ack, now: datetime, declared: Mapping[str, int] | None = None
    ) -> int:
        """Mark what the hub has, and what it has lost; return by how many events it has more.

        An answer to a hello speaks of everything that the box holds, so events that the hub
        misses wait again even if they were acknowledged once: the hub was restored.

        Args:
            ack: the hub's word.
            now: when it came.
            declared: for an answer to a hello, the last number that the hello named of each epoch.

        Raises:
            edge.store.database.StoreAway: it cannot be kept now.
        """
        changed = 0
        with transaction(self._db):
            for entry in ack.epochs:
                known = self._db.execute(
                    f"SELECT last_seq, {THROUGH} FROM epoch WHERE epoch = ?", [entry.epoch]
                ).fetchone()
                if known is None:
                    continue
                last, before = known
                through = min(entry.through, last)
                if through > before or (ack.hello is not None and through < before):
                    self._mark(entry.epoch, through, utc_text(now)[:10])
                    changed += through - before
                if ack.hello is not None:
                    self._mark_ahead(entry, (declared or {}).get(entry.epoch, 0))
        return changed

    def _mark(self, epoch: str, through: int, day: str) -> None:
        self._db.execute(
            "UPDATE acked SET through = ?2 WHERE epoch = ?1 AND through > ?2", [epoch, through]
        )
        self._db.execute(
            "INSERT INTO acked (epoch, day, through) VALUES (?, ?, ?)"
            " ON CONFLICT (epoch, day) DO UPDATE SET through = excluded.through",
            [epoch, day, through],
        )
        self._db.execute("DELETE FROM acked_ahead WHERE epoch = ? AND high <= ?", [epoch, through])

    def _mark_ahead(self, entry: EpochAck, declared: int) -> None:
        """Note what the hub holds between and behind the ranges that it misses."""
        lows = [low for low, _ in entry.missing[1:]] + [declared + 1]
        between = zip((high + 1 for _, high in entry.missing), lows, strict=False)
        ahead = [(low, high - 1) for low, high in between if low < high]
        known = self._db.execute(
            "SELECT low, high FROM acked_ahead WHERE epoch = ? ORDER BY low", [entry.epoch]
        ).fetchall()
        if ahead != known:
            self._db.execute("DELETE FROM acked_ahead WHERE epoch = ?", [entry.epoch])
            self._db.conn.executemany(
                "INSERT INTO acked_ahead (epoch, low, high) VALUES (?, ?, ?)",
                [(entry.epoch, low, high) for low, high in ahead],
            )

    def committed(self) -> int:
        """Return how many events were ever put in, those of private replays included."""
        row = self._db.execute("SELECT coalesce(sum(last_seq), 0) FROM epoch").fetchone()
        count: int = row[0]
        return count

    def backlog(self, beyond: Mapping[str, int] | None = None) -> Backlog:
        """Tell how much the hub has not acknowledged; numbers without gaps need no counting.

        Args:
            beyond: up to where the hub has epochs, by a word of its that is not marked yet.
        """
        events, oldest = 0, list[str]()
        for epoch, first, last in self.waiting_spans():
            begin = max(first, (beyond or {}).get(epoch, 0) + 1)
            if begin > last:
                continue
            ahead = self._db.execute(
                "SELECT low, high FROM acked_ahead WHERE epoch = ? AND high >= ?", [epoch, begin]
            ).fetchall()
            had = sum(min(high, last) - max(low, begin) + 1 for low, high in ahead)
            events += last - begin + 1 - had
            row = self._db.execute(
                "SELECT at FROM outbox WHERE epoch = ? AND seq = ?", [epoch, begin]
            ).fetchone()
            oldest += row or ()  # none: summarised by another process meanwhile
        return Backlog(
            events=events, oldest_at=datetime.fromisoformat(min(oldest)) if oldest else None
        )
