"""The manager's corner: today against the same weekday, what is drawn on the cameras' pictures,
staff who were counted as guests, how the box is.

Called by `edge.console.corner` and the API. Rights are the pages' (`edge.console.access`).
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from time import monotonic
from typing import Final, Literal

from sqlite_utils import Database

from edge.core.drawing import Drawing, counts_alike, flaws
from edge.core.hours import OpeningHours
from edge.core.weekday import Day, conversion, earlier, until, usual
from edge.desk.corner_view import CameraDrawing, Condition, Kept, LeftOutStaff, Today
from edge.desk.health import Health
from edge.desk.means import Means
from edge.store import drawing as kept_drawings
from edge.store import notices, staffed
from edge.store.audit import Audit, Code
from edge.store.database import transaction
from edge.store.figures import occupancy
from edge.store.queue import call_after
from edge.store.sameday import Receipts, bounds, day_of, first_day, minute_of_day
from edge.store.switches import ask
from edge.store.waits import waits_of

ENTRIES: Final = 60
"""Who came in without a name: so many are listed, the newest."""
SHIFT_MOST: Final = 50
BADGE: Final = timedelta(seconds=60)
"""How long before its scan a badge's crossing may be (DESIGN section 6)."""
_EARLIER_FOR_S: Final = 600.0
"""What was counted on earlier days changes only where a clock was wrong or a summary is made."""
Shifted = Literal["hours", "count"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A camera as the settings file has it; `drawing` is what the file says."""

    name: str
    role: str
    drawing: Drawing
    zone_needed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Eyesight:
    """What the counting part says: the empty scene (JPEG) and the drawing's revision by camera."""

    picture: Callable[[str], bytes | None]
    drawn: Callable[[str], int | None]


class CornerDesk:
    """What a manager sees and does beside the day's work.

    Args:
        means: what every desk works with.
        hours: the shop's.
        basis: what visitors are counted by now.
        plans: the cameras, as the settings file has them.
        eyesight: what the counting part says.
        health: how the parts are.
        call_after: when the settings call a waiting guest.
        receipts: what the till told.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        means: Means,
        *,
        hours: OpeningHours,
        basis: Callable[[], str],
        plans: tuple[Plan, ...],
        eyesight: Eyesight,
        health: Health,
        call_after: timedelta,
        receipts: Receipts = lambda start, end: None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._db = means.db
        self._now = means.now
        self._hours = hours
        self._basis = basis
        self._plans = {plan.name: plan for plan in plans}
        self._eyesight = eyesight
        self._health = health
        self._call_after = call_after
        self._receipts = receipts
        self._wake = means.wake
        self._clock = clock
        self._lock = threading.Lock()
        self._earlier: tuple[date, str, float, tuple[Day, ...]] | None = None

    def health(self) -> tuple[Condition, ...]:
        """Return how the box's parts are, the worst first."""
        return self._health.conditions()

    def run(self, stop: threading.Event) -> None:
        """Look at the parts now and then until `stop` is set: since when each is as it is."""
        self._health.run(stop)

    # Today

    def today(self) -> Today:
        """Return today's figures beside what is usual on this weekday."""
        db, now = self._db(), self._now()
        day = now.astimezone(self._hours.zone).date()
        minute = minute_of_day(now, self._hours)
        found = self._day(db, day, self._basis())
        told = usual(self._days(db, day), minute)
        set_time = call_after(db) or self._call_after
        return Today(
            day=day,
            minute=minute,
            visitors=until(found.visitors, minute),
            members=until(found.members, minute),
            people=occupancy(db),
            conversion=conversion(found, minute),
            hours=found.by_hour,
            usual=told,
            redrawn=self._redrawn(db, told.days),
            waits=waits_of(db, day, now),
            waits_before=waits_of(db, day - timedelta(days=7), None),
            call_after_min=int(set_time.total_seconds() // 60),
        )

    def _day(self, db: Database, day: date, basis: str) -> Day:
        return day_of(db, self._hours, day, basis=basis, receipts=self._receipts)

    def _days(self, db: Database, today: date) -> tuple[Day, ...]:
        """Return the earlier days of the weekday that the box was there for, read now and then."""
        basis = self._basis()
        with self._lock:
            if self._earlier is not None:
                of, by, read_s, days = self._earlier
                if (of, by) == (today, basis) and self._clock() - read_s < _EARLIER_FOR_S:
                    return days
        first = first_day(db, self._hours)
        held = [day for day in earlier(today) if first is not None and day >= first]
        days = tuple(self._day(db, day, basis) for day in held)
        with self._lock:
            self._earlier = today, basis, self._clock(), days
        return days

    def _redrawn(self, db: Database, days: tuple[date, ...]) -> date | None:
        """Return when counting last changed by a drawing, if some of the days lie before that."""
        changed = [
            at for plan in self._plans.values() if (at := self._recounted(db, plan)) is not None
        ]
        if not changed or not days:
            return None
        last = max(changed).astimezone(self._hours.zone).date()
        return last if min(days) <= last else None

    def _recounted(self, db: Database, plan: Plan) -> datetime | None:
        """Return when a door's count last changed by what was drawn."""
        if plan.role != "entrance":
            return None
        drawn = kept_drawings.history(db, plan.name)
        by_turns = [one.drawing or plan.drawing for one in drawn] + [plan.drawing]
        for new, (after, before) in zip(drawn, pairwise(by_turns), strict=True):
            if not counts_alike(after, before):
                return new.at
        return None

    # Head office

    def notices(self) -> tuple[notices.Notice, ...]:
        """Return what head office saw in the shop's figures, and nobody here has seen yet."""
        return notices.open_notices(self._db(), self._now())

    def seen(self, notice: str) -> bool:
        """Note that a notice was seen; say whether it still was there to be seen."""
        done = notices.seen(self._db(), notice)
        if done:
            self._wake()
        return done

    # Cameras

    def cameras(self) -> tuple[CameraDrawing, ...]:
        """Return the cameras and what is drawn on their pictures."""
        drawn = kept_drawings.drawings(self._db())
        return tuple(self._camera(plan, drawn.get(plan.name)) for plan in self._plans.values())

    def camera(self, name: str) -> CameraDrawing | None:
        """Return one camera, None if there is none of that name."""
        return next((one for one in self.cameras() if one.camera == name), None)

    def picture(self, name: str) -> bytes | None:
        """Return the empty scene before a camera as a JPEG; None: it is not settled yet."""
        return self._eyesight.picture(name) if name in self._plans else None

    def _camera(self, plan: Plan, drawn: kept_drawings.Drawn | None) -> CameraDrawing:
        own = drawn.drawing if drawn is not None else None
        if own is not None and flaws(own, zone_needed=plan.zone_needed):
            own = None  # the file asks for more now (`edge.drawn`)
        rev, counted = drawn.rev if drawn else 0, self._eyesight.drawn(plan.name)
        return CameraDrawing(
            camera=plan.name,
            role=plan.role,
            rev=rev,
            by_file=own is None,
            at=drawn.at if drawn else None,
            drawing=own or plan.drawing,
            file=plan.drawing,
            zone_needed=plan.zone_needed,
            has_picture=self._eyesight.picture(plan.name) is not None,
            in_force=None if counted is None else counted == rev,
        )

    def draw(self, name: str, drawing: Drawing | None, rev: int, actor: str) -> Kept:
        """Keep what was drawn on a camera's picture; None: the settings file is to hold again.

        The eyes count by it within a few seconds.

        Args:
            name: of the camera.
            drawing: what was drawn.
            rev: what was there when it was begun: whoever draws upon another's is told.
            actor: who draws.

        Raises:
            edge.store.database.StoreAway: it cannot be kept now.
        """
        plan = self._plans.get(name)
        if plan is None:
            return "unknown"
        if drawing is not None and (found := flaws(drawing, zone_needed=plan.zone_needed)):
            return found
        db, now = self._db(), self._now()
        with transaction(db):
            last = kept_drawings.drawings(db).get(name)
            if (last.rev if last else 0) != rev:
                return "moved"
            before = (last.drawing if last else None) or plan.drawing
            new = kept_drawings.keep(db, name, drawing, now, actor=actor)
            detail: dict[str, Code] = {
                "camera": name,
                "drawing": new,
                "changed": _changed(before, drawing or plan.drawing),
                "by": "file" if drawing is None else "hand",
            }
            Audit(db).append(at=now, what="change", actor=actor, detail=detail)
        with self._lock:
            self._earlier = None
        self._wake()
        return "kept"

    # Staff

    def staff_today(self) -> LeftOutStaff:
        """Return the staff who are in no figure of visitors today, and who might be staff."""
        db = self._db()
        start, end = bounds(self._hours, self._now().astimezone(self._hours.zone).date())
        return LeftOutStaff(
            crossings=staffed.left_out(db, start, end),
            marked=staffed.marked(db, start, end),
            entries=staffed.entries(db, start, end, limit=ENTRIES),
        )

    def was_staff(self, visit: str, actor: str, *, staff: bool) -> bool:
        """Say that a nameless visit of today was staff's, or a guest's after all.

        Returns:
            Whether the eyes were asked: not if it is so already, or names a member, or is older.
        """
        db = self._db()
        start, end = bounds(self._hours, self._now().astimezone(self._hours.zone).date())
        if not staffed.is_listed(db, visit, start, end):
            return False
        kind: Literal["staff", "guest"] = "staff" if staff else "guest"
        done = ask(db, kind=kind, visit=visit, actor=actor, now=self._now())
        if done:
            self._wake()
        return done

    def shift(self, begins: str, ends: str, count: str, actor: str) -> int | Shifted:
        """Say how many of a shift came in during a time today, by the doors that guests use.

        The first of the nameless visits are marked, as `was_staff` does; which, is all the same.

        Args:
            begins: HH:MM.
            ends: HH:MM, later.
            count: how many, 1 to `SHIFT_MOST`.
            actor: who says so.

        Returns:
            How many were marked, or what was not understood.
        """
        start, end = self._at(begins), self._at(ends)
        if start is None or end is None or not start < end:
            return "hours"
        if not (count.isascii() and count.isdigit() and 1 <= int(count[:4]) <= SHIFT_MOST):
            return "count"
        db = self._db()
        visits = staffed.first_guests(db, start, end, int(count))
        done = sum(
            ask(db, kind="staff", visit=visit, actor=actor, now=self._now()) for visit in visits
        )
        if done:
            self._wake()
        return done

    def badge(self, actor: str) -> bool:
        """Take a badge that was scanned on coming in: the nearest crossing was staff's.

        Returns:
            Whether the eyes were asked: not if nobody nameless came in within `BADGE`.
        """
        now = self._now()
        # To the next second: a crossing is dated to the frame, the scan to this moment.
        until_now = now + timedelta(seconds=1)
        found = staffed.first_guests(self._db(), now - BADGE, until_now, 1, newest=True)
        done = any(
            ask(self._db(), kind="staff", visit=visit, actor=actor, now=now) for visit in found
        )
        if done:
            self._wake()
        return done

    def _at(self, text: str) -> datetime | None:
        """Return a moment of today by the clock on the shop's wall."""
        try:
            clock = time.fromisoformat(text.strip())
        except ValueError:
            return None
        if clock.tzinfo is not None:
            return None
        today = self._now().astimezone(self._hours.zone).date()
        return datetime.combine(today, clock, tzinfo=self._hours.zone)


def _changed(before: Drawing, after: Drawing) -> str:
    """Name what is different, as the audit log has it."""
    names = ("line", "inside", "zone", "staff_zone")
    return ".".join(n for n in names if getattr(before, n) != getattr(after, n)) or "nothing"
