"""The radio's watchdog and its channels: what is noticed, and what is asked of `iw`."""

from pathlib import Path

import pytest

from edge.sensors.radio.hopping import AGAIN_S, DWELL_S, Hopper, frequency, put_back
from edge.sensors.radio.interface import Interface, State
from edge.sensors.radio.watchdog import DEAF_S, Watchdog
from tests.support.processes import until


class Adapter:
    """An adapter as the kernel tells of it."""

    def __init__(self) -> None:
        self.is_in: State = "ok"
        self.number: int | None = 7
        self.frames = 0

    def state(self) -> State:
        return self.is_in

    def index(self) -> int | None:
        return self.number

    def received(self) -> int:
        return self.frames


@pytest.fixture
def adapter() -> Adapter:
    return Adapter()


def test_the_watchdog_tells_an_interface_that_is_down_or_out_of_monitor_mode(
    adapter: Adapter,
) -> None:
    dog = Watchdog(adapter, 0.0)
    assert dog.look(1.0, 0) is None
    adapter.is_in = "down"
    assert dog.look(2.0, 0) == "wifi_down"
    adapter.is_in = "not_monitor"
    assert dog.look(3.0, 0) == "wifi_not_monitor"


@pytest.mark.parametrize("number", [None, 8], ids=["gone", "plugged in again"])
def test_the_watchdog_tells_an_interface_that_has_gone(
    adapter: Adapter, number: int | None
) -> None:
    dog = Watchdog(adapter, 0.0)
    adapter.number = number
    assert dog.look(1.0, 0) == "wifi_gone"


def test_a_quiet_street_is_no_deaf_radio(adapter: Adapter) -> None:
    dog = Watchdog(adapter, 0.0)
    adapter.frames = 900  # beacons, none of which is captured
    assert dog.look(DEAF_S - 1, 0) is None
    assert dog.look(DEAF_S + 1, 0) is None
    assert dog.look(2 * DEAF_S - 2, 0) is None
    assert dog.look(2 * DEAF_S, 0) == "wifi_silent"
    assert dog.look(2 * DEAF_S, 1) is None  # a driver that does not count


class Iw:
    """A program in the place of `iw`, which notes how it was called."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "iw"
        self._calls = folder / "calls"
        self.answer()

    def answer(self, code: int = 0, says: str = "", takes_s: float = 0.0) -> None:
        self.path.write_text(
            f'#!/bin/sh\necho "$@" >> {self._calls}\nsleep {takes_s}\n'
            f'echo "{says}" >&2\nexit {code}\n'
        )
        self.path.chmod(0o700)

    @property
    def calls(self) -> list[str]:
        return self._calls.read_text().splitlines() if self._calls.exists() else []


@pytest.fixture
def iw(tmp_path: Path) -> Iw:
    return Iw(tmp_path)


def steps(hopper: Hopper, iw: Iw, mono: float) -> int:
    """Step until what was asked of `iw` has been answered; return how often it was called."""
    hopper.step(mono)

    def answered() -> bool:
        hopper.step(mono)
        return hopper._running is None

    until(answered)
    return len(iw.calls)


def test_the_radio_goes_round_its_channels(iw: Iw) -> None:
    hopper = Hopper(Interface("mon0"), (1, 6, 11, 36), str(iw.path))
    for turn in range(5):
        assert steps(hopper, iw, turn * DWELL_S) == turn + 1
        assert steps(hopper, iw, (turn + 0.9) * DWELL_S) == turn + 1
    frequencies = [2412, 2437, 2462, 5180, 2412]
    assert iw.calls == [f"dev mon0 set freq {mhz}" for mhz in frequencies]
    assert hopper.refused is None


def test_a_single_channel_is_set_once_and_none_is_left_alone(iw: Iw) -> None:
    one = Hopper(Interface("mon0"), (6,), str(iw.path))
    assert steps(one, iw, 0.0) == 1
    assert steps(one, iw, AGAIN_S - 1) == 1
    none = Hopper(Interface("mon0"), (), str(iw.path))
    assert steps(none, iw, 0.0) == 1


def test_a_driver_that_refuses_is_told_and_asked_again_later(iw: Iw) -> None:
    iw.answer(161, "command failed: Device or resource busy (-16)")
    hopper = Hopper(Interface("mon0"), (1, 6), str(iw.path))
    assert steps(hopper, iw, 0.0) == 1
    assert hopper.refused == "command failed: Device or resource busy (-16)"
    assert steps(hopper, iw, AGAIN_S - 1) == 1
    iw.answer()
    assert steps(hopper, iw, AGAIN_S) == 2
    assert hopper.refused is None


def test_an_iw_that_hangs_is_ended_and_the_radio_does_not_wait_for_it(iw: Iw) -> None:
    iw.answer(takes_s=60)
    hopper = Hopper(Interface("mon0"), (1, 6), str(iw.path))
    hopper.step(0.0)
    hopper.step(3.0)
    assert hopper.refused is None
    hopper.step(5.0)
    assert "does not answer" in (hopper.refused or "")
    hopper.close()


def test_without_iw_the_radio_stays_on_its_channel_and_says_so() -> None:
    hopper = Hopper(Interface("mon0"), (1, 6), None)
    hopper.step(0.0)
    assert "not installed" in (hopper.refused or "")
    assert not put_back(Interface("mon0"), None)


def test_channels_have_their_frequencies() -> None:
    assert [frequency(n) for n in (1, 6, 13, 14, 36, 165)] == [2412, 2437, 2472, 2484, 5180, 5825]
