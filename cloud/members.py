"""What concerns members: alerts, what became of them, and their erasure from all that is held.

Called by `ingest` inside its transaction, with events that are new. A subject is a random id;
who it is only the box knows. Once it is erased there, nothing here names it: its rows stay, for
the figures, without it, and of the id itself only a SHA-256 is kept. That is enough to leave it
out of what arrives later, and to prove the erasure to somebody who still holds the id; it leads
to nobody else, since an id has 80 random bits.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select, update

from cloud.bulk import Bulk, some_at_once
from cloud.db import upsert
from cloud.facts import New
from cloud.tables import alert, erased_subject, event, member_change, visit
from cloud.tally.marks import forget_subjects
from edge.wire.messages import Alert, MemberChanged

_NAMING: Final = (event, visit, alert, member_change)
# Any fixed number, see `await_others`.
_NAMING_LOCK: Final = 6_213_704
_ERASED: Final = Bulk(
    lambda connection: upsert(connection, erased_subject).on_conflict_do_nothing(), ("hash", "at")
)
_TOLD: Final = ("epoch_pk", "seq", "store", "at", "subject")
_ALERTS: Final = Bulk(
    lambda connection: upsert(connection, alert).on_conflict_do_nothing(),
    (*_TOLD, "alert", "visit"),
)
_CHANGES: Final = Bulk(
    lambda connection: upsert(connection, member_change).on_conflict_do_nothing(),
    (*_TOLD, "change"),
)


def hash_of(subject: str) -> str:
    """Return what is kept of an erased subject."""
    return sha256(subject.encode()).hexdigest()


def forget(connection: Connection, new: Iterable[New]) -> set[str]:
    """Carry out the erasures among new events.

    Returns:
        Every subject that the events name and that is erased, now or long ago.
    """
    named: set[str] = set()
    erased: dict[str, int] = {}
    for _, _, fact in new:
        if fact.subject is None:
            continue
        named.add(fact.subject)
        if fact.kind == MemberChanged.KIND and fact.body.change == "erased":
            erased.setdefault(fact.subject, fact.at)
    if erased:
        erase(connection, erased)
    elif named:
        await_others(connection, alone=False)
    return _erased_among(connection, named)


def await_others(connection: Connection, *, alone: bool) -> None:
    """Let nobody name subjects while some are erased, or the last to commit would bring one back.

    Held until the transaction ends. Who erases, and asks first who names the subject, asks only
    once it is `alone`: a writer that is not done yet would be overlooked. On SQLite there is one
    writer anyway.
    """
    if connection.dialect.name == "postgresql":
        kind = "" if alone else "_shared"
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock{kind}({_NAMING_LOCK})")


def erase(connection: Connection, erased: Mapping[str, int]) -> None:
    """Take subjects out of all that is held; given with the moments, milliseconds since 1970."""
    await_others(connection, alone=True)
    _ERASED.run(connection, [(hash_of(subject), at) for subject, at in sorted(erased.items())])
    forget_subjects(connection, erased)
    for table in _NAMING:
        connection.execute(
            update(table).where(table.c.subject == bindparam("of")).values(subject=None),
            [{"of": subject} for subject in sorted(erased)],
        )


def _erased_among(connection: Connection, subjects: Collection[str]) -> set[str]:
    by_hash = {hash_of(subject): subject for subject in subjects}
    found: set[str] = set()
    for some in some_at_once(sorted(by_hash)):
        rows = connection.execute(
            select(erased_subject.c.hash).where(erased_subject.c.hash.in_(some))
        )
        found |= {by_hash[held] for held in rows.scalars()}
    return found


def save(connection: Connection, new: Sequence[New], gone: Collection[str]) -> None:
    """Keep alerts and members' changes."""
    alerts: list[tuple[Any, ...]] = []
    changes: list[tuple[Any, ...]] = []
    for pk, address, fact in new:
        if fact.kind not in (Alert.KIND, MemberChanged.KIND):
            continue
        subject = None if fact.subject in gone else fact.subject
        row = (pk, fact.seq, address.store, fact.at, subject)
        if fact.kind == Alert.KIND:
            alerts.append((*row, fact.body.alert, fact.body.visit))
        else:
            changes.append((*row, fact.body.change))
    _ALERTS.run(connection, alerts)
    _CHANGES.run(connection, changes)
