"""Minutes: only what was listened to counts, and at midnight nothing of the day is left."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from edge.core.presence import MinuteCounter, PresenceMinute
from edge.core.pseudonym import KEY_BYTES, Pseudonyms
from edge.memory import fill_randomly
from edge.sensors.radio.minutes import Minutes
from tests.support.air import probe

START = datetime(2026, 11, 22, 4, 0, tzinfo=UTC).timestamp()
MIDNIGHT = datetime(2026, 11, 22, 16, 0, tzinfo=UTC).timestamp()


class Ear:
    """Minutes at work, and what they handed on."""

    def __init__(self, *, live: bool = True) -> None:
        self.memory = bytearray(KEY_BYTES)
        self.told: list[PresenceMinute] = []
        self.mono = 0.0
        self.minutes = Minutes(
            counter=lambda: MinuteCounter(near_dbm=-65, far_dbm=-80),
            pseudonyms=Pseudonyms(
                memoryview(self.memory), fill_randomly, ZoneInfo("Asia/Shanghai")
            ),
            done=self.told.extend,
            mono=lambda: self.mono,
            live=live,
        )

    def listen(self, since_s: float, until_s: float, probes: int = 0) -> None:
        """Listen from one moment to another, once a second; hear frames at the first."""
        at_s = since_s
        while at_s < until_s:
            self.minutes.begin(at_s)
            for number in range(probes):
                self.minutes.take(probe(f"02:00:00:00:00:{number:02x}"), at_s)
            probes = 0
            at_s += 1.0

    @property
    def starts(self) -> list[int]:
        """The minutes that were handed on, counted from the start."""
        return [(one.minute_s - int(START)) // 60 for one in self.told]


@pytest.fixture
def ear() -> Ear:
    return Ear()


def test_each_minute_that_was_listened_to_is_told_with_zeros_where_nobody_was(ear: Ear) -> None:
    ear.listen(START, START + 181)
    ear.listen(START + 181, START + 241, probes=3)
    assert ear.starts == [0, 1, 2, 3]
    assert [(one.probes, one.classes) for one in ear.told] == [(0, 0), (0, 0), (0, 0), (3, 1)]


def test_a_minute_that_began_before_is_left_out(ear: Ear) -> None:
    ear.listen(START + 20, START + 121, probes=1)
    assert ear.starts == [1]
    assert ear.told[0].probes == 0


def test_minutes_of_an_outage_are_left_out_and_are_not_zeros(ear: Ear) -> None:
    ear.listen(START, START + 90, probes=2)
    ear.listen(START + 250, START + 361, probes=1)
    assert ear.starts == [0, 5]
    assert [one.probes for one in ear.told] == [2, 0]


def test_a_second_lost_is_no_outage_and_six_are(ear: Ear) -> None:
    ear.listen(START, START + 30)
    ear.listen(START + 33, START + 70)
    ear.listen(START + 77, START + 121)
    assert ear.starts == [0]


def test_a_clock_that_is_set_forward_or_back_begins_anew(ear: Ear) -> None:
    ear.listen(START, START + 61, probes=1)
    later = START + 86_400 * 21
    ear.listen(later, later + 61, probes=2)
    ear.listen(START + 600, START + 661, probes=3)
    assert ear.starts == [0, 21 * 1440, 10]
    assert [one.probes for one in ear.told] == [1, 2, 3]


def test_at_the_shops_midnight_the_key_changes_and_the_last_minute_is_told(ear: Ear) -> None:
    ear.listen(MIDNIGHT - 60, MIDNIGHT, probes=1)
    before, held = bytes(ear.memory), list(ear.minutes.reader._classes.values())
    ear.listen(MIDNIGHT, MIDNIGHT + 1)
    assert [one.probes for one in ear.told] == [1]
    assert bytes(ear.memory) != before
    assert any(ear.memory)
    assert not ear.minutes.reader._classes
    ear.listen(MIDNIGHT + 1, MIDNIGHT + 2, probes=1)
    assert list(ear.minutes.reader._classes.values()) != held


def test_the_key_goes_at_midnight_also_while_nothing_can_be_heard(ear: Ear) -> None:
    ear.listen(MIDNIGHT - 90, MIDNIGHT - 60, probes=1)
    ear.minutes.expire(MIDNIGHT - 1)
    assert any(ear.memory)
    ear.minutes.expire(MIDNIGHT)
    assert not any(ear.memory)
    ear.listen(MIDNIGHT + 60, MIDNIGHT + 121, probes=1)
    assert [one.probes for one in ear.told] == [1]


def test_the_key_goes_after_24_hours_when_the_clock_stands_still(ear: Ear) -> None:
    ear.listen(START, START + 1, probes=1)
    before = bytes(ear.memory)
    ear.mono = 24 * 3600 - 2
    ear.listen(START + 1, START + 61)
    assert bytes(ear.memory) != before


def test_the_last_hour_of_each_day_is_of_one_key_and_its_last_minute_whole(ear: Ear) -> None:
    """The key of midnight has to go before its 24 hours are over, and not within the hour."""
    ear.mono = 1000.2
    ear.listen(MIDNIGHT + 0.2, MIDNIGHT + 1)
    before, day = bytes(ear.memory), MIDNIGHT + 86_400
    ear.mono = 1000 + 86_400 - 600
    ear.listen(day - 600, day - 590, probes=1)
    for second in range(-590, 2):
        ear.mono = 1000 + 86_400 + second
        ear.listen(day + second, day + second + 1, probes=int(second == -120))
        if second == -4:
            assert bytes(ear.memory) == before, "not before the hour is as good as over"
        if second == -1:
            assert bytes(ear.memory) != before, "24 hours are over in a second"
    last = [one for one in ear.told if one.minute_s >= day - 540]
    assert [int(one.minute_s - day) // 60 for one in last] == list(range(-9, 0))


def test_who_stops_listening_and_begins_again_within_the_hour_is_told_minutes_again(
    ear: Ear,
) -> None:
    ear.listen(START, START + 130, probes=1)
    ear.minutes.finish()
    ear.listen(START + 290, START + 421, probes=2)
    ear.listen(START + 421, START + 481, probes=3)
    assert ear.starts == [0, 1, 5, 6, 7]
    assert [one.probes for one in ear.told] == [1, 0, 0, 0, 3]


def test_the_part_of_a_minute_that_went_with_the_key_is_no_silence(ear: Ear) -> None:
    ear.listen(MIDNIGHT - 60, MIDNIGHT - 2, probes=3)
    ear.minutes.expire(MIDNIGHT)
    ear.listen(MIDNIGHT + 1, MIDNIGHT + 61)
    assert [one.probes for one in ear.told] == [0]
    assert ear.told[0].minute_s == MIDNIGHT


def test_at_the_end_the_key_is_destroyed_and_what_was_begun_is_left_out(ear: Ear) -> None:
    ear.listen(START, START + 90, probes=1)
    ear.minutes.finish()
    assert not any(ear.memory)
    assert ear.starts == [0]


def test_of_a_recording_every_minute_counts_from_its_first_frame_to_its_last() -> None:
    ear = Ear(live=False)
    for at_s in (START + 20, START + 200, START + 86_400 * 3 + 30):
        ear.minutes.begin(at_s)
        ear.minutes.take(probe(), at_s)
    ear.minutes.finish()
    assert ear.starts == [0, 1, 2, 3, 3 * 1440]
    assert [one.probes for one in ear.told] == [1, 0, 0, 1, 1]


def test_a_recorded_hour_over_midnight_is_of_one_key_and_the_next_of_another() -> None:
    recording = Ear(live=False)
    began, keys = MIDNIGHT - 1800, []
    for second in range(0, 2 * 3660, 30):
        recording.listen(began + second, began + second + 1, probes=1)
        keys.append(bytes(recording.memory))
    recording.minutes.finish()
    hours = [len(set(keys[start : start + 122])) for start in (0, 122)]
    assert (hours, len(set(keys))) == ([1, 1], 2)
    indices = [one.index for one in recording.told]
    assert sum(indices[:61]) == pytest.approx(sum(indices[61:122]))
    assert sum(indices) > 0
