"""Reads which members are searched by face: those of this shop first, then who was here last.

Called by the eyes, which open no other template, and by the front, which says how many there are.
Kept by triggers (`standing_schema`); `note_brought` tells what no trigger can know.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlite_utils import Database

from edge.store.share_in import brought_by_sharing
from edge.wire.codec import utc_text

_LIVE: Final = " FROM standing WHERE given_at <= ? AND ends_at > ?"
_ORDER: Final = " ORDER BY here DESC, day DESC, mark DESC LIMIT ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class RollCall:
    """How many members have a template that may be searched now; those that are, by photos."""

    members: int
    photos: Mapping[int, int]

    @property
    def searched(self) -> int:
        """How many are searched."""
        return sum(self.photos.values())


def chosen_marks(db: Database, at: datetime, most: int) -> dict[str, int]:
    """Return the marks of the templates that are searched, by subject: at most so many."""
    moment = utc_text(at)
    rows = db.execute(f"SELECT subject, mark{_LIVE}{_ORDER}", [moment, moment, most])
    return dict(rows.fetchall())


def roll_call(db: Database, at: datetime, most: int) -> RollCall:
    """Count the members whose templates may be searched, and those that are."""
    moment = utc_text(at)
    (members,) = db.execute(f"SELECT count(*){_LIVE}", [moment, moment]).fetchone()
    rows = db.execute(
        f"SELECT photos, count(*) FROM (SELECT photos{_LIVE}{_ORDER}) GROUP BY photos",
        [moment, moment, most],
    ).fetchall()
    return RollCall(members=members, photos=dict(rows))


def note_brought(db: Database, subject: str) -> None:
    """Note that another shop shares a member, in the caller's transaction.

    Unless this shop knows the member by something else, or saw them, they come after its own.
    """
    if brought_by_sharing(db, subject):
        db.execute(
            "UPDATE standing SET here = EXISTS (SELECT 1 FROM visit WHERE subject = ?1"
            " AND origin = 'run' AND void = 0) WHERE subject = ?1",
            [subject],
        )
