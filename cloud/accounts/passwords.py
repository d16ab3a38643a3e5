"""Passwords of accounts as argon2id hashes. Pure; calls `cryptography`, whose OpenSSL computes it.

The cost is the second one that RFC 9106 recommends (section 4): 64 MiB, three passes, four lanes. A
hash that was made with another cost is still right; it is made anew at the next sign-in.
"""

import os
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from cloud.accounts.errors import AccountFault

LENGTH_MIN: Final = 10
LENGTH_MAX: Final = 256
"""Characters. A second factor stands beside each password."""
_PASSES: Final = 3
_LANES: Final = 4
_MEMORY_KIB: Final = 64 * 1024
_COST: Final = f"$argon2id$v=19$m={_MEMORY_KIB},t={_PASSES},p={_LANES}$"
_NOBODYS: Final = _COST + "AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43


class WeakPassword(AccountFault):
    """A password that is not taken. `code`: short | long | name."""

    def __init__(self, code: str) -> None:
        super().__init__(f"password: expected {LENGTH_MIN} to {LENGTH_MAX} characters, not a name")
        self.code = code


def checked(password: str, name: str) -> str:
    """Return a new password if it is to be taken.

    Raises:
        WeakPassword: it is too short, too long, or the account's own name.
    """
    if len(password) < LENGTH_MIN:
        raise WeakPassword("short")
    if len(password) > LENGTH_MAX:
        raise WeakPassword("long")
    if password.casefold() == name.casefold():
        raise WeakPassword("name")
    return password


def hash_of(password: str) -> str:
    """Return the hash that is kept, with its salt and its cost, as PHC writes it."""
    made = Argon2id(
        salt=os.urandom(16), length=32, iterations=_PASSES, lanes=_LANES, memory_cost=_MEMORY_KIB
    )
    return made.derive_phc_encoded(_bytes(password))


def is_right(password: str, kept: str | None) -> bool:
    """Say whether this is the password; it takes as long where there is none."""
    if len(password) > LENGTH_MAX:
        return False
    try:
        Argon2id.verify_phc_encoded(_bytes(password), kept or _NOBODYS)
    except InvalidKey:
        return False
    return kept is not None


def is_outdated(kept: str) -> bool:
    """Say whether a hash was made with another cost than today's."""
    return not kept.startswith(_COST)


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
