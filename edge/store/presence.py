"""Keeps what Wi-Fi says of each minute and hour, and tells the outbox of it.

    PresenceLog.keep   the radio's finished minutes: row and event in one short transaction
    note_hour          an hour that has closed, beside what the cameras counted in it
    known_hours        what the box may learn from (`edge.learning`)

Called by the radio process, by replay and by `learning`. Nothing in here knows an address, a class
or a pseudonym: a minute is a handful of numbers.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlite_utils import Database

from edge.core import presence
from edge.modes import Basis
from edge.store.database import bound, transaction
from edge.store.figures import OF_GUESTS
from edge.store.outbox import Origin, Outbox, Reading
from edge.wire import messages
from edge.wire.codec import utc_text
from edge.wire.messages import Body

log = logging.getLogger(__name__)

HUNDREDTHS: Final = 100
"""The index is kept and sent in whole hundredths."""
HOUR: Final = timedelta(hours=1)
_MINUTE: Final = timedelta(minutes=1)
_COUNTS: Final = ("classes", "near", "far", "footfall", "probes")
_OF_HOUR: Final = "hour, minutes, footfall, classes, near, visitors, basis"
_STAYS: Final = ("stays", "stays_5", "stays_10", "stays_20", "stays_40")
_OF_BOX: Final = ("passers", "error", *_STAYS)
_CHANGED: Final = (*_OF_HOUR.split(", ")[1:], *_OF_BOX)
_GROWN: Final = " OR ".join(f"excluded.{name} > {name}" for name in _COUNTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stays:
    """How long guests stayed on the day so far: how many stays are known, and the percentages of
    those of 5 to 10 minutes, to 20, to 40, and longer.
    """

    count: int
    percent: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """An hour of the radio beside one of the cameras; `start` is aware UTC.

    `index`, `classes` and `near` are sums over its observed `minutes`; `visitors` None: no camera
    saw the whole hour. `passers` came by, give or take `error` percent; None before enough was
    learnt. `by_hand`: a person told it.
    """

    start: datetime
    minutes: int
    index: float
    classes: int
    near: int
    visitors: int | None
    basis: Basis
    passers: int | None = None
    error: int | None = None
    stays: Stays | None = None
    by_hand: bool = False


class PresenceLog:
    """Takes finished minutes of one epoch.

    Args:
        db: a connection of its own.
        epoch: the epoch of this start.
        origin: whose minutes they are; those of a private replay are never sent or shown.
        reading: the clocks as they stand.
        limit_bytes: what the database may take, read anew for each commit; None: what the disk
            holds.

    While nobody vouches for the time no minute is kept: nobody could say which it was.
    `unkept` counts those.
    """

    def __init__(
        self,
        db: Database,
        epoch: str,
        origin: Origin,
        *,
        reading: Callable[[], Reading],
        limit_bytes: Callable[[], int] | None = None,
    ) -> None:
        self._db = db
        self._epoch = epoch
        self._private = origin == "private"
        self._reading = reading
        self._limit_bytes = limit_bytes
        self._outbox = Outbox(db)
        self.unkept = 0

    def keep(self, minutes: Sequence[presence.PresenceMinute]) -> int:
        """Keep minutes, rows and events, all or none; return how many were news.

        A minute that is there already, of before a restart within it, keeps the larger numbers.

        Raises:
            edge.store.database.StoreAway: it cannot be done now; nothing was kept, try again.
        """
        reading = self._reading()
        if reading.clock == "suspect":
            if minutes and not self.unkept:
                log.warning("nobody vouches for the time: minutes of Wi-Fi are not kept until then")
            self.unkept += len(minutes)
            return 0
        if not minutes:
            return 0
        if self._limit_bytes is not None:
            bound(self._db, self._limit_bytes())
        with transaction(self._db):
            told = [body for one in minutes if (body := self._kept(one)) is not None]
            entries: list[tuple[Body, Reading]] = [
                (
                    body,
                    Reading(at=body.minute + _MINUTE, mono=reading.mono, clock=reading.clock),
                )
                for body in told
            ]
            self._outbox.append(self._epoch, entries)
        return len(told)

    def _kept(self, minute: presence.PresenceMinute) -> messages.PresenceMinute | None:
        at = datetime.fromtimestamp(minute.minute_s, UTC)
        counts = (
            *(minute.classes, minute.near, minute.far),
            *(hundredths(minute.index), minute.probes),
        )
        row = self._db.execute(
            f"INSERT INTO presence_minute (private, minute, rev, {', '.join(_COUNTS)})"
            f" VALUES (?, ?, 1, {', '.join('?' * len(_COUNTS))})"
            " ON CONFLICT (private, minute) DO UPDATE SET rev = rev + 1,"
            f" {', '.join(f'{name} = max({name}, excluded.{name})' for name in _COUNTS)}"
            f" WHERE {_GROWN} RETURNING rev, {', '.join(_COUNTS)}",
            [self._private, utc_text(at), *counts],
        ).fetchone()
        if row is None:
            return None
        rev, *known = row
        return messages.PresenceMinute(minute=at, rev=rev, **dict(zip(_COUNTS, known, strict=True)))


def hundredths(index: float) -> int:
    """Return an index as it is kept."""
    return round(index * HUNDREDTHS)


def minutes_between(db: Database, start: datetime, end: datetime) -> list[presence.PresenceMinute]:
    """Return the observed minutes from `start` to `end` (excluded), in order."""
    rows = db.execute(
        f"SELECT minute, {', '.join(_COUNTS)} FROM presence_minute"
        " WHERE private = 0 AND minute >= ? AND minute < ? ORDER BY minute",
        [utc_text(start), utc_text(end)],
    ).fetchall()
    return [_minute_of(row) for row in rows]


def _minute_of(row: Sequence[Any]) -> presence.PresenceMinute:
    minute, classes, near, far, footfall, probes = row
    return presence.PresenceMinute(
        minute_s=int(datetime.fromisoformat(minute).timestamp()),
        classes=classes,
        near=near,
        far=far,
        index=footfall / HUNDREDTHS,
        probes=probes,
    )


def last_minute_at(db: Database) -> datetime | None:
    """Return when the newest observed minute ended; None: none was."""
    (minute,) = db.execute("SELECT max(minute) FROM presence_minute WHERE private = 0").fetchone()
    return datetime.fromisoformat(minute) + _MINUTE if minute else None


def unnoted_since(db: Database, start: datetime, end: datetime) -> list[datetime]:
    """Return the observed minutes from `start` to `end` of which no hour was noted yet."""
    rows = db.execute(
        "SELECT minute FROM presence_minute WHERE private = 0 AND minute >= ? AND minute < ?"
        " AND minute >= coalesce((SELECT strftime('%Y-%m-%dT%H:%M:%fZ', max(hour), '+1 hour')"
        "  FROM presence_hour WHERE source = 'box'), '') ORDER BY minute",
        [utc_text(start), utc_text(end)],
    ).fetchall()
    return [datetime.fromisoformat(minute) for (minute,) in rows]


def note_hour(
    db: Database, epoch: str, reading: Reading, hour: Hour, *, learnt: int, needed: int
) -> None:
    """Keep an hour that has closed, and tell the hub; one that is known grows, or stays.

    Args:
        db: the box's database.
        epoch: of this start.
        reading: the clocks as they stand.
        hour: what the box found.
        learnt: from how many hours it has learnt so far.
        needed: from how many it must have before it estimates anything.
    """
    stays = (hour.stays.count, *hour.stays.percent) if hour.stays else (None,) * len(_STAYS)
    row = (*_row_of(hour), hour.passers, hour.error, *stays)
    with transaction(db):
        told = db.execute(
            f"INSERT INTO presence_hour (source, rev, {_OF_HOUR}, {', '.join(_OF_BOX)})"
            f" VALUES ('box', 1, {', '.join('?' * len(row))})"
            " ON CONFLICT (hour) WHERE source = 'box' DO UPDATE SET rev = rev + 1,"
            f" {', '.join(f'{name} = excluded.{name}' for name in _CHANGED)}"
            " WHERE excluded.minutes > minutes RETURNING rev",
            row,
        ).fetchone()
        if told is None:
            return
        body = messages.PresenceHour(
            hour=hour.start,
            rev=told[0],
            minutes=hour.minutes,
            footfall=hundredths(hour.index),
            visitors=hour.visitors,
            basis=hour.basis,
            passers=hour.passers,
            error=hour.error,
            learnt=learnt,
            needed=needed,
            **dict(zip(_STAYS, stays, strict=True)),
        )
        at = Reading(at=hour.start + HOUR, mono=reading.mono, clock=reading.clock)
        Outbox(db).append(epoch, [(body, at)])


def add_by_hand(db: Database, hour: Hour) -> bool:
    """Keep an hour that a person knows; say whether it is news: the same one counts once."""
    row = _row_of(hour)
    same = " AND ".join(f"{name} IS ?" for name in _OF_HOUR.split(", "))
    with transaction(db):
        known = db.execute(
            f"SELECT 1 FROM presence_hour WHERE source = 'hand' AND {same}", row
        ).fetchone()
        if known is None:
            db.execute(
                f"INSERT INTO presence_hour (source, rev, {_OF_HOUR})"
                " VALUES ('hand', 1, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
    return known is None


def known_hours(db: Database, basis: Basis, most: int) -> list[Hour]:
    """Return the hours to learn from, the newest first: those whose visitors are known."""
    rows = db.execute(
        f"SELECT {_OF_HOUR}, source, {', '.join(_OF_BOX)} FROM presence_hour"
        " WHERE visitors NOT NULL AND basis = ? ORDER BY hour DESC, id DESC LIMIT ?",
        [basis, most],
    ).fetchall()
    return [_hour_of(row) for row in rows]


def count_known(db: Database, basis: Basis) -> tuple[int, int]:
    """Return how many hours there are to learn from, and their visitors."""
    row = db.execute(
        "SELECT count(*), coalesce(sum(visitors), 0) FROM presence_hour"
        " WHERE visitors NOT NULL AND basis = ?",
        [basis],
    ).fetchone()
    return int(row[0]), int(row[1])


def hours_between(db: Database, start: datetime, end: datetime) -> list[Hour]:
    """Return the hours that the box noted from `start` to `end` (excluded), in order."""
    rows = db.execute(
        f"SELECT {_OF_HOUR}, source, {', '.join(_OF_BOX)} FROM presence_hour"
        " WHERE source = 'box' AND hour >= ? AND hour < ? ORDER BY hour",
        [utc_text(start), utc_text(end)],
    ).fetchall()
    return [_hour_of(row) for row in rows]


def _row_of(hour: Hour) -> list[Any]:
    """Return an hour's columns, in the order of `_OF_HOUR`."""
    return [
        *(utc_text(hour.start), hour.minutes, hundredths(hour.index), hour.classes, hour.near),
        *(hour.visitors, hour.basis),
    ]


