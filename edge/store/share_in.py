"""Members whom other boxes share with this one: whose bundle is held, and what became of it.

Kept by `app.share_post` with the member and the consent, ended by the eyes (`app.sharing`).
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from sqlite_utils import Database

from edge.store.database import transaction
from edge.store.orders import bury
from edge.wire.codec import bundle_text, utc_text
from edge.wire.sharing import Bundle

_COLUMNS: Final = "place, id, rev, subject, given_at, made_at, brought, state, bundle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """What is held of a bundle of another box, and whom it is about here."""

    place: str
    id: str
    rev: int
    subject: str | None
    given_at: str | None
    made_at: str | None
    brought: bool
    state: str
    bundle: str | None = field(repr=False)


def _came(row: Any) -> Came:
    place, digest, rev, subject, given_at, made_at, brought, state, bundle = row
    return Came(
        place=place,
        id=digest,
        rev=rev,
        subject=subject,
        given_at=given_at,
        made_at=made_at,
        brought=bool(brought),
        state=state,
        bundle=bundle,
    )


def came_of(db: Database, place: str, digest: str) -> Came | None:
    """Return what is held of a bundle of another box."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM share_in WHERE place = ? AND id = ?", [place, digest]
    ).fetchone()
    return _came(row) if row else None


def known_as(db: Database, digest: str) -> str | None:
    """Return the subject here of whom some box shares under a hash."""
    row = db.execute(
        "SELECT subject FROM share_in WHERE id = ? AND subject IS NOT NULL LIMIT 1", [digest]
    ).fetchone()
    return row[0] if row else None


def keep_came(
    db: Database,
    place: str,
    bundle: Bundle,
    *,
    subject: str,
    theirs: str | None,
    given_at: datetime,
    brought: bool,
) -> None:
    """Keep a bundle for the eyes, in the caller's transaction."""
    db.execute(
        "INSERT OR REPLACE INTO share_in (place, id, rev, subject, theirs, given_at, bundle,"
        " brought, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'waiting')",
        [
            *(place, bundle.id, bundle.rev, subject, theirs, utc_text(given_at)),
            *(bundle_text(bundle), int(brought)),
        ],
    )


def waiting(db: Database, limit: int, now: datetime) -> list[Came]:
    """Return bundles that wait for the eyes, those alone whose consent has begun."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM share_in WHERE state = 'waiting' AND given_at <= ?"
        " ORDER BY rev LIMIT ?",
        [utc_text(now), limit],
    ).fetchall()
    return [_came(row) for row in rows]


def note_came(
    db: Database, came: Came, state: Literal["stored", "refused", "older"], made_at: str | None
) -> None:
    """Note in the caller's transaction what became of a bundle; its bytes are deleted."""
    db.execute(
        "UPDATE share_in SET bundle = NULL, state = ?, made_at = ?"
        " WHERE place = ? AND id = ? AND rev = ?",
        [state, made_at, came.place, came.id, came.rev],
    )


def note_came_end(db: Database, place: str, digest: str, rev: int) -> None:
    """Note that another box ended a share; older revisions are refused for ever."""
    with transaction(db):
        db.execute(
            "INSERT INTO share_in (place, id, rev, state) VALUES (?, ?, ?, 'ended')"
            " ON CONFLICT (place, id) DO UPDATE SET rev = excluded.rev, bundle = NULL,"
            " state = 'ended'",
            [place, digest, rev],
        )


def brought_by_sharing(db: Database, subject: str) -> bool:
    """Say whether a member is here by what other boxes shared alone."""
    row = db.execute(
        "SELECT max(brought) FROM share_in WHERE subject = ? AND NOT EXISTS"
        " (SELECT 1 FROM office_member WHERE office_member.subject = share_in.subject)",
        [subject],
    ).fetchone()
    return bool(row[0])


def note_own(db: Database, subject: str) -> None:
    """Note, in the caller's transaction, that a member is this shop's own now, come what may."""
    db.execute("UPDATE share_in SET brought = 0 WHERE subject = ?", [subject])
    db.execute("UPDATE standing SET here = 1 WHERE subject = ? AND here = 0", [subject])


def forget_shared(db: Database, subject: str, now: datetime) -> None:
    """Let nobody bring an erased member back by sharing, in the caller's transaction."""
    rows = db.execute("SELECT id FROM share_in WHERE subject = ?", [subject]).fetchall()
    for (digest,) in rows:
        bury(db, digest, now)
