"""Pairs devices with the box: one-time codes, sessions, revoking.

Called by `edge.console.access` and the command `pair`. Codes and tokens are handed out once;
what is kept are hashes.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

from sqlite_utils import Database
from ulid import ULID

from edge.core.wording import one_line
from edge.store.audit import Audit
from edge.store.database import transaction
from edge.wire.codec import utc_text

Role = Literal["consultant", "manager", "installer", "guest"]
"""`guest` is the screen that stands before the guests."""
ROLES: Final[tuple[Role, ...]] = get_args(Role)
LOCAL: Final = "local"
"""The actor of what is done on the box itself."""
CODE_LIVES: Final = timedelta(minutes=10)
UNUSED_FOR: Final = timedelta(days=30)
"""A session that nobody used for so long has ended."""
SEEN_EVERY: Final = timedelta(minutes=1)
"""`seen_at` is written at most so often."""
NAME_CHARS_MAX: Final = 40
_LETTERS: Final = "346789ACDEFGHJKMNPQRTWXY"
"""No look-alikes: 0 O, 1 I L, 2 Z, 5 S, 8 B, U V."""
_CODE_CHARS: Final = 8
_TOKEN_BYTES: Final = 32
_SCRYPT: Final = {"n": 2**14, "r": 8, "p": 1}
"""16 MB and some 50 ms a guess: 24^8 codes cannot be tried while one of them lives."""
_CODES_OPEN_MAX: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PairingCode:
    """A fresh code, as `ABCD-EFGH`. Told once, to whoever asked for it."""

    text: str = field(repr=False)
    role: Role
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A paired device. `name` may be empty."""

    id: str
    name: str
    role: Role
    paired_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A device that has just been paired, and the token that only it is given."""

    device: Device
    token: str = field(repr=False)


class Devices:
    """The paired devices of a box.

    Args:
        db: a connection that one thread at a time uses.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    def issue(self, *, role: Role, name: str, by: str, now: datetime) -> PairingCode:
        """Make a one-time code for a role. `by` is a device's id or `local`."""
        text = "".join(secrets.choice(_LETTERS) for _ in range(_CODE_CHARS))
        expires_at = now + CODE_LIVES
        row = [_code_hash(text), tidy_name(name), role, by, utc_text(expires_at)]
        with transaction(self._db):
            self._forget_codes(now)
            self._db.execute(
                "DELETE FROM pairing_code WHERE code_hash NOT IN"
                " (SELECT code_hash FROM pairing_code ORDER BY expires_at DESC LIMIT ?)",
                [_CODES_OPEN_MAX - 1],
            )
            self._db.execute("INSERT INTO pairing_code VALUES (?, ?, ?, ?, ?)", row)
        return PairingCode(text=f"{text[:4]}-{text[4:]}", role=role, expires_at=expires_at)

    def _forget_codes(self, now: datetime) -> None:
        """Drop codes that have expired or were made by a device that was revoked.

        A code that would live for longer than any was made by a clock that has gone back since.
        """
        # Asked again before each use: a code may be made in the moment of the revoking.
        self._db.execute(
            "DELETE FROM pairing_code WHERE expires_at NOT BETWEEN ? AND ? OR expires_at = ?"
            " OR made_by IN (SELECT id FROM device WHERE revoked_at IS NOT NULL)",
            [utc_text(now), utc_text(now + CODE_LIVES), utc_text(now)],
        )

    def redeem(self, typed: str, *, name: str = "", now: datetime) -> Session | None:
        """Pair a device by the code that it typed; None if that is no living code.

        The code is used up in the same transaction. `name` wins over the one that was given
        with the code.
        """
        wanted = _code_hash(_plain(typed))
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        with transaction(self._db):
            self._forget_codes(now)
            rows = self._db.execute("SELECT code_hash, name, role, made_by FROM pairing_code")
            found = [row for row in rows if hmac.compare_digest(row[0], wanted)]
            if not found:
                return None
            _, given, role, made_by = found[0]
            self._db.execute("DELETE FROM pairing_code WHERE code_hash = ?", [wanted])
            if self._was_revoked(made_by):
                return None
            device = Device(
                id=str(ULID()), name=tidy_name(name) or given, role=role, paired_at=now, seen_at=now
            )
            self._db.execute(
                "INSERT INTO device (id, name, role, token_hash, paired_at, seen_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                [device.id, device.name, role, _token_hash(token), utc_text(now), utc_text(now)],
            )
            Audit(self._db).append(
                at=now, what="pair", actor=made_by, detail={"device": device.id, "role": role}
            )
        return Session(device=device, token=token)

    def _was_revoked(self, maker: str) -> bool:
        """Say whether a code was made with a token of the API that was revoked since."""
        kind, _, token = maker.partition(":")
        return kind == "token" and bool(
            self._db.execute(
                "SELECT 1 FROM token WHERE id = ? AND revoked_at IS NOT NULL", [token]
            ).fetchone()
        )

    def find(self, token: str, now: datetime) -> Device | None:
        """Return the device that holds a token, unless it was revoked or unused for too long."""
        row = self._db.execute(
            "SELECT id, name, role, paired_at, seen_at FROM device"
            " WHERE token_hash = ? AND revoked_at IS NULL AND seen_at > ?",
            [_token_hash(token), utc_text(now - UNUSED_FOR)],
        ).fetchone()
        return _device(row) if row else None

    def saw(self, device: Device, now: datetime) -> None:
        """Note that a device was used; writes at most once a minute.

        Raises:
            edge.store.database.StoreAway: it cannot be kept now.
        """
        if now - device.seen_at < SEEN_EVERY:
            return
        with transaction(self._db):
            self._db.execute(
                "UPDATE device SET seen_at = ? WHERE id = ?", [utc_text(now), device.id]
            )

    def sets_the_time(self, device_id: str, now: datetime) -> None:
        """Note, in the caller's transaction, that a device is in use at the time that it sets.

        Else a box that was in a cupboard for months would shut out the very device that helps it.
        """
        self._db.execute("UPDATE device SET seen_at = ? WHERE id = ?", [utc_text(now), device_id])

    def paired(self, now: datetime) -> tuple[Device, ...]:
        """Return the devices that may still come in, the one seen last first."""
        rows = self._db.execute(
            "SELECT id, name, role, paired_at, seen_at FROM device"
            " WHERE revoked_at IS NULL AND seen_at > ? ORDER BY seen_at DESC, id",
            [utc_text(now - UNUSED_FOR)],
        ).fetchall()
        return tuple(_device(row) for row in rows)

    def revoke(self, device_id: str, *, by: str, now: datetime) -> bool:
        """End a device's session and the codes it made for good; False if there was none to end."""
        with transaction(self._db):
            done = self._db.execute(
                "UPDATE device SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL",
                [utc_text(now), device_id],
            )
            if done.rowcount != 1:
                return False
            self._forget_codes(now)
            Audit(self._db).append(at=now, what="revoke", actor=by, detail={"device": device_id})
        return True


def first_role(devices: Devices, now: datetime) -> Role:
    """Return whom a code is for if nobody says: the first device is the manager's."""
    has_manager = any(device.role == "manager" for device in devices.paired(now))
    return "consultant" if has_manager else "manager"


def tidy_name(name: str) -> str:
    """Return a device's name as one short line of printable text."""
    return one_line(name, NAME_CHARS_MAX)


def _plain(typed: str) -> str:
    """Return a typed code without the case, spaces and dashes that people add."""
    return "".join(c for c in typed.upper() if c.isalnum())[: _CODE_CHARS + 1]


def _code_hash(code: str) -> bytes:
    return hashlib.scrypt(code.encode(), salt=b"menkou pairing code", **_SCRYPT, dklen=32)


def _token_hash(token: str) -> bytes:
    # 256 random bits need no slow hash, and a lookup by hash tells nothing by its time.
    return hashlib.sha256(token.encode()).digest()


def _device(row: tuple[str, str, Role, str, str]) -> Device:
    return Device(
        id=row[0],
        name=row[1],
        role=row[2],
        paired_at=datetime.fromisoformat(row[3]),
        seen_at=datetime.fromisoformat(row[4]),
    )
