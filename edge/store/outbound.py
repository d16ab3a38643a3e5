"""The queue of what goes out of the shop: webhooks, short messages, bots (ADR 26).

Whoever has something to say calls `enqueue` inside the transaction of what it tells;
`edge.outbound` sends it. Each key is taken once and for all, so what is enqueued again after a
restart is not sent again.

    waiting ──begin──> sending ──┬──> sent        the target has taken it
       ▲                 │       ├──> unsure      nobody knows, and twice would be worse than once
       └────again────────┘       └──> refused     the target will never take it
    waiting ──> late (its time is over) | cancelled (no longer wanted)
"""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlite_utils import Database

from edge.core.moments import Mark, elapsed
from edge.keys.errors import Unreadable
from edge.keys.profiles import ProfileKeys
from edge.store.database import StoreFault, transaction
from edge.store.people import MemberMissing
from edge.wire.codec import utc_text

OPEN_MAX: Final = 5_000
"""Messages that wait at one time: a shop without internet for days must not fill its card."""
PAYLOAD_MAX: Final = 16 * 1024
KEPT: Final = timedelta(days=7)
"""How long the key of a message that came to an end is remembered."""
PURPOSE: Final = "outbound"
_KEY: Final = re.compile(r"[A-Za-z0-9_./:-]{1,128}")
_CODE: Final = re.compile(r"[a-z0-9_.]{1,64}")

Taken = Literal["queued", "known", "full"]
"""What became of a message that was to go out; `full`: it was not taken, and never goes out."""
End = Literal["sent", "unsure", "late", "refused", "cancelled"]
State = Literal["waiting", "sending", "sent", "unsure", "late", "refused", "cancelled"]
Json = str | int | float | bool | None


class MessageUnreadable(StoreFault):
    """A message cannot be opened: its member was erased, or it is damaged."""


class NoKeys(StoreFault):
    """A message with something personal in it needs the profiles' key, and there is none now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a message says. Personal; repr shows nothing of it.

    `text` is for people (short messages, bots), `data` for machines (webhooks). `phone` is whom a
    short message goes to; bots never see it.
    """

    text: str = field(repr=False)
    data: Mapping[str, Json] = field(default_factory=dict, repr=False)
    phone: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message to go out.

    `kind` is a code such as `queue.call`, which receivers sort by; `target` the name of an
    `[[outbound]]`; `key` names it for ever, such as `queue/01J.../call`. `lives`: so much later it
    is not sent any more. `subject` is the member whom it is about: it is sealed under that member's
    key. `private`: it is sealed although it holds no phone number.
    """

    kind: str
    target: str
    key: str
    content: Content
    lives: timedelta
    subject: str | None = None
    private: bool = False

    @property
    def sealed(self) -> bool:
        """Whether it is encrypted while it waits."""
        return self.private or self.subject is not None or self.content.phone is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A message that waits; `open_message` says what is in it. `at`: when it was written."""

    id: int
    key: str
    kind: str
    target: str
    subject: str | None
    at: datetime
    tries: int
    sealed: bool
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """How many messages wait, and how many of the last days ended without being sent."""

    waiting: int
    lost: int


def enqueue(db: Database, message: Outgoing, mark: Mark, keys: ProfileKeys | None) -> Taken:
    """Take a message to be sent, in the caller's transaction.

    Args:
        db: the caller's connection, in a transaction.
        message: what is to go out.
        mark: the moment, by the box's clock.
        keys: the key of the profiles, which a message with something personal in it needs.

    Raises:
        NoKeys: it needs `keys`, and there are none.
        MemberMissing: its member was erased.
        ValueError: kind or key is no code, or it is larger than `PAYLOAD_MAX`.
    """
    if not (_KEY.fullmatch(message.key) and _CODE.fullmatch(message.kind)):
        raise ValueError("outbound: expected a key and a kind of A-Z a-z 0-9 _ . / : -")
    if db.execute("SELECT 1 FROM outbound WHERE key = ?", [message.key]).fetchone():
        return "known"
    (count,) = db.execute("SELECT count(*) FROM outbound WHERE payload IS NOT NULL").fetchone()
    if count >= OPEN_MAX:
        return "full"
    db.execute(
        "INSERT INTO outbound"
        " (key, kind, target, subject, at, boot, mono, lives_s, state, sealed, payload)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'waiting', ?, ?)",
        [
            *(message.key, message.kind, message.target, message.subject),
            *(utc_text(mark.at), mark.boot, mark.mono, int(message.lives.total_seconds())),
            *(message.sealed, _payload(db, message, keys)),
        ],
    )
    return "queued"


