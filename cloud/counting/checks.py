"""The draw of an hour, and what a person counted in it, into `count_check`.

Called by the page; every change is made under the scope of whoever asks.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import Connection, func, insert, select, update

from cloud.accounts.scope import Scope
from cloud.boxes import zone_or_utc
from cloud.counting.draw import REACH, Camera, Drawn, Slot, Way, draw, hours_between, strata_of
from cloud.counting.tables import count_check
from cloud.errors import HubFault
from cloud.office.seal import random_id
from cloud.retention import kept_from
from cloud.tables import box, crossing_minute, hour_summary, hourly, store

PEOPLE_MAX: Final = 20_000
"""More than that nobody counts in an hour at one door."""
WHY_DROPPED: Final = ("no_video", "not_there", "closed", "other")
_LEARNT_FROM: Final = timedelta(days=28)
_SEEN_WITHIN: Final = timedelta(days=14)
_HOUR: Final = timedelta(hours=1)
_SEED_BYTES: Final = 16
Problem = Literal[
    "no_shop",
    "no_camera",
    "all_open",
    "no_hour",
    "gone",
    "over",
    "number",
    "not_over",
    "not_told",
    "facts_gone",
]


class CountingFault(HubFault):
    """An hour cannot be drawn, or its count not taken; `problem` is the page's code for why."""

    def __init__(self, problem: Problem, text: str) -> None:
        super().__init__(f"counting: {text}")
        self.problem = problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Who draws or counts: how the audit log names them, their role, and what they see."""

    actor: str
    role: str
    scope: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a person counted. `left` is None where only who came in was counted."""

    entered: int
    left: int | None = None


def draw_hour(
    connection: Connection, who: Who, store_id: str, way: Way, now: datetime, seed: str = ""
) -> str:
    """Draw an hour of a shop that is to be counted; return the check's id.

    Raises:
        CountingFault: there is no such shop, or nothing to draw.
    """
    zone_name = connection.execute(
        select(store.c.timezone)
        .where(store.c.id == store_id, who.scope.only(store.c.id))
        .with_for_update(key_share=True)
    ).scalar()
    if zone_name is None:
        raise CountingFault("no_shop", f"expected a shop that you see, got {store_id!r}")
    cameras = _cameras(connection, store_id, now)
    if not cameras:
        raise CountingFault("no_camera", f"shop {store_id}: no camera counted anybody lately")
    rows = connection.execute(
        select(count_check).where(count_check.c.store == store_id, count_check.c.state != "dropped")
    ).all()
    busy = {(row.box, row.camera) for row in rows if row.state == "open"}
    if not (free := cameras - busy):
        raise CountingFault("all_open", f"shop {store_id}: an hour of each camera is open already")
    done = strata_of([((row.box, row.camera), row.stratum) for row in rows])
    taken = {(row.box, row.camera, int(row.hour.timestamp())) for row in rows}
    seed = seed or secrets.token_hex(_SEED_BYTES)
    drawn = draw(
        {camera: done.get(camera, {}) for camera in free},
        _hours(zone_name, way, now),
        _usual(connection, store_id, zone_name, now),
        lambda camera, hour: (*camera, hour) in taken,
        seed,
    )
    if drawn is None:
        raise CountingFault("no_hour", f"shop {store_id}: no hour that could be drawn")
    return _keep(connection, who, store_id, way, drawn, now, seed)


def _keep(
    connection: Connection,
    who: Who,
    store_id: str,
    way: Way,
    drawn: Drawn,
    now: datetime,
    seed: str,
) -> str:
    new = random_id()
    connection.execute(
        insert(count_check).values(
            id=new,
            store=store_id,
            box=drawn.camera[0],
            camera=drawn.camera[1],
            hour=datetime.fromtimestamp(drawn.hour, UTC),
            way=way,
            stratum=drawn.stratum,
            seed=seed,
            among=drawn.among,
            drawn_at=now,
            drawn_by=who.actor,
            state="open",
        )
    )
    return new


def _cameras(connection: Connection, store_id: str, now: datetime) -> set[Camera]:
    rows = connection.execute(
        select(crossing_minute.c.box, crossing_minute.c.camera)
        .where(crossing_minute.c.store == store_id, crossing_minute.c.minute >= now - _SEEN_WITHIN)
        .distinct()
    )
    return {(row[0], row[1]) for row in rows}


def _hours(zone_name: str, way: Way, now: datetime) -> dict[int, Slot]:
    zone = zone_or_utc(zone_name)
    since, until = (now - REACH, now) if way == "video" else (now + _HOUR, now + REACH)
    first, last = (moment.astimezone(zone).date() for moment in (since, until))
    return hours_between(first, last, zone, int(since.timestamp()), int(until.timestamp()))


