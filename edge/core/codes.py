"""One-time codes: arrival without a face (DESIGN section 2). Pure.

    123456              six digits that this box made for a member: 10 minutes, this shop
    123456 with 8000    what the member's phone shows: its own last four digits name the member
    8000123456          the same from the phone's QR code, typed by a scanner

Used by `edge.store.codes`, which keeps what was used up, and by `edge.console.codes`.
"""

import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

CODE_DIGITS: Final = 6
PHONE_DIGITS: Final = 4
CODE_LIVES: Final = timedelta(minutes=10)
"""How long six digits that were made in the shop are good."""
STEP_S: Final = 30
"""How long a phone shows one code: RFC 6238, section 5.2, and what every authenticator does."""
STEPS_AROUND: Final = 1
"""A phone may be wrong by a step either way, and people type slowly (RFC 6238, section 5.2)."""
FAILURES_MAX: Final = 5
LOCKED_FOR: Final = timedelta(minutes=15)
"""Five guesses among a million codes, of which each member with the same four digits has three at a
time: whoever goes on for a whole day opens one card in some 700 days."""

Outcome = Literal["taken", "wrong", "used", "malformed", "clock", "key", "locked"]
"""What became of a code that was typed: taken; no such code now; used before; no code at all; the
box does not know the time by which phones make theirs; it lacks its key; the device is locked."""
FAILURES: Final[frozenset[Outcome]] = frozenset({"wrong", "used"})
"""Outcomes that are counted: who mistypes the number of digits has guessed nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """A code as it was typed: six digits, and four of the phone that shows them. Never in a log."""

    digits: str = field(repr=False)
    phone: str | None = field(default=None, repr=False)


def digits_of(text: str) -> str | None:
    """Return the digits of a text in ASCII, None if it holds anything else.

    Spaces, dashes and a leading plus are how people write numbers; full width is how a Chinese
    keyboard does.
    """
    plain = "".join(c for c in unicodedata.normalize("NFKC", text) if c not in " \t\r\n-+")
    return plain if plain.isascii() and (plain.isdigit() or not plain) else None


def phone_end(text: str) -> str | None:
    """Return the last four digits of a phone number, or of these four alone; None: there are not.

    What stands before them is dropped here: nothing needs it.
    """
    digits = digits_of(text)
    return digits[-PHONE_DIGITS:] if digits and len(digits) >= PHONE_DIGITS else None


def read_typed(code: str, phone: str = "") -> Typed | None:
    """Read what stands in the two fields of the form; None: that can be no code.

    Ten digits in the first field are those of the member's QR code, whatever the other holds.
    """
    digits = digits_of(code)
    if digits is None:
        return None
    if len(digits) == PHONE_DIGITS + CODE_DIGITS:
        return Typed(digits=digits[PHONE_DIGITS:], phone=digits[:PHONE_DIGITS])
    if len(digits) != CODE_DIGITS:
        return None
    if not phone.strip():
        return Typed(digits=digits)
    end = phone_end(phone)
    return Typed(digits=digits, phone=end) if end else None


def steps_at(now: datetime) -> range:
    """Return the steps whose codes a phone may show at `now`, an aware time."""
    step = int(now.astimezone(UTC).timestamp()) // STEP_S
    return range(step - STEPS_AROUND, step + STEPS_AROUND + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """How often a device has failed, less how often it succeeded; until when it is locked."""

    failed: int = 0
    locked_until: datetime | None = None

    def wait(self, now: datetime) -> timedelta:
        """Return for how long the device is locked yet: zero if it may try.

        Never longer than a lock lasts: a clock that has gone back since must lock nobody for days.
        """
        if self.locked_until is None:
            return timedelta()
        return min(max(self.locked_until - now, timedelta()), LOCKED_FOR)

    @property
    def left(self) -> int:
        """How many failures are left before the device is locked."""
        return max(0, FAILURES_MAX - self.failed)

    def after(self, outcome: Outcome, now: datetime) -> "Tries":
        """Return what holds after a try that was not refused for a lock."""
        if outcome == "taken":
            # One for one: else who has a code of their own could guess four times between each two.
            return Tries(failed=max(0, self.failed - 1))
        before = self if self.locked_until is None else Tries()  # that lock is over
        if outcome not in FAILURES:
            return before
        failed = before.failed + 1
        locked_until = now + LOCKED_FOR if failed >= FAILURES_MAX else None
        return Tries(failed=failed, locked_until=locked_until)

    def at(self, now: datetime) -> "Tries":
        """Return the same as the clock stands now: a lock that is too long for any is shortened."""
        if self.locked_until is None or self.locked_until <= now + LOCKED_FOR:
            return self
        return Tries(failed=self.failed, locked_until=now + LOCKED_FOR)
