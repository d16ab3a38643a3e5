"""The supervisor, with real processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from edge.bus import Bus
from edge.supervisor import BACKOFF_S, STEADY_S, Part, PartCommand, Supervisor, python_part
from tests.support.processes import until

SLEEPER = (sys.executable, "-c", "import time; time.sleep(600)")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Bus, list[str], Callable[..., None]]]:
    bus = Bus(tmp_path, "supervisor")
    stop, restarted = threading.Event(), list[str]()
    threads = []

    def start(*parts: PartCommand) -> None:
        supervisor = Supervisor(parts=parts, bus=bus, pass_fds=[], restarted=restarted.append)
        threads.append(threading.Thread(target=supervisor.run, args=(stop,)))
        threads[-1].start()

    yield bus, restarted, start
    stop.set()
    for thread in threads:
        thread.join(timeout=15)
        assert not thread.is_alive()
    bus.close()


def test_a_part_that_dies_is_started_again_and_the_fault_is_told(
    tmp_path: Path, running: tuple[Bus, list[str], Callable[..., None]]
) -> None:
    _, restarted, start = running
    count = tmp_path / "starts"
    code = f"open({str(count)!r}, 'a').write('x'); import time; time.sleep(0.1); exit(3)"
    front = Bus(tmp_path, "front")
    start(PartCommand(name="eyes", argv=(sys.executable, "-c", code)))
    until(lambda: count.exists() and len(count.read_text()) >= 3)
    assert restarted[:2] == ["eyes", "eyes"]
    seen = [front.receive(2.0) for _ in range(3)]
    assert any(n and n.parts and n.parts[0].restarts > 0 for n in seen)
    front.close()


def wait_dead(part: Part) -> None:
    """Wait until the process has ended, and leave its exit code to the part."""
    os.waitid(os.P_PID, part.pid or 0, os.WEXITED | os.WNOWAIT)


def test_the_pause_before_a_restart_grows_to_a_bound_and_a_steady_run_resets_it() -> None:
    part = Part(PartCommand(name="eyes", argv=(sys.executable, "-c", "exit(1)")), pass_fds=[])
    now = 1000.0
    part.look(now)

    def pause_after(ran_s: float) -> float:
        nonlocal now
        wait_dead(part)
        now += ran_s
        part.heard(now)
        assert "ended with 1" in (part.look(now) or "")
        died = now
        while part.pid is None:
            now += 0.1
            part.look(now)
        return now - died

    growing = [pause_after(ran_s=0.1) for _ in range(len(BACKOFF_S) + 1)]
    assert growing == pytest.approx([*BACKOFF_S, BACKOFF_S[-1]], abs=0.15)
    assert pause_after(ran_s=STEADY_S + 1) == pytest.approx(BACKOFF_S[0], abs=0.15)
    wait_dead(part)
    part.wait_stopped(time.monotonic())


def test_a_part_that_falls_silent_is_ended_and_started_again() -> None:
    part = Part(PartCommand(name="eyes", argv=SLEEPER), pass_fds=[])
    part.look(0.0)
    first = part.pid
    part.heard(1.0)
    assert part.look(30.0) is None
    assert "was silent for too long" in (part.look(31.5) or "")
    assert not psutil.pid_exists(first or 0)
    part.look(33.0)
    assert part.pid not in (None, first)
    part.ask_to_stop()
    part.wait_stopped(time.monotonic() + 5)


def test_a_part_has_the_common_descriptors_and_its_own_and_no_other_parts() -> None:
    common, own, others = (os.pipe()[0] for _ in range(3))
    command = PartCommand(name="front", argv=SLEEPER, fds=(own,))
    part = Part(command, pass_fds=[common])
    other = Part(PartCommand(name="eyes", argv=SLEEPER, fds=(others,)), pass_fds=[common])
    try:
        for each in (part, other):
            each.look(0.0)
        held = {int(fd.name) for fd in Path(f"/proc/{part.pid}/fd").iterdir()}
        assert {common, own} <= held
        assert others not in held
    finally:
        for each in (part, other):
            each.ask_to_stop()
            each.wait_stopped(time.monotonic() + 5)
        for fd in (common, own, others):
            os.close(fd)


def test_a_part_of_ours_is_told_the_numbers_of_its_descriptors() -> None:
    part = python_part("eyes", "--config", "box.toml", fds={"--strangers-fd": 7})
    assert part.argv[1:] == ("-m", "edge", "eyes", "--config", "box.toml", "--strangers-fd", "7")
    assert part.fds == (7,)


def test_a_part_that_does_not_stop_when_asked_is_killed() -> None:
    deaf = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(99)"
    )
    part = Part(PartCommand(name="eyes", argv=(sys.executable, "-c", deaf)), pass_fds=[])
    part.look(0.0)
    pid = part.pid or 0
    time.sleep(0.5)
    part.ask_to_stop()
    part.wait_stopped(time.monotonic() + 0.3)
    assert not psutil.pid_exists(pid)


def test_when_the_supervisor_is_killed_its_parts_die_with_it(tmp_path: Path) -> None:
    code = (
        "import sys, threading\n"
        "from pathlib import Path\n"
        "from edge.bus import Bus\n"
        "from edge.supervisor import PartCommand, Supervisor\n"
        "sleep = (sys.executable, '-c', 'import time; time.sleep(600)')\n"
        "part = PartCommand(name='eyes', argv=sleep)\n"
        "bus = Bus(Path(sys.argv[1]), 'supervisor')\n"
        "Supervisor(parts=[part], bus=bus, pass_fds=[], restarted=print).run(threading.Event())\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    until(lambda: bool(psutil.Process(parent.pid).children()))
    child = psutil.Process(parent.pid).children()[0]
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    psutil.wait_procs([child], timeout=5)
    assert not child.is_running()