def _payload(db: Database, message: Outgoing, keys: ProfileKeys | None) -> bytes:
    one = message.content
    held = {"text": one.text, "phone": one.phone, "data": dict(one.data)}
    raw = json.dumps(held, ensure_ascii=False).encode()
    if len(raw) > PAYLOAD_MAX:
        raise ValueError(f"outbound: expected at most {PAYLOAD_MAX} bytes, got {len(raw)}")
    if not message.sealed:
        return raw
    if keys is None:
        raise NoKeys("a message that holds a phone number: expected the profiles' key, got none")
    if message.subject is None:
        return keys.seal_apart(message.key, raw, purpose=PURPOSE)
    wrapped = _wrapped(db, message.subject)
    if wrapped is None:
        raise MemberMissing("expected a member to send a message about, got none")
    return keys.seal(wrapped, raw, subject=message.subject, purpose=f"{PURPOSE} {message.key}")


def _wrapped(db: Database, subject: str) -> bytes | None:
    row = db.execute("SELECT profile_key FROM member WHERE subject = ?", [subject]).fetchone()
    return row[0] if row else None


def open_message(db: Database, message: Waiting, keys: ProfileKeys | None) -> Content:
    """Return what a message says.

    Raises:
        NoKeys: it is sealed, and there is no key now.
        MessageUnreadable: nobody can open it any more.
    """
    raw = message.payload
    try:
        if message.sealed:
            raw = _unsealed(db, message, keys)
        held: Any = json.loads(raw)
    except (Unreadable, ValueError):
        raise MessageUnreadable(
            f"message {message.key}: expected one that this box's key opens, got another"
        ) from None
    return Content(text=held["text"], phone=held["phone"], data=held["data"])


def _unsealed(db: Database, message: Waiting, keys: ProfileKeys | None) -> bytes:
    if keys is None:
        raise NoKeys("a sealed message: expected the profiles' key, got none")
    if message.subject is None:
        return keys.unseal_apart(message.key, message.payload, purpose=PURPOSE)
    wrapped = _wrapped(db, message.subject)
    if wrapped is None:
        raise MessageUnreadable(f"message {message.key}: its member was erased")
    purpose = f"{PURPOSE} {message.key}"
    return keys.unseal(wrapped, message.payload, subject=message.subject, purpose=purpose)


_COLUMNS: Final = "id, key, kind, target, subject, at, tries, sealed, payload"
_LIFE: Final = "id, target, at, boot, mono, lives_s"


