"""Who works in the shop, and whose device is whose. Written by `edge.desk.staff`.

A PIN keeps colleagues apart on a shared tablet and nothing more: whoever has a copy of the card
tries four digits in minutes.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal, get_args

from sqlite_utils import Database
from ulid import ULID

from edge.core.codes import Tries
from edge.store.audit import Audit, Code
from edge.store.database import transaction
from edge.store.devices import LOCAL
from edge.wire.codec import utc_text

StaffRole = Literal["consultant", "manager"]
STAFF_ROLES: Final[tuple[StaffRole, ...]] = get_args(StaffRole)
IN_USE_FOR: Final = timedelta(minutes=3)
"""A screen that was used so lately is looked at: an open page asks each minute."""
SHARED_FOR: Final = timedelta(minutes=10)
"""A shared device that nobody did anything on for so long is nobody's again."""
_SALT_BYTES: Final = 16
_SCRYPT: Final = {"n": 2**14, "r": 8, "p": 1}
"""As for pairing codes (`store.devices`): 16 MB and some 50 ms a try."""
_COLUMNS: Final = "id, name, role, active, pin IS NOT NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who works here; not `active`: worked here."""

    id: str
    name: str
    role: StaffRole
    active: bool
    has_pin: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How a device is set: whose it is just now, whether several people share it, what alerts."""

    person: Person | None = None
    shared: bool = False
    sound: bool = True
    vibration: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """A device that is in use: its role, and whose it is."""

    device: str
    role: str
    person: Person | None


class Staff:
    """Staff and devices, through one connection."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def everybody(self, *, active: bool = True) -> tuple[Person, ...]:
        """Return who works here, by name; with those who did, if not only the `active` are asked
        for.
        """
        where = " WHERE active = 1" if active else ""
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM staff{where} ORDER BY name, id")
        return tuple(_person(row) for row in rows.fetchall())

    def of(self, staff_id: str) -> Person | None:
        """Return somebody, None if there is nobody with that id."""
        row = self._db.execute(f"SELECT {_COLUMNS} FROM staff WHERE id = ?", [staff_id]).fetchone()
        return _person(row) if row else None

    def add(self, name: str, role: StaffRole, pin: str | None, *, by: str, now: datetime) -> Person:
        """Add somebody. `name` is `tidy_name`'s, not empty."""
        person = Person(id=str(ULID()), name=name, role=role, active=True, has_pin=pin is not None)
        kept = _hashed(pin) if pin is not None else None
        with transaction(self._db):
            self._db.execute(
                "INSERT INTO staff (id, name, role, active, pin, made_at)"
                " VALUES (?, ?, ?, 1, ?, ?)",
                [person.id, name, role, kept, utc_text(now)],
            )
            self._note("added", person.id, by=by, now=now)
        return person

    def rename(self, staff_id: str, name: str, *, by: str, now: datetime) -> bool:
        """Call somebody something else; `name` is `tidy_name`'s. False: nobody has that id."""
        with transaction(self._db):
            done = self._db.execute(
                "UPDATE staff SET name = ? WHERE id = ? AND active = 1", [name, staff_id]
            )
            if not done.rowcount:
                return False
            self._note("renamed", staff_id, by=by, now=now)
        return True

    def set_pin(self, staff_id: str, pin: str | None, *, by: str, now: datetime) -> bool:
        """Give somebody another PIN, or none; a lock is over. False: nobody has that id."""
        kept = _hashed(pin) if pin is not None else None
        with transaction(self._db):
            done = self._db.execute(
                "UPDATE staff SET pin = ?, failed = 0, locked_until = NULL"
                " WHERE id = ? AND active = 1",
                [kept, staff_id],
            )
            if not done.rowcount:
                return False
            self._note("pin", staff_id, by=by, now=now)
        return True

    def end(self, staff_id: str, *, by: str, now: datetime) -> bool:
        """Note that somebody works here no more; every device of theirs is nobody's."""
        with transaction(self._db):
            done = self._db.execute(
                "UPDATE staff SET active = 0, pin = NULL WHERE id = ? AND active = 1", [staff_id]
            )
            if not done.rowcount:
                return False
            self._db.execute("UPDATE desk_device SET staff = NULL WHERE staff = ?", [staff_id])
            self._note("ended", staff_id, by=by, now=now)
        return True

    def tries(self, staff_id: str) -> Tries:
        """Return how somebody's PIN was tried so far."""
        failed, until = self._db.execute(
            "SELECT failed, locked_until FROM staff WHERE id = ?", [staff_id]
        ).fetchone()
        return Tries(failed=failed, locked_until=datetime.fromisoformat(until) if until else None)

    def pin_fits(self, staff_id: str, pin: str, now: datetime) -> bool:
        """Try somebody's PIN, and keep how that went. One at a time: the caller sees to it."""
        (kept,) = self._db.execute("SELECT pin FROM staff WHERE id = ?", [staff_id]).fetchone()
        fits = kept is not None and hmac.compare_digest(kept, _hashed(pin, kept[:_SALT_BYTES]))
        tries = Tries() if fits else self.tries(staff_id).after("wrong", now)
        until = utc_text(tries.locked_until) if tries.locked_until else None
        with transaction(self._db):
            self._db.execute(
                "UPDATE staff SET failed = ?, locked_until = ? WHERE id = ?",
                [tries.failed, until, staff_id],
            )
        return fits

    def setting(self, device: str, now: datetime) -> Setting:
        """Return how a device is set."""
        row = self._db.execute(
            "SELECT staff, shared, sound, vibration, since FROM desk_device WHERE device = ?",
            [device],
        ).fetchone()
        if row is None:
            return Setting()
        person = self.of(row[0]) if row[0] else None
        if row[1] and person is not None:
            idle = now - datetime.fromisoformat(row[4])
            person = person if timedelta() <= idle < SHARED_FOR else None
        return Setting(
            person=person, shared=bool(row[1]), sound=bool(row[2]), vibration=bool(row[3])
        )

    def use(self, device: str, staff_id: str | None, *, now: datetime) -> None:
        """Note whose a device is, None for nobody's."""
        setting = self.setting(device, now)
        before = setting.person.id if setting.person else None
        with transaction(self._db):
            self._keep(device, setting)
            self._db.execute(
                "UPDATE desk_device SET staff = ?, since = ? WHERE device = ?",
                [staff_id, utc_text(now), device],
            )
            if before != staff_id:
                self._note("uses" if staff_id else "left", staff_id or before, by=device, now=now)

    def acts(self, device: str, now: datetime) -> None:
        """Note, in the caller's transaction, that whoever uses a device is still there."""
        self._db.execute(
            "UPDATE desk_device SET since = ? WHERE device = ? AND shared = 1",
            [utc_text(now), device],
        )

    def set_alerts(self, device: str, *, sound: bool, vibration: bool, now: datetime) -> None:
        """Set how a device makes itself heard."""
        before = self.setting(device, now)
        with transaction(self._db):
            self._keep(device, replace(before, sound=sound, vibration=vibration))

    def share(self, device: str, *, shared: bool, by: str, now: datetime) -> None:
        """Note whether several people share a device; whose it was is to be said anew."""
        before = self.setting(device, now)
        with transaction(self._db):
            self._keep(device, replace(before, shared=shared))
            self._db.execute("UPDATE desk_device SET staff = NULL WHERE device = ?", [device])
            how = "shared" if shared else "personal"
            detail: dict[str, Code] = {"how": how, "device": device}
            Audit(self._db).append(at=now, what="staff", actor=by, detail=detail)

    def shared(self) -> frozenset[str]:
        """Return the devices that several people share."""
        rows = self._db.execute("SELECT device FROM desk_device WHERE shared = 1").fetchall()
        return frozenset(device for (device,) in rows)

    def screens(self, now: datetime) -> tuple[Screen, ...]:
        """Return the devices of consultants and managers that are in use just now."""
        rows = self._db.execute(
            "SELECT d.id, d.role, s.id, s.name, s.role, s.active, s.pin IS NOT NULL"
            " FROM device AS d LEFT JOIN desk_device AS k ON k.device = d.id"
            " LEFT JOIN staff AS s ON s.id = k.staff"
            "  AND (k.shared = 0 OR k.since BETWEEN ? AND ?)"
            " WHERE d.revoked_at IS NULL AND d.role IN ('consultant', 'manager')"
            " AND d.seen_at > ?",
            [utc_text(now - SHARED_FOR), utc_text(now), utc_text(now - IN_USE_FOR)],
        ).fetchall()
        return tuple(
            Screen(device=row[0], role=row[1], person=_person(row[2:]) if row[2] else None)
            for row in rows
        )

    def names(self) -> dict[str, str]:
        """Return what everybody is called who works here or did, by id."""
        return dict(self._db.execute("SELECT id, name FROM staff").fetchall())

    def _keep(self, device: str, setting: Setting) -> None:
        person = setting.person.id if setting.person else None
        self._db.execute(
            "INSERT INTO desk_device (device, staff, shared, sound, vibration)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT (device) DO UPDATE SET"
            " shared = excluded.shared, sound = excluded.sound, vibration = excluded.vibration",
            [device, person, setting.shared, setting.sound, setting.vibration],
        )

    def _note(self, how: str, staff_id: str | None, *, by: str, now: datetime) -> None:
        detail: dict[str, Code] = {"how": how, "staff": staff_id}
        Audit(self._db).append(at=now, what="staff", actor=by, detail=detail)


def device_names(db: Database) -> dict[str, str]:
    """Return what the devices are called, revoked ones too, by id."""
    return dict(db.execute("SELECT id, name FROM device").fetchall()) | {LOCAL: ""}


def _person(row: Any) -> Person:
    return Person(id=row[0], name=row[1], role=row[2], active=bool(row[3]), has_pin=bool(row[4]))


def _hashed(pin: str, salt: bytes | None = None) -> bytes:
    salt = salt or secrets.token_bytes(_SALT_BYTES)
    return salt + hashlib.scrypt(pin.encode(), salt=salt, **_SCRYPT, dklen=32)
