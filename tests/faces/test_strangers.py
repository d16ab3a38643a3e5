"""The memory of strangers, over real secret memory."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from edge.core.visit import Chain
from edge.faces.strangers import StrangerMemory
from edge.memory import STRANGERS_BYTES, SecretMemory, reserve
from edge.ports import Strangers, Vector

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
THRESHOLD = 0.33


def face(seed: int) -> Vector:
    """Return somebody's descriptor; those of two people are about 1.4 apart."""
    numbers = np.random.default_rng(seed).standard_normal(128).astype(np.float32)
    return numbers / np.float32(np.linalg.norm(numbers))


def at_distance(vector: Vector, distance: float) -> Vector:
    """Return a descriptor at a Euclidean distance."""
    away = face(999)
    away = away - vector * np.float32(vector @ away)
    away /= np.float32(np.linalg.norm(away))
    cosine = 1 - distance**2 / 2
    return (vector * np.float32(cosine) + away * np.float32(np.sqrt(1 - cosine**2))).astype(
        np.float32
    )


def visit(number: int) -> str:
    return f"{number:026d}"


def chain(number: int, *, minutes: float = 0, last: int | None = None, stayed: float = 0) -> Chain:
    """Return somebody's visits: the first at noon and `minutes`, the last `stayed` minutes on."""
    first_at = NOON + timedelta(minutes=minutes)
    return Chain(
        first_visit=visit(number),
        first_at=first_at,
        last_visit=visit(number if last is None else last),
        last_at=first_at + timedelta(minutes=stayed),
    )


@pytest.fixture
def make() -> Iterator[Callable[..., StrangerMemory]]:
    """Make the memory; a second call opens the same one again, as the next process does."""
    fd = reserve(STRANGERS_BYTES)

    def opened(records: int | None = None) -> StrangerMemory:
        own = os.dup(fd) if records is None else reserve(64 + records * 592)
        return StrangerMemory(SecretMemory(own), THRESHOLD)

    yield opened
    os.close(fd)


def raw(memory: StrangerMemory) -> memoryview:
    return memory._memory.view


def test_it_is_what_the_pipeline_asks_for(make: Callable[..., StrangerMemory]) -> None:
    strangers: Strangers = make()
    assert strangers.find(face(1)) is None
    assert strangers.chains() == []


def test_whoever_comes_back_is_found_by_the_nearest_face_below_the_threshold(
    make: Callable[..., StrangerMemory],
) -> None:
    memory = make()
    memory.keep(chain(1), face(1))
    memory.keep(chain(2), at_distance(face(1), 0.2))
    memory.keep(chain(3), face(3))
    assert memory.find(at_distance(face(1), 0.05)) == visit(1)
    assert memory.find(at_distance(face(1), 0.19)) == visit(2)
    assert memory.find(face(3)) == visit(3)
    assert memory.find(face(4)) is None


@pytest.mark.parametrize(("distance", "found"), [(0.32, True), (0.34, False)])
def test_the_threshold_is_a_euclidean_distance(
    make: Callable[..., StrangerMemory], distance: float, found: bool
) -> None:
    memory = make()
    memory.keep(chain(1), face(1))
    assert (memory.find(at_distance(face(1), distance)) is not None) == found


def test_after_a_step_of_the_clock_everybody_was_here_as_long_ago_as_before(
    make: Callable[..., StrangerMemory],
) -> None:
    memory = make()
    memory.rebase(NOON)
    memory.keep(chain(1, stayed=5), face(1))
    later = timedelta(hours=2)
    memory.rebase(NOON + later)
    moved = memory.chains()
    assert moved == [chain(1, minutes=120, stayed=5)]
    again = make()  # the next process finds what it was told last, and nothing torn
    again.rebase(NOON + later)
    assert again.chains() == moved
    again.rebase(NOON)
    assert again.chains() == [chain(1, stayed=5)]


def test_a_memory_that_was_wiped_still_knows_its_clock(
    make: Callable[..., StrangerMemory],
) -> None:
    memory = make()
    memory.rebase(NOON)
    memory.wipe()
    memory.keep(chain(1), face(1))
    memory.rebase(NOON + timedelta(hours=1))
    assert memory.chains() == [chain(1, minutes=60)]


