"""What a token of an API is made of: its text, told once, and the hash that is kept. Pure.

Used by `edge.store.tokens` and `cloud.accounts.tokens`, which keep them.
"""

import hashlib
import secrets
from typing import Final

DAYS: Final = 365
"""How long a token is good if nobody says: a till is seen to once a year."""
DAYS_MAX: Final = 1095
ACTOR: Final = "token:"
"""Before a token's id, this is how the audit log names who used it."""
CHARS_MAX: Final = 64
_BYTES: Final = 32
_PREFIX: Final = "menkou_"
"""So that programs that search for secrets in files know one by its look."""


def new_text() -> str:
    """Return the text of a new token: 256 random bits behind a prefix."""
    return _PREFIX + secrets.token_urlsafe(_BYTES)


def hash_of(text: str) -> bytes:
    """Return what is kept of a random text, 32 bytes.

    256 random bits need no slow hash, and a lookup by hash tells nothing by its time.
    """
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def may_be(text: str) -> bool:
    """Say whether a text looks like a token; only then it is looked up."""
    return text.startswith(_PREFIX) and len(text) <= CHARS_MAX
