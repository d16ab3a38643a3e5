"""systemd's file-descriptor store; the test plays systemd, with a real socket and descriptors."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge import fdstore
from edge.memory import SecretMemory, reserve

CANARY = b"twice in one day"


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "notify"))
        server.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield server


def test_a_descriptor_is_kept_under_its_name_with_the_bytes_behind_it(
    systemd: socket.socket,
) -> None:
    memory = SecretMemory(reserve(4096))
    memory.view[: len(CANARY)] = CANARY
    fdstore.keep("strangers", memory.fd)
    message, fds, _, _ = socket.recv_fds(systemd, 1024, 4)
    assert message == b"FDSTORE=1\nFDNAME=strangers"
    memory.close()
    kept = SecretMemory(fds[0])
    assert bytes(kept.view[: len(CANARY)]) == CANARY
    kept.close()


def test_what_is_not_wanted_any_more_is_dropped_by_name(systemd: socket.socket) -> None:
    fdstore.drop("strangers")
    assert systemd.recv(1024) == b"FDSTOREREMOVE=1\nFDNAME=strangers"


def test_a_state_is_told_on_an_abstract_socket_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(f"\0menkou-test-{os.getpid()}")
        server.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@menkou-test-{os.getpid()}")
        fdstore.notify_systemd("READY=1")
        assert server.recv(1024) == b"READY=1"


def test_a_systemd_that_does_not_hear_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "none"))
    fdstore.drop("strangers")
    assert "systemd does not hear FDSTOREREMOVE=1" in caplog.text


TAKER = (
    "import os\n"
    "from edge.fdstore import given_back\n"
    "from edge.memory import SecretMemory\n"
    "found = given_back()\n"
    "print(sorted(found), [os.get_inheritable(fd) for fd in found.values()], given_back())\n"
    "print('LISTEN_FDS' in os.environ)\n"
    "for fd in found.values():\n"
    f"    print(bytes(SecretMemory(fd).view[:{len(CANARY)}]).decode())\n"
)


def start(fd: int, owner: str) -> list[str]:
    """Start a process as systemd does, with one descriptor as number 3."""
    script = f'exec 3<&{fd}; export LISTEN_PID={owner}; exec "$0" -c "$1"'
    done = subprocess.run(
        ["/bin/bash", "-c", script, sys.executable, TAKER],
        pass_fds=[fd],
        env={**os.environ, "LISTEN_FDS": "1", "LISTEN_FDNAMES": "strangers"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.fixture
def kept() -> Iterator[SecretMemory]:
    memory = SecretMemory(reserve(4096))
    memory.view[: len(CANARY)] = CANARY
    yield memory
    memory.close()


def test_what_systemd_kept_comes_back_once_and_goes_to_no_child(kept: SecretMemory) -> None:
    assert start(kept.fd, owner="$$") == ["['strangers'] [False] {}", "False", CANARY.decode()]


def test_descriptors_that_were_meant_for_another_process_are_left_alone(
    kept: SecretMemory,
) -> None:
    assert start(kept.fd, owner="1") == ["[] [] {}", "False"]


def test_without_systemd_nothing_is_told_and_nothing_comes_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    fdstore.keep("strangers", 0)
    assert fdstore.given_back() == {}
    assert not caplog.records
