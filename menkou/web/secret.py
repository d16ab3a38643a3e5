"""The secret that signs sessions: 32 random bytes in a file that only its owner reads.

Called by `menkou.web.app`.
"""

import logging
import secrets
import stat
from pathlib import Path
from typing import Final

from menkou.errors import told
from menkou.private_file import create_private
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
        create_private(path, secrets.token_bytes(BYTES))
        return path.read_bytes()
    except OSError as exc:
        raise BadSecret(
            f"{path}: the session secret cannot be kept there: {told(exc)}; see to data_dir, and"
            " who it belongs to"
        ) from exc


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
