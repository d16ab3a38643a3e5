"""Tokens that let programs use the box's API: made once, kept as hashes, revoked.

Called by `edge.console.api`, the manager's page and the command `token`.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlite_utils import Database
from ulid import ULID

from edge.core.scopes import SCOPES, Scope
from edge.store.audit import Audit, Code
from edge.store.database import transaction
from edge.store.devices import SEEN_EVERY, tidy_name
from edge.wire.codec import utc_text
from menkou.tokens import ACTOR, DAYS_MAX, hash_of, may_be, new_text

State = Literal["good", "expired", "revoked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token without what is secret of it. `made_by` is a device's id or `local`."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    made_at: datetime
    made_by: str
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None

    @property
    def actor(self) -> str:
        """How the audit log names it."""
        return ACTOR + self.id

    def state(self, now: datetime) -> State:
        """Say whether it may be used."""
        if self.revoked_at is not None:
            return "revoked"
        return "good" if now < self.expires_at else "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """A token that has just been made, and its text, which is told once."""

    token: Token
    text: str = field(repr=False)


class Tokens:
    """The tokens of a box.

    Args:
        db: a connection that one thread at a time uses.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    def make(
        self, *, name: str, scopes: tuple[Scope, ...], days: int, by: str, now: datetime
    ) -> Fresh:
        """Make a token that is good for so many days. `by` is a device's id or `local`.

        Raises:
            ValueError: not 1 to `DAYS_MAX` days, or no scope.
            edge.store.database.StoreAway: it cannot be kept now.
        """
        if not 1 <= days <= DAYS_MAX or not scopes:
            raise ValueError(f"expected 1 to {DAYS_MAX} days and a scope, got {days} and {scopes}")
        text = new_text()
        token = Token(
            id=str(ULID.from_datetime(now)),
            name=tidy_name(name),
            scopes=scopes,
            made_at=now,
            made_by=by,
            expires_at=now + timedelta(days=days),
            used_at=None,
            revoked_at=None,
        )
        detail: dict[str, Code] = {"how": "made", "token": token.id, "days": days}
        with transaction(self._db):
            self._db.execute(
                "INSERT INTO token (id, name, scopes, token_hash, made_at, made_by, expires_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    token.id,
                    token.name,
                    " ".join(scopes),
                    hash_of(text),
                    utc_text(now),
                    by,
                    utc_text(token.expires_at),
                ],
            )
            detail |= dict.fromkeys(scopes, True)
            Audit(self._db).append(at=now, what="token", actor=by, detail=detail)
        return Fresh(token=token, text=text)

    def find(self, text: str, now: datetime) -> Token | None:
        """Return the token of a text, unless it has expired or was revoked."""
        if not may_be(text):
            return None
        row = self._db.execute(
            f"SELECT {_COLUMNS} FROM token WHERE token_hash = ?", [hash_of(text)]
        ).fetchone()
        found = _token(row) if row else None
        return found if found is not None and found.state(now) == "good" else None

    def used(self, token: Token, now: datetime) -> None:
        """Note that a token was used; writes at most once a minute.

        Raises:
            edge.store.database.StoreAway: it cannot be kept now.
        """
        if token.used_at is not None and abs(now - token.used_at) < SEEN_EVERY:
            return
        with transaction(self._db):
            self._db.execute("UPDATE token SET used_at = ? WHERE id = ?", [utc_text(now), token.id])

    def all(self) -> tuple[Token, ...]:
        """Return every token that was ever made, the newest first."""
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM token ORDER BY id DESC").fetchall()
        return tuple(_token(row) for row in rows)

    def revoke(self, token_id: str, *, by: str, now: datetime) -> bool:
        """End a token for good; False if there was none to end."""
        with transaction(self._db):
            done = self._db.execute(
                "UPDATE token SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL",
                [utc_text(now), token_id],
            )
            if done.rowcount != 1:
                return False
            detail: dict[str, Code] = {"how": "revoked", "token": token_id}
            Audit(self._db).append(at=now, what="token", actor=by, detail=detail)
        return True


_COLUMNS: Final = "id, name, scopes, made_at, made_by, expires_at, used_at, revoked_at"


def _token(row: tuple[str, str, str, str, str, str, str | None, str | None]) -> Token:
    named = set(row[2].split())
    return Token(
        id=row[0],
        name=row[1],
        # One that this version does not know opens nothing.
        scopes=tuple(scope for scope in SCOPES if scope in named),
        made_at=datetime.fromisoformat(row[3]),
        made_by=row[4],
        expires_at=datetime.fromisoformat(row[5]),
        used_at=datetime.fromisoformat(row[6]) if row[6] else None,
        revoked_at=datetime.fromisoformat(row[7]) if row[7] else None,
    )
