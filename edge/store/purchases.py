"""Whose a receipt is and what was bought, sealed under the member's key.

Written by `edge.store.receipts`, read by the pages. What is of nobody holds no text at all.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlite_utils import Database

from edge.core.receipt import Line
from edge.core.receipts import Kind
from edge.keys.errors import Unreadable
from edge.keys.profiles import ProfileKeys

_PURPOSE: Final = "purchase"


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """What a member bought. `what` is empty where the till gave no lines."""

    at: datetime
    value: int
    currency: str
    items: int | None
    what: tuple[str, ...] = field(default=(), repr=False)


def buyers_among(db: Database, subjects: Iterable[str]) -> list[str]:
    """Return those of some members who bought something that is known here."""
    rows = db.execute(
        "SELECT value FROM json_each(?) WHERE EXISTS"
        " (SELECT 1 FROM purchase WHERE purchase.subject = value)",
        [json.dumps(list(subjects))],
    )
    return [subject for (subject,) in rows.fetchall()]


def purchases_of(
    db: Database, keys: ProfileKeys, subject: str, limit: int = 3
) -> tuple[Purchase, ...]:
    """Return what a member bought last, the newest first; nothing that was paid back or voided."""
    rows = db.execute(
        "SELECT r.id, r.at, r.value, r.currency, r.items FROM purchase AS p"
        " JOIN receipt AS r ON r.id = p.receipt"
        " WHERE p.subject = ? AND r.voided = 0 AND r.kind <> 'return'"
        " ORDER BY p.at DESC LIMIT ?",
        [subject, limit],
    ).fetchall()
    return tuple(
        Purchase(
            at=datetime.fromisoformat(at),
            value=value,
            currency=currency,
            items=items,
            what=tuple(line[0] for line in lines_of(db, keys, receipt)),
        )
        for receipt, at, value, currency, items in rows
    )


def keep_purchase(
    db: Database,
    keys: ProfileKeys | None,
    receipt: str,
    at: str,
    ref: bytes | None,
    subject: str | None,
    lines: Sequence[Any],
) -> None:
    """Note whose a receipt is, with its lines sealed; of nobody nothing is kept."""
    wrapped = _wrapped(db, subject) if subject is not None else None
    if wrapped is None:
        subject = None
    if subject is None and ref is None:
        return
    sealed = None
    if wrapped is not None and subject is not None and lines and keys is not None:
        raw = json.dumps(lines, ensure_ascii=False).encode()
        sealed = keys.seal(wrapped, raw, subject=subject, purpose=f"{_PURPOSE} {receipt}")
    db.execute(
        "INSERT INTO purchase (receipt, at, ref, subject, sealed) VALUES (?, ?, ?, ?, ?)",
        [receipt, at, ref, subject, sealed],
    )


def _wrapped(db: Database, subject: str) -> bytes | None:
    row = db.execute("SELECT profile_key FROM member WHERE subject = ?", [subject]).fetchone()
    return row[0] if row else None


def lines_of(db: Database, keys: ProfileKeys, receipt: str) -> list[Any]:
    """Return the lines of a purchase as they were sealed; none where nobody can read them."""
    row = db.execute("SELECT subject, sealed FROM purchase WHERE receipt = ?", [receipt]).fetchone()
    if row is None or row[1] is None:
        return []
    wrapped = _wrapped(db, row[0])
    if wrapped is None:
        return []
    try:
        raw = keys.unseal(wrapped, row[1], subject=row[0], purpose=f"{_PURPOSE} {receipt}")
    except Unreadable:
        return []
    held: list[Any] = json.loads(raw)
    return held


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipted:
    """A receipt of a member, with all that is kept of it."""

    number: str
    at: datetime
    kind: Kind
    value: int
    currency: str
    items: int | None
    voided: bool
    visit: str | None
    lines: tuple[Line, ...] = field(default=(), repr=False)


def all_purchases(
    db: Database, keys: ProfileKeys, subject: str, ref: bytes | None
) -> tuple[Receipted, ...]:
    """Return every receipt that is a member's, or names the member's number (`ref`), in order."""
    rows = db.execute(
        "SELECT r.id, r.number, r.at, r.kind, r.value, r.currency, r.items, r.voided, r.visit"
        " FROM purchase AS p JOIN receipt AS r ON r.id = p.receipt"
        " WHERE p.subject = ? OR p.ref = ? ORDER BY p.at",
        [subject, ref],
    ).fetchall()
    return tuple(
        Receipted(
            number=number,
            at=datetime.fromisoformat(at),
            kind=kind,
            value=value,
            currency=currency,
            items=items,
            voided=bool(voided),
            visit=visit,
            lines=tuple(
                Line(what=what, quantity=quantity, amount=amount)
                for what, quantity, amount in lines_of(db, keys, receipt)
            ),
        )
        for receipt, number, at, kind, value, currency, items, voided, visit in rows
    )
