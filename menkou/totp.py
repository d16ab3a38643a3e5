"""One-time codes of a secret and the time, as every authenticator app makes them. Pure.

TOTP (RFC 6238) over HMAC-SHA-1 with six digits and 30 s; calls `cryptography`. Used by the box for
members' phones, by the hub as the second factor of accounts.
"""

import hmac
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

DIGITS: Final = 6
STEP_S: Final = 30
SECRET_BYTES: Final = 20
"""The length of the HMAC's output, as RFC 4226 recommends in section 4."""


def new_secret() -> bytes:
    """Return 20 random bytes."""
    return secrets.token_bytes(SECRET_BYTES)


def _totp(secret: bytes) -> TOTP:
    # HMAC stands with SHA-1: collisions of the hash do not break it (RFC 6194, section 3.3).
    return TOTP(secret, DIGITS, SHA1(), STEP_S)


def step_at(now: datetime) -> int:
    """Return the number of the step of 30 s since 1970 that holds a moment."""
    return int(now.astimezone(UTC).timestamp()) // STEP_S


def code_at(secret: bytes, step: int) -> str:
    """Return the six digits that a phone shows in a step of 30 s since 1970."""
    return _totp(secret).generate(step * STEP_S).decode()


def step_of(secret: bytes, digits: str, steps: Iterable[int]) -> int | None:
    """Return the last of these steps whose code this is; it takes as long whatever the answer."""
    found = None
    for step in steps:
        if hmac.compare_digest(code_at(secret, step).encode(), digits.encode()):
            found = step
    return found


def address_of(secret: bytes, *, account: str, issuer: str) -> str:
    """Return the otpauth:// address that an app scans. It is the secret: show it once."""
    return _totp(secret).get_provisioning_uri(account, issuer)
