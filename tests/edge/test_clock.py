"""The box's time never runs below what it has committed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.clock import SteadyClock, SystemClock, in_virtual_machine
from edge.ports import ClockState

START = datetime(2026, 11, 21, 10, tzinfo=UTC)


class HandClock:
    """A clock whose hands the test moves."""

    def __init__(self) -> None:
        self.wall = START
        self.seconds = 100.0
        self.word: ClockState = "ok"

    def now(self) -> datetime:
        return self.wall

    def mono(self) -> float:
        return self.seconds

    def state(self) -> ClockState:
        return self.word

    def go(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.seconds += seconds


def test_a_clock_that_was_set_back_goes_on_from_the_last_event_and_is_suspect() -> None:
    hands = HandClock()
    clock = SteadyClock(hands, floor=None)
    clock.raise_floor(START)
    hands.wall -= timedelta(hours=1)
    hands.go(30)
    assert clock.now() == START + timedelta(seconds=30)
    assert clock.state() == "suspect"


def test_once_the_system_has_caught_up_its_time_is_taken_again() -> None:
    hands = HandClock()
    clock = SteadyClock(hands, floor=START + timedelta(minutes=10))
    assert clock.now() == START + timedelta(minutes=10)
    hands.go(601)
    assert clock.now() == hands.wall
    assert clock.state() == "ok"


def test_a_synchronised_clock_is_believed_when_the_floor_lies_far_ahead() -> None:
    hands = HandClock()
    clock = SteadyClock(hands, floor=START + timedelta(days=4000))
    assert (clock.now(), clock.state()) == (START, "ok")
    hands.word = "suspect"
    assert clock.now() == START + timedelta(days=4000)


def test_an_unsynchronised_system_is_suspect() -> None:
    hands = HandClock()
    hands.word = "suspect"
    assert SteadyClock(hands, floor=None).state() == "suspect"


def test_an_earlier_event_does_not_lower_the_floor() -> None:
    hands = HandClock()
    clock = SteadyClock(hands, floor=START)
    clock.raise_floor(START - timedelta(hours=1))
    hands.wall -= timedelta(minutes=30)
    assert clock.now() >= START


@pytest.mark.parametrize(
    ("cpuinfo", "virtual"),
    [
        ("processor\t: 0\nflags\t\t: fpu sse2 hypervisor lm\nflags\t\t: fpu\n", True),
        ("processor\t: 0\nflags\t\t: fpu sse2 lm\nbugs\t\t: hypervisor\n", False),
        ("processor\t: 0\nFeatures\t: fp asimd crc32\nModel\t\t: Raspberry Pi 4\n", False),
    ],
)
def test_a_virtual_machine_is_known_by_its_cpus_flag(
    tmp_path: Path, cpuinfo: str, virtual: bool
) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(cpuinfo)
    assert in_virtual_machine(path) is virtual
    assert not in_virtual_machine(tmp_path / "none")


def test_a_host_that_keeps_the_time_is_believed() -> None:
    assert SystemClock(trusted=True).state() == "ok"


def test_the_systems_clocks_answer() -> None:
    system = SystemClock()
    assert abs((system.now() - datetime.now(UTC)).total_seconds()) < 5
    assert system.mono() <= system.mono()
    assert system.state() in ("ok", "suspect")
