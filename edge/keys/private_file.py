"""The files of the box's keys, with words on what is wrong with them.

Called by the providers of the box's roots; calls `menkou.private_file`.
"""

import os
import stat
from pathlib import Path

from edge.keys.errors import KeyFault
from menkou import private_file


def read_private(path: Path) -> bytes | None:
    """Return a private file's content, None when there is none.

    Raises:
        KeyFault: others may read it, it is no plain file, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise KeyFault(f"{path}: expected a file, got something else; move it away")
            if found.st_mode & 0o077:
                raise KeyFault(
                    f"{path}: expected a file that only its owner can read (0600), got"
                    f" {stat.S_IMODE(found.st_mode):04o}; find out who read it, then chmod 600"
                )
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise KeyFault(f"{path}: cannot be read: {exc.strerror}") from exc


def create_private(path: Path, content: bytes) -> bytes:
    """Write a private file if there is none; return what the file then holds.

    Raises:
        KeyFault: it cannot be written.
    """
    try:
        private_file.create_private(path, content)
    except OSError as exc:
        raise KeyFault(f"{path}: cannot be written: {exc.strerror}") from exc
    held = read_private(path)
    if held is None:
        raise KeyFault(f"{path}: vanished while it was being made; try again")
    return held


def replace_private(path: Path, content: bytes) -> None:
    """Write a private file over what may be there.

    Raises:
        KeyFault: it cannot be written.
    """
    try:
        private_file.replace_private(path, content)
    except OSError as exc:
        raise KeyFault(f"{path}: cannot be written: {exc.strerror}") from exc
