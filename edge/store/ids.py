"""Ids that say nothing. Used by what keeps members and what is of them; calls nothing."""

import secrets

from ulid import ULID


def random_id() -> str:
    """Return an id that is random from the first to the last bit: no time leads to a guest."""
    return str(ULID.from_bytes(secrets.token_bytes(16)))
