"""Which hours are taken at their word, which are waited for, and which nobody can know. Pure."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cloud.anomalies.chain import ChainWatch, crowded, hours_together, watch_chain
from cloud.anomalies.shop import Chances, Gap, Heard, Pulse, Seen, Watched, Why, look
from cloud.expect.calendar import EMPTY
from cloud.expect.model import Expected, Model

ZONE = ZoneInfo("UTC")
NOON = datetime(2026, 6, 4, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
OPEN = tuple(1 / 12 if 8 <= hour < 20 else 0.0 for hour in range(24))
MODEL = Model(
    learnt=NOON.toordinal(),
    level=480.0,
    slope=0.0,
    weekdays=(1.0,) * 7,
    shares=(OPEN,) * 7,
    of_hour=0.002,
    of_day=0.005,
    feasts={},
    days=100,
)
"""Of a shop that expects 40 visitors in each hour from 8 to 20."""


def at(moment: datetime) -> int:
    return int(moment.timestamp())


def seen(
    now: datetime,
    gap: Gap | None = None,
    heard: Heard | None = None,
    counts: dict[int, int] | None = None,
) -> Seen:
    """Look at the hours from 8 o'clock on; in each that is not told otherwise 40 came."""
    held = {at(NOON + n * HOUR): 40 for n in range(-4, 8)} | (counts or {})
    first = at(NOON - 4 * HOUR)
    chances = Chances(MODEL, EMPTY, ZONE)
    return look(Watched(gap=gap), first, held, chances, heard or Heard(now), ZONE, now)


def hours(found: Seen) -> list[int]:
    """Return the hours of the clock that were looked at."""
    return [datetime.fromtimestamp(pulse.hour, UTC).hour for pulse in found.pulses]


def lost(why: Why, since: datetime, ended: datetime | None) -> Gap:
    return Gap(why=why, since=at(since), ended=None if ended is None else at(ended))


def test_an_hour_is_looked_at_three_minutes_after_its_end() -> None:
    assert hours(seen(NOON + 2 * MINUTE)) == [8, 9, 10]
    assert hours(seen(NOON + 3 * MINUTE)) == [8, 9, 10, 11]


@pytest.mark.parametrize(("minutes", "known"), [(29, [11, 12, 13]), (31, [11, 13])])
def test_a_box_that_is_back_within_half_an_hour_costs_no_hour(
    minutes: int, known: list[int]
) -> None:
    gap = lost("box_silent", NOON + 10 * MINUTE, NOON + (10 + minutes) * MINUTE)
    assert hours(seen(NOON + 2 * HOUR + 5 * MINUTE, gap))[3:] == known


def test_of_hours_in_which_a_box_was_off_those_are_known_that_it_told_later() -> None:
    gap = lost("box_silent", NOON - 30 * MINUTE, NOON + 150 * MINUTE)
    told = seen(NOON + 4 * HOUR + 5 * MINUTE, gap, counts={at(NOON): 0, at(NOON + HOUR): 25})
    # Of 11 and of 14 it saw a part at most; of 12 it told nothing; 13 it did tell.
    assert hours(told) == [8, 9, 10, 13, 15]


def test_what_a_lost_camera_saw_is_never_taken_at_its_word() -> None:
    now = NOON + 3 * HOUR + 5 * MINUTE
    assert hours(seen(now, lost("camera_lost", NOON, None), Heard(now, "camera_lost"))) == [
        *(8, 9, 10, 11),
    ]
    assert hours(seen(now, lost("camera_lost", NOON, NOON + HOUR))) == [8, 9, 10, 11, 13, 14]


def test_what_a_box_that_was_behind_tells_later_is_known() -> None:
    gap = lost("lagging", NOON - 30 * MINUTE, NOON + 90 * MINUTE)
    assert hours(seen(NOON + 2 * HOUR + 5 * MINUTE, gap)) == list(range(8, 14))


def test_an_hour_that_was_not_told_is_waited_for_two_days_and_then_passed_over() -> None:
    waiting = seen(NOON + 47 * HOUR, heard=Heard(NOON, "lagging"))
    assert (hours(waiting), waiting.looked) == ([8, 9, 10, 11], at(NOON))
    later = seen(NOON + 50 * HOUR + 5 * MINUTE, heard=Heard(NOON, "lagging"))
    assert (hours(later), later.looked) == ([8, 9, 10, 11], at(NOON + 2 * HOUR))


def test_a_silence_is_told_after_an_hour_and_20_expected_visitors() -> None:
    def silent(since: datetime, now: datetime) -> float | None:
        return seen(now, lost("box_silent", since, None), Heard(since, "box_silent")).silent

    assert silent(NOON, NOON + 59 * MINUTE) is None
    assert silent(NOON, NOON + 61 * MINUTE) == pytest.approx(80)
    # From 20 to 8 nobody is expected.
    assert silent(NOON + 9 * HOUR, NOON + 19 * HOUR) is None


def test_a_gap_keeps_its_first_name_and_beginning_until_it_is_over() -> None:
    first = lost("box_silent", NOON, None)
    later = seen(NOON + 3 * HOUR, first, Heard(NOON + HOUR, "lagging")).watched.gap
    assert later == first
    over = seen(NOON + 3 * HOUR, first, Heard(NOON + 3 * HOUR)).watched.gap
    assert over == lost("box_silent", NOON, NOON + 3 * HOUR)


def chance(hour: int) -> Expected:
    return Expected(day=hour // 86_400, mean=400, whole=4000, of_hour=0.002, of_day=0.005)


def together(shops: int, hours: int, got: int) -> dict[int, tuple[int, Expected, int]]:
    return hours_together(
        [[Pulse(n * 3600, chance(n * 3600), got) for n in range(1, hours + 1)]] * shops
    )


@pytest.mark.parametrize(
    ("shops", "of", "raised"),
    [(6, 12, True), (5, 12, False), (4, 4, False), (5, 5, True)],
    ids=["half", "fewer than half", "too few", "all of five"],
)
def test_the_chain_is_watched_by_hours_of_which_half_of_its_shops_are_known(
    shops: int, of: int, raised: bool
) -> None:
    found = watch_chain(ChainWatch(), together(shops, 8, 200), of)
    assert (found.state.raised is not None) is raised


def test_an_hour_of_the_chain_is_watched_once() -> None:
    once = watch_chain(ChainWatch(), together(6, 3, 400), 6)
    assert watch_chain(once, together(6, 3, 0), 6) == once


def test_what_many_shops_raised_is_the_chains_if_it_was_within_the_time() -> None:
    assert crowded([("drop", 10)] * 6, since=10, shops=20) == "drop"
    assert crowded([("drop", 9)] * 6, since=10, shops=20) is None
    assert crowded([("drop", 10)] * 4, since=10, shops=6) is None
    assert crowded([("drop", 10)] * 6, since=10, shops=40) is None
    assert crowded([("drop", 10), ("surge", 10)] * 4, since=10, shops=20) is None
