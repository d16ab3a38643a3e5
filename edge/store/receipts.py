"""Keeps the till's receipts, and ties them to members and visits by `edge.core.receipts`.

Written by `edge.desk.till` in its transactions, read by the pages. A receipt has one row for its
number for ever; its id is made of shop and number, so that the hub knows it again even after the
box has forgotten it. Whose it is and what was bought stands in a table of its own (`purchase`),
under the member's key; what is of nobody holds no text at all.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from sqlite_utils import Database
from ulid import ULID

from edge.core.profile import plain_id
from edge.core.receipt import LINES_MAX, Receipt
from edge.core.receipts import Named, Tie, Tied, Why
from edge.keys import envelope
from edge.keys.profiles import ProfileKeys
from edge.store.database import StoreFault
from edge.store.merge_schema import led
from edge.store.purchases import keep_purchase, lines_of
from edge.store.receipt_ties import subject_of, ticket_subject, tie_of, tie_values
from edge.wire.codec import utc_text
from edge.wire.messages import MONEY_MAX, DeskFact

KEPT: Final = timedelta(days=90)
"""How old a receipt may be when it comes; those of nobody are kept so long (`keeping`)."""
_AHEAD: Final = timedelta(minutes=10)
_LOOKED_BACK: Final = timedelta(days=3)
_REVISED_WITHIN: Final = timedelta(days=32)
_AT_ONCE: Final = 200


class KeysMissing(StoreFault):
    """A receipt that names a member needs the profiles' key, and there is none now."""


_NUMBER: Final = re.compile(r"[!-~]{1,64}")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


def receipt_flaw(receipt: Receipt) -> str | None:
    """Return the first field of a receipt that holds what none may, None if it is sound."""
    sound = {
        "number": _NUMBER.fullmatch(receipt.number),
        "voids": receipt.voids is None or _NUMBER.fullmatch(receipt.voids),
        "currency": _CURRENCY.fullmatch(receipt.currency),
        "total": abs(receipt.total) <= MONEY_MAX,
        "amount": all(abs(one.amount or 0) <= MONEY_MAX for one in receipt.lines),
        "what": len(receipt.lines) <= LINES_MAX,
        "member": len(receipt.member or "") <= 64,
        "consultant": len(receipt.consultant or "") <= 80,
    }
    return next((name for name, good in sound.items() if not good), None)


Outcome = Literal["kept", "conflict", "future", "too_old"]
"""What became of a receipt: it is kept (now, or was before); its number has another content under
this revision or a later one; its time has not come; it is older than `KEPT`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is told of a receipt. `tied` and `why` None: it was not kept."""

    number: str
    outcome: Outcome
    rev: int
    tied: Tied | None = None
    why: Why | None = None