def next_for(db: Database, target: str, put_off: Collection[int] = ()) -> Waiting | None:
    """Return the oldest message that waits for a target and is not among those put off."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM outbound WHERE payload IS NOT NULL AND target = ?"
        " AND state = 'waiting' AND id NOT IN (SELECT value FROM json_each(?))"
        " ORDER BY id LIMIT 1",
        [target, json.dumps(list(put_off))],
    ).fetchone()
    return _waiting(row) if row else None


def begin(db: Database, message: Waiting, mark: Mark) -> bool:
    """Note that a message is about to be sent; False: it is not to be sent any more.

    Raises:
        edge.store.database.StoreAway: that cannot be kept, so it must not be sent.
    """
    with transaction(db):
        row = db.execute(
            f"SELECT {_LIFE} FROM outbound WHERE id = ? AND state = 'waiting'", [message.id]
        ).fetchone()
        if row is None:
            return False
        if _is_late(row, mark):
            _end(db, message.id, "late", mark.at)
            return False
        db.execute(
            "UPDATE outbound SET state = 'sending', tries = tries + 1 WHERE id = ?", [message.id]
        )
    return True


def again(db: Database, message: Waiting) -> None:
    """Let a message that was not taken wait anew."""
    with transaction(db):
        db.execute(
            "UPDATE outbound SET state = 'waiting' WHERE id = ? AND state = 'sending'", [message.id]
        )


def end(db: Database, message: Waiting, state: End, now: datetime) -> None:
    """Note what became of a message, and forget what it said."""
    with transaction(db):
        _end(db, message.id, state, now)


def _end(db: Database, row_id: int, state: End, now: datetime) -> None:
    db.execute(
        "UPDATE outbound SET state = ?, payload = NULL, ended_at = ?"
        " WHERE id = ? AND payload IS NOT NULL",
        [state, utc_text(now), row_id],
    )


def recover(db: Database, target: str, now: datetime, *, repeatable: bool) -> int:
    """Settle what was being sent when the box was cut off; return how many that were.

    A target that knows messages by their id gets them once more. Another may have got them: they
    are not sent again.
    """
    with transaction(db):
        rows = db.execute(
            "SELECT id FROM outbound WHERE payload IS NOT NULL AND target = ?"
            " AND state = 'sending'",
            [target],
        ).fetchall()
        for (row_id,) in rows:
            if repeatable:
                db.execute("UPDATE outbound SET state = 'waiting' WHERE id = ?", [row_id])
            else:
                _end(db, row_id, "unsure", now)
    return len(rows)


def cancel(db: Database, key: str, now: datetime) -> bool:
    """Withdraw a message that still waits, in the caller's transaction; say whether it did."""
    row = db.execute(
        "SELECT id FROM outbound WHERE key = ? AND state = 'waiting'", [key]
    ).fetchone()
    if row is None:
        return False
    _end(db, row[0], "cancelled", now)
    return True


def state_of(db: Database, key: str) -> State | None:
    """Return what became of a message; None: there is none, or it was forgotten."""
    row = db.execute("SELECT state FROM outbound WHERE key = ?", [key]).fetchone()
    return row[0] if row else None


def sweep(db: Database, targets: Collection[str], mark: Mark) -> int:
    """End what is too late and what has no target any more; forget what ended long ago.

    Returns:
        How many messages were ended.

    Raises:
        edge.store.database.StoreAway: it cannot be done now.
    """
    rows = db.execute(
        f"SELECT {_LIFE} FROM outbound WHERE payload IS NOT NULL AND state = 'waiting'"
    ).fetchall()
    ends: list[tuple[int, End]] = []
    for row in rows:
        if row[1] not in targets:
            ends.append((row[0], "refused"))
        elif _is_late(row, mark):
            ends.append((row[0], "late"))
    before = utc_text(mark.at - KEPT)
    old = db.execute("SELECT 1 FROM outbound WHERE ended_at < ? LIMIT 1", [before]).fetchone()
    if ends or old:
        with transaction(db):
            for row_id, state in ends:
                _end(db, row_id, state, mark.at)
            db.execute("DELETE FROM outbound WHERE ended_at < ?", [before])
    return len(ends)


def waiting_since(db: Database) -> datetime | None:
    """Return when the oldest message was written that has not gone out; None: all have."""
    (oldest,) = db.execute("SELECT min(at) FROM outbound WHERE payload IS NOT NULL").fetchone()
    return datetime.fromisoformat(oldest) if oldest else None


def held(db: Database) -> Held:
    """Return what waits, and what was lost."""
    (count,) = db.execute("SELECT count(*) FROM outbound WHERE payload IS NOT NULL").fetchone()
    (lost,) = db.execute(
        "SELECT count(*) FROM outbound WHERE ended_at IS NOT NULL AND state IN ('late', 'refused')"
    ).fetchone()
    return Held(waiting=count, lost=lost)


def _is_late(row: Any, mark: Mark) -> bool:
    written = Mark(at=datetime.fromisoformat(row[2]), boot=row[3], mono=row[4])
    return elapsed(written, mark) >= timedelta(seconds=row[5])


def _waiting(row: Any) -> Waiting:
    return Waiting(
        id=row[0],
        key=row[1],
        kind=row[2],
        target=row[3],
        subject=row[4],
        at=datetime.fromisoformat(row[5]),
        tries=row[6],
        sealed=bool(row[7]),
        payload=row[8],
    )