def _usual(connection: Connection, store_id: str, zone_name: str, now: datetime) -> dict[Slot, int]:
    """Return how many came in in each hour of the week lately."""
    zone = zone_or_utc(zone_name)
    since = now - _LEARNT_FROM
    first, last = (moment.astimezone(zone).date() for moment in (since, now))
    slots = hours_between(first, last, zone, int(since.timestamp()), int(now.timestamp()))
    rows = connection.execute(
        select(hourly.c.hour, hourly.c.entered).where(
            hourly.c.store == store_id, hourly.c.hour >= int(since.timestamp())
        )
    )
    usual: dict[Slot, int] = {}
    for hour, entered in rows:
        if (slot := slots.get(hour)) is not None:
            usual[slot] = usual.get(slot, 0) + entered
    return usual


def enter(connection: Connection, who: Who, check: str, told: Told, now: datetime) -> None:
    """Take what a person counted, and keep what the camera had counted beside it.

    Raises:
        CountingFault: the hour is not over, or its facts are not there, so that the two cannot
            be put side by side; or somebody was quicker.
    """
    row = _open(connection, who, check)
    for count in (told.entered, told.left):
        if count is not None and not 0 <= count <= PEOPLE_MAX:
            raise CountingFault("number", f"expected 0 to {PEOPLE_MAX} people, got {count}")
    until = row.hour + _HOUR
    if now < until:
        raise CountingFault("not_over", f"the hour ends at {until.isoformat()}")
    _told_by_box(connection, row, until)
    entered, left = _counted(connection, row, until)
    _settle(
        connection,
        row.id,
        state="done",
        done_at=now,
        done_by=who.actor,
        done_as=who.role,
        entered_true=told.entered,
        entered_counted=entered,
        left_true=told.left,
        left_counted=None if told.left is None else left,
    )


def drop(connection: Connection, who: Who, check: str, why: str, now: datetime) -> None:
    """Give up a drawn hour; that it was drawn, and why nobody counted it, stays.

    Raises:
        CountingFault: it is not open (any more).
    """
    row = _open(connection, who, check)
    why = why if why in WHY_DROPPED else "other"
    _settle(
        connection,
        row.id,
        state="dropped",
        done_at=now,
        done_by=who.actor,
        done_as=who.role,
        why=why,
    )


def _open(connection: Connection, who: Who, check: str) -> Any:
    row = connection.execute(
        select(count_check).where(count_check.c.id == check, who.scope.only(count_check.c.store))
    ).first()
    if row is None:
        raise CountingFault("gone", "expected an hour that was drawn, got none of that name")
    if row.state != "open":
        raise CountingFault("over", "somebody has entered or dropped this hour already")
    return row


def _told_by_box(connection: Connection, row: Any, until: datetime) -> None:
    """Refuse an hour of which the box has not told everything, or of which facts are gone."""
    its = (box.c.store == row.store, box.c.id == row.box)
    found = connection.execute(select(box.c.last_seen, box.c.oldest_unacked_at).where(*its)).first()
    seen, waits = (found.last_seen, found.oldest_unacked_at) if found else (None, None)
    if seen is None or seen < until or (waits is not None and waits < until):
        raise CountingFault("not_told", f"box {row.box} has not told all of that hour yet")
    summary = hour_summary.c
    summed = connection.execute(
        select(func.count())
        .select_from(hour_summary)
        .where(summary.store == row.store, summary.box == row.box, summary.hour == row.hour)
    ).scalar_one()
    if summed or row.hour.timestamp() * 1000 < kept_from(connection):
        raise CountingFault("facts_gone", "what each camera counted in that hour is gone")


def _counted(connection: Connection, row: Any, until: datetime) -> tuple[int, int]:
    of = crossing_minute.c
    found = connection.execute(
        select(
            func.coalesce(func.sum(of.entered + of.entered_closed), 0),
            func.coalesce(func.sum(of.left + of.left_closed), 0),
        ).where(
            *(of.store == row.store, of.box == row.box, of.camera == row.camera),
            *(of.minute >= row.hour, of.minute < until),
        )
    ).one()
    return int(found[0]), int(found[1])


def _settle(connection: Connection, check: str, **values: Any) -> None:
    this = (count_check.c.id == check, count_check.c.state == "open")
    if connection.execute(update(count_check).where(*this).values(**values)).rowcount != 1:
        raise CountingFault("over", "somebody has entered or dropped this hour already")
