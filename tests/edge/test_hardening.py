"""Sealing a process, seen from outside by another process of the same user."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

NOBODY = 65534
# After the imports: another user may not be allowed to read Python's own files.
BECOME_NOBODY = f"if os.geteuid() == 0: os.setgid({NOBODY}); os.setuid({NOBODY})"
CODE = (
    "import logging, os, resource, sys\n"
    "from pathlib import Path\n"
    "from edge.bus import Bus, Note\n"
    "from edge.hardening import seal_process\n"
    "logging.basicConfig(stream=sys.stdout, format='%(message)s')\n"
    "{steps}\n"
    "print('ready', flush=True)\n"
    "sys.stdin.readline()\n"
)
LOOK = (
    "import os, sys\n"
    f"{BECOME_NOBODY}\n"
    "try:\n"
    "    open(f'/proc/{sys.argv[1]}/mem', 'rb').close()\n"
    "    print('open')\n"
    "except PermissionError:\n"
    "    print('closed')\n"
)


class Child:
    """A process that does some steps, says what it has to say, and waits."""

    def __init__(self, *steps: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CODE.format(steps="\n".join(steps))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.said = list[str]()
        for line in self.process.stdout:
            if line == "ready\n":
                return
            self.said.append(line.rstrip())

    def proc(self, name: str) -> str:
        return Path(f"/proc/{self.process.pid}/{name}").read_text()

    def seen_by_the_same_user(self) -> str:
        look = [sys.executable, "-c", LOOK, str(self.process.pid)]
        return subprocess.run(look, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def run() -> Iterator[Callable[..., Child]]:
    made = list[Child]()

    def start(*steps: str) -> Child:
        made.append(Child(*steps))
        return made[-1]

    yield start
    for child in made:
        child.process.kill()
        child.process.communicate()


def test_a_sealed_process_is_closed_to_its_own_user(run: Callable[..., Child]) -> None:
    sealed = run(BECOME_NOBODY, "seal_process()")
    assert sealed.seen_by_the_same_user() == "closed"


def test_the_look_from_outside_finds_a_process_open_that_is_not_sealed(
    run: Callable[..., Child],
) -> None:
    # setuid closes a process too; only the flag itself may differ here.
    dumpable = "import ctypes; ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)"
    assert run(BECOME_NOBODY, dumpable).seen_by_the_same_user() == "open"


def test_a_sealed_process_leaves_no_core(run: Callable[..., Child], tmp_path: Path) -> None:
    sealed = run(f"os.chdir({str(tmp_path)!r})", "seal_process()")
    limits = next(line for line in sealed.proc("limits").splitlines() if "core file" in line)
    assert limits.split()[4:6] == ["0", "0"]
    sealed.process.send_signal(signal.SIGSEGV)
    assert sealed.process.wait(timeout=30) == -signal.SIGSEGV
    assert list(tmp_path.iterdir()) == []


def test_all_memory_of_a_sealed_process_is_locked_where_there_is_no_limit(
    run: Callable[..., Child],
) -> None:
    sealed = run("seal_process()", "late = bytearray(b'x' * 4_000_000)")
    if sealed.said:
        pytest.skip("locking all memory needs root or ulimit -l unlimited")
    status = dict(line.split(":", 1) for line in sealed.proc("status").splitlines())
    locked_kb, resident_kb = (int(status[key].split()[0]) for key in ("VmLck", "VmRSS"))
    assert locked_kb >= resident_kb


def test_with_a_limit_of_locked_memory_it_says_so_once_and_works_on(
    run: Callable[..., Child],
) -> None:
    sealed = run(
        "resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 1 << 20))",
        BECOME_NOBODY,
        "seal_process()",
        "print(resource.getrlimit(resource.RLIMIT_MEMLOCK))",
        "grown = bytearray(b'x' * 30_000_000)",
    )
    assert sealed.said == [
        "this process's memory is not fully closed: it may be swapped"
        " (locked memory is limited to 1048576 bytes: ulimit -l)",
        "(1048576, 1048576)",
    ]


def test_a_command_is_closed_as_far_as_it_goes_and_says_nothing(
    run: Callable[..., Child],
) -> None:
    sealed = run(
        "resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 1 << 20))",
        BECOME_NOBODY,
        "seal_process(quietly=True)",
    )
    assert sealed.said == []
    assert sealed.seen_by_the_same_user() == "closed"


def test_a_sealed_process_still_meets_the_others_on_the_bus(
    run: Callable[..., Child], tmp_path: Path
) -> None:
    # The bus goes through /proc/self/fd, which belongs to root once a process is sealed.
    sealed = run(
        f"folder = Path({str(tmp_path)!r})",
        "os.chown(folder, 65534, 65534) if os.geteuid() == 0 else None",
        "here = os.open(folder, os.O_RDONLY); os.fchdir(here)",
        BECOME_NOBODY,
        "seal_process()",
        "one, other = Bus(Path('.'), 'eyes'), Bus(Path('.'), 'front')",
        "one.send('front', Note(sender='eyes', new=True))",
        "print(other.receive(5.0).new)",
    )
    assert sealed.said[-1:] == ["True"]
