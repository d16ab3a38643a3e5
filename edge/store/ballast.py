"""A megabyte that is given up when the disk is full, so that faces can still be turned off.

Kept by the supervisor, given up by the console. A box that never needs it never notices it.
"""

import logging
import os
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

FILE_NAME: Final = "ballast"
BYTES: Final = 1024 * 1024
_ROOM: Final = 16 * BYTES
"""So much must be free before it is laid up again; else facts that wait would have no room."""


def lay_up(data_dir: Path) -> bool:
    """Reserve the room if it is not reserved and there is enough; say whether it is there."""
    path = data_dir / FILE_NAME
    try:
        if path.exists() and path.stat().st_blocks * 512 >= BYTES:
            return True
        disk = os.statvfs(data_dir)
        if disk.f_bavail * disk.f_frsize < _ROOM:
            return False
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, BYTES)
    except OSError as exc:
        log.warning("no room is reserved for turning faces off on a full disk: %s", exc.strerror)
        path.unlink(missing_ok=True)
        return False
    return True


def give_up(data_dir: Path) -> bool:
    """Free the room; say whether there was any."""
    try:
        (data_dir / FILE_NAME).unlink()
    except OSError:
        return False
    return True
