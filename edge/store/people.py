"""Reads members, their profiles and their templates. Called by commands, front and eyes.

Calls `edge.keys.profiles`; opens no template, which only the eyes can. Written by `register`.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from sqlite_utils import Database

from edge.core.flaws import Flaws
from edge.core.profile import Profile, read_profile
from edge.keys.errors import Unreadable
from edge.keys.profiles import ProfileKeys
from edge.store.database import StoreFault, transaction
from edge.store.merge_schema import led
from edge.wire.codec import utc_text

PROFILE_PURPOSE: Final = "profile"
GUARDIAN_PURPOSE: Final = "guardian"
_COLUMNS: Final = "id, subject, profile_key, profile, created_at, changed_at"


class MemberMissing(StoreFault):
    """There is no such member, or no longer."""


class ProfileUnreadable(StoreFault):
    """A member's profile is damaged, or was sealed under another key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member. `id` is for people and commands, `subject` for events, visits and the ledger."""

    id: str
    subject: str
    profile: Profile
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """All members by the time at which they joined; `damaged` are ids that cannot be read."""

    members: tuple[Member, ...]
    damaged: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A member as the row has it, or the `fault` for which nobody can read it."""

    sealed: tuple[Any, ...] = field(repr=False)
    member: Member | None = None
    fault: str = ""


class People:
    """Members, through one connection and with the key of their profiles."""

    def __init__(self, db: Database, keys: ProfileKeys) -> None:
        self._db = db
        self._keys = keys

    def by_id(self, member_id: str) -> Member:
        """Return a member.

        Raises:
            MemberMissing: there is none with this id.
            ProfileUnreadable: there is, but the profile is damaged.
        """
        member = self._found("id", member_id)
        if member is None:
            raise MemberMissing(f"expected the id of a member, got {member_id[:40]!r}")
        return member

    def by_subject(self, subject: str) -> Member | None:
        """Return the member with a subject, None when there is none (erased).

        Raises:
            ProfileUnreadable: the profile is damaged.
        """
        return self._found("subject", subject)

    def by_subjects(
        self, subjects: Collection[str], before: Mapping[str, Opened]
    ) -> dict[str, Opened]:
        """Return the members with some subjects, by subject; the erased are not there.

        Args:
            subjects: whose.
            before: what was returned last: a profile that is the same yet is not opened again.
        """
        marks = ", ".join("?" * len(subjects))
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM member WHERE subject IN ({marks})", list(subjects)
        ).fetchall()
        return {row[1]: self._opened(row, before.get(row[1])) for row in rows}

    def _opened(self, row: Any, before: Opened | None) -> Opened:
        sealed = tuple(row)
        if before is not None and before.sealed == sealed:
            return before
        try:
            return Opened(sealed=sealed, member=self._member(row))
        except ProfileUnreadable as exc:
            return Opened(sealed=sealed, fault=str(exc))

    def by_external_id(self, external_id: str) -> Member | None:
        """Return the member with an id of the shop's own systems, None when there is none.

        Raises:
            ProfileUnreadable: the profile is damaged.
        """
        return self._found("external_ref", led(self._db, self._keys.blind(external_id)))

    def everybody(self) -> Roll:
        """Return all members; a damaged row hides no other."""
        members, damaged = [], []
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM member ORDER BY created_at, id")
        for row in rows.fetchall():
            try:
                members.append(self._member(row))
            except ProfileUnreadable:
                damaged.append(row[0])
        return Roll(members=tuple(members), damaged=tuple(damaged))

    def _found(self, column: str, value: str | bytes) -> Member | None:
        row = self._db.execute(
            f"SELECT {_COLUMNS} FROM member WHERE {column} = ?", [value]
        ).fetchone()
        return self._member(row) if row else None

    def _member(self, row: Any) -> Member:
        member_id, subject, wrapped, sealed, created_at, changed_at = row
        try:
            raw = self._keys.unseal(wrapped, sealed, subject=subject, purpose=PROFILE_PURPOSE)
            profile = read_profile(json.loads(raw))
        except (Unreadable, Flaws):
            raise ProfileUnreadable(
                f"member {member_id}: expected a profile that this box's key opens, got a damaged"
                " one; restore a backup, or erase the member and enrol again"
            ) from None
        return Member(
            id=member_id,
            subject=subject,
            profile=profile,
            created_at=datetime.fromisoformat(created_at),
            changed_at=datetime.fromisoformat(changed_at),
        )


def subject_of(db: Database, member_id: str) -> str:
    """Return a member's subject; needs no key.

    Raises:
        MemberMissing: there is none with this id.
    """
    row = db.execute("SELECT subject FROM member WHERE id = ?", [member_id]).fetchone()
    if row is None:
        raise MemberMissing(f"expected the id of a member, got {member_id[:40]!r}")
    subject: str = row[0]
    return subject


def member_of(db: Database, subject: str) -> str | None:
    """Return the member id of a subject, None when there is none (erased); needs no key."""
    row = db.execute("SELECT id FROM member WHERE subject = ?", [subject]).fetchone()
    return row[0] if row else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateRow:
    """A stored template of a consent that holds. `mark` grows whenever the row changes.

    `sealed_key` and `sealed` are for `edge.keys.templates.TemplateOpener.open`; the consent is
    live from `given_at` until before `ends_at`, aware UTC.
    """

    subject: str
    given_at: datetime
    ends_at: datetime
    model: str
    photos: int
    sealed_key: bytes = field(repr=False)
    sealed: bytes = field(repr=False)
    mark: int


_LIVE: Final = (
    " FROM template AS t JOIN consent AS c ON c.id = t.consent_id"
    " WHERE c.given_at <= ? AND c.ends_at > ?"
)


def gallery_mark(db: Database) -> int:
    """Return a number that changes with every template stored, changed or removed."""
    (mark,) = db.execute("SELECT mark FROM gallery").fetchone()
    return int(mark)


def template_marks(db: Database, at: datetime) -> dict[str, int]:
    """Return the mark of each template whose consent holds at a moment, by subject."""
    moment = utc_text(at)
    return dict(db.execute(f"SELECT t.subject, t.mark{_LIVE}", [moment, moment]).fetchall())


def template_rows(
    db: Database, at: datetime, subjects: Collection[str] | None = None
) -> list[TemplateRow]:
    """Return the templates whose consent holds at a moment, of some subjects or of all."""
    moment = utc_text(at)
    some = "" if subjects is None else " AND t.subject IN (SELECT value FROM json_each(?))"
    values = [] if subjects is None else [json.dumps(list(subjects))]
    # As bytes: of one model that is no text SQLite would refuse everybody's row.
    rows = db.execute(
        "SELECT t.subject, c.given_at, c.ends_at, CAST(t.model AS BLOB), t.photos, t.sealed_key,"
        f" t.sealed, t.mark{_LIVE}{some} ORDER BY t.subject",
        [moment, moment, *values],
    ).fetchall()
    return [
        TemplateRow(
            subject=subject,
            given_at=datetime.fromisoformat(given_at),
            ends_at=datetime.fromisoformat(ends_at),
            model=model.decode(errors="replace"),
            photos=photos,
            sealed_key=sealed_key,
            sealed=sealed,
            mark=mark,
        )
        for subject, given_at, ends_at, model, photos, sealed_key, sealed, mark in rows
    ]


class StoredChecks:
    """What the store knows of its roots (implements `edge.keys.roots.KeyChecks`)."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def held(self, part: Literal["profile", "template", "public"]) -> bytes | None:
        """Return the check value that was kept, 32 bytes."""
        row = self._db.execute("SELECT value FROM key_check WHERE part = ?", [part]).fetchone()
        return row[0] if row else None

    def in_use(self, part: Literal["profile", "template"]) -> bool:
        """Say whether a member (or a template) is sealed under the root."""
        table = "member" if part == "profile" else "template"
        return self._db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None

    def keep(self, part: Literal["profile", "template", "public"], value: bytes) -> None:
        """Keep a check value."""
        with transaction(self._db):
            self._db.execute("INSERT OR REPLACE INTO key_check VALUES (?, ?)", [part, value])
