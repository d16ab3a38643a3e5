"""Who is signed in: a random text in the browser, its hash here, looked up at every request.

A session ends half an hour after its person did something, twelve hours after it began, or when it
is ended; whatever an account may do is read anew each time, so a change holds at once.
Called by `door` and the pages beside it.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from cloud.accounts.tables import account_session
from cloud.office.seal import random_id
from menkou.tokens import hash_of

IDLE: Final = timedelta(minutes=30)
WHOLE: Final = timedelta(hours=12)
PROVED_FOR: Final = timedelta(minutes=10)
"""So long somebody who proved who they are may do what is dangerous."""
_NOTE_EVERY: Final = timedelta(minutes=1)
_BYTES: Final = 32
_CHARS_MAX: Final = 64
_AGENT_CHARS: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The sign-in before this one, and how often it was tried in vain since."""

    at: datetime | None = None
    address: str | None = None
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session. `account` is None for the one password that all shared before accounts."""

    id: str
    account: str | None
    mark: str | None
    how: str
    made_at: datetime
    used_at: datetime
    proved_at: datetime
    address: str
    agent: str
    before: Before
    id_token: bytes | None = field(default=None, repr=False)

    def is_proved(self, now: datetime) -> bool:
        """Say whether it was proved lately who this is."""
        return now - self.proved_at < PROVED_FOR

    def is_over(self, now: datetime) -> bool:
        """Say whether it has ended by itself."""
        return now - self.used_at >= IDLE or now - self.made_at >= WHOLE


def begin(
    connection: Connection,
    *,
    account: str | None,
    how: str,
    address: str,
    agent: str,
    now: datetime,
    before: Before,
    mark: str | None = None,
    id_token: bytes | None = None,
) -> str:
    """Begin a session; return the text that the browser is to hold. What is over is forgotten."""
    _forget(connection, now)
    text = secrets.token_urlsafe(_BYTES)
    connection.execute(
        insert(account_session).values(
            hash=hash_of(text),
            id=random_id(),
            account=account,
            mark=mark,
            how=how,
            made_at=now,
            used_at=now,
            proved_at=now,
            address=address,
            agent=agent[:_AGENT_CHARS],
            before_at=before.at,
            before_from=before.address,
            failed=before.failed,
            id_token=id_token,
        )
    )
    return text


def find(connection: Connection, text: str, now: datetime) -> Session | None:
    """Return the session of a browser, unless it is over."""
    if not 0 < len(text) <= _CHARS_MAX:
        return None
    row = connection.execute(
        select(account_session).where(account_session.c.hash == hash_of(text))
    ).one_or_none()
    found = _session(row) if row else None
    return None if found is None or found.is_over(now) else found


def is_to_be_noted(session: Session, now: datetime) -> bool:
    """Say whether to note that a session is in use: once a minute."""
    return now - session.used_at >= _NOTE_EVERY


def used(connection: Connection, session: Session, now: datetime) -> None:
    """Note that somebody does something in a session."""
    _change(connection, session, used_at=now)


def proved(connection: Connection, session: Session, now: datetime) -> None:
    """Note that it was proved anew who this is."""
    _change(connection, session, proved_at=now, used_at=now)


def _change(connection: Connection, session: Session, **values: datetime) -> None:
    connection.execute(
        update(account_session).where(account_session.c.id == session.id).values(**values)
    )


def of_account(connection: Connection, account: str, now: datetime) -> list[Session]:
    """Return an account's sessions, the newest first."""
    rows = connection.execute(
        select(account_session)
        .where(account_session.c.account == account)
        .order_by(account_session.c.made_at.desc())
    )
    return [one for row in rows if not (one := _session(row)).is_over(now)]


def end(connection: Connection, session_id: str, account: str | None) -> bool:
    """End one session of an account (None: of nobody's); False if there is none such."""
    done = connection.execute(
        delete(account_session).where(
            account_session.c.id == session_id,
            account_session.c.account.is_not_distinct_from(account),
        )
    )
    return done.rowcount == 1


def end_all(connection: Connection, account: str, *, but: str | None = None) -> int:
    """End all sessions of an account, but the one with an id; return how many."""
    others = account_session.c.id != (but or "")
    done = connection.execute(
        delete(account_session).where(account_session.c.account == account, others)
    )
    return done.rowcount


def _forget(connection: Connection, now: datetime) -> None:
    over = or_(account_session.c.used_at <= now - IDLE, account_session.c.made_at <= now - WHOLE)
    connection.execute(delete(account_session).where(over))


def _session(row: Row[Any]) -> Session:
    return Session(
        id=row.id,
        account=row.account,
        mark=row.mark,
        how=row.how,
        made_at=row.made_at,
        used_at=row.used_at,
        proved_at=row.proved_at,
        address=row.address,
        agent=row.agent,
        before=Before(at=row.before_at, address=row.before_from, failed=row.failed),
        id_token=row.id_token,
    )
