"""What becomes of accounts: made, invited, bound, changed, disabled.

    add / invite ──> a link, good for days, told once ──> welcome: password and second factor
                                                     └──> or the provider's account (`bind`)

An account is never deleted: the audit log names it. Each change is a line there in the same
transaction. Called by the pages beside it and by `cloud.account_cli`.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, insert, update

from cloud.accounts import audit
from cloud.accounts.errors import AccountFault
from cloud.accounts.people import Account, Invited, by_id, by_name, checked_name, tidy
from cloud.accounts.roles import BOUND, Role
from cloud.accounts.sessions import end_all
from cloud.accounts.tables import account, account_shop, recovery_code
from cloud.office.seal import random_id
from menkou.tokens import hash_of, new_text

INVITED_FOR: Final = timedelta(days=3)
"""So long a link to begin with is good."""


def add(
    connection: Connection,
    *,
    name: str,
    shown: str,
    role: Role,
    shops: Iterable[str],
    by: str,
    now: datetime,
) -> Invited:
    """Make an account and the link with which its person begins. `by` is an actor of the audit log.

    Raises:
        AccountFault: the name is taken or none, or the shops do not fit the role.
    """
    made = _insert(connection, name=name, shown=shown, role=role, shops=shops, by=by, now=now)
    return invite(connection, made, by=by, now=now, how="invited")


def add_known(
    connection: Connection,
    *,
    name: str,
    shown: str,
    role: Role,
    shops: Iterable[str],
    issuer: str,
    subject: str,
    now: datetime,
) -> Account:
    """Make the account of somebody whom the provider vouches for, at the first sign-in.

    Raises:
        AccountFault: as `add`.
    """
    made = _insert(
        connection, name=name, shown=shown, role=role, shops=shops, by="provider", now=now
    )
    return bind(connection, made, issuer=issuer, subject=subject, now=now)


def _insert(
    connection: Connection,
    *,
    name: str,
    shown: str,
    role: Role,
    shops: Iterable[str],
    by: str,
    now: datetime,
) -> Account:
    name, shops = checked_name(name), fitting(role, shops)
    if by_name(connection, name) is not None:
        raise AccountFault(f"account {name}: expected a name of its own, got one that is taken")
    new = random_id()
    connection.execute(
        insert(account).values(id=new, name=name, shown=tidy(shown) or name, role=role, made_at=now)
    )
    _set_shops(connection, new, shops)
    detail: dict[str, audit.Code] = {"how": "made", "role": role, "shops": len(shops)}
    audit.append(connection, at=now, what="account", actor=by, subject=new, detail=detail)
    return _sure(connection, new)


def fitting(role: Role, shops: Iterable[str]) -> list[str]:
    """Return the shops of an account, each once.

    Raises:
        AccountFault: there is none for a role that is bound to shops, or some for another.
    """
    found = sorted({shop.strip() for shop in shops} - {""})
    if role in BOUND and not found:
        raise AccountFault(f"role {role}: expected one shop or more, got none")
    if role not in BOUND and found:
        raise AccountFault(f"role {role}: sees every shop; expected none to be named")
    return found


def invite(
    connection: Connection, of: Account, *, by: str, now: datetime, how: str = "reset"
) -> Invited:
    """Let an account begin anew: password, second factor, provider and sessions are gone.

    The code of the new link ends the one before it.
    """
    code = new_text()
    connection.execute(
        update(account)
        .where(account.c.id == of.id)
        .values(
            password=None,
            totp=None,
            totp_new=None,
            totp_step=None,
            issuer=None,
            subject=None,
            disabled_at=None,
            invite=hash_of(code),
            invite_until=now + INVITED_FOR,
        )
    )
    connection.execute(delete(recovery_code).where(recovery_code.c.account == of.id))
    end_all(connection, of.id)
    _tell(connection, of, how, by, now)
    return Invited(account=_sure(connection, of.id), code=code)


def change(
    connection: Connection, of: Account, *, role: Role, shops: Iterable[str], by: str, now: datetime
) -> Account:
    """Give an account another role, or other shops; its sessions go on, with that.

    Raises:
        AccountFault: the shops do not fit the role.
    """
    wanted = fitting(role, shops)
    if (role, wanted) == (of.role, list(of.shops)):
        return of
    connection.execute(update(account).where(account.c.id == of.id).values(role=role))
    _set_shops(connection, of.id, wanted)
    detail: dict[str, audit.Code] = {"how": "changed", "role": role, "shops": len(wanted)}
    audit.append(connection, at=now, what="account", actor=by, subject=of.id, detail=detail)
    return _sure(connection, of.id)


def disable(connection: Connection, of: Account, *, by: str, now: datetime) -> None:
    """Let an account in no more, from the next request on; `invite` takes it back."""
    connection.execute(
        update(account)
        .where(account.c.id == of.id)
        .values(disabled_at=now, invite=None, invite_until=None)
    )
    end_all(connection, of.id)
    _tell(connection, of, "disabled", by, now)


def bind(
    connection: Connection, of: Account, *, issuer: str, subject: str, now: datetime
) -> Account:
    """Let an account in by the provider; a link that began it is spent."""
    connection.execute(
        update(account)
        .where(account.c.id == of.id)
        .values(issuer=issuer, subject=subject, invite=None, invite_until=None)
    )
    _tell(connection, of, "bound", of.actor, now)
    return _sure(connection, of.id)


def set_password(connection: Connection, of: Account, kept: str, now: datetime) -> None:
    """Keep the hash of a person's new password."""
    connection.execute(update(account).where(account.c.id == of.id).values(password=kept))
    _tell(connection, of, "password", of.actor, now)


def keep_hash(connection: Connection, of: Account, kept: str) -> None:
    """Keep a hash of the same password that was made anew."""
    connection.execute(update(account).where(account.c.id == of.id).values(password=kept))


def begun(connection: Connection, of: Account) -> None:
    """Spend the link that began an account."""
    connection.execute(
        update(account).where(account.c.id == of.id).values(invite=None, invite_until=None)
    )


def came_in(connection: Connection, of: Account, *, how: str, address: str, now: datetime) -> None:
    """Note a sign-in."""
    connection.execute(
        update(account)
        .where(account.c.id == of.id)
        .values(seen_at=now, seen_how=how, seen_from=address)
    )
    detail: dict[str, audit.Code] = {"how": how}
    audit.append(connection, at=now, what="sign_in", actor=of.actor, subject=of.id, detail=detail)


def _set_shops(connection: Connection, account_id: str, shops: Iterable[str]) -> None:
    connection.execute(delete(account_shop).where(account_shop.c.account == account_id))
    rows = [{"account": account_id, "shop": shop} for shop in shops]
    if rows:
        connection.execute(insert(account_shop), rows)


def _tell(connection: Connection, of: Account, how: str, by: str, now: datetime) -> None:
    audit.append(connection, at=now, what="account", actor=by, subject=of.id, detail={"how": how})


def _sure(connection: Connection, account_id: str) -> Account:
    found = by_id(connection, account_id)
    if found is None:
        raise AccountFault(f"account {account_id}: expected it to be there, got none")
    return found
