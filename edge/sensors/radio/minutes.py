"""From frames to finished minutes: joins the reader, the counter and the day's key.

    begin(at) ── a minute is over ──> done(minutes)
              └─ the shop's midnight (in a recording, the end of the hour that holds it) ──> key,
                 classes and pseudonyms are gone
    take(frame, at) ──> reader ──> counter

Called by `edge.radio` and by a replay, in one thread; calls `frames`, `core.presence` and
`core.pseudonym`. A minute of which more than `OUT_S` was not listened to is left out: nobody knows
who was there then.
"""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from edge.core.dwell import Dwell
from edge.core.presence import MINUTE_S, RECORDED_HOUR_S, MinuteCounter, PresenceMinute
from edge.core.pseudonym import Pseudonyms
from edge.sensors.radio.frames import ProbeReader

OUT_S: Final = 5.0
_ANEW_S: Final = 3600.0
"""A leap of the clock, or a pause between recordings: nothing before it has to do with it."""


class Minutes:
    """Counts what it is given, and hands on each minute that is over.

    Args:
        counter: makes a counter; it is made anew when the clock leaps.
        pseudonyms: of the day; the key is drawn when it is first needed.
        done: takes finished minutes, in order; must not fail.
        mono: seconds of a clock that never steps.
        live: whether `begin` is called at least every second while somebody listens: minutes in
            which it was not are left out. A recording counts as listened to from end to end.
    """

    def __init__(
        self,
        *,
        counter: Callable[[], MinuteCounter],
        pseudonyms: Pseudonyms,
        done: Callable[[Sequence[PresenceMinute]], None],
        mono: Callable[[], float],
        live: bool,
    ) -> None:
        self._make = counter
        self._counter = counter()
        self._pseudonyms = pseudonyms
        self._done = done
        self._mono = mono
        self._live = live
        self.reader = ProbeReader(pseudonyms, self._counter.see)
        self.take = self.reader.take
        self._last: float | None = None
        self._turn_at = -math.inf
        self._hour_s = 0.0
        self._told = 0
        self._gaps: list[tuple[float, float]] = []

    @property
    def dwell(self) -> Dwell | None:
        """How long guests stayed on the day so far, None while too few stays are known."""
        return self._counter.dwell

    def begin(self, at_s: float) -> None:
        """Note that it is `at_s` (seconds since 1970) and that somebody listens."""
        last = self._last
        if last is None:
            self._start(at_s)
        elif at_s > last + OUT_S or at_s < last - MINUTE_S:
            self._leap(last, at_s)
        elif at_s > last:
            self._last = at_s
        if at_s >= self._turn_at:
            self._turn(at_s)

    def expire(self, at_s: float) -> None:
        """Destroy the key if its time is over, also while nobody listens."""
        if self._pseudonyms.is_over(datetime.fromtimestamp(at_s, UTC), self._mono()):
            self.forget()

    def forget(self) -> None:
        """Destroy the key, and all that was made with it; what was begun of a minute is lost."""
        if self._last is not None:
            self._gaps.append((self._last // MINUTE_S * MINUTE_S, self._last))
        self._counter.forget()
        self.reader.forget()
        self._pseudonyms.destroy()
        self._turn_at = -math.inf

    def finish(self) -> None:
        """End: hand on the last minutes, of a recording also what was begun, and forget.

        Whoever listens again after that begins anew.
        """
        if self._last is not None:
            self._end(self._last)
        self.forget()
        self._last = None

    def _start(self, at_s: float) -> None:
        self._counter = self._make()
        self.reader.see = self._counter.see
        self._last = self._hour_s = at_s
        self._told = int(at_s) // MINUTE_S
        self._gaps = [(-math.inf, at_s)]
        self._turn_at = -math.inf

    def _leap(self, last: float, at_s: float) -> None:
        if last < at_s <= last + _ANEW_S:
            self._gaps.append((last, at_s))
            self._last = at_s
            return
        self._end(last)
        self._counter.forget()
        self._start(at_s)

    def _end(self, last: float) -> None:
        """Close the minute in which listening ended."""
        self._gaps.append((last, math.inf))
        self._close((last // MINUTE_S + 1) * MINUTE_S)

    def _turn(self, at_s: float) -> None:
        day_s = at_s if self._live else self._hour_of(at_s)
        now, mono = datetime.fromtimestamp(day_s, UTC), self._mono()
        over = self._pseudonyms.is_over(now, mono)
        next_minute = (at_s // MINUTE_S + 1) * MINUTE_S
        # A key of midnight is due some seconds before the next: its last minute, and with it its
        # hour, is closed before it goes.
        self._close(next_minute if over and next_minute - at_s <= OUT_S else at_s)
        if over:
            self.forget()
            self._pseudonyms.begin(now, mono)
            self._hour_s = at_s
        self._turn_at = min(next_minute, at_s + self._pseudonyms.left_s(mono))

    def _hour_of(self, at_s: float) -> float:
        """Return when the hour of a recording began that holds `at_s`, as `core.presence` has it.

        Over the shop's midnight it keeps its key until it ends: by two keys it would count twice.
        """
        first = self._hour_s // MINUTE_S * MINUTE_S
        return first + (at_s - first) // RECORDED_HOUR_S * RECORDED_HOUR_S

    def _close(self, before_s: float) -> None:
        minutes = self._counter.close(before_s)
        if self._live:
            minutes = self._listened(minutes, int(before_s) // MINUTE_S)
        open_since = before_s // MINUTE_S * MINUTE_S
        self._gaps = [gap for gap in self._gaps if gap[1] > open_since]
        if minutes:
            self._done(minutes)

    def _listened(self, minutes: Sequence[PresenceMinute], end: int) -> list[PresenceMinute]:
        """Return the minutes before number `end` that were listened to, those of silence too."""
        known = {minute.minute_s: minute for minute in minutes}
        starts = range(self._told * MINUTE_S, end * MINUTE_S, MINUTE_S)
        self._told = max(end, self._told)
        return [known.get(start) or _silence(start) for start in starts if not self._missed(start)]

    def _missed(self, start: int) -> bool:
        out, at = 0.0, float(start)
        for since, until in sorted(self._gaps):  # they may overlap
            since, until = max(since, at), min(until, start + MINUTE_S)
            if until > since:
                out, at = out + until - since, until
        return out > OUT_S


def _silence(minute_s: int) -> PresenceMinute:
    return PresenceMinute(minute_s=minute_s, classes=0, near=0, far=0, index=0.0, probes=0)
