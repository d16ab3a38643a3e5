"""What a day's appointments look like. Made by `edge.desk.appointments`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final

from edge.core.appointments import (
    late_minutes,
    shown,
)
from edge.core.profile import plain_id
from edge.core.queue import masked
from edge.desk.appointment_view import Day, Line
from edge.desk.means import Means
from edge.desk.named import names_shown
from edge.keys.profiles import ProfileKeys
from edge.store import appointment_book as book
from edge.store import appointments as store
from edge.store.appointments import Held

SHOWN_MAX: Final = 500
_A_DAY: Final = timedelta(days=1)
_OPEN: Final = ("expected", "late", "arrived")


class AppointmentBoard:
    """Shows appointments."""

    def __init__(self, means: Means) -> None:
        self._means = means

    def today(self) -> date:
        """Return the shop's day."""
        return self._means.day_of(self._means.now())

    def day(self, actor: str, day: date, *, names: bool = True) -> Day:
        """Return a day's appointments, as a device is shown them; without `names` nothing is
        opened that says whose they are.

        Members' names are logged as seen first; if that cannot be kept, they are withheld.
        """
        db, now, keys = self._means.db(), self._means.now(), self._means.keys()
        first = datetime(day.year, day.month, day.day, tzinfo=self._means.zone)
        last = datetime.combine(day + _A_DAY, first.time(), tzinfo=self._means.zone)
        found = store.of_day(db, keys if names else None, first, last, SHOWN_MAX + 1)
        called = self._names(found, keys, actor) if keys is not None and names else {}
        lines = [self._line(one, now, called) for one in found[:SHOWN_MAX] if one.at]
        return Day(
            day=day,
            today=self.today(),
            lines=tuple(replace(line, clash=_clashes(line, lines)) for line in lines),
            more=len(found) > SHOWN_MAX,
            locked=keys is None,
            reasons=book.reasons_of(db),
        )

    def _names(self, found: Sequence[Held], keys: ProfileKeys, actor: str) -> dict[str, str]:
        """Return what members wish to be called, by appointment."""
        whose = {one.id: one.member for one in found if one.member is not None}
        return names_shown(self._means.db(), keys, whose, actor, self._means.now())

    def _line(self, one: Held, now: datetime, called: Mapping[str, str]) -> Line:
        assert one.at is not None, "the day's list has no others"
        booking, state = one.booking, shown(one.course, one.at, now)
        late = late_minutes(one.course, one.at)
        if state == "late":
            late = int((now - one.at).total_seconds() // 60)
        return Line(
            id=one.id,
            at=one.at.astimezone(self._means.zone),
            state=state,
            late_min=late or None,
            reason=one.course.reason,
            channel=one.channel,
            source=one.source,
            member=one.member is not None,
            has_phone=bool(booking and booking.phone),
            by_itself=one.course.state == "arrived" and not one.course.by_tap,
            withdrawn=one.course.withdrawn,
            what=booking.what if booking else "",
            consultant=booking.consultant if booking else "",
            name=called.get(one.id) or (booking.name if booking else ""),
            phone=masked(booking.phone) if booking and booking.phone else "",
        )


def _clashes(line: Line, others: Sequence[Line]) -> bool:
    """Say whether the same consultant has another guest at the same time."""
    own = plain_id(line.consultant)
    return (
        bool(own)
        and line.state in _OPEN
        and any(
            other.id != line.id
            and other.at == line.at
            and other.state in _OPEN
            and plain_id(other.consultant) == own
            for other in others
        )
    )
