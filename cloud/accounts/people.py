"""The accounts of head office's people, as they are read: who, in which role, for which shops.

`changes` makes and changes them. Called by the rooms beside it and by `cloud.account_cli`.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, Row, select

from cloud.accounts.errors import AccountFault
from cloud.accounts.roles import Role, is_role, scope_of
from cloud.accounts.scope import Scope
from cloud.accounts.tables import account, account_shop
from menkou.tokens import hash_of

NAME_CHARS_MAX: Final = 80
ACTOR: Final = "account:"
"""Before an account's id, this is how the audit log names it."""
State = Literal["active", "invited", "lapsed", "disabled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person's account without what is secret of it.

    `local`: there is a password and a second factor; `subject`: the provider's id of the person.
    """

    id: str
    name: str
    shown: str
    role: Role
    shops: tuple[str, ...]
    local: bool
    issuer: str | None
    subject: str | None
    invited_until: datetime | None
    made_at: datetime
    disabled_at: datetime | None
    seen_at: datetime | None
    seen_how: str | None
    seen_from: str | None

    @property
    def actor(self) -> str:
        """How the audit log names it."""
        return ACTOR + self.id

    @property
    def scope(self) -> Scope:
        """What the person sees."""
        return scope_of(self.role, self.shops)

    def state(self, now: datetime) -> State:
        """Say whether the person may come in; `lapsed`: the link to begin with is too old."""
        if self.disabled_at is not None:
            return "disabled"
        if self.local or self.subject is not None:
            return "active"
        return "invited" if self.invited_until and now < self.invited_until else "lapsed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """An account, and the code of the link with which its person begins; it is told once."""

    account: Account
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What a sign-in is checked against. repr shows nothing of it."""

    password: str | None = field(repr=False)
    totp: bytes | None = field(repr=False)
    totp_new: bytes | None = field(repr=False)
    totp_step: int | None = None


def plain_name(typed: str) -> str:
    """Return a name to sign in by, without the ways of writing it: width, case, spaces around it.

    >>> plain_name(" Li.Na@Example.com ")
    'li.na@example.com'
    """
    return unicodedata.normalize("NFKC", typed).strip().casefold()


def checked_name(typed: str) -> str:
    """Return a new account's name to sign in by.

    Raises:
        AccountFault: it is empty, too long, or has a space or something that cannot be seen.
    """
    name = plain_name(typed)
    fits = 0 < len(name) <= NAME_CHARS_MAX and name.isprintable() and " " not in name
    if not fits:
        raise AccountFault(
            f"name: expected 1 to {NAME_CHARS_MAX} characters without a space, such as an e-mail"
            f" address, got {len(name)} characters"
        )
    return name


def tidy(text: str) -> str:
    """Return how a person is called as one short line of printable text."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:NAME_CHARS_MAX]


def anybody(connection: Connection) -> bool:
    """Say whether there is any account at all."""
    return connection.execute(select(account.c.id).limit(1)).first() is not None


def anybody_active(connection: Connection) -> bool:
    """Say whether there is an account with which somebody can sign in."""
    question = select(account.c.id).where(_ACTIVE).limit(1)
    return connection.execute(question).first() is not None


_ACTIVE: Final[ColumnElement[bool]] = account.c.disabled_at.is_(None) & (
    account.c.password.is_not(None) | account.c.subject.is_not(None)
)


def others_keep(connection: Connection, account_id: str) -> bool:
    """Say whether somebody else of head office could still see to the accounts."""
    question = (
        select(account.c.id)
        .where(_ACTIVE, account.c.role == "head_office", account.c.id != account_id)
        .limit(1)
    )
    return connection.execute(question).first() is not None


def all_accounts(connection: Connection) -> list[Account]:
    """Return every account, by name."""
    return _accounts(connection, None)


def by_id(connection: Connection, account_id: str) -> Account | None:
    """Return an account."""
    return _one(connection, account.c.id == account_id)


def by_name(connection: Connection, typed: str) -> Account | None:
    """Return the account that somebody signs in to by a name."""
    return _one(connection, account.c.name == plain_name(typed))


def by_subject(connection: Connection, issuer: str, subject: str) -> Account | None:
    """Return the account of somebody whom the provider knows."""
    return _one(connection, (account.c.issuer == issuer) & (account.c.subject == subject))


def by_invitation(connection: Connection, code: str, now: datetime) -> Account | None:
    """Return the account that a link's code begins, while it is good."""
    found = _one(connection, account.c.invite == hash_of(code))
    return found if found is not None and found.state(now) == "invited" else None


def secrets_of(connection: Connection, account_id: str) -> Secrets:
    """Return what an account's sign-in is checked against."""
    row = connection.execute(
        select(account.c.password, account.c.totp, account.c.totp_new, account.c.totp_step).where(
            account.c.id == account_id
        )
    ).one()
    return Secrets(**row._mapping)


def _one(connection: Connection, which: ColumnElement[bool]) -> Account | None:
    found = _accounts(connection, which)
    return found[0] if found else None


def _accounts(connection: Connection, which: ColumnElement[bool] | None) -> list[Account]:
    rows = select(account).order_by(account.c.name)
    shops = select(account_shop.c.account, account_shop.c.shop).order_by(account_shop.c.shop)
    if which is not None:
        rows = rows.where(which)
        shops = shops.where(account_shop.c.account.in_(select(account.c.id).where(which)))
    bound: dict[str, list[str]] = defaultdict(list)
    for row in connection.execute(shops):
        bound[row.account].append(row.shop)
    return [_account(row, bound[row.id]) for row in connection.execute(rows)]


def _account(row: Row[Any], shops: Iterable[str]) -> Account:
    role: str = row.role
    if not is_role(role):
        raise AccountFault(f"account {row.id}: expected a role that this version knows")
    return Account(
        id=row.id,
        name=row.name,
        shown=row.shown,
        role=role,
        shops=tuple(shops),
        local=row.password is not None,
        issuer=row.issuer,
        subject=row.subject,
        invited_until=row.invite_until if row.invite is not None else None,
        made_at=row.made_at,
        disabled_at=row.disabled_at,
        seen_at=row.seen_at,
        seen_how=row.seen_how,
        seen_from=row.seen_from,
    )
