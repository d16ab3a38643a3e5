"""The box's clock: whom it believes, and that it steps only when it is told to."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from edge.clock import SteadyClock, SystemClock, boot_id, in_virtual_machine, reckoning
from edge.core.timeline import RELEASED, Timeline, moved
from edge.ports import ClockState
from edge.store.database import connect, migrate
from edge.store.outbox import Outbox, Reading
from edge.store.timelines import Timelines
from edge.wire.messages import Health

START = datetime(2026, 11, 21, 10, tzinfo=UTC)


class HandClock:
    """A kernel whose clocks the test moves."""

    def __init__(self, word: ClockState = "ok") -> None:
        self.wall = START
        self.seconds = 100.0
        self.word: ClockState = word

    def now(self) -> datetime:
        return self.wall

    def mono(self) -> float:
        return self.seconds

    def state(self) -> ClockState:
        return self.word

    def go(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.seconds += seconds


class Box:
    """A process of a box: its kernel, its store, its clock."""

    def __init__(self, folder: Path, word: ClockState = "ok") -> None:
        self.kernel = HandClock(word)
        self.db: Database = connect(folder)
        migrate(self.db)
        self.start("first")

    def start(self, boot: str) -> None:
        """The machine starts anew, or only this process does."""
        self.timelines = Timelines(self.db, boot)
        self.clock = SteadyClock(self.kernel, self.timelines.follow(self.kernel))

    def look(self) -> None:
        self.clock.take(self.timelines.follow(self.kernel))

    def event(self, at: datetime, word: ClockState = "suspect", boot: str = "first") -> None:
        """Commit an event of that time."""
        outbox = Outbox(self.db)
        epoch = outbox.begin_epoch(at, "run", boot)
        body = Health(part="eyes", camera=None, state="restarted")
        outbox.append(epoch, [(body, Reading(at=at, mono=1.0, clock=word))])


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


@pytest.fixture
def unsure(tmp_path: Path) -> Box:
    """A box whose kernel is not synchronised."""
    return Box(tmp_path, "suspect")


def test_a_step_of_the_system_is_taken_only_when_it_is_looked_for(box: Box) -> None:
    box.kernel.go(10)
    box.kernel.wall += timedelta(hours=1)
    assert box.clock.now() == START + timedelta(seconds=10)
    box.look()
    assert box.clock.now() == START + timedelta(hours=1, seconds=10)


def test_a_synchronised_clock_is_believed_when_it_steps_back_too(box: Box) -> None:
    box.event(START)
    box.kernel.wall -= timedelta(minutes=10)
    box.look()
    assert (box.clock.now(), box.clock.state()) == (START - timedelta(minutes=10), "ok")


def test_a_leap_second_is_no_step_and_is_followed(box: Box) -> None:
    before = box.clock.timeline
    box.kernel.wall -= timedelta(seconds=1)
    box.look()
    assert box.clock.timeline == before
    assert box.clock.now() == START - timedelta(seconds=1)
    assert box.clock.at(100.0) == box.clock.now()


def test_an_unsynchronised_clock_is_suspect_and_its_steps_are_not_followed(unsure: Box) -> None:
    assert unsure.clock.state() == "suspect"
    unsure.kernel.go(60)
    unsure.kernel.wall += timedelta(days=3)
    unsure.look()
    assert unsure.clock.now() == START + timedelta(seconds=60)


def test_time_never_begins_below_the_last_committed_event(unsure: Box) -> None:
    unsure.event(START + timedelta(days=1))
    unsure.kernel.seconds = 20.0
    unsure.start("second")
    assert unsure.clock.now() == START + timedelta(days=1)
    unsure.kernel.go(30)
    assert unsure.clock.now() == START + timedelta(days=1, seconds=30)
    assert unsure.clock.state() == "suspect"


def test_a_machine_without_any_time_begins_no_earlier_than_its_software(tmp_path: Path) -> None:
    kernel = HandClock("suspect")
    kernel.wall = datetime(1970, 1, 1, tzinfo=UTC)
    db = connect(tmp_path)
    migrate(db)
    clock = SteadyClock(kernel, Timelines(db, "first").follow(kernel))
    assert clock.now() == RELEASED


def test_a_process_that_starts_anew_goes_on_by_the_same_time(unsure: Box) -> None:
    unsure.kernel.go(30)
    unsure.kernel.wall -= timedelta(days=400)
    unsure.start("first")
    assert unsure.clock.now() == START + timedelta(seconds=30)


def test_a_clock_that_was_right_stays_right_without_the_network(box: Box) -> None:
    box.kernel.word = "suspect"
    box.kernel.go(86_400)
    box.kernel.wall += timedelta(hours=5)
    box.look()
    assert (box.clock.now(), box.clock.state()) == (START + timedelta(days=1), "ok")
    box.start("first")
    assert (box.clock.now(), box.clock.state()) == (START + timedelta(days=1), "ok")


def test_after_the_machine_started_anew_nothing_is_known_of_its_clock(box: Box) -> None:
    box.kernel.word = "suspect"
    box.start("second")
    assert box.clock.state() == "suspect"


def test_what_the_kernel_knows_at_last_is_taken(unsure: Box) -> None:
    unsure.kernel.go(60)
    unsure.kernel.wall += timedelta(hours=7)
    unsure.kernel.word = "ok"
    unsure.look()
    assert unsure.clock.now() == START + timedelta(hours=7, seconds=60)
    assert unsure.clock.state() == "ok"


def test_processes_that_look_at_once_agree(box: Box, tmp_path: Path) -> None:
    other = Timelines(connect(tmp_path), "first")
    box.kernel.wall += timedelta(hours=1)
    assert box.timelines.follow(box.kernel) == other.follow(box.kernel)
    assert box.db.table("timeline").count == 2


def test_a_machine_too_busy_to_read_both_clocks_at_once_sees_no_step() -> None:
    class Busy(HandClock):
        def mono(self) -> float:
            self.go(3)
            return self.seconds

    busy = Busy()
    assert not reckoning(busy).synchronised


@pytest.mark.parametrize(
    ("before", "after", "by_s", "redated"),
    [
        pytest.param("nobody", "kernel", 60, True, id="the truth is known"),
        pytest.param("nobody", "person", 60, True, id="a person says so"),
        pytest.param("person", "kernel", -60, True, id="the person was wrong"),
        pytest.param("nobody", "kernel", 1, False, id="it was right"),
        pytest.param("kernel", "kernel", 60, False, id="a step"),
    ],
)
def test_what_a_wrong_clock_dated_moves_with_it_and_what_a_right_one_did_stays(
    before: str, after: str, by_s: float, redated: bool
) -> None:
    old = Timeline(id=1, zero=START, word=before)  # type: ignore[arg-type]
    new = Timeline(id=2, zero=START + timedelta(seconds=by_s), word=after)  # type: ignore[arg-type]
    step = moved(old, new)
    assert step is not None
    assert (step.by, step.redated) == (timedelta(seconds=by_s), redated)


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
    assert boot_id() == boot_id()


def test_a_start_with_a_clock_far_ahead_that_was_set_right_is_not_believed_by_the_next(
    unsure: Box,
) -> None:
    unsure.event(START + timedelta(days=5_000))
    unsure.kernel.word = "ok"
    unsure.look()  # and the power goes out, before any event came by the right time
    unsure.kernel.word = "suspect"
    unsure.start("second")
    assert unsure.clock.now() == START


def test_what_nobody_vouched_for_is_no_bound_once_a_later_event_was_dated_surely(
    unsure: Box,
) -> None:
    unsure.event(START + timedelta(days=5_000), boot="never known")
    unsure.event(START + timedelta(days=1), "ok", boot="known")
    unsure.start("second")
    assert unsure.clock.now() == START + timedelta(days=1)
    unsure.event(START + timedelta(days=2), boot="second")
    unsure.start("third")
    assert unsure.clock.now() == START + timedelta(days=2), "nobody knew better since"
