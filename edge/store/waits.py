"""Reads how long guests wait in the queue, for the manager's page. Writes nothing."""

from dataclasses import dataclass
from datetime import date, datetime
from statistics import median

from sqlite_utils import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """The queue of a day, by its numbers. Times are minutes.

    `waiting` guests wait or were called and are not back, `longest` for the longest of them;
    `served` were served, half of them within `median`, counted from the number to the end; `gone`
    went without.
    """

    waiting: int
    longest: int | None
    served: int
    median: int | None
    gone: int


def waits_of(db: Database, day: date, now: datetime | None) -> Waits | None:
    """Return the queue of a day; None: nobody took a number.

    Tickets are kept for a week, so that there is one earlier day of the same weekday.

    Args:
        db: the box's database.
        day: the shop's.
        now: of today, to see who waits; None of another day.
    """
    rows = db.execute(
        "SELECT state, taken_at, ended_at FROM queue_ticket WHERE day = ?", [day.isoformat()]
    ).fetchall()
    if not rows:
        return None
    open_ones = [
        datetime.fromisoformat(at) for state, at, _ in rows if state in ("waiting", "called")
    ]
    served = [_minutes(at, ended) for state, at, ended in rows if state == "served" and ended]
    oldest = min(open_ones, default=None)
    longest = None
    if now is not None and oldest is not None:
        longest = max(0, int((now - oldest).total_seconds() // 60))
    return Waits(
        waiting=len(open_ones),
        longest=longest,
        served=len(served),
        median=round(median(served)) if served else None,
        gone=sum(state == "gone" for state, _, _ in rows),
    )


def _minutes(taken: str, ended: str) -> float:
    passed = datetime.fromisoformat(ended) - datetime.fromisoformat(taken)
    return max(0.0, passed.total_seconds() / 60)
