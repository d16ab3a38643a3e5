"""The hub's master secret: 32 random bytes in a file that only its owner reads. Used by `shares`.

Whoever loses it loses what every box with `key = "hub"` has encrypted: it is never replaced,
unlike the pages' session secret, and is backed up apart from the database.
"""

import secrets
import stat
from pathlib import Path
from typing import Final

from cloud.errors import ShareFault
from menkou.errors import told
from menkou.private_file import create_private

BYTES: Final = 32


def read_master(path: Path, *, make: bool) -> bytes:
    """Return the secret; make the file if there is none and `make` says that there never was.

    Raises:
        ShareFault: the file is missing, cut short, open to others, or cannot be read or made.
    """
    try:
        if make and not path.exists():
            create_private(path, secrets.token_bytes(BYTES))
        found = path.stat()
        secret = path.read_bytes()
    except FileNotFoundError:
        raise ShareFault(
            f"{path}: expected the secret from which this hub released keys before, got no file;"
            " bring it back from the backup, or from the machine of the first ingest process"
        ) from None
    except OSError as exc:
        raise ShareFault(
            f"{path}: the secret for boxes' keys cannot be kept there: {told(exc)};"
            " see to [hub] data_dir, and call this as the hub's service user"
        ) from exc
    if stat.S_IMODE(found.st_mode) & 0o077 or len(secret) != BYTES:
        raise ShareFault(
            f"{path}: expected {BYTES} bytes that only their owner can read (mode 0600), got"
            f" {len(secret)} bytes with mode {stat.S_IMODE(found.st_mode):04o}; if others may have"
            " read it, revoke the boxes; if it is cut short, bring it back from the backup"
        )
    return secret
