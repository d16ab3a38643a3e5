"""Roots sealed to a TPM 2.0: Debian's software TPM, reached by the tools as a real chip is."""

import shutil
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from edge.keys.errors import KeyFault, KeyGone
from edge.keys.tpm_key import TpmRoots
from tests.support.processes import Running, answers, free_port, until

Chip = Callable[[str], Running]


def pair_of_ports() -> int:
    """Return a free port of which the next one is free too."""
    while True:
        port = free_port()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port + 1)) != 0:
                return port


def has_decided(process: Running, control: int) -> bool:
    """Say whether a chip answers, or has given up."""
    return answers(control) or not process.alive


@pytest.fixture
def chip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Chip]:
    """Return a function that puts a chip into the machine; a name stands for one chip."""
    for program in ("swtpm", "tpm2"):
        if shutil.which(program) is None:
            pytest.fail(f"expected {program}; apt-get install swtpm tpm2-tools")
    started: list[Running] = []

    def put_in(name: str) -> Running:
        state = tmp_path / name
        state.mkdir(exist_ok=True)
        for _ in range(5):  # somebody else may take the second port just before it does
            port = pair_of_ports()
            control = port + 1  # where the tools expect it
            argv = [
                *("swtpm", "socket", "--tpm2", "--flags", "not-need-init,startup-clear"),
                *("--server", f"type=tcp,port={port}", "--ctrl", f"type=tcp,port={control}"),
                *("--tpmstate", f"dir={state}"),
            ]
            process = Running(argv, tmp_path / f"{name}.log").start()
            started.append(process)
            until(partial(has_decided, process, control), what="the software TPM")
            if process.alive:
                monkeypatch.setenv("TPM2TOOLS_TCTI", f"swtpm:host=127.0.0.1,port={port}")
                return process
        raise AssertionError(f"the software TPM does not start:\n{process.log()}")

    yield put_in
    for process in started:
        if process.alive:
            process.kill()


def test_a_root_is_unsealed_again_after_the_machine_was_off(tmp_path: Path, chip: Chip) -> None:
    first = chip("ours")
    roots = TpmRoots(tmp_path / "keys")
    assert roots.find("profile") is None
    made = roots.make("profile"), roots.make("template")
    first.kill()
    chip("ours")
    roots = TpmRoots(tmp_path / "keys")
    assert (roots.find("profile"), roots.find("template")) == made
    assert made[0] != made[1]


def test_nothing_on_the_card_holds_the_root(tmp_path: Path, chip: Chip) -> None:
    chip("ours")
    root = TpmRoots(tmp_path / "keys").make("profile")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert (tmp_path / "keys/profile.tpm") in files
    assert not any(root in f.read_bytes() or root.hex().encode() in f.read_bytes() for f in files)
    assert (tmp_path / "keys/profile.tpm").stat().st_mode & 0o777 == 0o600


def test_a_copied_card_gives_nothing_to_another_chip(tmp_path: Path, chip: Chip) -> None:
    first = chip("ours")
    TpmRoots(tmp_path / "keys").make("profile")
    first.kill()
    chip("theirs")
    with pytest.raises(KeyGone, match="tpm2 load"):
        TpmRoots(tmp_path / "keys").find("profile")


def test_a_damaged_sealed_root_is_refused(tmp_path: Path, chip: Chip) -> None:
    chip("ours")
    TpmRoots(tmp_path / "keys").make("profile")
    (tmp_path / "keys/profile.tpm").write_text('{"pub": "00"}')
    with pytest.raises(KeyFault, match="expected a sealed root"):
        TpmRoots(tmp_path / "keys").find("profile")


def test_without_a_chip_the_text_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TPM2TOOLS_TCTI", f"swtpm:host=127.0.0.1,port={free_port()}")
    with pytest.raises(KeyGone, match=r'"hub" or "file".*goes on counting'):
        TpmRoots(tmp_path / "keys").make("profile")
    assert not (tmp_path / "keys").exists()


def test_without_the_tools_the_text_names_their_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KeyGone, match="tpm2-tools"):
        TpmRoots(tmp_path / "keys").make("profile")
