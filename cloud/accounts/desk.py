"""What the pages of accounts work with: the database, the time, the seal, the provider; and the one
way in which name, password and code are checked.

Made by `cloud.app`; used by `door` and the pages beside it.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil

from sqlalchemy import Engine, select

from cloud.accounts import audit, brakes, changes, passwords, people, second
from cloud.accounts.errors import AccountFault, SealFault
from cloud.accounts.oidc import Provider
from cloud.accounts.people import Account
from cloud.accounts.seal import AccountSeal
from cloud.accounts.sessions import Session
from cloud.db import reading, writing
from cloud.tables import store

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of a try to prove who one is: an account, or why not.

    `how`: app | paper. `failed`: how often it was tried in vain before. `wait_s`: how long to wait
    before it may be tried. `unsealed`: the second factor cannot be read, and the log says why.
    """

    account: Account | None = None
    how: str = ""
    failed: int = 0
    wait_s: int = 0
    unsealed: bool = False


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDesk:
    """What the pages of accounts work with. `url`: the address that people open."""

    engine: Engine
    seal: AccountSeal
    provider: Provider | None
    url: str
    now: Callable[[], datetime] = field(default=_utc_now)
    clock: Callable[[], float] = time.monotonic

    def try_in(self, *, name: str, password: str, code: str, address: str) -> Tried:
        """Check a name, a password and a code; each failure is counted.

        The password is checked first, and takes as long for a name that is nobody's. A code is
        spent only with the right one.
        """
        now, held = self.now(), brakes.brakes(name, address)
        with reading(self.engine) as connection:
            wait = brakes.wait_of(connection, held, now).total_seconds()
            if wait > 0:
                return Tried(wait_s=ceil(wait))
            account = people.by_name(connection, name)
            if account is not None and account.state(now) != "active":
                account = None
            kept = people.secrets_of(connection, account.id).password if account else None
        if not passwords.is_right(password, kept) or account is None:
            return self._failed(account, held, now)
        try:
            return self._with_code(account, kept, password, code, held, now)
        except SealFault as fault:
            _log.error("accounts: %s", fault)
            return Tried(unsealed=True)

    def _with_code(
        self,
        account: Account,
        kept: str | None,
        password: str,
        code: str,
        held: "brakes.Held",
        now: datetime,
    ) -> Tried:
        with writing(self.engine) as connection:
            same = people.secrets_of(connection, account.id).password == kept
            how = second.take_code(connection, account, code, self.seal, now) if same else None
            if how is not None:
                failed = brakes.succeeded(connection, held)
                if kept is not None and passwords.is_outdated(kept):
                    changes.keep_hash(connection, account, passwords.hash_of(password))
                return Tried(account=account, how=how, failed=failed)
        return self._failed(account, held, now)

    def _failed(self, account: Account | None, held: "brakes.Held", now: datetime) -> Tried:
        with writing(self.engine) as connection:
            if brakes.failed(connection, held, now) and account is not None:
                audit.append(connection, at=now, what="locked", actor="door", subject=account.id)
        return Tried()

    def shops_of(self, text: str) -> list[str]:
        """Return the shops that somebody typed, by their ids.

        Raises:
            AccountFault: one of them is not known here.
        """
        wanted = text.replace(",", " ").replace("，", " ").replace("、", " ").split()
        with reading(self.engine) as connection:
            known = set(connection.execute(select(store.c.id)).scalars())
        strange = sorted(set(wanted) - known)
        if strange:
            raise AccountFault(f"shops: not known here: {' '.join(strange[:5])}")
        return wanted

    def link(self, code: str) -> str:
        """Return the address with which an invited person begins; no server sees the fragment."""
        return f"{self.url}/welcome#{code}"

    def sealed_token(self, id_token: str) -> bytes | None:
        """Return a provider's token as a session keeps it; None if that cannot be."""
        try:
            return self.seal.close("id_token", id_token.encode())
        except SealFault as fault:
            _log.error("accounts: %s", fault)
            return None

    def end_address(self, session: Session) -> str | None:
        """Return where a session is to be ended, too; None: nowhere."""
        if session.how != "provider" or self.provider is None:
            return None
        hint = None
        if session.id_token is not None:
            try:
                hint = self.seal.open("id_token", session.id_token).decode()
            except SealFault as fault:
                _log.error("accounts: %s", fault)
        return self.provider.end_address(hint)
