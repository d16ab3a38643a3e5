"""Secret memory, with the kernel's own."""

import mmap
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from edge import memory
from edge.memory import MemoryFault, SecretMemory, reserve

CANARY = b"a face that nobody may find"
PAGE = mmap.PAGESIZE


@pytest.fixture(params=["memfd_secret", "memfd_create"])
def fd(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Memory of either kind, two pages of it."""
    if request.param == "memfd_create":
        # A number that no kernel knows: what a kernel without memfd_secret answers.
        monkeypatch.setattr(memory, "_MEMFD_SECRET", 1_000_000)
    made = reserve(2 * PAGE)
    if request.param == "memfd_secret" and "secretmem" not in str(
        Path(f"/proc/self/fd/{made}").readlink()
    ):
        pytest.skip("this kernel has no memfd_secret; the other kind is tested")
    return made


def area(fd: int) -> tuple[str, str]:
    """Return what the kernel says of the mapping of a descriptor: its head and its flags."""
    inode = os.fstat(fd).st_ino
    blocks = Path("/proc/self/smaps").read_text().split("VmFlags:")
    for block, after in pairwise(blocks):
        for line in block.splitlines():
            if f" {inode} " in line and ("secretmem" in line or "memfd:" in line):
                return line, after.splitlines()[0]
    raise AssertionError("the memory is not mapped")


def test_it_is_locked_and_left_out_of_dumps(fd: int) -> None:
    held = SecretMemory(fd)
    flags = area(fd)[1].split()
    assert "lo" in flags  # locked
    assert "dd" in flags  # do not dump
    held.close()


def test_it_begins_as_zeros_and_whoever_has_the_descriptor_shares_it(fd: int) -> None:
    one, other = SecretMemory(fd), SecretMemory(os.dup(fd))
    assert bytes(one.view) == bytes(2 * PAGE)
    one.view[5 : 5 + len(CANARY)] = CANARY
    assert bytes(other.view[5 : 5 + len(CANARY)]) == CANARY
    one.close()
    other.close()


def test_a_wipe_leaves_nothing_for_anybody_who_shares_it(fd: int) -> None:
    one, other = SecretMemory(fd), SecretMemory(os.dup(fd))
    one.view[PAGE : PAGE + len(CANARY)] = CANARY
    one.wipe()
    assert bytes(other.view) == bytes(2 * PAGE)
    one.close()
    other.close()


READER = (
    "import os, sys\n"
    "from edge.memory import SecretMemory\n"
    "held = SecretMemory(int(sys.argv[1]))\n"
    "if sys.argv[2:]:\n"
    "    os.execv(sys.executable, [sys.executable, '-c', sys.argv[2], sys.argv[1]])\n"
    f"print(bytes(held.view[:{len(CANARY)}]).decode())\n"
)


def test_a_child_has_it_only_where_it_is_passed_on_and_keeps_it_over_an_exec(fd: int) -> None:
    held = SecretMemory(fd)
    held.view[: len(CANARY)] = CANARY
    child = [sys.executable, "-c", READER, str(held.fd)]
    passed = subprocess.run([*child, READER], pass_fds=[held.fd], capture_output=True, check=False)
    assert passed.stdout.strip() == CANARY, passed.stderr
    alone = subprocess.run(child, capture_output=True, check=False)
    assert b"Bad file descriptor" in alone.stderr
    held.close()


def test_nobody_reads_it_through_proc_not_even_root() -> None:
    held = SecretMemory(reserve(PAGE))
    if not held.secret:
        pytest.skip("this kernel has no memfd_secret; the other kind is readable to root")
    held.view[: len(CANARY)] = CANARY
    start = int(area(held.fd)[0].split("-")[0], 16)
    with Path("/proc/self/mem").open("rb") as own:
        own.seek(start)
        with pytest.raises(OSError, match="Input/output error"):
            own.read(len(CANARY))
    held.close()


def test_the_kernel_copies_nothing_of_it_to_a_pipe() -> None:
    held = SecretMemory(reserve(PAGE))
    if not held.secret:
        pytest.skip("this kernel has no memfd_secret")
    with pytest.raises(OSError, match=r"Invalid argument|Illegal seek"):
        os.pread(held.fd, 10, 0)
    with pytest.raises(OSError, match="No such device or address"):
        os.open(f"/proc/self/fd/{held.fd}", os.O_RDONLY)
    held.close()


def test_a_file_on_a_disk_is_refused(tmp_path: Path) -> None:
    (tmp_path / "memory").write_bytes(bytes(PAGE))
    fd = os.open(tmp_path / "memory", os.O_RDWR)
    with pytest.raises(MemoryFault, match="expected locked memory"):
        SecretMemory(fd)
    os.close(fd)


@pytest.mark.parametrize("number", [447, 1_000_000], ids=["memfd_secret", "memfd_create"])
def test_too_low_a_limit_of_locked_memory_is_a_fault_that_says_what_to_raise(number: int) -> None:
    code = (
        "import os, resource\n"
        "from edge import memory\n"
        f"memory._MEMFD_SECRET = {number}\n"
        "resource.setrlimit(resource.RLIMIT_MEMLOCK, (8192, 8192))\n"
        "if os.geteuid() == 0:\n"
        "    os.setuid(65534)\n"  # the limit is not for root
        "try:\n"
        "    memory.SecretMemory(memory.reserve(1 << 20))\n"
        "except memory.MemoryFault as exc:\n"
        "    print(exc)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "LimitMEMLOCK" in done.stdout
