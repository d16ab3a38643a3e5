"""Looks at one shop's hours, as far as all of them are known. Pure; called by `look`.

A low figure is not a missing one. An hour is looked at once every box of the shop has told all of
it; while one is silent or behind, the shop waits. An hour of which nothing can be known, since a
box was away or a camera did not see, is passed over. Of that it is told that nothing is heard.

    hours that are over --known?--> watch.step --> raised, over
                   `--nothing heard of a box, a camera lost--> Gap: what would have been expected
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct

from cloud.anomalies.watch import Raised, State, step
from cloud.expect.calendar import Calendar
from cloud.expect.model import DayPlan, Expected, Model, expected, plan_of
from cloud.hours import hour_end, local_day

GRACE: Final = timedelta(minutes=3)
"""After an hour is over: so long its last minutes may be on their way."""
WAITS: Final = timedelta(hours=48)
"""So long an hour is waited for that a box has not told; then it is passed over."""
NEW_LEVEL_AFTER: Final = timedelta(days=28)
"""What lasts for so long is the new level: it is learnt, and no anomaly any more."""
SILENT_LEAST: Final = 20.0
"""Visitors that would have been expected since, before it is told that nothing is heard."""
SILENT_AFTER: Final = timedelta(hours=1)
_HOUR_S: Final = 3600
_NEW_LEVEL_S: Final = int(NEW_LEVEL_AFTER.total_seconds())
_SHORT_S: Final = 1800
"""A box that starts anew, or a line that is cut for minutes, costs no hour."""

Why = Literal["", "box_silent", "lagging", "camera_lost"]


class Heard(NamedTuple):
    """What is known of a shop's boxes together: all that came before `until`; `why` not more."""

    until: datetime
    why: Why = ""


class Gap(Struct, frozen=True, kw_only=True):
    """A time of which not everything is known; `ended` None: it goes on. UTC seconds."""

    why: Why
    since: int
    ended: int | None = None


class Watched(Struct, frozen=True, kw_only=True):
    """What is kept of a shop between two looks. `gap`: the last one."""

    state: State = State()
    gap: Gap | None = None


class Pulse(NamedTuple):
    """An hour that was looked at: what was expected and what came, for the chain."""

    hour: int
    chance: Expected
    got: int


class Seen(NamedTuple):
    """The outcome of a look. `raised`: what goes on, None: nothing. `settled`: what went on for so
    long is the new level.

    `silent`: the visitors that would have been expected since the gap began, None: no gap, or one
    of which nothing need be said yet.
    """

    looked: int
    watched: Watched
    pulses: list[Pulse]
    raised: Raised | None
    settled: bool
    silent: float | None


class Chances:
    """What a shop expects of hours; keeps the days' plans of one look."""

    def __init__(self, model: Model, calendar: Calendar, zone: ZoneInfo) -> None:
        self._model, self._calendar, self._zone = model, calendar, zone
        self._plans: dict[date, DayPlan] = {}

    def of(self, hour: int) -> Expected:
        """Return what the hour that begins at a UTC second may bring."""
        day = local_day(hour, self._zone)
        plan = self._plans.get(day)
        if plan is None:
            plan = self._plans[day] = plan_of(self._model, self._calendar, day)
        return expected(self._model, plan, datetime.fromtimestamp(hour, self._zone).hour)


def look(
    watched: Watched,
    looked: int,
    counts: Mapping[int, int],
    chances: Chances,
    heard: Heard,
    zone: ZoneInfo,
    now: datetime,
) -> Seen:
    """Look at the hours of a shop that are over and were not looked at yet.

    Args:
        watched: what was kept.
        looked: all hours that begin before it were looked at.
        counts: visitors by the hour's begin; an hour that is not in it had none.
        chances: what is expected.
        heard: what is known of its boxes.
        zone: the shop's.
        now: the time.
    """
    state = watched.state
    gap = _gap(watched.gap, heard, now)
    pulses: list[Pulse] = []
    last = int((now - GRACE).timestamp())
    until = int(heard.until.timestamp())
    while (end := hour_end(looked, zone)) <= last:
        known = _is_known(looked, end, counts.get(looked, 0), gap)
        if known and end > until:
            if end > last - int(WAITS.total_seconds()):
                break
            known = False
        if known:
            chance, got = chances.of(looked), counts.get(looked, 0)
            state, _ = step(state, looked, chance, got)
            pulses.append(Pulse(looked, chance, got))
        looked = end
    settled = state.raised is not None and last - state.raised.since > _NEW_LEVEL_S
    if settled:
        state = State()
    return Seen(
        looked=looked,
        watched=Watched(state=state, gap=gap),
        pulses=pulses,
        raised=state.raised,
        settled=settled,
        silent=_silent(gap, chances, zone, now),
    )


def _gap(before: Gap | None, heard: Heard, now: datetime) -> Gap | None:
    """Return the gap as it is now: one begins, goes on under its first name, or has ended."""
    open_before = before is not None and before.ended is None
    if heard.why and not open_before:
        return Gap(why=heard.why, since=int(heard.until.timestamp()))
    if not heard.why and before is not None and before.ended is None:
        return Gap(why=before.why, since=before.since, ended=int(now.timestamp()))
    return before


def _is_known(start: int, end: int, got: int, gap: Gap | None) -> bool:
    """Say whether an hour may be taken at its word.

    A box that was off has told nothing of it; one that only could not speak tells it later. A
    camera that was lost saw nobody, or not all of them.
    """
    if gap is None or gap.why == "lagging" or end <= gap.since:
        return True
    if gap.ended is not None and (start >= gap.ended or gap.ended - gap.since < _SHORT_S):
        return True
    if gap.why == "camera_lost":
        return False
    inside = start >= gap.since and (gap.ended is None or end <= gap.ended)
    return inside and got > 0 if gap.ended is not None else True


def _silent(gap: Gap | None, chances: Chances, zone: ZoneInfo, now: datetime) -> float | None:
    if gap is None or gap.ended is not None:
        return None
    since = datetime.fromtimestamp(gap.since, UTC)
    if now - since < SILENT_AFTER:
        return None
    first = max(gap.since, int((now - 7 * timedelta(days=1)).timestamp()))
    hour = first - first % _HOUR_S
    mean = 0.0
    while hour < now.timestamp():
        mean += chances.of(hour).mean
        hour += _HOUR_S
    return mean if mean >= SILENT_LEAST else None
