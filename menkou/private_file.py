"""Files that only their owner may read, written whole or not at all.

Called by `edge.keys`, `cloud.master` and `menkou.web.secret`; each says in its own words what an
OSError means for it.
"""

import contextlib
import os
import secrets
from pathlib import Path

from menkou.ownership import inherit_owner, make_folder


def create_private(path: Path, content: bytes) -> None:
    """Write a private file (0600) unless there is one; the folder is made if need be.

    Beside, synced, linked: whoever links first wins, nobody sees half of it, and it is on the
    card when this returns.

    Raises:
        OSError: it cannot be written.
    """
    fresh = _written_beside(path, content)
    try:
        with contextlib.suppress(FileExistsError):  # another process was first: theirs counts
            os.link(fresh, path)
        _sync_folder(path.parent)
    finally:
        fresh.unlink(missing_ok=True)


def replace_private(path: Path, content: bytes) -> None:
    """Write a private file (0600) over what may be there.

    Raises:
        OSError: it cannot be written.
    """
    _written_beside(path, content).replace(path)
    _sync_folder(path.parent)


def _written_beside(path: Path, content: bytes) -> Path:
    make_folder(path.parent)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        inherit_owner(fresh)
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
