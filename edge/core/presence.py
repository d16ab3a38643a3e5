"""Who is on the air, minute by minute, as numbers only (DESIGN section 2).

Called by the radio's capture loop and by replay; calls nothing. Pure.

    see(frame) ──> the open minute's classes and pseudonyms, in RAM
    close(...) ──> PresenceMinute: counts alone, which may be stored and sent
    forget()   ──> the day's key is gone, and with it all that was said of a class or a pseudonym
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MINUTE_S: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceMinute:
    """What one minute of probe requests comes to; scalars only.

    `minute_s` is its start, seconds since 1970, a multiple of 60. `classes` are the distinct
    fingerprint classes seen, `near` and `far` those of them whose strongest frame reached the near
    threshold, or the far one only; a class below both is in `classes` alone. `index` is the
    footfall index: how much presence the minute adds, saturation inverted; sums over an hour are
    what calibration scales to visitors. `probes` are the frames.
    """

    minute_s: int
    classes: int
    near: int
    far: int
    index: float
    probes: int


class _Minute:
    """A minute that is still open: strongest signal by class, pseudonyms by class, frames."""

    __slots__ = ("probes", "pseudonyms", "strongest")

    def __init__(self) -> None:
        self.strongest: dict[int, int] = {}
        self.pseudonyms: dict[int, set[int]] = {}
        self.probes = 0


class MinuteCounter:
    """Counts probe requests by the minute; one thread only.

    `near_dbm` and `far_dbm` are the thresholds of `[wifi]`, far below near. Raises ValueError when
    they are not.
    """

    def __init__(self, *, near_dbm: int, far_dbm: int) -> None:
        if far_dbm >= near_dbm:
            raise ValueError(
                f"presence: expected far_dbm below near_dbm, got {far_dbm} and {near_dbm}"
            )
        self._near = near_dbm
        self._far = far_dbm
        self._open: dict[int, _Minute] = {}
        self._next: int | None = None

    def see(self, at_s: float, cls: int, who: int, signal_dbm: int | None) -> None:
        """Count one probe request at `at_s`, seconds since 1970; without a signal it is near."""
        number = int(at_s) // MINUTE_S
        if self._next is None:
            self._next = number
        minute = self._open.get(max(number, self._next))
        if minute is None:
            minute = self._open[max(number, self._next)] = _Minute()
        minute.probes += 1
        signal = 0 if signal_dbm is None else signal_dbm
        if signal > minute.strongest.get(cls, -1000):
            minute.strongest[cls] = signal
        minute.pseudonyms.setdefault(cls, set()).add(who)

    def close(self, before_s: float) -> list[PresenceMinute]:
        """Return the minutes that ended at or before `before_s`, in order, empty ones included.

        The first is that of the first frame. A frame that comes later than its minute was closed
        counts for the oldest that is open.
        """
        end = int(before_s) // MINUTE_S
        if self._next is None:
            return []
        finished = [self._finished(number) for number in range(self._next, end)]
        self._next = max(end, self._next)
        return finished

    def forget(self) -> None:
        """Hold nothing any more that was said of a class or a pseudonym: the day's key is gone.

        Minutes that are open are lost: `close` first.
        """
        self._open.clear()

    def _finished(self, number: int) -> PresenceMinute:
        minute = self._open.pop(number, None) or _Minute()
        near = sum(signal >= self._near for signal in minute.strongest.values())
        heard = sum(signal >= self._far for signal in minute.strongest.values())
        return PresenceMinute(
            minute_s=number * MINUTE_S,
            classes=len(minute.strongest),
            near=near,
            far=heard - near,
            index=float(len(minute.strongest)),
            probes=minute.probes,
        )
