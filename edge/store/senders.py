"""Senders: programs that sign what they send to the box, as it signs its own webhooks.

Called by `edge.console.api.signed`, the page of programs and the command `sender`. A secret has to
be computed with, so a hash would not do; none is kept either: each is derived from the sender's id
and one private file (0600) beside the store, so a copied database holds none.
"""

import secrets
import zlib
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlite_utils import Database
from ulid import ULID

from edge.core.scopes import SENDER_SCOPES, Scope
from edge.keys import envelope
from edge.keys.private_file import create_private, read_private
from edge.store.audit import Audit, Code
from edge.store.database import transaction
from edge.store.devices import SEEN_EVERY, tidy_name
from edge.wire.codec import utc_text

SENDERS_MAX: Final = 16
"""Good ones at a time: each is tried, since a signature does not say whose it is."""
ACTOR: Final = "sender:"
PREFIX: Final = "whsec_"
"""Before a secret in base64, as standardwebhooks.com writes them."""
FILE: Final = "senders.key"
REMEMBERED: Final = timedelta(minutes=15)
"""How long an answer is kept: longer than a signature is good, on either side of the box's time."""


class TooMany(ValueError):
    """No more senders can be made before one is revoked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """A sender without its secret. `made_by` is a device's id or `local`."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    made_at: datetime
    made_by: str
    used_at: datetime | None
    revoked_at: datetime | None

    @property
    def actor(self) -> str:
        """How the audit log names it."""
        return ACTOR + self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshSender:
    """A sender that has just been made, and its secret, which is told once."""

    sender: Sender
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A request that was done before: the digest of what it held, status and answer."""

    digest: bytes
    status: int
    answer: bytes = field(repr=False)


def secrets_root(folder: Path) -> Callable[[], bytes]:
    """Return what reads the file that secrets are derived from, and makes it where there is none.

    Args:
        folder: the data directory.

    Raises:
        edge.keys.errors.KeyFault: when called: others can read it, or it cannot be read or made.
    """

    def root() -> bytes:
        path = folder / FILE
        return read_private(path) or create_private(path, secrets.token_bytes(envelope.KEY_BYTES))

    return root


class Senders:
    """The senders of a box.

    Args:
        db: a connection that one thread at a time uses.
        root: the 32 bytes that secrets are derived from.
    """

    def __init__(self, db: Database, root: Callable[[], bytes]) -> None:
        self._db = db
        self._root = root

    def make(self, *, name: str, scopes: tuple[Scope, ...], by: str, now: datetime) -> FreshSender:
        """Make a sender. `by` is a device's id or `local`.

        Raises:
            ValueError: no scope, or one that no sender may have.
            TooMany: there are `SENDERS_MAX` good ones.
            edge.store.database.StoreAway: it cannot be kept now.
            edge.keys.errors.KeyFault: the file of the secrets cannot be used.
        """
        if not scopes or set(scopes) - set(SENDER_SCOPES):
            raise ValueError(f"expected some of {SENDER_SCOPES}, got {scopes}")
        sender = Sender(
            id=str(ULID.from_datetime(now)),
            name=tidy_name(name),
            scopes=scopes,
            made_at=now,
            made_by=by,
            used_at=None,
            revoked_at=None,
        )
        secret = self.secret(sender)
        detail: dict[str, Code] = {"how": "made", "sender": sender.id}
        detail |= dict.fromkeys(scopes, True)
        with transaction(self._db):
            if len(self.good()) >= SENDERS_MAX:
                raise TooMany(f"expected at most {SENDERS_MAX} senders; revoke one first")
            self._db.execute(
                "INSERT INTO sender (id, name, scopes, made_at, made_by) VALUES (?, ?, ?, ?, ?)",
                [sender.id, sender.name, " ".join(scopes), utc_text(now), by],
            )
            Audit(self._db).append(at=now, what="token", actor=by, detail=detail)
        return FreshSender(sender=sender, secret=PREFIX + b64encode(secret).decode())

    def secret(self, sender: Sender) -> bytes:
        """Return a sender's secret, 32 bytes.

        Raises:
            edge.keys.errors.KeyFault: the file of the secrets cannot be used.
        """
        return envelope.derive(self._root(), f"sender {sender.id}")

    def all(self) -> tuple[Sender, ...]:
        """Return every sender that was ever made, the newest first."""
        return self._read("ORDER BY id DESC")

    def good(self) -> tuple[Sender, ...]:
        """Return those that are not revoked."""
        return self._read("WHERE revoked_at IS NULL ORDER BY id DESC")

    def _read(self, tail: str) -> tuple[Sender, ...]:
        columns = "id, name, scopes, made_at, made_by, used_at, revoked_at"
        rows = self._db.execute(f"SELECT {columns} FROM sender {tail}").fetchall()
        return tuple(_sender(row) for row in rows)

    def used(self, sender: Sender, now: datetime) -> None:
        """Note that a sender was heard; writes at most once a minute.

        Raises:
            edge.store.database.StoreAway: it cannot be kept now.
        """
        if sender.used_at is not None and abs(now - sender.used_at) < SEEN_EVERY:
            return
        with transaction(self._db):
            self._db.execute(
                "UPDATE sender SET used_at = ? WHERE id = ?", [utc_text(now), sender.id]
            )

    def revoke(self, sender_id: str, *, by: str, now: datetime) -> bool:
        """End a sender for good; False if there was none to end."""
        with transaction(self._db):
            done = self._db.execute(
                "UPDATE sender SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL",
                [utc_text(now), sender_id],
            )
            if done.rowcount != 1:
                return False
            detail: dict[str, Code] = {"how": "revoked", "sender": sender_id}
            Audit(self._db).append(at=now, what="token", actor=by, detail=detail)
        return True

    def done(self, sender: Sender, key: str) -> Done | None:
        """Return the request of that id, if it was done within `REMEMBERED`."""
        row = self._db.execute(
            "SELECT digest, status, answer FROM signed_request WHERE sender = ? AND key = ?",
            [sender.id, key],
        ).fetchone()
        return Done(digest=row[0], status=row[1], answer=zlib.decompress(row[2])) if row else None

    def remember(self, sender: Sender, key: str, done: Done, *, now: datetime) -> None:
        """Keep what was answered to a request; forget those whose time is over.

        Raises:
            edge.store.database.StoreAway: it cannot be kept now.
        """
        with transaction(self._db):
            self._db.execute("DELETE FROM signed_request WHERE until < ?", [utc_text(now)])
            self._db.execute(
                "INSERT OR REPLACE INTO signed_request (sender, key, digest, until, status, answer)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                [
                    *(sender.id, key, done.digest, utc_text(now + REMEMBERED)),
                    *(done.status, zlib.compress(done.answer)),
                ],
            )


def _sender(row: tuple[str, str, str, str, str, str | None, str | None]) -> Sender:
    named = set(row[2].split())
    return Sender(
        id=row[0],
        name=row[1],
        # One that this version does not know opens nothing.
        scopes=tuple(scope for scope in SENDER_SCOPES if scope in named),
        made_at=datetime.fromisoformat(row[3]),
        made_by=row[4],
        used_at=datetime.fromisoformat(row[5]) if row[5] else None,
        revoked_at=datetime.fromisoformat(row[6]) if row[6] else None,
    )
