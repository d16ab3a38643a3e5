"""Slows down who guesses: failures are counted in the database, and each one more waits longer.

    a name from one address   5 in vain, then 30 s, 1 min, 2 min ... 15 min
    a name from anywhere     50
    an address               30, unless it is this machine's own, which a proxy has

So a guesser shuts out the guessed account at his own address only, until he has very many. Rows
hold hashes: what is typed as a name may be a password. Called by `door`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address
from typing import Final, TypeAlias

from sqlalchemy import Connection, delete, select

from cloud.accounts.people import plain_name
from cloud.accounts.tables import login_brake
from cloud.db import upsert

_PAIR_MAX: Final = 5
_NAME_MAX: Final = 50
_ADDRESS_MAX: Final = 30
_FIRST_WAIT: Final = timedelta(seconds=30)
_LAST_WAIT: Final = timedelta(minutes=15)
_OWN_IPV6: Final = "0/64"  # ::1, as `asker` writes it
_FORGOTTEN_AFTER: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brake:
    """What failures are counted of, and how many cost nothing."""

    of: bytes
    free: int


Held: TypeAlias = Sequence[Brake]
"""A name from an address, the name, and the address unless it is this machine's own."""


def brakes(typed: str, address: str) -> Held:
    """Return what a try to sign in is counted under; `address` as `menkou.web.forms.asker` says."""
    name = plain_name(typed)
    found = [
        Brake(of=_hash("pair", name, address), free=_PAIR_MAX),
        Brake(of=_hash("name", name), free=_NAME_MAX),
    ]
    if not _is_own(address):
        found.append(Brake(of=_hash("address", address), free=_ADDRESS_MAX))
    return found


def wait_of(connection: Connection, held: Held, now: datetime) -> timedelta:
    """Return how long such a try must wait: nothing if it may be made now."""
    rows = connection.execute(
        select(login_brake.c.until).where(login_brake.c.of.in_([one.of for one in held]))
    )
    return max((row.until - now for row in rows), default=timedelta())


def failed(connection: Connection, held: Held, now: datetime) -> bool:
    """Count a failure; say whether the name now has to wait where it had not before."""
    connection.execute(delete(login_brake).where(login_brake.c.last_at < now - _FORGOTTEN_AFTER))
    before = _failures(connection, held)
    waits = False
    for one in held:
        failures = before.get(one.of, 0) + 1
        until = now + _wait(failures - one.free)
        waits = waits or failures == one.free
        values = {"failures": failures, "last_at": now, "until": until}
        connection.execute(
            upsert(connection, login_brake)
            .values(of=one.of, **values)
            .on_conflict_do_update(index_elements=[login_brake.c.of], set_=values)
        )
    return waits


def succeeded(connection: Connection, held: Held) -> int:
    """Forget a name's failures, not an address's; return how many there were of the name."""
    pair, name = held[0].of, held[1].of
    count = _failures(connection, held).get(name, 0)
    connection.execute(delete(login_brake).where(login_brake.c.of.in_([pair, name])))
    return count


def forget(connection: Connection, name: str) -> None:
    """Let a name be tried again at once, from addresses that did not guess themselves."""
    connection.execute(
        delete(login_brake).where(login_brake.c.of == _hash("name", plain_name(name)))
    )


def _failures(connection: Connection, held: Held) -> dict[bytes, int]:
    rows = connection.execute(
        select(login_brake.c.of, login_brake.c.failures)
        .where(login_brake.c.of.in_([one.of for one in held]))
        .with_for_update()
    )
    return {bytes(row.of): row.failures for row in rows}


def _wait(beyond: int) -> timedelta:
    if beyond < 0:
        return timedelta()
    doubled: int = 2 ** min(beyond, 10)
    return min(_FIRST_WAIT * doubled, _LAST_WAIT)


def _hash(*parts: str) -> bytes:
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()


def _is_own(address: str) -> bool:
    if address == _OWN_IPV6:
        return True
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
