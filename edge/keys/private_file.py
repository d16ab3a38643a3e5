"""Files that only the box's own user may read, written whole or not at all.

Called by the providers of the box's roots.
"""

import contextlib
import os
import secrets
import stat
from pathlib import Path

from edge.keys.errors import KeyFault


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

    Beside, synced, linked: whoever links first wins, nobody sees half of it, and it is on the
    card when this returns.

    Raises:
        KeyFault: it cannot be written.
    """
    try:
        fresh = _written_beside(path, content)
        try:
            with contextlib.suppress(FileExistsError):  # another process was first: theirs counts
                os.link(fresh, path)
            _sync_folder(path.parent)
        finally:
            fresh.unlink(missing_ok=True)
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
        _written_beside(path, content).replace(path)
        _sync_folder(path.parent)
    except OSError as exc:
        raise KeyFault(f"{path}: cannot be written: {exc.strerror}") from exc


def _written_beside(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    return fresh


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
