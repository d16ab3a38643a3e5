"""The hub's audit log: who did what to whom, in codes, chained by hashes, only added to.

`append` is called inside the transaction of what it tells: by the rooms beside it, by the commands,
and by whatever changes something for a person. The page and its CSV read it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, get_args

from sqlalchemy import Connection, CursorResult, Row, func, insert, select, text

from cloud.accounts.tables import audit
from edge.wire.codec import utc_text
from menkou.chain import Link, Verdict, genesis, link
from menkou.chain import verify as verify_links

What = Literal[
    "sign_in",
    "sign_out",
    "locked",
    "account",
    "token",
    "view",
    "export",
    "config",
    "import",
    "erase",
    "key",
    "acknowledge",
]
KINDS: Final[tuple[str, ...]] = get_args(What)
COMMAND: Final = "command"
"""The actor of whatever is done on the hub's own machine."""
Code = str | int | float | bool | None
# No spaces and ASCII only, so that neither a name nor a sentence stands in the log by accident.
_CODE: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")
_COLUMNS: Final = ("at", "what", "actor", "subject", "detail")
# Any fixed number: on PostgreSQL whoever adds to the log holds this lock until the commit.
_LOCK: Final = 6_213_704


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the log. `actor` is `command`, `local`, `shared` or a code such as `token:ID`."""

    id: int
    at: datetime
    what: str
    actor: str
    subject: str | None
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which lines are asked for; what is None or empty asks for all."""

    what: str | None = None
    actor: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


def append(
    connection: Connection,
    *,
    at: datetime,
    what: What,
    actor: str,
    subject: str | None = None,
    detail: Mapping[str, Code] | None = None,
) -> None:
    """Add a line in the caller's transaction, which writes.

    Raises:
        ValueError: an actor, a subject or a detail is not a code.
    """
    told = dict(detail or {})
    for name, value in {"actor": actor, "subject": subject, **told}.items():
        if isinstance(value, str) and not _CODE.fullmatch(value):
            raise ValueError(f"audit {what}.{name}: expected a code of A-Z a-z 0-9 _ . : / -")
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    last = connection.execute(
        select(audit.c.id, audit.c.hash).order_by(audit.c.id.desc()).limit(1)
    ).one_or_none()
    row_id, previous = (last.id + 1, last.hash) if last else (1, genesis(audit.name))
    values = (utc_text(at), what, actor, subject, json.dumps(told, sort_keys=True))
    connection.execute(
        insert(audit).values(
            id=row_id,
            **dict(zip(_COLUMNS, values, strict=True)),
            prev=previous,
            hash=link(previous, audit.name, row_id, values),
        )
    )


def entries(connection: Connection, wanted: Wanted, limit: int) -> list[Entry]:
    """Return the newest lines that are asked for, the newest first."""
    return [_entry(row) for row in connection.execute(_question(wanted).limit(limit))]


def every(connection: Connection, wanted: Wanted) -> Iterator[Entry]:
    """Yield all lines that are asked for, the newest first, without holding them in memory."""
    with _streamed(connection, _question(wanted)) as rows:
        for row in rows:
            yield _entry(row)


def _streamed(connection: Connection, question: Any) -> CursorResult[Any]:
    return connection.execution_options(yield_per=1000).execute(question)


def _question(wanted: Wanted) -> Any:
    asked = select(audit).order_by(audit.c.id.desc())
    for name in ("what", "actor", "subject"):
        if value := getattr(wanted, name):
            asked = asked.where(audit.c[name] == value)
    # Such texts sort by time.
    if wanted.since is not None:
        asked = asked.where(audit.c.at >= utc_text(wanted.since))
    if wanted.until is not None:
        asked = asked.where(audit.c.at < utc_text(wanted.until))
    return asked if wanted.before is None else asked.where(audit.c.id < wanted.before)


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        id=row.id,
        at=datetime.fromisoformat(row.at),
        what=row.what,
        actor=row.actor,
        subject=row.subject,
        detail=json.loads(row.detail),
    )


def count(connection: Connection) -> int:
    """Return how many lines there are."""
    return connection.execute(select(func.count()).select_from(audit)).scalar_one()


def verify(connection: Connection) -> Verdict:
    """Compute the log's chain anew."""
    with _streamed(connection, select(audit).order_by(audit.c.id)) as rows:
        return verify_links(audit.name, (_link(row) for row in rows))


def _link(row: Row[Any]) -> Link:
    values = tuple(row._mapping[name] for name in _COLUMNS)
    return Link(id=row.id, prev=row.prev, hash=row.hash, values=values)
