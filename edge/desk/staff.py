"""Who is at a device, and who works here. Called by `edge.console.people` and the other desks.

Rights are the device's (`edge.console.access`); who uses it only says in whose name.
"""

import threading
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Final, Literal

from sqlite_utils import Database

from edge.core.codes import digits_of
from edge.core.stay import LEAST_MINUTES, MOST_MINUTES, Thresholds
from edge.desk.means import Means
from edge.store.audit import Audit, Code
from edge.store.database import transaction
from edge.store.devices import tidy_name
from edge.store.staff import STAFF_ROLES, Person, Setting, Staff, StaffRole

PIN_DIGITS: Final = (4, 8)
Chosen = Literal["chosen", "gone", "pin_needed", "pin_none", "pin_wrong", "pin_locked"]
"""What became of choosing who one is; `pin_none`: a shared device asks for a PIN, and this person
has none yet."""
Refused = Literal["name", "role", "pin", "minutes", "gone"]
"""Why nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """Who is at a device. `must_choose`: nobody yet, though there is a choice. Two devices of one
    person, alike set, show the same.
    """

    device: str = field(compare=False)
    setting: Setting
    must_choose: bool

    @property
    def person(self) -> Person | None:
        """Whose the device is just now."""
        return self.setting.person

    @property
    def staff(self) -> str | None:
        """That person's id."""
        return self.person.id if self.person else None


class StaffDesk:
    """People and their devices."""

    def __init__(self, means: Means) -> None:
        self._db = means.db
        self._now = means.now
        self._wake = means.wake
        # One PIN at a time: each try takes 16 MB, and parallel ones would be counted as one.
        self._trying = threading.Lock()

    def me(self, device: str) -> Me:
        """Return who is at a device."""
        staff = Staff(self._db())
        setting = staff.setting(device, self._now())
        nobody = setting.person is None and bool(staff.everybody())
        return Me(device=device, setting=setting, must_choose=nobody)

    def everybody(self) -> tuple[Person, ...]:
        """Return who works here, by name."""
        return Staff(self._db()).everybody()

    def shared(self) -> frozenset[str]:
        """Return the devices that ask for a PIN."""
        return Staff(self._db()).shared()

    def choose(self, device: str, staff_id: str, pin: str) -> Chosen:
        """Say who is at a device; a shared one asks for that person's PIN.

        Raises:
            edge.store.database.StoreAway: it cannot be kept now.
        """
        staff, now = Staff(self._db()), self._now()
        person = staff.of(staff_id)
        if person is None or not person.active:
            return "gone"
        if staff.setting(device, now).shared:
            outcome = self._tried(staff, person, pin, now)
            if outcome != "chosen":
                return outcome
        staff.use(device, person.id, now=now)
        self._wake()
        return "chosen"

    def _tried(self, staff: Staff, person: Person, pin: str, now: datetime) -> Chosen:
        if not person.has_pin:
            return "pin_none"
        digits = digits_of(pin)
        if not digits:
            return "pin_needed"
        with self._trying:
            if staff.tries(person.id).wait(now):
                return "pin_locked"
            return "chosen" if staff.pin_fits(person.id, digits, now) else "pin_wrong"

    def wait_minutes(self, staff_id: str) -> int:
        """Return for how many minutes nobody may try somebody's PIN; 0: it may be tried."""
        staff = Staff(self._db())
        if staff.of(staff_id) is None:
            return 0
        return ceil(staff.tries(staff_id).wait(self._now()).total_seconds() / 60)

    def leave(self, device: str) -> None:
        """Let a device be nobody's."""
        Staff(self._db()).use(device, None, now=self._now())
        self._wake()

    def set_alerts(self, device: str, *, sound: bool, vibration: bool) -> None:
        """Set how a device makes itself heard."""
        Staff(self._db()).set_alerts(device, sound=sound, vibration=vibration, now=self._now())
        self._wake()

    def share(self, device: str, *, shared: bool, actor: str) -> None:
        """Say whether several people share a device."""
        Staff(self._db()).share(device, shared=shared, by=actor, now=self._now())
        self._wake()

    def add(self, name: str, role: str, pin: str, actor: str) -> Refused | None:
        """Add somebody; `pin` may be empty."""
        wanted, plain = _role(role), tidy_name(name)
        if wanted is None:
            return "role"
        if not plain:
            return "name"
        digits = digits_of(pin)
        if not _is_pin(digits):
            return "pin"
        Staff(self._db()).add(plain, wanted, digits or None, by=actor, now=self._now())
        self._wake()
        return None

    def rename(self, staff_id: str, name: str, actor: str) -> Refused | None:
        """Call somebody something else; what they did before is shown under the new name."""
        plain = tidy_name(name)
        if not plain:
            return "name"
        if not Staff(self._db()).rename(staff_id, plain, by=actor, now=self._now()):
            return "gone"
        self._wake()
        return None

    def set_pin(self, staff_id: str, pin: str, actor: str) -> Refused | None:
        """Give somebody another PIN; empty: none."""
        digits = digits_of(pin)
        if not _is_pin(digits):
            return "pin"
        done = Staff(self._db()).set_pin(staff_id, digits or None, by=actor, now=self._now())
        return None if done else "gone"

    def end(self, staff_id: str, actor: str) -> None:
        """Note that somebody works here no more."""
        if Staff(self._db()).end(staff_id, by=actor, now=self._now()):
            self._wake()

    def thresholds(self) -> Thresholds:
        """Return after how long guests are offered something."""
        return thresholds_of(self._db())

    def set_thresholds(self, tea: str, meal: str, actor: str) -> Refused | None:
        """Set after how many minutes guests are offered tea and a meal; empty: never."""
        try:
            after = Thresholds(tea=_minutes(tea), meal=_minutes(meal))
        except ValueError:
            return "minutes"
        if after.tea is not None and after.meal is not None and after.meal <= after.tea:
            return "minutes"
        db, detail = self._db(), dict[str, Code]()
        with transaction(db):
            for name, minutes in (("tea", after.tea), ("meal", after.meal)):
                db.execute(
                    "INSERT OR REPLACE INTO desk_setting VALUES (?, ?)",
                    [f"{name}_minutes", "" if minutes is None else str(minutes)],
                )
                detail[name] = minutes
            Audit(db).append(at=self._now(), what="stay", actor=actor, detail=detail)
        self._wake()
        return None


def thresholds_of(db: Database) -> Thresholds:
    """Return what the manager set, or what is usual."""
    rows = db.execute("SELECT name, value FROM desk_setting").fetchall()
    said = {name: int(value) if value else None for name, value in rows}
    usual = Thresholds()
    return Thresholds(
        tea=said.get("tea_minutes", usual.tea), meal=said.get("meal_minutes", usual.meal)
    )


def _minutes(text: str) -> int | None:
    digits = digits_of(text)
    if digits is None or len(digits) > 4:
        raise ValueError("expected minutes")
    if not digits:
        return None
    if not LEAST_MINUTES <= int(digits) <= MOST_MINUTES:
        raise ValueError("expected minutes within bounds")
    return int(digits)


def _is_pin(digits: str | None) -> bool:
    least, most = PIN_DIGITS
    return digits == "" or (digits is not None and least <= len(digits) <= most)


def _role(text: str) -> StaffRole | None:
    return next((role for role in STAFF_ROLES if role == text), None)
