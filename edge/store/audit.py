"""The box's audit log: who did what to whom, in codes, chained by hashes.

`append` is called inside the transaction of what it tells, by `register`, eyes and console.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlite_utils import Database

from edge.store import chain
from edge.store.people_schema import AUDIT
from edge.wire.codec import utc_text
from menkou.chain import Verdict

What = Literal[
    "enrol",
    "change",
    "match",
    "view",
    "export",
    "erase",
    "import",
    "consent",
    "mode",
    "pair",
    "revoke",
    "faces_off",
    "faces_on",
    "wrong_person",
    "key",
    "clock",
    "code",
    "pause",
    "token",
    "queue",
    "staff",
    "claim",
    "note",
    "stay",
    "end",
    "appointment",
    "source",
    "service",
]
Code = str | int | float | bool | None
# No spaces and ASCII only, so that neither a name nor a sentence stands in the log by accident.
_CODE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the log. `actor` is a code such as `command`, `eyes` or `device:7`."""

    id: int
    at: datetime
    what: str
    actor: str
    subject: str | None
    detail: Mapping[str, Any]


class Audit:
    """The log, through one connection."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def append(
        self,
        *,
        at: datetime,
        what: What,
        actor: str,
        subject: str | None = None,
        detail: Mapping[str, Code] | None = None,
    ) -> None:
        """Add an entry in the caller's transaction.

        Raises:
            ValueError: an actor, a subject or a detail is not a code.
        """
        told = dict(detail or {})
        for name, value in {"actor": actor, "subject": subject, **told}.items():
            if isinstance(value, str) and not _CODE.fullmatch(value):
                raise ValueError(f"audit {what}.{name}: expected a code of A-Z a-z 0-9 _ . : -")
        values = {
            "at": utc_text(at),
            "what": what,
            "actor": actor,
            "subject": subject,
            "detail": json.dumps(told, sort_keys=True),
        }
        chain.append(self._db, AUDIT, values)

    def entries(self, *, subject: str | None = None, limit: int = 1000) -> list[Entry]:
        """Return the newest entries, oldest of them first; of one subject if one is given."""
        where, values = ("WHERE subject = ?", [subject]) if subject else ("", [])
        return self._read(f"{where} ORDER BY id DESC LIMIT ?", [*values, limit])

    def last(self, what: What) -> Entry | None:
        """Return the newest entry of a kind."""
        found = self._read("WHERE what = ? ORDER BY id DESC LIMIT 1", [what])
        return found[0] if found else None

    def _read(self, tail: str, values: Sequence[Any]) -> list[Entry]:
        rows = self._db.execute(
            f"SELECT id, at, what, actor, subject, detail FROM audit {tail}", list(values)
        ).fetchall()
        return [
            Entry(
                id=i,
                at=datetime.fromisoformat(at),
                what=what,
                actor=actor,
                subject=subject,
                detail=json.loads(detail),
            )
            for i, at, what, actor, subject, detail in reversed(rows)
        ]

    def verify(self) -> Verdict:
        """Compute the log's chain anew."""
        return chain.verify(self._db, AUDIT)