def test_a_return_prolongs_the_chain_and_keeps_the_face(
    make: Callable[..., StrangerMemory],
) -> None:
    memory = make()
    memory.keep(chain(1), face(1))
    prolonged = chain(1, last=5, stayed=90)
    memory.keep(prolonged, None)
    assert memory.chains() == [prolonged]
    assert memory.find(face(1)) == visit(1)


def test_a_newer_face_takes_the_place_of_the_older(make: Callable[..., StrangerMemory]) -> None:
    memory = make()
    memory.keep(chain(1), face(1))
    memory.keep(chain(1), face(2))
    assert memory.find(face(1)) is None
    assert memory.find(face(2)) == visit(1)


def test_visits_of_somebody_whose_face_is_not_known_are_not_kept(
    make: Callable[..., StrangerMemory],
) -> None:
    memory = make()
    memory.keep(chain(1), None)
    assert memory.chains() == []


def test_a_full_memory_gives_up_whoever_was_seen_longest_ago(
    make: Callable[..., StrangerMemory],
) -> None:
    memory = make(records=3)
    memory.keep(chain(1, minutes=0, last=9, stayed=60), face(1))
    for number in (2, 3):
        memory.keep(chain(number, minutes=number), face(number))
    memory.keep(chain(4, minutes=70), face(4))
    assert [c.first_visit for c in memory.chains()] == [visit(1), visit(3), visit(4)]
    assert memory.find(face(2)) is None
    assert memory.find(face(4)) == visit(4)


def test_it_holds_five_thousand_people(make: Callable[..., StrangerMemory]) -> None:
    memory = make()
    for number in range(5_000):
        memory.keep(chain(number, minutes=number), face(number))
    assert len(memory.chains()) == 5_000
    assert memory.find(face(0)) == visit(0)
    assert memory.find(face(4_999)) == visit(4_999)


@pytest.mark.parametrize(
    ("since", "left"), [("last_seen", [1, 3]), ("first_seen", [3])], ids=["last", "first"]
)
def test_whoever_is_out_of_the_window_is_forgotten(
    make: Callable[..., StrangerMemory], since: str, left: list[int]
) -> None:
    memory = make()
    memory.keep(chain(1, minutes=0, last=8, stayed=100), face(1))
    memory.keep(chain(2, minutes=30), face(2))
    memory.keep(chain(3, minutes=60), face(3))
    memory.forget_before(NOON + timedelta(minutes=60), since)  # type: ignore[arg-type]
    assert [c.first_visit for c in memory.chains()] == [visit(number) for number in left]


def test_what_is_forgotten_is_found_nowhere_in_the_memory(
    make: Callable[..., StrangerMemory],
) -> None:
    memory = make()
    for number in (1, 2, 3):
        memory.keep(chain(number, minutes=number), face(number))
    assert face(1).tobytes() in bytes(raw(memory))
    memory.forget(visit(1))
    memory.forget_before(NOON + timedelta(minutes=3), "last_seen")
    held = bytes(raw(memory))
    for number in (1, 2):
        assert face(number).tobytes()[:16] not in held
        assert visit(number).encode() not in held
    assert memory.find(face(1)) is None
    assert memory.find(face(3)) == visit(3)
    memory.wipe()
    assert not any(bytes(raw(memory))[64:])
    assert memory.find(face(3)) is None


def test_after_a_wipe_it_goes_on(make: Callable[..., StrangerMemory]) -> None:
    memory = make()
    memory.keep(chain(1), face(1))
    memory.wipe()
    memory.keep(chain(2), face(2))
    assert make().find(face(2)) == visit(2)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(face(1) * np.float32(2), id="another length"),
        pytest.param(np.full(128, np.nan, np.float32), id="no numbers"),
        pytest.param(face(1)[:64], id="half of it"),
        pytest.param(face(1).astype(np.float64), id="another type"),
    ],
)
def test_what_is_no_descriptor_is_refused_and_kept_nowhere(
    make: Callable[..., StrangerMemory], wrong: Vector
) -> None:
    memory = make()
    for use in (memory.find, lambda vector: memory.keep(chain(1), vector)):
        with pytest.raises(ValueError, match="vector: expected"):
            use(wrong)
    assert memory.chains() == []


def test_memory_that_holds_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one record"):
        StrangerMemory(SecretMemory(reserve(100)), THRESHOLD)


