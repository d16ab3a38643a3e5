"""Sign-ins that are under way at the provider: what to compare with when the person comes back.

Found by a hash of the `state` and of the cookie of the browser in which it began, taken once, good
for ten minutes. Called by `provider_pages`.
"""

import json
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlalchemy import Connection, delete, insert, select

from cloud.accounts.seal import AccountSeal
from cloud.accounts.tables import oidc_flow
from menkou.tokens import hash_of

GOOD_FOR: Final = timedelta(minutes=10)
Purpose = Literal["enter", "begin", "prove"]
_BYTES: Final = 32
_CHARS_MAX: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A sign-in under way. `purpose`: enter | begin (an invited account) | prove (who this is).

    `account` is whose it is to be for the last two; `onward` where to go then.
    """

    purpose: Purpose
    nonce: str
    verifier: str
    onward: str
    account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What the provider and the browser are given to bring back."""

    state: str
    browser: str


def fresh() -> str:
    """Return a random text for a nonce or a verifier (RFC 7636: 43 to 128 characters)."""
    return secrets.token_urlsafe(_BYTES)


def begin(connection: Connection, flow: Flow, seal: AccountSeal, now: datetime) -> Begun:
    """Keep a sign-in; those that nobody came back from are forgotten."""
    connection.execute(delete(oidc_flow).where(oidc_flow.c.until <= now))
    begun = Begun(state=fresh(), browser=fresh())
    connection.execute(
        insert(oidc_flow).values(
            state=hash_of(begun.state),
            browser=hash_of(begun.browser),
            sealed=seal.close("flow", json.dumps(asdict(flow)).encode()),
            until=now + GOOD_FOR,
        )
    )
    return begun


def take(
    connection: Connection, state: str, browser: str, seal: AccountSeal, now: datetime
) -> Flow | None:
    """Return the sign-in that a browser comes back from, and forget it."""
    if not 0 < len(state) <= _CHARS_MAX or not 0 < len(browser) <= _CHARS_MAX:
        return None
    mine = (oidc_flow.c.state == hash_of(state)) & (oidc_flow.c.browser == hash_of(browser))
    row = connection.execute(select(oidc_flow).where(mine).with_for_update()).one_or_none()
    if row is None:
        return None
    done = connection.execute(delete(oidc_flow).where(mine))
    if done.rowcount != 1 or row.until <= now:
        return None
    return Flow(**json.loads(seal.open("flow", row.sealed)))
