"""The shop's link of the day, by which guests join, and the screens of those who are joining.

Called by `edge.desk.join`. The link lets whoever has it join today and read nothing. What a
guest's own screen holds is 256 random bits, kept here as a hash, for half an hour.
"""

import hmac
import json
import secrets
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlite_utils import Database

from edge.wire.codec import utc_text

SCREEN_LIVES: Final = timedelta(minutes=30)
"""As long as a guest takes to read the text, decide, and have three photos taken."""
PHOTOS_MAX: Final = 30
"""Photos that one screen may send: three that are good, and patience."""
SCREENS_MAX: Final = 500
"""Screens that live at one time, newest first: more is no shop."""
_LINK_BYTES: Final = 12
_SCREEN_BYTES: Final = 32
_LINK: Final = "join"
_WANTED: Final = "members"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The link of a day. `token` stands in the shop's QR code."""

    day: date
    token: str = field(repr=False)


def link_of(db: Database, day: date, *, anew: bool = False) -> Link:
    """Return the link of a day, made when first asked for; `anew` ends the one before.

    In the caller's transaction.
    """
    held = _held(db)
    if held is not None and held.day == day and not anew:
        return held
    link = Link(day=day, token=secrets.token_urlsafe(_LINK_BYTES))
    value = json.dumps({"day": day.isoformat(), "token": link.token})
    db.execute("INSERT OR REPLACE INTO joining_setting VALUES (?, ?)", [_LINK, value])
    return link


def _held(db: Database) -> Link | None:
    row = db.execute("SELECT value FROM joining_setting WHERE name = ?", [_LINK]).fetchone()
    if row is None:
        return None
    value = json.loads(row[0])
    return Link(day=date.fromisoformat(value["day"]), token=value["token"])


def is_link(db: Database, token: str, day: date) -> bool:
    """Say whether this is the link of a day; it takes as long whatever the answer."""
    held = _held(db)
    wanted = held.token if held is not None and held.day == day else secrets.token_urlsafe(9)
    return hmac.compare_digest(wanted.encode(), token.encode(errors="replace"))


def want_profiles(db: Database) -> None:
    """Note, in the caller's transaction, that this shop means to have members.

    The supervisor hands the profiles' key to the front only where there are any, or will be.
    """
    db.execute("INSERT OR REPLACE INTO joining_setting VALUES (?, 'wanted')", [_WANTED])


def profiles_wanted(db: Database) -> bool:
    """Say whether this shop means to have members."""
    return bool(db.execute("SELECT 1 FROM joining_setting WHERE name = ?", [_WANTED]).fetchone())


def new_screen() -> str:
    """Return what a guest's screen is known by."""
    return secrets.token_urlsafe(_SCREEN_BYTES)


def bind(db: Database, screen: str, subject: str, now: datetime) -> None:
    """Let a screen act for a member for a while, in the caller's transaction."""
    moment = utc_text(now)
    # A clock that has gone back leaves rows that would live for longer than any.
    db.execute(
        "DELETE FROM joining WHERE until <= ? OR until > ?",
        [moment, utc_text(now + SCREEN_LIVES)],
    )
    db.execute(
        "DELETE FROM joining WHERE token NOT IN"
        " (SELECT token FROM joining ORDER BY until DESC LIMIT ?)",
        [SCREENS_MAX - 1],
    )
    db.execute(
        "INSERT OR REPLACE INTO joining (token, subject, at, until) VALUES (?, ?, ?, ?)",
        [_hash(screen), subject, moment, utc_text(now + SCREEN_LIVES)],
    )


def bound_to(db: Database, screen: str, now: datetime) -> str | None:
    """Return the subject that a screen acts for; None: nobody's, too late, or erased."""
    row = db.execute(
        "SELECT subject FROM joining WHERE token = ? AND until > ? AND until <= ?"
        " AND EXISTS (SELECT 1 FROM member WHERE member.subject = joining.subject)",
        [_hash(screen), utc_text(now), utc_text(now + SCREEN_LIVES)],
    ).fetchone()
    return row[0] if row else None


def count_photo(db: Database, screen: str) -> bool:
    """Count a photo that a screen sends, in the caller's transaction; False: it sent too many."""
    done = db.execute(
        "UPDATE joining SET photos = photos + 1 WHERE token = ? AND photos < ?",
        [_hash(screen), PHOTOS_MAX],
    )
    return done.rowcount == 1


def unbind(db: Database, screen: str) -> None:
    """End what a screen may do, in the caller's transaction."""
    db.execute("DELETE FROM joining WHERE token = ?", [_hash(screen)])


def _hash(screen: str) -> bytes:
    # 256 random bits need no slow hash, and a lookup by hash tells nothing by its time.
    return sha256(screen.encode(errors="replace")).digest()
