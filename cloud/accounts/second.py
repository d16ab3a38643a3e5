"""The second factor: codes of an authenticator app, and codes on paper in place of a lost phone.

An app's code is good for its own half minute and the ones beside it, and once; a code on paper, ten
of which are made, once. Called by `door` and the pages beside it.
"""

import secrets
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from cloud.accounts import audit
from cloud.accounts.people import Account, secrets_of
from cloud.accounts.seal import AccountSeal
from cloud.accounts.tables import account, recovery_code
from menkou.tokens import hash_of
from menkou.totp import DIGITS, new_secret, step_at, step_of

RECOVERY_CODES: Final = 10
CODE_CHARS_MAX: Final = 32
_LETTERS: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # none that is taken for another
_LENGTH: Final = 16
"""Of 30 letters each: 78 bits, so that a fast hash is enough."""


def made_before(connection: Connection) -> bool:
    """Say whether any second factor was ever sealed."""
    sealed = select(account.c.id).where(
        or_(account.c.totp.is_not(None), account.c.totp_new.is_not(None))
    )
    return connection.execute(sealed.limit(1)).first() is not None


def offered(connection: Connection, of: Account, seal: AccountSeal) -> bytes:
    """Return a secret for the person's app that is not confirmed yet; the same until it is.

    Raises:
        cloud.accounts.errors.SealFault: it cannot be sealed.
    """
    held = secrets_of(connection, of.id).totp_new
    if held is not None:
        return seal.open(_purpose(of), held)
    fresh = new_secret()
    connection.execute(
        update(account)
        .where(account.c.id == of.id)
        .values(totp_new=seal.close(_purpose(of), fresh))
    )
    return fresh


def confirm(
    connection: Connection, of: Account, typed: str, seal: AccountSeal, now: datetime
) -> bool:
    """Take the offered secret if the code is one of it; the one before it is gone."""
    held = secrets_of(connection, of.id).totp_new
    if held is None:
        return False
    step = _step(seal.open(_purpose(of), held), typed, now)
    if step is None:
        return False
    connection.execute(
        update(account)
        .where(account.c.id == of.id)
        .values(totp=held, totp_new=None, totp_step=step)
    )
    return True


def take_code(
    connection: Connection, of: Account, typed: str, seal: AccountSeal, now: datetime
) -> str | None:
    """Spend a code, in the caller's transaction; return what it was: app | paper, None: neither.

    Raises:
        cloud.accounts.errors.SealFault: the app's secret cannot be read.
    """
    plain = _plain(typed)
    if len(plain) == _LENGTH:
        return "paper" if _take_paper(connection, of, plain, now) else None
    held = secrets_of(connection, of.id)
    if held.totp is None:
        return None
    step = _step(seal.open(_purpose(of), held.totp), plain, now)
    if step is None:
        return None
    done = connection.execute(
        update(account)
        .where(account.c.id == of.id)
        .where(or_(account.c.totp_step.is_(None), account.c.totp_step < step))
        .values(totp_step=step)
    )
    return "app" if done.rowcount == 1 else None


def _take_paper(connection: Connection, of: Account, plain: str, now: datetime) -> bool:
    done = connection.execute(
        update(recovery_code)
        .where(recovery_code.c.account == of.id, recovery_code.c.hash == _hash(of, plain))
        .where(recovery_code.c.used_at.is_(None))
        .values(used_at=now)
    )
    return done.rowcount == 1


def new_papers(connection: Connection, of: Account, now: datetime) -> tuple[str, ...]:
    """Return new codes on paper, told once; the ones before them are gone."""
    codes = tuple(
        "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH)) for _ in range(RECOVERY_CODES)
    )
    connection.execute(delete(recovery_code).where(recovery_code.c.account == of.id))
    connection.execute(
        insert(recovery_code), [{"account": of.id, "hash": _hash(of, code)} for code in codes]
    )
    audit.append(
        connection,
        at=now,
        what="account",
        actor=of.actor,
        subject=of.id,
        detail={"how": "papers"},
    )
    return tuple("-".join(code[n : n + 4] for n in range(0, _LENGTH, 4)) for code in codes)


def papers_left(connection: Connection, of: Account) -> int:
    """Return how many codes on paper are still good."""
    return connection.execute(
        select(func.count())
        .select_from(recovery_code)
        .where(recovery_code.c.account == of.id, recovery_code.c.used_at.is_(None))
    ).scalar_one()


def _step(secret: bytes, typed: str, now: datetime) -> int | None:
    digits = _plain(typed)
    if len(digits) != DIGITS or not digits.isascii() or not digits.isdecimal():
        return None
    here = step_at(now)
    return step_of(secret, digits, (here - 1, here, here + 1))


def _plain(typed: str) -> str:
    """Return a typed code without the case, spaces and dashes that people add."""
    return "".join(c for c in typed[:CODE_CHARS_MAX].upper() if c.isalnum())


def _purpose(of: Account) -> str:
    return f"totp/{of.id}"


def _hash(of: Account, plain: str) -> bytes:
    return hash_of(f"{of.id}/{plain}")
