"""The radio's loop: what is lost, refused, turned off or full, without a radio."""

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge import cli
from edge.bus import Bus, Note, RadioNote
from edge.config import load
from edge.core.presence import MinuteCounter, PresenceMinute
from edge.core.pseudonym import KEY_BYTES, Pseudonyms
from edge.live import LiveState
from edge.memory import fill_randomly
from edge.metrics import _radio as radio_metrics
from edge.ports import ClockState
from edge.radio import BACKOFF_S, HELD_MOST, Held, Radio
from edge.sensors.radio.errors import CaptureFault
from edge.sensors.radio.hopping import Hopper
from edge.sensors.radio.interface import Interface, State
from edge.sensors.radio.minutes import Minutes
from edge.store.database import StoreAway, StoreFull
from tests.support.air import probe

START = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


class Adapter(Interface):
    """An interface that is as the test says."""

    def __init__(self) -> None:
        super().__init__("mon0")
        self.is_in: State = "ok"
        self.calls = 0
        self.deaf = False

    def state(self) -> State:
        return self.is_in

    def index(self) -> int | None:
        return 7

    def received(self) -> int:
        self.calls += not self.deaf  # beacons come and come
        return self.calls


class Street:
    """A capture that brings one frame each time, on a clock that goes on by it."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.closed = False

    def drain(
        self,
        begin: Callable[[float], None],
        take: Callable[[bytes, float], None],
        timeout_s: float,
    ) -> None:
        if (fault := self._world.fault) is not None:
            self._world.fault = None
            raise fault
        at_s = self._world.now().timestamp()
        begin(at_s)
        if not self._world.adapter.deaf:
            take(probe(), at_s)
        self._world.pass_by(timeout_s)

    def lost(self) -> int:
        return 5

    def close(self) -> None:
        self.closed = True


class Keeper:
    """A store that may be away."""

    def __init__(self) -> None:
        self.kept: list[PresenceMinute] = []
        self.away: StoreAway | None = None

    def keep(self, minutes: Sequence[PresenceMinute]) -> int:
        if self.away is not None:
            raise self.away
        self.kept += minutes
        return len(minutes)


class Waiting(threading.Event):
    """A stop that lets time pass instead of waiting, and comes when `until` says so."""

    def __init__(self, world: "World") -> None:
        super().__init__()
        self._world = world
        self.until: Callable[[], bool] = lambda: False

    def is_set(self) -> bool:
        self._world.listen_in()
        return self.until()

    def wait(self, timeout: float | None = None) -> bool:
        self._world.pass_by(timeout or 0.0)
        return self.until()


class World:
    """A radio process with everything around it; its clock stands until it is pushed."""

    def __init__(self, folder: Path) -> None:
        self.elapsed_s = 0.0
        self.fault: CaptureFault | None = None
        self.refused: CaptureFault | None = None
        self.wanted = True
        self.put_back = 0
        self.health: list[str] = []
        self.told: list[Note] = []
        self.opened: list[tuple[float, Street]] = []
        self.adapter, self.keeper = Adapter(), Keeper()
        self.front, bus = Bus(folder, "front"), Bus(folder, "radio")
        self._bus = bus
        self.key = bytearray(KEY_BYTES)
        self.held = Held(self.keeper, kept=lambda: None)
        self.minutes = Minutes(
            counter=lambda: MinuteCounter(near_dbm=-65, far_dbm=-80),
            pseudonyms=Pseudonyms(memoryview(self.key), fill_randomly, UTC),
            done=self.held.add,
            mono=self.mono,
            live=True,
        )
        self.radio = Radio(
            interface=self.adapter,
            listen=self._listen,
            put_back=self._put_back,
            minutes=self.minutes,
            held=self.held,
            hopper=Hopper(self.adapter, (), None),
            bus=bus,
            clock=self,
            wanted=lambda: self.wanted,
            keep_health=self.health.append,
            follow_time=lambda: None,
        )

    def now(self) -> datetime:
        return START + timedelta(seconds=self.elapsed_s)

    def mono(self) -> float:
        return self.elapsed_s

    def state(self) -> ClockState:
        return "ok"

    def pass_by(self, seconds: float) -> None:
        self.elapsed_s += seconds

    def _put_back(self) -> bool:
        self.adapter.deaf = False
        self.put_back += 1
        return True

    def _listen(self) -> Street:
        if self.refused is not None:
            self.opened.append((self.elapsed_s, Street(self)))
            raise self.refused
        street = Street(self)
        self.opened.append((self.elapsed_s, street))
        return street

    def run(self, until: Callable[[], bool]) -> None:
        """Run until something holds."""
        stop = Waiting(self)
        stop.until = lambda: until() or self.elapsed_s > 4000
        self.radio.run(stop)
        assert self.elapsed_s <= 4000

    def listen_in(self) -> None:
        """Hear what the front is told, before the socket is full."""
        while (note := self.front.receive(0.0)) is not None:
            self.told.append(note)

    def troubles(self) -> list[str | None]:
        """Return what the front was told of the radio, second by second."""
        return [note.radio.trouble for note in self.told if note.radio is not None]

    def close(self) -> None:
        self.front.close()
        self._bus.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def starts(minutes: Sequence[PresenceMinute]) -> list[int]:
    """Return minutes by their number since the start."""
    return [(one.minute_s - int(START.timestamp())) // 60 for one in minutes]


def test_minutes_wait_while_the_store_is_away_and_none_is_lost(world: World) -> None:
    world.keeper.away = StoreFull("no room")

    def later() -> bool:
        if world.elapsed_s > 200:
            world.keeper.away = None
        return world.elapsed_s > 250

    world.run(later)
    assert starts(world.keeper.kept) == [0, 1, 2, 3]
    full = [note.disk_full for note in world.told]
    assert full[0] is False
    assert True in full


def test_of_minutes_that_wait_for_a_day_the_oldest_are_given_up_and_counted() -> None:
    keeper = Keeper()
    keeper.away = StoreAway("busy")
    held = Held(keeper, kept=lambda: None)
    for number in range(HELD_MOST + 3):
        held.add(
            [PresenceMinute(minute_s=60 * number, classes=0, near=0, far=0, index=0.0, probes=0)]
        )
    assert (len(held), held.refused) == (HELD_MOST, 3)
    keeper.away = None
    held.flush()
    assert keeper.kept[0].minute_s == 180


def test_an_interface_that_fails_is_tried_again_after_pauses_that_grow(world: World) -> None:
    world.refused = CaptureFault("wifi_refused", "no right")
    world.run(lambda: len(world.opened) > len(BACKOFF_S) + 1)
    at_s = [opened for opened, _ in world.opened]
    pauses = [after - before for before, after in itertools.pairwise(at_s)]
    assert pauses == pytest.approx([*BACKOFF_S, BACKOFF_S[-1]], abs=1.01)
    assert not world.keeper.kept
    told = world.troubles()
    assert set(told) == {"wifi_refused"}
    assert world.health == ["lost"]


def test_an_interface_that_comes_back_is_taken_up_at_once_and_its_outage_is_not_observed(
    world: World,
) -> None:
    back_at_s = 400.0

    def course() -> bool:
        if 90 < world.elapsed_s < back_at_s and world.adapter.is_in == "ok":
            world.adapter.is_in = "down"
            world.refused = CaptureFault("wifi_down", "down")
        if world.elapsed_s >= back_at_s:
            world.adapter.is_in, world.refused = "ok", None
        return world.elapsed_s > 500

    world.run(course)
    assert world.opened[-1][0] == pytest.approx(back_at_s, abs=1.5)
    assert starts(world.keeper.kept) == [0, 7]
    assert world.health == ["ok", "lost", "ok"]
    assert all(street.closed for _, street in world.opened[:1])
    last = world.told[-1].radio
    assert last is not None
    assert last.dropped["no_room"] == 10  # of both captures


def test_a_radio_that_hears_nothing_at_all_is_told_and_put_back(world: World) -> None:
    def course() -> bool:
        if world.elapsed_s > 10 and not world.put_back:
            world.adapter.deaf = True
        return world.elapsed_s > 200

    world.run(course)
    assert "wifi_silent" in world.troubles()
    assert world.put_back == 1
    assert world.troubles()[-1] is None
    assert world.health == ["ok", "lost", "ok"]


def test_a_capture_that_fails_says_so_with_its_own_code(world: World) -> None:
    def course() -> bool:
        if world.elapsed_s > 3 and len(world.opened) == 1:
            world.fault = CaptureFault("wifi_gone", "gone")
        return len(world.opened) > 1

    world.run(course)
    told = world.troubles()
    assert told[0] is None
    assert "wifi_gone" in told


def test_when_head_office_turns_wifi_off_nothing_is_heard_and_the_key_is_gone(
    world: World,
) -> None:
    seen: list[tuple[bool, bool]] = []

    def course() -> bool:
        if 10 < world.elapsed_s < 20:
            world.wanted = False
        elif world.elapsed_s >= 20:
            world.wanted = True
        if world.elapsed_s > 12:
            seen.append((world.opened[-1][1].closed, any(world.key)))
        return len(world.opened) > 1 and world.elapsed_s > 25

    world.run(course)
    assert seen[0] == (True, False)
    assert seen[-1] == (False, True)
    told = world.troubles()
    assert "wifi_off" in told
    # Somebody wants it so: nothing is lost. But it works without a break only since then.
    assert world.health == ["ok", "ok"]


def test_at_the_end_the_key_is_destroyed_and_the_capture_closed(world: World) -> None:
    world.run(lambda: world.elapsed_s > 5)
    assert not any(world.key)
    assert world.opened[0][1].closed


def heard(trouble: str | None = None, *, fixed: bool = False) -> Note:
    """Return what a radio tells the front."""
    radio = RadioNote(
        trouble=trouble,
        fixed_channel=fixed,
        probes=12,
        dropped={"elements": 3, "no_room": 4},
        frequencies={"2437": 12},
    )
    return Note(sender="radio", radio=radio)


def test_what_the_radio_tells_reaches_the_page_and_the_metrics_through_the_bus(
    tmp_path: Path,
) -> None:
    live, front, radio = LiveState(()), Bus(tmp_path, "front"), Bus(tmp_path, "radio")
    told = []
    for note in (
        heard(),
        heard("wifi_gone"),
        heard("wifi_gone"),
        heard("wifi_off"),
        heard(fixed=True),
    ):
        assert radio.send("front", note)
        received = front.receive(1.0)
        assert received == note
        told.append((live.take(received), live.trouble()))
    assert told == [
        (True, ()),
        (True, ("wifi_gone",)),
        (False, ("wifi_gone",)),
        (True, ()),
        (True, ("wifi_channel",)),
    ]
    samples = {
        (one.name, *one.labels.values()): one.value
        for family in radio_metrics(live.radio())
        for one in family.samples
    }
    assert samples == {
        ("menkou_box_wifi_listening",): 1,
        ("menkou_box_wifi_channel_fixed",): 1,
        ("menkou_box_wifi_probes_total",): 12,
        ("menkou_box_wifi_dropped_total", "elements"): 3,
        ("menkou_box_wifi_dropped_total", "no_room"): 4,
        ("menkou_box_wifi_channel_probes_total", "2437"): 12,
    }
    assert not list(radio_metrics(None))
    front.close()
    radio.close()


def test_a_radio_that_fell_silent_says_nothing_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    live = LiveState(())
    live.take(heard("wifi_gone"))
    assert live.trouble() == ("wifi_gone",)
    monkeypatch.setattr("edge.live.STALE_S", 0.0)
    assert live.trouble() == ()
    assert live.radio() is None


@pytest.mark.parametrize(("user", "quietly"), [(0, False), (1000, True)])
def test_a_radio_whose_memory_may_be_swapped_says_so_unless_the_supervisor_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, quietly: bool
) -> None:
    """Root's supervisor may lock what it likes; its radio has given that right up."""
    from edge.app import radio

    class Sealed(Exception):
        pass

    def seal(*, quietly: bool = False) -> None:
        raise Sealed(quietly)

    config = tmp_path / "edge.toml"
    config.write_text(
        '[store]\nid = "x"\nname = "x"\ntimezone = "UTC"\n[box]\nid = "x"\ndata_dir = "."\n'
    )
    monkeypatch.setattr(radio, "keep_only", lambda rights: None)
    monkeypatch.setattr(radio, "seal_process", seal)
    monkeypatch.setattr("os.geteuid", lambda: user)
    with pytest.raises(Sealed) as sealed:
        radio.run_radio(load(config), "epoch")
    assert sealed.value.args == (quietly,)


def test_check_config_names_what_keeps_this_machine_from_listening(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "edge.toml"
    config.write_text(
        '[store]\nid = "x"\nname = "x"\ntimezone = "UTC"\n[box]\nid = "x"\ndata_dir = "data"\n'
        '[wifi]\nenabled = true\ninterface = "mon77"\n'
    )
    assert cli.main(["check-config", "--config", str(config)]) == 0
    assert "[wifi] interface mon77: expected it to be there, got none" in capsys.readouterr().err