class Receipts:
    """Takes receipts through one connection, in the caller's transaction.

    Args:
        db: the connection, in a transaction.
        store_id: this shop.
        zone: of the shop, whose days number the queue.
        keys: the profiles' keys, None while there are none.
        root: what digests are made under, 32 bytes.
        tell: is given what the hub is to be told.
    """

    def __init__(
        self,
        db: Database,
        *,
        store_id: str,
        zone: ZoneInfo,
        keys: ProfileKeys | None,
        root: bytes,
        tell: Callable[[DeskFact], None],
    ) -> None:
        self._db = db
        self._store_id = store_id
        self._zone = zone
        self._keys = keys
        self._digest_key = envelope.derive(root, "receipts")
        self._tell = tell
        self._staff: dict[str, str | None] | None = None

    def take(self, receipt: Receipt, now: datetime, *, sure: bool = True) -> Answer:
        """Keep a receipt, if it is new; `sure`: the box knows the time.

        Raises:
            KeysMissing: it names a member, and nobody can be looked up.
        """
        row = self._db.execute(
            "SELECT id, rev, digest, voids FROM receipt WHERE number = ?", [receipt.number]
        ).fetchone()
        digest = self._digest(receipt)
        if row is not None and row[2] in (None, digest):  # forgotten with its member: known, too
            return self._told(receipt.number)
        if row is not None and receipt.rev <= row[1]:
            return Answer(number=receipt.number, outcome="conflict", rev=row[1])
        if sure and receipt.at > now + _AHEAD:
            return Answer(number=receipt.number, outcome="future", rev=receipt.rev)
        if receipt.at < now - KEPT:
            return Answer(number=receipt.number, outcome="too_old", rev=receipt.rev)
        self._write(receipt, digest, self._found(receipt))
        for number in {receipt.voids, row[3] if row else None} - {None}:
            self._settle_void(str(number))
        self._tell_of(receipt.number)
        return self._told(receipt.number)

    def _digest(self, receipt: Receipt) -> bytes:
        lines = [[one.what, one.quantity, one.amount] for one in receipt.lines]
        held = [
            *(receipt.number, utc_text(receipt.at), receipt.total, receipt.currency, receipt.kind),
            *(receipt.buyer, lines, receipt.member, receipt.queue, receipt.consultant),
            receipt.voids,
        ]
        return envelope.mac(self._digest_key, json.dumps(held).encode())

    def _told(self, number: str) -> Answer:
        rev, tied, why = self._db.execute(
            "SELECT rev, tied, why FROM receipt WHERE number = ?", [number]
        ).fetchone()
        return Answer(number=number, outcome="kept", rev=rev, tied=tied, why=why)

    def _found(self, receipt: Receipt) -> "_Found":
        """Look up whom the till names."""
        ref, subject = self._member(receipt.member) if receipt.member else (None, None)
        ticket, ticket_subject = None, None
        if receipt.queue is not None:
            day = receipt.at.astimezone(self._zone).date().isoformat()
            row = self._db.execute(
                "SELECT id, subject FROM queue_ticket WHERE day = ? AND number = ?",
                [day, receipt.queue],
            ).fetchone()
            ticket, ticket_subject = row or (None, None)
        staff = self._consultant(receipt.consultant) if receipt.consultant else None
        named = Named(
            buyer=receipt.buyer,
            member=bool(receipt.member),
            subject=subject,
            number=receipt.queue is not None,
            ticket=ticket,
            ticket_subject=ticket_subject,
            seller=bool(receipt.consultant),
            staff=staff,
        )
        return _Found(ref=ref, named=named, tie=tie_of(self._db, receipt.at, named))

    def _member(self, told: str) -> tuple[bytes, str | None]:
        if self._keys is None:
            raise KeysMissing("a receipt of a member: expected the profiles' key, got none")
        ref = led(self._db, self._keys.blind(told))
        return ref, subject_of(self._db, ref)

    def _consultant(self, told: str) -> str | None:
        """Return the id of somebody on the staff list; None: nobody, or two of one name."""
        if self._staff is None:
            rows = self._db.execute("SELECT id, name FROM staff ORDER BY active, id").fetchall()
            self._staff = {}
            for staff, name in rows:
                plain = plain_id(name)
                self._staff[plain] = None if plain in self._staff else staff
                self._staff[plain_id(staff)] = staff
        return self._staff.get(plain_id(told))

    def _write(self, receipt: Receipt, digest: bytes, found: "_Found") -> None:
        number, named = receipt.number, found.named
        (voided,) = self._db.execute(
            "SELECT EXISTS (SELECT 1 FROM receipt WHERE voids = ?)", [number]
        ).fetchone()
        values: dict[str, Any] = {
            "id": receipt_id(self._store_id, number),
            "number": number,
            "rev": receipt.rev,
            "digest": digest,
            "at": utc_text(receipt.at),
            "kind": receipt.kind,
            "buyer": receipt.buyer,
            "value": receipt.total,
            "currency": receipt.currency,
            "items": receipt.items,
            "voids": receipt.voids if receipt.voids != number else None,
            "voided": voided,
            "named": receipt.named,
            "ticket": named.ticket,
            "staff": named.staff,
            "told": 0,
            **tie_values(self._db, found.tie),
        }
        changed = ", ".join(f"{name} = excluded.{name}" for name in values if name != "told")
        self._db.execute(
            f"INSERT INTO receipt ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})"
            f" ON CONFLICT (number) DO UPDATE SET {changed}",
            list(values.values()),
        )
        self._db.execute("DELETE FROM purchase WHERE receipt = ?", [values["id"]])
        lines = [[one.what, one.quantity, one.amount] for one in receipt.lines if one.what]
        keep_purchase(
            self._db, self._keys, values["id"], values["at"], found.ref, found.tie.subject, lines
        )

    def _settle_void(self, number: str) -> None:
        """Note whether a receipt is taken back by another one, and tell the hub if that is new."""
        changed = self._db.execute(
            "UPDATE receipt SET voided = NOT voided WHERE number = ?1"
            " AND voided <> EXISTS (SELECT 1 FROM receipt AS other WHERE other.voids = ?1)",
            [number],
        )
        if changed.rowcount:
            self._tell_of(number)

    def _tell_of(self, number: str) -> None:
        row = self._db.execute(
            "UPDATE receipt SET told = told + 1 WHERE number = ?"
            " RETURNING id, told, at, visit, staff, voided, kind, value, currency, items, tied,"
            " buyer",
            [number],
        ).fetchone()
        self._tell(_fact(row))

    def tie_anew(self, now: datetime) -> int:
        """Tie again what may tie otherwise by now; return how many did.

        What is known of a visit may have changed (a wrong person, a late identity), and what was
        not known before may be (a claim, a member, the way back of a phone that was out of reach).
        """
        rows = self._db.execute(
            f"SELECT {_RETIED} FROM receipt AS r JOIN visit AS v ON v.id = r.visit"
            " LEFT JOIN purchase AS p ON p.receipt = r.id"
            " WHERE r.visit IS NOT NULL AND v.rev <> r.visit_rev AND r.at >= ? LIMIT ?",
            [utc_text(now - _REVISED_WITHIN), _AT_ONCE],
        ).fetchall()
        rows += self._db.execute(
            f"SELECT {_RETIED} FROM receipt AS r LEFT JOIN purchase AS p ON p.receipt = r.id"
            " WHERE r.visit IS NULL AND r.named <> '' AND r.at >= ?"
            " ORDER BY r.at DESC LIMIT ?",
            [utc_text(now - _LOOKED_BACK), _AT_ONCE],
        ).fetchall()
        return sum(self._tie_again(row) for row in rows)

    def _tie_again(self, row: Any) -> bool:
        (receipt, number, at, buyer, letters, ticket, staff, tied, why, visit, ref, subject) = row
        named = Named(
            buyer=buyer,
            member="m" in letters,
            subject=subject_of(self._db, ref) if ref else None,
            number="q" in letters,
            ticket=ticket,
            ticket_subject=ticket_subject(self._db, ticket),
            seller="c" in letters,
            staff=staff,
        )
        found = tie_of(self._db, datetime.fromisoformat(at), named)
        same = (found.tied, found.why, found.visit) == (tied, why, visit)
        if same and found.subject == subject:
            values = tie_values(self._db, found)
            self._db.execute(
                "UPDATE receipt SET visit_rev = ? WHERE id = ? AND visit_rev IS NOT ?",
                [values["visit_rev"], receipt, values["visit_rev"]],
            )
            return False
        lines: list[Any] = []
        if found.subject != subject:
            if self._keys is None:
                return False  # nobody can read it now, so nobody sees it with the wrong person
            lines = lines_of(self._db, self._keys, receipt)
        values = tie_values(self._db, found)
        named_values = ", ".join(f"{name} = ?" for name in values)
        self._db.execute(
            f"UPDATE receipt SET {named_values} WHERE id = ?", [*values.values(), receipt]
        )
        if found.subject != subject:
            self._db.execute("DELETE FROM purchase WHERE receipt = ?", [receipt])
            keep_purchase(self._db, self._keys, receipt, at, ref, found.subject, lines)
        if not same:
            self._tell_of(number)
        return True


_RETIED: Final = (
    "r.id, r.number, r.at, r.buyer, r.named, r.ticket, r.staff, r.tied, r.why, r.visit, p.ref,"
    " p.subject"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    ref: bytes | None
    named: Named
    tie: Tie


def receipt_id(store_id: str, number: str) -> str:
    """Return the id of a receipt: the same for a shop and a number for ever."""
    held = json.dumps(["receipt", store_id, number]).encode()
    return str(ULID.from_bytes(sha256(held).digest()[:16]))


def _fact(row: Any) -> DeskFact:
    receipt, told, at, visit, staff, voided, kind, value, currency, items, tied, buyer = row
    return DeskFact(
        what="receipt",
        id=receipt,
        rev=told,
        visit=visit,
        staff=staff,
        about=datetime.fromisoformat(at),
        state="voided" if voided else "kept",
        kind=kind,
        value=value,
        currency=currency,
        items=items,
        tied=tied,
        buyer=buyer,
    )
