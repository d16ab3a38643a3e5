"""Who is on the air, minute by minute, as numbers only (DESIGN section 2).

    see(frame) ──> the open minute: strongest signal and pseudonyms of each class, in RAM
    close(...) ──> PresenceMinute: counts and the index alone, which may be stored and sent
    forget()   ──> the day's key is gone, and with it all that was said of a class or a pseudonym

Called by the radio's capture loop and by replay; calls `loads`, `constancy` and
`dwell`. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from edge.core.constancy import Constancy
from edge.core.dwell import Dwell, Stays
from edge.core.loads import CLASSES_MOST, HourLoads, index_of

MINUTE_S: Final = 60
_HOUR_S: Final = 3600
RECORDED_HOUR_S: Final = _HOUR_S + MINUTE_S
"""Of a recording, from its first frame: an hour that began within a minute reaches into 61."""
PSEUDONYMS_MOST: Final = 50_000
"""Of one minute, over all classes; more are not told apart. A full square shows hundreds."""
_UNHEARD: Final = -1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceMinute:
    """What one minute of probe requests comes to; scalars only.

    `minute_s` is its start, seconds since 1970, a multiple of 60. `classes` are the distinct
    fingerprint classes seen, `near` and `far` those of them whose strongest frame reached the near
    threshold, or the far one only; a class below both is in `classes` alone. Devices that never
    leave are in none of them. `index` is what the minute adds to the footfall index of its hour,
    saturation inverted: only its sum over an hour means something, which calibration scales to
    visitors. `probes` are the frames, all of them.
    """

    minute_s: int
    classes: int
    near: int
    far: int
    index: float
    probes: int


class _Heard:
    """A class in an open minute."""

    __slots__ = ("pseudonyms", "strongest")

    def __init__(self) -> None:
        self.strongest = _UNHEARD
        self.pseudonyms: set[int] = set()


class _Minute:
    """A minute that is still open. `room` is how many more pseudonyms it takes."""

    __slots__ = ("classes", "probes", "room")

    def __init__(self) -> None:
        self.classes: dict[int, _Heard] = {}
        self.probes = 0
        self.room = PSEUDONYMS_MOST


class MinuteCounter:
    """Counts probe requests by the minute; one thread only.

    Args:
        near_dbm: the least signal of what is inside the shop, at most.
        far_dbm: the least signal of what is counted as passing; below `near_dbm`.
        hour_at_s: the start of any hour of the shop's clock, seconds since 1970, a multiple of 60.
            None for a recording: its hours begin with its first frame, and take a minute more,
            for an hour that began within a minute reaches into 61.
        shut_at: says of a minute's start whether the shop is shut then; None: never.

    Raises:
        ValueError: `far_dbm` is not below `near_dbm`.
    """

    def __init__(
        self,
        *,
        near_dbm: int,
        far_dbm: int,
        hour_at_s: int | None = None,
        shut_at: Callable[[int], bool] | None = None,
    ) -> None:
        if far_dbm >= near_dbm:
            raise ValueError(
                f"presence: expected far_dbm below near_dbm, got {far_dbm} and {near_dbm}"
            )
        self._near = near_dbm
        self._far = far_dbm
        self._hour_at = hour_at_s
        self._shut_at = shut_at
        self._constancy = Constancy()
        self._aside = self._constancy.aside
        self._stays = Stays()
        self._open: dict[int, _Minute] = {}
        self._next: int | None = None
        self._minute = _Minute()
        self._from = self._until = 0.0
        self._hour = _Hour(0, 0)

    @property
    def aside(self) -> int:
        """How many devices and classes that never leave are set aside today."""
        return len(self._aside)

    @property
    def dwell(self) -> Dwell | None:
        """How long guests stayed today, None while too few stays are known."""
        return self._stays.dwell()

    def see(self, at_s: float, cls: int, who: int, signal_dbm: int | None) -> None:
        """Count one probe request at `at_s`, seconds since 1970; without a signal it is near."""
        if not self._from <= at_s < self._until:
            self._turn(at_s)
        minute = self._minute
        minute.probes += 1
        if who in self._aside or cls in self._aside:
            return
        heard = minute.classes.get(cls)
        if heard is None:
            if len(minute.classes) >= CLASSES_MOST:
                return
            heard = minute.classes[cls] = _Heard()
        if signal_dbm is None:
            signal_dbm = 0
        if signal_dbm > heard.strongest:
            heard.strongest = signal_dbm
        if who not in heard.pseudonyms and minute.room:
            heard.pseudonyms.add(who)
            minute.room -= 1

    def close(self, before_s: float) -> list[PresenceMinute]:
        """Return the minutes that ended at or before `before_s`, in order, empty ones included.

        The first is that of the first frame. A frame that comes later than its minute was closed
        counts for the oldest that is open.
        """
        end = int(before_s) // MINUTE_S
        if self._next is None or end <= self._next:
            return []
        finished = [self._finished(number) for number in range(self._next, end)]
        self._next = end
        self._from = self._until = 0.0
        return finished

    def forget(self) -> None:
        """Hold nothing any more that was said of a class or a pseudonym: the day's key is gone.

        Minutes that are open are lost: `close` first.
        """
        self._open.clear()
        self._minute = _Minute()
        self._from = self._until = 0.0
        self._constancy.forget()
        self._stays.forget()
        self._hour = _Hour(0, 0)

    def _turn(self, at_s: float) -> None:
        """Open the minute that holds `at_s`, or the oldest that is not closed yet."""
        number = int(at_s) // MINUTE_S
        if self._next is None:
            self._next = number
        late = number < self._next
        if late:
            number = self._next
        minute = self._open.get(number)
        if minute is None:
            minute = self._open[number] = _Minute()
        self._minute = minute
        # A late frame must not make the next one late: no span, so that each is looked up.
        self._from = 0.0 if late else float(number * MINUTE_S)
        self._until = 0.0 if late else self._from + MINUTE_S

    def _finished(self, number: int) -> PresenceMinute:
        start = number * MINUTE_S
        minute = self._open.pop(number, None) or _Minute()
        signals = [heard.strongest for heard in minute.classes.values()]
        near = sum(signal >= self._near for signal in signals)
        heard = sum(signal >= self._far for signal in signals)
        return PresenceMinute(
            minute_s=start,
            classes=len(signals),
            near=near,
            far=heard - near,
            index=self._added(start, minute),
            probes=minute.probes,
        )

    def _added(self, start: int, minute: _Minute) -> float:
        """Take the minute into its hour; return what it adds to the hour's index."""
        if not self._hour.begins <= start < self._hour.ends:
            self._begin_hour(start)
        hour = self._hour
        hour.shut += self._shut_at is not None and self._shut_at(start)
        first = hour.begins // MINUTE_S
        for cls, heard in minute.classes.items():
            lasting = hour.loads.add(start // MINUTE_S - first, cls, heard.pseudonyms)
            self._constancy.note((who for who, _ in lasting), start)
            since = ((who, first + place) for who, place in lasting)
            self._stays.note(heard.pseudonyms, since, start // MINUTE_S)
        self._stays.end(start // MINUTE_S, self._aside)
        if not minute.classes:
            return 0.0
        index = index_of(self._constancy.guests(hour.loads.loads()))
        added = max(0.0, index - hour.told)
        hour.told += added
        return added

    def _begin_hour(self, start: int) -> None:
        if self._hour.shut * MINUTE_S >= _HOUR_S:
            self._constancy.note_shut(self._hour.loads.loads())
        if self._hour_at is None:
            self._hour = _Hour(start, start + RECORDED_HOUR_S)
        else:
            begins = start - (start - self._hour_at) % _HOUR_S
            self._hour = _Hour(begins, begins + _HOUR_S)


class _Hour:
    """The hour that minutes are taken into. `told` is the index so far, `shut` minutes."""

    __slots__ = ("begins", "ends", "loads", "shut", "told")

    def __init__(self, begins: int, ends: int) -> None:
        self.begins = begins
        self.ends = ends
        self.loads = HourLoads()
        self.shut = 0
        self.told = 0.0
