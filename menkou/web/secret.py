"""The secret that signs sessions: 32 random bytes in a file that only its owner reads.

Called by `menkou.web.app`.
"""

import contextlib
import logging
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from menkou.web.errors import BadSecret

BYTES: Final = 32
_log = logging.getLogger(__name__)


def session_secret(path: Path) -> bytes:
    """Return the file's secret; make the file if there is none or if it is not to be trusted.

    A file that is too short (power cut) or that others can read is replaced: everybody signs in
    once more, and nobody else holds the secret.

    Raises:
        BadSecret: the file or its directory cannot be read or written.
    """
    try:
        if _is_trusted(path):
            return path.read_bytes()
        return _create(path)
    except OSError as exc:
        raise BadSecret(f"{path}: the session secret cannot be kept there: {exc}") from exc


def _is_trusted(path: Path) -> bool:
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    if stat.S_IMODE(found.st_mode) & 0o077 == 0 and found.st_size == BYTES:
        return True
    _log.warning("%s: readable by others or cut short; replaced, sessions end", path)
    path.unlink(missing_ok=True)
    return False


def _create(path: Path) -> bytes:
    """Write beside, sync, link: whoever links first wins, and nobody sees half a secret."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was first: theirs counts
            os.link(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    return path.read_bytes()