def _hour_of(row: Sequence[Any]) -> Hour:
    hour, minutes, footfall, classes, near, visitors, basis, source, passers, error, *stays = row
    return Hour(
        start=datetime.fromisoformat(hour),
        minutes=minutes,
        index=footfall / HUNDREDTHS,
        classes=classes,
        near=near,
        visitors=visitors,
        basis=basis,
        passers=passers,
        error=error,
        stays=Stays(count=stays[0], percent=tuple(stays[1:])) if stays[0] is not None else None,
        by_hand=source == "hand",
    )


def worked_since(db: Database, start: datetime) -> set[str]:
    """Return the cameras, and `ledger.RADIO`, that have worked without a break since `start`."""
    rows = db.execute("SELECT part FROM at_work WHERE since <= ?", [utc_text(start)]).fetchall()
    return {part for (part,) in rows}


def visitors_in(db: Database, start: datetime, end: datetime) -> tuple[int | None, Basis]:
    """Return the visitors from `start` to `end`, counted as the box's page does, and their basis.

    None where the mode changed in between: what was counted in two ways is not added up. Without
    visitors the basis is that of the last ones before.
    """
    rows = db.execute(
        f"SELECT coalesce(basis, 'crossings'), count(*) FROM visit {OF_GUESTS} AND reentry = 0"
        " AND counted = 1 GROUP BY 1",
        [utc_text(start), utc_text(end)],
    ).fetchall()
    if len(rows) > 1:
        return None, "crossings"
    if rows:
        return rows[0][1], rows[0][0]
    return 0, latest_basis(db, end)


def latest_basis(db: Database, before: datetime) -> Basis:
    """Return what the last visit before a moment was; `crossings` if there was none."""
    row = db.execute(
        "SELECT basis FROM visit WHERE opened_at < ? AND basis NOT NULL AND origin = 'run'"
        " ORDER BY opened_at DESC LIMIT 1",
        [utc_text(before)],
    ).fetchone()
    return row[0] if row else "crossings"
