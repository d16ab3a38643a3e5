"""When the digest is due, and that each goes to each once, however many processes run.

    09:00 two days ago   yesterday 08:00 ──────── 14:00          today 08:00
                          due: tells of the day before, tried until then

At least once: a row for each day and recipient, made before sending, says that somebody is at it;
whoever makes it, or finds it open and free, sends. It is `sent` as soon as the server has taken the
message. A database that fails in between is told at the next round, by the process that knows. Who
is killed in between leaves a row that is free again after a while; the message then goes once
more, under the same Message-ID, by which receivers fold it. At most once would be the other way
round: a kill would cost the morning's figures, and nobody would know.

Called by `cloud.run`'s thread and by `command`.
"""

import hashlib
import logging
import smtplib
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.message import EmailMessage
from typing import Final, Protocol

from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, select, update
from sqlalchemy.exc import SQLAlchemyError

from cloud.config_digest import DigestConfig, Recipient
from cloud.db import upsert, writing
from cloud.digest.errors import DigestFault
from cloud.digest.post import connected, send
from cloud.digest.tables import digest_mail

_log = logging.getLogger(__name__)
TRIED_FOR: Final = timedelta(hours=6)
"""Later the figures are no morning's any more."""
_MINE_FOR: Final = timedelta(minutes=5)
_WAITS: Final = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))
"""How long to wait after the first try, the second, and all others."""
LONGEST_WAIT: Final = _WAITS[-1]
_KEPT: Final = timedelta(days=400)
_LOOK_S: Final = 20.0
_DAY: Final = timedelta(days=1)
Write = Callable[[Recipient, date], EmailMessage]
"""Makes the message for a recipient, of a day."""

Taken = dict[tuple[date, str], datetime]
"""Days and addresses whose message the server has taken, and when."""


class Clock(Protocol):
    """Tells the aware time."""

    def __call__(self) -> datetime:
        """Return it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What came of a round: addresses that got it, and that did not, with why."""

    sent: tuple[str, ...] = ()
    failed: tuple[tuple[str, DigestFault], ...] = ()


def due(config: DigestConfig, now: datetime) -> date | None:
    """Return the day of which the digest is to be sent now, None: of none."""
    local = now.astimezone(config.zone)
    for behind in (0, 1):
        today = local.date() - behind * _DAY
        start = datetime.combine(today, config.at, config.zone)
        if today.weekday() in config.days and start <= local < start + TRIED_FOR:
            return today - _DAY
    return None


def send_round(
    engine: Engine,
    config: DigestConfig,
    day: date,
    write: Write,
    clock: Clock,
    taken: Taken | None = None,
) -> Round:
    """Send a day's digest to each recipient that has not had it; somebody else's are left alone.

    `taken`: what the server took and no row says yet; kept by this from round to round.
    """
    taken = {} if taken is None else taken
    note_taken(engine, taken)
    sent: list[str] = []
    failed: list[tuple[str, DigestFault]] = []
    with ExitStack() as stack:
        client: smtplib.SMTP | None = None
        left = list(config.to)
        while left:
            recipient = left.pop(0)
            with writing(engine) as connection:
                if not claim(connection, day, recipient.address, clock()):
                    continue
            try:
                message = write(recipient, day)
                if client is None:
                    client = stack.enter_context(connected(config))
                send(client, config, message, recipient.address)
            except DigestFault as fault:
                failed.append((recipient.address, fault))
                alone = fault.alone
                # Of a server that is away the others have no better luck: all wait.
                with writing(engine) as connection:
                    _give_back(connection, day, recipient.address, fault, clock())
                    for other in [] if alone else left:
                        if claim(connection, day, other.address, clock()):
                            _give_back(connection, day, other.address, fault, clock())
                if not alone:
                    break
                continue
            taken[day, recipient.address] = clock()
            note_taken(engine, taken)
            sent.append(recipient.address)
    return Round(sent=tuple(sent), failed=tuple(failed))


def note_taken(engine: Engine, taken: Taken) -> None:
    """Note what the server has taken, and take it out of `taken` once that is kept."""
    for (day, address), at in list(taken.items()):
        with writing(engine) as connection:
            _note_sent(connection, day, address, at)
        del taken[day, address]


def claim(connection: Connection, day: date, address: str, now: datetime) -> bool:
    """Take it on to send a day's digest to an address; say whether it is ours to do."""
    to = _hash(address)
    first = {"day": day, "recipient": to, "state": "open", "until": now + _MINE_FOR, "tries": 1}
    made = upsert(connection, digest_mail).values(first).on_conflict_do_nothing()
    if connection.execute(made.returning(digest_mail.c.recipient)).first() is not None:
        connection.execute(delete(digest_mail).where(digest_mail.c.day < day - _KEPT))
        return True
    mine = _row(day, to)
    free = and_(mine, digest_mail.c.state == "open", digest_mail.c.until <= now)
    changed = connection.execute(
        update(digest_mail).where(free).values(until=now + _MINE_FOR, tries=digest_mail.c.tries + 1)
    )
    return changed.rowcount == 1


def _give_back(
    connection: Connection, day: date, address: str, fault: DigestFault, now: datetime
) -> None:
    mine = _row(day, _hash(address))
    tries = connection.execute(select(digest_mail.c.tries).where(mine)).scalar_one()
    wait = _WAITS[min(tries, len(_WAITS)) - 1]
    state = "refused" if fault.alone else "open"
    connection.execute(update(digest_mail).where(mine).values(state=state, until=now + wait))


def _note_sent(connection: Connection, day: date, address: str, now: datetime) -> None:
    mine = _row(day, _hash(address))
    connection.execute(update(digest_mail).where(mine).values(state="sent", sent_at=now))


def _row(day: date, to: str) -> ColumnElement[bool]:
    return and_(digest_mail.c.day == day, digest_mail.c.recipient == to)


def _hash(address: str) -> str:
    return hashlib.sha256(address.casefold().encode()).hexdigest()


def watch(
    engine: Engine, config: DigestConfig, write: Write, clock: Clock, stop: threading.Event
) -> None:
    """Send the digest whenever it is due, until stopped."""
    taken: Taken = {}
    while not stop.wait(_LOOK_S):
        if (day := due(config, clock())) is None:
            continue
        try:
            done = send_round(engine, config, day, write, clock, taken)
        except SQLAlchemyError as exc:
            _log.warning("digest: the database does not answer: %s", type(exc).__name__)
            continue
        except Exception:  # noqa: BLE001 - a worker's outermost loop; facts go on being taken
            _log.exception("digest of %s: cannot be made; tried again", day)
            continue
        if done.sent:
            _log.info("digest of %s: sent to %d", day, len(done.sent))
        for _, fault in done.failed:
            again = not fault.alone and due(config, clock() + LONGEST_WAIT) == day
            _log.error("%s; %s", fault, "tried again" if again else "not tried again")
