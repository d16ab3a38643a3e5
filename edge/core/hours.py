"""Opening hours in the shop's own zone. Called by `visit` and the page's figures; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One stretch of being open, aware UTC: `opens` <= t < `closes`."""

    opens: datetime
    closes: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningHours:
    """When the shop is open.

    `by_weekday` maps Monday = 0 ... Sunday = 6 to (opens, closes) in local wall time; closing
    before opening means the next morning. None means that no hours are known: the shop is open
    at all times, and its day ends at midnight.
    """

    zone: ZoneInfo
    by_weekday: Mapping[int, tuple[time, time]] | None

    def opening_on(self, day: date) -> Opening | None:
        """Return the opening that begins on a local day, None when the shop stays closed."""
        if self.by_weekday is None:
            return Opening(
                opens=self._utc(day, time()), closes=self._utc(day + timedelta(days=1), time())
            )
        hours = self.by_weekday.get(day.weekday())
        if hours is None:
            return None
        opens, closes = hours
        closing_day = day if closes > opens else day + timedelta(days=1)
        return Opening(opens=self._utc(day, opens), closes=self._utc(closing_day, closes))

    def opening_at(self, moment: datetime) -> Opening | None:
        """Return the opening that holds the moment (aware), None when the shop is closed."""
        day = moment.astimezone(self.zone).date()
        for candidate in (day, day - timedelta(days=1)):  # a night belongs to the day it began
            opening = self.opening_on(candidate)
            if opening and opening.opens <= moment < opening.closes:
                return opening
        return None

    def is_open(self, moment: datetime) -> bool:
        """Say whether the shop is open at an aware moment."""
        return self.opening_at(moment) is not None

    def opens_within(self, start: datetime, end: datetime) -> bool:
        """Say whether an opening begins at or after `start` and before `end` (aware)."""
        opening = self.opening_on(start.astimezone(self.zone).date())
        return opening is not None and start <= opening.opens < end

    def last_closing(self, moment: datetime) -> datetime | None:
        """Return the latest closing at or before the moment, looking back eight days."""
        day = moment.astimezone(self.zone).date()
        for back in range(9):
            opening = self.opening_on(day - timedelta(days=back))
            if opening and opening.closes <= moment:
                return opening.closes
        return None

    def _utc(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, tzinfo=self.zone).astimezone(UTC)
