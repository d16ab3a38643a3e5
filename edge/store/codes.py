"""Members' one-time codes: made, taken once, and guessed at a few times only.

Called by `edge.console.codes` and the command `member code`; calls `edge.keys.onetime` and
`code_tries`. What a code that was taken makes of the shop's visits is the eyes' work: it goes to
them as a request.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlite_utils import Database

from edge.core.codes import CODE_DIGITS, CODE_LIVES, Outcome, Typed, phone_end, steps_at
from edge.keys.errors import Unreadable
from edge.keys.onetime import new_secret, step_of
from edge.keys.profiles import ProfileKeys
from edge.store.audit import Audit, Code
from edge.store.code_schema import forget_codes
from edge.store.code_tries import keep_tries, tries_of
from edge.store.database import StoreFault, transaction
from edge.store.people import MemberMissing
from edge.store.switches import ask_arrival
from edge.wire.codec import utc_text

OPEN_MAX: Final = 50
"""Six digits that live at one time: each of them makes a guess likelier to be right."""
CODE_PURPOSE: Final = "code"


class PhoneUnclear(StoreFault):
    """What was given does not end in the four digits of a phone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopCode:
    """Six digits for a member, told once to whoever asked for them."""

    text: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of a code, and whose it was if it was taken."""

    outcome: Outcome
    subject: str | None = None


class Codes:
    """The codes of a box's members, through one connection.

    Args:
        db: the connection.
        keys: the key of the profiles.
    """

    def __init__(self, db: Database, keys: ProfileKeys) -> None:
        self._db = db
        self._keys = keys

    def provide(self, subject: str, phone: str, now: datetime, *, actor: str) -> bytes:
        """Make a fresh secret for a member's phone; the one before makes no code any more.

        Args:
            subject: the member's.
            phone: the phone's number or its last four digits, which are all that is kept of it.
            now: the time.
            actor: whose doing it is, for the audit log.

        Returns:
            The secret, for the member's phone alone (`edge.keys.onetime.address_of`).

        Raises:
            PhoneUnclear: no four digits.
            MemberMissing: there is no such member.
            edge.keys.errors.Unreadable: the member's key is damaged.
        """
        end = phone_end(phone)
        if end is None:
            raise PhoneUnclear(
                "phone: expected the last four digits of the member's phone, got something else"
            )
        secret = new_secret()
        with transaction(self._db):
            wrapped = self._wrapped(subject)
            sealed = self._keys.seal(wrapped, secret, subject=subject, purpose=CODE_PURPOSE)
            self._db.execute(
                "INSERT OR REPLACE INTO code_secret (subject, phone_ref, sealed, made_at)"
                " VALUES (?, ?, ?, ?)",
                [subject, self._keys.blind_digits("phone", end), sealed, utc_text(now)],
            )
            self._note(now, actor, subject, {"how": "phone"})
        return secret

    def issue(self, subject: str, now: datetime, *, actor: str) -> ShopCode:
        """Make six digits for a member, good once and for ten minutes; any before are not any more.

        Raises:
            MemberMissing: there is no such member.
        """
        expires_at = now + CODE_LIVES
        with transaction(self._db):
            self._wrapped(subject)
            self._forget_old(now)
            self._db.execute("DELETE FROM shop_code WHERE subject = ? AND used = 0", [subject])
            self._db.execute(
                "DELETE FROM shop_code WHERE used = 0 AND ref NOT IN"
                " (SELECT ref FROM shop_code WHERE used = 0 ORDER BY expires_at DESC LIMIT ?)",
                [OPEN_MAX - 1],
            )
            text, ref = self._free_digits()
            self._db.execute(
                "INSERT INTO shop_code (ref, subject, expires_at) VALUES (?, ?, ?)",
                [ref, subject, utc_text(expires_at)],
            )
            self._note(now, actor, subject, {"how": "shop"})
        return ShopCode(text=text, expires_at=expires_at)

    def _free_digits(self) -> tuple[str, bytes]:
        """Return six digits that no row holds; there are a million, and some fifty rows."""
        while True:
            text = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
            ref = self._keys.blind_digits("code", text)
            if not self._db.execute("SELECT 1 FROM shop_code WHERE ref = ?", [ref]).fetchone():
                return text, ref

    def redeem(self, typed: Typed | None, *, device: str, now: datetime, sure: bool) -> Outcome:
        """Judge what a device typed, as `redeem_for` does; return what became of it."""
        return self.redeem_for(typed, device=device, now=now, sure=sure).outcome

    def redeem_for(self, typed: Typed | None, *, device: str, now: datetime, sure: bool) -> Judged:
        """Judge what a device typed; the eyes are asked for the arrival, and the code is used up.

        All in one transaction: of two devices that show one code at once, one is refused.

        Args:
            typed: what was typed, None if it can be no code.
            device: a paired device's id, or `local`.
            now: the box's time.
            sure: whether somebody vouches for it. Else phones' codes cannot be judged.

        Raises:
            edge.store.database.StoreAway: nothing can be kept, so nothing is judged.
        """
        with transaction(self._db):
            tries = tries_of(self._db, device).tries.at(now)
            if tries.wait(now):
                keep_tries(self._db, device, tries, "locked", now)
                return Judged(outcome="locked")
            judged = self._judged(typed, now, sure=sure)
            if judged.subject is not None:
                ask_arrival(self._db, subject=judged.subject, actor=device, now=now)
            tries = tries.after(judged.outcome, now)
            keep_tries(self._db, device, tries, judged.outcome, now)
            if tries.wait(now):
                self._note(now, device, None, {"how": "locked"})
        return judged

    def _judged(self, typed: Typed | None, now: datetime, *, sure: bool) -> Judged:
        if typed is None:
            return Judged(outcome="malformed")
        if typed.phone is None:
            return self._of_the_shop(typed.digits, now)
        if not sure:
            return Judged(outcome="clock")
        judged = self._of_a_phone(typed.digits, typed.phone, now)
        # Somebody may have asked for the phone's digits although the code is one of the shop's.
        return self._of_the_shop(typed.digits, now) if judged.outcome == "wrong" else judged

    def _of_the_shop(self, digits: str, now: datetime) -> Judged:
        self._forget_old(now)
        row = self._db.execute(
            "SELECT ref, subject, used FROM shop_code JOIN member USING (subject) WHERE ref = ?",
            [self._keys.blind_digits("code", digits)],
        ).fetchone()
        if row is None:
            return Judged(outcome="wrong")
        if row[2]:
            return Judged(outcome="used")
        self._db.execute("UPDATE shop_code SET used = 1 WHERE ref = ?", [row[0]])
        return Judged(outcome="taken", subject=row[1])

    def _of_a_phone(self, digits: str, phone: str, now: datetime) -> Judged:
        """Try everybody whose phone ends so; whom two phones' codes fit is nobody."""
        found = list(self._fitting(digits, phone, now))
        if len(found) != 1:
            return Judged(outcome="wrong")
        ((subject, step, used_step),) = found
        if step <= used_step:
            return Judged(outcome="used")
        self._db.execute("UPDATE code_secret SET used_step = ? WHERE subject = ?", [step, subject])
        return Judged(outcome="taken", subject=subject)

    def _fitting(self, digits: str, phone: str, now: datetime) -> Iterator[tuple[str, int, int]]:
        rows = self._db.execute(
            "SELECT subject, profile_key, sealed, used_step FROM code_secret"
            " JOIN member USING (subject) WHERE phone_ref = ? ORDER BY subject",
            [self._keys.blind_digits("phone", phone)],
        ).fetchall()
        for subject, wrapped, sealed, used_step in rows:
            try:
                secret = self._keys.unseal(wrapped, sealed, subject=subject, purpose=CODE_PURPOSE)
            except Unreadable:  # one damaged row takes nobody else's code away
                continue
            step = step_of(secret, digits, steps_at(now))
            if step is not None:
                yield subject, step, used_step

    def _forget_old(self, now: datetime) -> None:
        """Drop the digits that have expired, and those made by a clock that has gone back since."""
        self._db.execute(
            "DELETE FROM shop_code WHERE expires_at NOT BETWEEN ? AND ? OR expires_at = ?",
            [utc_text(now), utc_text(now + CODE_LIVES), utc_text(now)],
        )

    def _wrapped(self, subject: str) -> bytes:
        row = self._db.execute(
            "SELECT profile_key FROM member WHERE subject = ?", [subject]
        ).fetchone()
        if row is None:
            raise MemberMissing("expected a member to make a code for, got none")
        wrapped: bytes = row[0]
        return wrapped

    def _note(
        self, now: datetime, actor: str, subject: str | None, detail: dict[str, Code]
    ) -> None:
        Audit(self._db).append(at=now, what="code", actor=actor, subject=subject, detail=detail)


def end(db: Database, subject: str, now: datetime, *, actor: str) -> bool:
    """Take a member's secret and codes away, as for a phone that was lost. Needs no key.

    Returns:
        False if there was no secret.
    """
    with transaction(db):
        held = db.execute("SELECT 1 FROM code_secret WHERE subject = ?", [subject]).fetchone()
        forget_codes(db, subject)
        if held:
            detail: dict[str, Code] = {"how": "ended"}
            Audit(db).append(at=now, what="code", actor=actor, subject=subject, detail=detail)
    return held is not None
