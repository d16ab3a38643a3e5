"""Seals what has to be read again: secrets of second factors, and sign-ins under way.

AES-GCM under a key of `accounts.secret` in the hub's data directory, so that the database alone
opens nobody's second factor. Used by `second`, `sessions` and `flows`.
"""

import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cloud.accounts.errors import SealFault
from menkou.errors import told
from menkou.private_file import create_private

BYTES: Final = 32
_NONCE_BYTES: Final = 12


class AccountSeal:
    """Seals and opens. repr shows nothing.

    Args:
        path: the file with the secret.
        may_make: says whether nothing was ever sealed with it, so that it may be made.
    """

    def __init__(self, path: Path, may_make: Callable[[], bool]) -> None:
        self._path = path
        self._may_make = may_make

    def __repr__(self) -> str:
        return "AccountSeal(...)"

    def close(self, purpose: str, content: bytes) -> bytes:
        """Seal something for a purpose, such as an account's id.

        Raises:
            SealFault: the secret cannot be read or made.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self._key()).encrypt(nonce, content, purpose.encode())

    def open(self, purpose: str, sealed: bytes) -> bytes:
        """Return what was sealed for a purpose.

        Raises:
            SealFault: the secret cannot be read, or is not the one of then.
        """
        nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return AESGCM(self._key()).decrypt(nonce, rest, purpose.encode())
        except InvalidTag:
            raise SealFault(
                f"{self._path}: expected the secret that second factors were sealed with, got"
                " another one; bring it back from the backup, or reset the accounts"
                " (menkou-hub account reset)"
            ) from None

    def _key(self) -> bytes:
        try:
            if not self._path.exists() and self._may_make():
                create_private(self._path, secrets.token_bytes(BYTES))
            mode = stat.S_IMODE(self._path.stat().st_mode)
            key = self._path.read_bytes()
        except OSError as exc:
            raise SealFault(
                f"{self._path}: the secret of the accounts cannot be read: {told(exc)}; bring it"
                " back from the backup or from the machine that made it, or reset the accounts"
                " (menkou-hub account reset)"
            ) from exc
        if mode & 0o077 or len(key) != BYTES:
            raise SealFault(
                f"{self._path}: expected {BYTES} bytes that only their owner can read (mode 0600),"
                f" got {len(key)} bytes with mode {mode:04o}"
            )
        return key
