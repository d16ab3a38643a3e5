"""A disk of its own, small enough to be filled."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk_at(mount: Path, megabytes: int) -> Iterator[Path]:
    """Mount an empty disk at a folder that is made; without root the test is left out."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root; run as root to see a full disk survived")
    mount.mkdir()
    size = f"size={megabytes}m,mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", str(mount)], check=True)
    try:
        yield mount
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=True)
