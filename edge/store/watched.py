"""How long all cameras at the doors showed pictures, by the quarter of an hour.

The eyes note it, `store.sameday` reads it: a day that was not watched is compared with none.
Time by a clock that nobody vouches for is not noted, so such a day is left out as well.
"""

import logging
from datetime import datetime, timedelta
from typing import Final

from sqlite_utils import Database

from edge.store.database import StoreAway, transaction
from edge.wire.codec import utc_text

log = logging.getLogger(__name__)

QUARTER: Final = timedelta(minutes=15)
KEPT: Final = timedelta(days=100)
_WRITE_EVERY_S: Final = 60.0
_GAP_S: Final = 10.0
"""Who was not asked for so long does not know that it worked all the while."""


def quarter_of(moment: datetime) -> datetime:
    """Return the start of the quarter of an hour that holds a moment."""
    return moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)


class Watched:
    """Gathers the seconds that were watched, and writes them once a minute.

    Args:
        db: the eyes' connection.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._quarter: datetime | None = None
        self._seconds = 0.0
        self._good_at: float | None = None
        self._written_at = float("-inf")

    def note(self, *, works: bool, at: datetime, mono: float) -> None:
        """Note whether all cameras at the doors work now.

        Args:
            works: they do, and the time is sure.
            at: the box's time.
            mono: monotonic seconds.
        """
        since, self._good_at = self._good_at, mono if works else None
        quarter = quarter_of(at)
        if quarter != self._quarter:
            self._write()
            self._quarter, self._seconds, self._written_at = quarter, 0.0, mono
        if works and since is not None and 0 <= mono - since <= _GAP_S:
            self._seconds += mono - since
        if mono - self._written_at >= _WRITE_EVERY_S and self._write():
            self._seconds, self._written_at = 0.0, mono

    def _write(self) -> bool:
        if self._quarter is None or not self._seconds:
            return True
        try:
            with transaction(self._db):
                self._db.execute(
                    "INSERT INTO watched VALUES (?, ?) ON CONFLICT (quarter)"
                    " DO UPDATE SET seconds = seconds + excluded.seconds",
                    [utc_text(self._quarter), self._seconds],
                )
                self._db.execute(
                    "DELETE FROM watched WHERE quarter < ?", [utc_text(self._quarter - KEPT)]
                )
        except StoreAway as exc:
            log.warning("that the doors were watched cannot be kept: %s", exc)
            return False
        return True


def watched_share(db: Database, start: datetime, end: datetime) -> float:
    """Return what part of a time was watched, 0 to 1."""
    rows = db.execute(
        "SELECT quarter, seconds FROM watched WHERE quarter >= ? AND quarter < ?",
        [utc_text(quarter_of(start)), utc_text(end)],
    ).fetchall()
    found_s = 0.0
    for text, seconds in rows:
        quarter = datetime.fromisoformat(text)
        within = min(end, quarter + QUARTER) - max(start, quarter)
        found_s += min(seconds, within.total_seconds())
    return found_s / (end - start).total_seconds()
