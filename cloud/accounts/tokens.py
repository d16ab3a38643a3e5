"""Tokens that let programs use the hub's API: made once, kept as hashes, revoked.

As the box's (`menkou.tokens`), and each for every shop or for some. Called by `door`, the page of
programs and the command `token`.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal, get_args

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from cloud.accounts import audit
from cloud.accounts.errors import AccountFault
from cloud.accounts.scope import Scope
from cloud.accounts.tables import hub_token, hub_token_shop
from cloud.office.seal import random_id
from menkou.tokens import ACTOR, DAYS_MAX, hash_of, may_be, new_text

TokenScope = Literal["read:figures", "read:health", "read:members", "write:members"]
SCOPES: Final[tuple[TokenScope, ...]] = get_args(TokenScope)
"""`read:figures`: what the pages show, of the token's shops. `read:health`: how the hub is.
`read:members`: members by name, each time a line of the audit log. `write:members`: makes,
changes, merges and erases them."""
NAME_CHARS_MAX: Final = 40
_NOTE_EVERY: Final = timedelta(minutes=1)
State = Literal["good", "expired", "revoked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token without what is secret of it. `shops`: None for every shop."""

    id: str
    name: str
    scopes: tuple[TokenScope, ...]
    shops: tuple[str, ...] | None
    made_at: datetime
    made_by: str
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None

    @property
    def actor(self) -> str:
        """How the audit log names it."""
        return ACTOR + self.id

    @property
    def scope(self) -> Scope:
        """What the program sees: no name, unless it may read members."""
        bound = None if self.shops is None else frozenset(self.shops)
        return Scope(shops=bound, names="read:members" in self.scopes)

    def state(self, now: datetime) -> State:
        """Say whether it may be used."""
        if self.revoked_at is not None:
            return "revoked"
        return "good" if now < self.expires_at else "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """A token that has just been made, and its text, which is told once."""

    token: Token
    text: str = field(repr=False)


def make(
    connection: Connection,
    *,
    name: str,
    scopes: Iterable[str],
    shops: Iterable[str] | None,
    days: int,
    by: str,
    now: datetime,
) -> Fresh:
    """Make a token that is good for so many days. `by` is an actor of the audit log.

    Raises:
        AccountFault: not 1 to `DAYS_MAX` days, no scope or one that is none, or no shop.
    """
    wanted = set(scopes)
    if not wanted or wanted - set(SCOPES):
        raise AccountFault(f"token: expected one or more of {', '.join(SCOPES)}")
    if not 1 <= days <= DAYS_MAX:
        raise AccountFault(f"token: expected 1 to {DAYS_MAX} days, got {days}")
    bound = None if shops is None else sorted({shop.strip() for shop in shops} - {""})
    if bound == []:
        raise AccountFault("token: expected every shop, or one or more, got none")
    text, new = new_text(), random_id()
    connection.execute(
        insert(hub_token).values(
            id=new,
            name=" ".join(name.split())[:NAME_CHARS_MAX],
            scopes=" ".join(scope for scope in SCOPES if scope in wanted),
            every_shop=int(bound is None),
            hash=hash_of(text),
            made_at=now,
            made_by=by,
            expires_at=now + timedelta(days=days),
        )
    )
    if bound:
        rows = [{"token": new, "shop": shop} for shop in bound]
        connection.execute(insert(hub_token_shop), rows)
    detail: dict[str, audit.Code] = {"how": "made", "days": days}
    detail |= dict.fromkeys(wanted, True)
    detail["shops"] = -1 if bound is None else len(bound)
    audit.append(connection, at=now, what="token", actor=by, subject=new, detail=detail)
    (token,) = _tokens(connection, hub_token.c.id == new)
    return Fresh(token=token, text=text)


def find(connection: Connection, text: str, now: datetime) -> Token | None:
    """Return the token of a text, unless it has expired or was revoked."""
    if not may_be(text):
        return None
    found = _tokens(connection, hub_token.c.hash == hash_of(text))
    return found[0] if found and found[0].state(now) == "good" else None


def is_to_be_noted(token: Token, now: datetime) -> bool:
    """Say whether to note that a token is in use: once a minute."""
    return token.used_at is None or abs(now - token.used_at) >= _NOTE_EVERY


def used(connection: Connection, token: Token, now: datetime) -> None:
    """Note that a token was used."""
    connection.execute(update(hub_token).where(hub_token.c.id == token.id).values(used_at=now))


def all_tokens(connection: Connection) -> list[Token]:
    """Return every token that was ever made, the newest first."""
    return _tokens(connection, None)


def revoke(connection: Connection, token_id: str, *, by: str, now: datetime) -> bool:
    """End a token for good; False if there was none to end."""
    done = connection.execute(
        update(hub_token)
        .where(hub_token.c.id == token_id, hub_token.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    if done.rowcount != 1:
        return False
    detail: dict[str, audit.Code] = {"how": "revoked"}
    audit.append(connection, at=now, what="token", actor=by, subject=token_id, detail=detail)
    return True


def _tokens(connection: Connection, which: ColumnElement[bool] | None) -> list[Token]:
    rows = select(hub_token).order_by(hub_token.c.made_at.desc(), hub_token.c.id)
    shops = select(hub_token_shop).order_by(hub_token_shop.c.shop)
    if which is not None:
        rows = rows.where(which)
        shops = shops.where(hub_token_shop.c.token.in_(select(hub_token.c.id).where(which)))
    bound: dict[str, list[str]] = defaultdict(list)
    for row in connection.execute(shops):
        bound[row.token].append(row.shop)
    return [_token(row, bound[row.id]) for row in connection.execute(rows)]


def _token(row: Row[Any], shops: list[str]) -> Token:
    named = set(row.scopes.split())
    return Token(
        id=row.id,
        name=row.name,
        # One that this version does not know opens nothing.
        scopes=tuple(scope for scope in SCOPES if scope in named),
        shops=None if row.every_shop else tuple(shops),
        made_at=row.made_at,
        made_by=row.made_by,
        expires_at=row.expires_at,
        used_at=row.used_at,
        revoked_at=row.revoked_at,
    )