def test_the_next_process_finds_everybody_again(make: Callable[..., StrangerMemory]) -> None:
    first = make()
    first.keep(chain(1, last=4, stayed=30), face(1))
    first.keep(chain(2, minutes=5), face(2))
    again = make()
    assert again.chains() == first.chains()
    assert again.find(face(2)) == visit(2)


def test_a_record_that_was_torn_by_a_kill_is_lost_alone(
    make: Callable[..., StrangerMemory],
) -> None:
    memory = make()
    for number in (1, 2):
        memory.keep(chain(number), face(number))
    raw(memory)[64 + 100] ^= 0xFF
    again = make()
    assert [c.first_visit for c in again.chains()] == [visit(2)]
    assert not any(bytes(raw(again))[64 : 64 + 592])


@pytest.mark.parametrize(
    "places", [[8], [64 + 100, 64 + 592 + 100]], ids=["another layout", "two records"]
)
def test_a_damaged_memory_is_overwritten_and_begun_anew(
    make: Callable[..., StrangerMemory], places: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    memory = make()
    for number in (1, 2, 3):
        memory.keep(chain(number), face(number))
    for place in places:
        raw(memory)[place] ^= 0xFF
    again = make()
    assert again.chains() == []
    assert not any(bytes(raw(again))[64:])
    assert "begins anew" in caplog.text
    again.keep(chain(4), face(4))
    assert make().find(face(4)) == visit(4)


HEIR = (
    "import sys\n"
    "from edge.memory import SecretMemory\n"
    "from tests.faces.test_strangers import THRESHOLD, StrangerMemory, chain, face\n"
    "memory = StrangerMemory(SecretMemory(int(sys.argv[1])), THRESHOLD)\n"
    "for number in range(10_000_000):\n"
    "    memory.keep(chain(number % 4_000, minutes=number), face(number % 4_000))\n"
    "    if number == 20:\n"
    "        print('going', flush=True)\n"
)


def test_a_process_that_is_killed_while_it_writes_leaves_the_rest_to_the_next() -> None:
    fd = reserve(STRANGERS_BYTES)
    with subprocess.Popen(
        [sys.executable, "-c", HEIR, str(fd)],
        pass_fds=[fd],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"going\n"
        process.send_signal(signal.SIGKILL)
    memory = StrangerMemory(SecretMemory(fd), THRESHOLD)
    assert len(memory.chains()) >= 20
    assert memory.find(face(3)) == visit(3)


SEARCHED = (
    "import os\n"
    "import numpy as np\n"
    "from edge.memory import SecretMemory, reserve\n"
    "from tests.faces.test_strangers import THRESHOLD, StrangerMemory, chain\n"
    # So few records that a copy of them would stay on the heap after it was freed.
    "memory = StrangerMemory(SecretMemory(reserve(64 + 100 * 592)), THRESHOLD)\n"
    "vector = np.zeros(128, np.float32)\n"
    "os.readv(0, [vector])\n"
    "memory.keep(chain(1), vector)\n"
    "vector[:] = 0\n"
    "other = np.eye(1, 128, dtype=np.float32)[0]\n"
    "for number in range(2, 50):\n"
    "    memory.keep(chain(number), other)\n"
    "StrangerMemory(memory._memory, THRESHOLD).chains()\n"
    "memory.find(other)\n"
    "print('ready', memory._memory.secret, flush=True)\n"
    "os.read(0, 1)\n"
)


def readable_memory(pid: int) -> Iterator[bytes]:
    """Yield every area of a process's memory that can be read from outside."""
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            start, end = (int(word, 16) for word in line.split()[0].split("-"))
            if "r" not in line.split()[1] or "[v" in line:
                continue
            try:
                memory.seek(start)
                yield memory.read(end - start)
            except OSError:
                continue  # secret memory: nobody reads that


def test_a_face_lies_nowhere_but_in_secret_memory() -> None:
    """Neither a search nor a check copies it: the numbers are compared where they lie."""
    canary = face(77)
    with subprocess.Popen(
        [sys.executable, "-c", SEARCHED],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(canary.tobytes())
        process.stdin.flush()
        ready = process.stdout.readline()
        found = sum(area.count(canary[40:60].tobytes()) for area in readable_memory(process.pid))
        process.stdin.close()
    if ready != b"ready True\n":
        pytest.skip("this kernel has no memfd_secret: its other memory can be read by root")
    assert found == 0
