"""Ends consents and members, and leaves nothing of them in SQLite's files. Needs no key.

Called by the commands, by what head office and other shops say, and now and then by the box;
calls `consents`, `audit` and `people_schema`.
"""

import sqlite3
import time
from datetime import datetime
from typing import Final

from sqlite_utils import Database

from edge.store.appointment_schema import forget_appointments
from edge.store.audit import Audit
from edge.store.code_schema import forget_codes
from edge.store.consents import Consents, Tell, history
from edge.store.database import FILE_NAME, StoreFault, transaction, translated
from edge.store.desk_schema import forget_notes
from edge.store.joining_schema import forget_joining
from edge.store.merge_schema import forget_aliases
from edge.store.orders import bury, digest_of, forget_office_member
from edge.store.outbound_schema import forget_outbound
from edge.store.people import gallery_mark, subject_of
from edge.store.people_schema import (
    IN_THE_LOG,
    IN_THE_TABLE,
    NOTHING,
    rebuild_people,
    rebuild_templates,
)
from edge.store.queue_schema import forget_tickets
from edge.store.service_schema import forget_service
from edge.store.share_in import forget_shared
from edge.store.share_schema import rebuild_shares
from edge.store.till_schema import forget_purchases

CHECKPOINT_PATIENCE_S: Final = 10.0


class ConsentMissing(StoreFault):
    """A template needs a consent that holds, and there is none."""


def withdraw(
    db: Database,
    member_id: str,
    now: datetime,
    *,
    actor: str,
    tell: Tell,
    since: datetime | None = None,
    patience_s: float = CHECKPOINT_PATIENCE_S,
) -> bool:
    """End a member's consent and destroy the template; the card stays. Needs no key.

    `since` is when it ended, if that was elsewhere and is only heard now.

    Returns:
        As `erase`.

    Raises:
        MemberMissing: there is no such member.
        ConsentMissing: nothing was agreed to that could be withdrawn.
    """
    with transaction(db):
        subject = subject_of(db, member_id)
        rows = history(db, subject)
        if not rows or rows[-1].kind != "given":
            raise ConsentMissing(
                f"member {member_id}: expected a consent that can be withdrawn, got none"
            )
        Consents(db, actor=actor, tell=tell).end(subject, "withdrawn", now, since=since)
        rebuild_templates(db)
        rebuild_shares(db)
    return _log_cleared(db, patience_s)


def erase(
    db: Database,
    member_id: str,
    now: datetime,
    *,
    actor: str,
    tell: Tell,
    patience_s: float = CHECKPOINT_PATIENCE_S,
) -> bool:
    """Destroy a member's keys, profile and template, and the way from id to subject.

    Needs no key, so that members can be erased whose key is gone. The ledger and the log keep
    that it happened.

    Returns:
        Whether the write-ahead log was emptied too. False: another process was reading for
        `patience_s`; old pages stand in the file until the next checkpoint.

    Raises:
        MemberMissing: there is no such member.
    """
    with transaction(db):
        subject = subject_of(db, member_id)
        forget_shared(db, subject, now)
        Consents(db, actor=actor, tell=tell).end(subject, "erased", now)
        bury(db, digest_of(subject), now)
        forget_office_member(db, subject, now)
        (ref,) = db.execute("SELECT external_ref FROM member WHERE id = ?", [member_id]).fetchone()
        forget_appointments(db, subject, ref)
        forget_codes(db, subject)
        forget_outbound(db, subject)
        forget_tickets(db, subject)
        forget_service(db, subject)
        forget_notes(db, subject)
        forget_purchases(db, subject, ref)
        forget_joining(db, subject)
        forget_aliases(db, subject)
        db.execute("DELETE FROM member WHERE id = ?", [member_id])
        rebuild_people(db)
        rebuild_shares(db)
        Audit(db).append(at=now, what="erase", actor=actor, subject=subject)
    return _log_cleared(db, patience_s)


def let_go(
    db: Database,
    subject: str,
    now: datetime,
    *,
    since: datetime,
    actor: str,
    tell: Tell,
    ends: bool,
    whole: bool,
    patience_s: float = CHECKPOINT_PATIENCE_S,
) -> bool:
    """End a consent for this shop only, as the box that shared the member says. Needs no key.

    Args:
        db: the database.
        subject: of the member.
        now: the time.
        since: when it ended.
        actor: whose doing it is.
        tell: is told of it.
        ends: there is a consent to be ended.
        whole: the member is here by that sharing alone, and is forgotten; a later consent may
            bring the member back.
        patience_s: as for `erase`.

    Returns:
        As `erase`.
    """
    with transaction(db):
        if ends:
            ending = Consents(db, actor=actor, tell=tell)
            ending.end(subject, "withdrawn", now, since=since, told=False)
        if whole:
            forget_codes(db, subject)
            forget_outbound(db, subject)
            forget_tickets(db, subject)
            forget_service(db, subject)
            forget_notes(db, subject)
            forget_purchases(db, subject, _ref_of(db, subject))
            forget_appointments(db, subject, None)
            forget_joining(db, subject)
            forget_aliases(db, subject)
            db.execute("DELETE FROM member WHERE subject = ?", [subject])
            rebuild_people(db)
            Audit(db).append(at=now, what="erase", actor=actor, subject=subject)
        else:
            rebuild_templates(db)
        rebuild_shares(db)
    return _log_cleared(db, patience_s)


def _ref_of(db: Database, subject: str) -> bytes | None:
    row = db.execute("SELECT external_ref FROM member WHERE subject = ?", [subject]).fetchone()
    return row[0] if row else None


def tidy(db: Database) -> bool:
    """Destroy what SQLite left in its files of templates that were deleted before.

    `Consents.expire` leaves this to be done once for any number of templates, outside the eyes'
    loop: all templates are written anew, and whoever writes waits so long (0.1 s for 5000). Without
    anything to do it is one read. To be called now and then, in no transaction, by any process.

    Returns:
        Whether nothing is left. False: another process was reading just now; call again.

    Raises:
        StoreFault: SQLite's own error, translated; what was to be done remains to be done.
    """
    try:
        (remains,) = db.execute("SELECT remains FROM gallery").fetchone()
    except sqlite3.Error as exc:
        raise translated(exc, FILE_NAME) from exc
    if remains == NOTHING:
        return True
    if remains == IN_THE_TABLE:
        with transaction(db):
            rebuild_templates(db)
            rebuild_shares(db)
    return _log_cleared(db, 0.0)


def _log_cleared(db: Database, patience_s: float) -> bool:
    """Empty the log; forget that there was need to, unless there is new need."""
    mark = gallery_mark(db)
    if not emptied_log(db, patience_s):
        return False
    with transaction(db):
        db.execute(
            "UPDATE gallery SET remains = ? WHERE remains = ? AND mark = ?",
            [NOTHING, IN_THE_LOG, mark],
        )
    return True


def emptied_log(db: Database, patience_s: float) -> bool:
    """Move the write-ahead log into the database and cut it to nothing; say whether that was done.

    Raises:
        StoreFault: SQLite's own error, translated.
    """
    deadline = time.monotonic() + patience_s
    while not _emptied_at_once(db):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _emptied_at_once(db: Database) -> bool:
    """Try once. SQLite itself would wait for readers, and keep all who write waiting meanwhile."""
    try:
        (timeout_ms,) = db.execute("PRAGMA busy_timeout").fetchone()
        db.execute("PRAGMA busy_timeout = 0")
        try:
            busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            db.execute(f"PRAGMA busy_timeout = {timeout_ms}")
    except sqlite3.Error as exc:
        raise translated(exc, FILE_NAME) from exc
    return not busy
