"""What concerns members: alerts, what became of them, and their erasure from all that is held.

Called by `ingest` inside its transaction, with events that are new. A subject is a random id;
who it is only the box knows. Once it is erased there, nothing here names it: its rows stay, for
the figures, without it, and of the id itself only a SHA-256 is kept. That is enough to leave it
out of what arrives later, and to prove the erasure to somebody who still holds the id; it leads
to nobody else, since an id has 80 random bits.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select, update

from cloud.db import upsert
from cloud.facts import subject_of
from cloud.tables import alert, erased_subject, event, member_change, visit
from edge.wire.messages import Alert, Event, MemberChanged
from edge.wire.topics import BoxAddress

_NAMED_AT_ONCE: Final = 500
_NAMING: Final = (event, visit, alert, member_change)


def hash_of(subject: str) -> str:
    """Return what is kept of an erased subject."""
    return sha256(subject.encode()).hexdigest()


def forget(connection: Connection, events: Iterable[Event]) -> set[str]:
    """Carry out the erasures among new events.

    Returns:
        Every subject that the events name and that is erased, now or long ago.
    """
    named: set[str] = set()
    erased: dict[str, datetime] = {}
    for fact in events:
        if subject := subject_of(fact.body):
            named.add(subject)
        if isinstance(fact.body, MemberChanged) and fact.body.change == "erased":
            erased.setdefault(fact.body.subject, fact.at)
    if erased:
        _erase(connection, erased)
    return _erased_among(connection, named)


def _erase(connection: Connection, erased: dict[str, datetime]) -> None:
    connection.execute(
        upsert(connection, erased_subject).on_conflict_do_nothing(),
        [{"hash": hash_of(subject), "at": at} for subject, at in sorted(erased.items())],
    )
    for table in _NAMING:
        connection.execute(
            update(table).where(table.c.subject == bindparam("of")).values(subject=None),
            [{"of": subject} for subject in sorted(erased)],
        )


def _erased_among(connection: Connection, subjects: Collection[str]) -> set[str]:
    by_hash = {hash_of(subject): subject for subject in subjects}
    hashes, found = sorted(by_hash), set()
    for start in range(0, len(hashes), _NAMED_AT_ONCE):
        some = hashes[start : start + _NAMED_AT_ONCE]
        rows = connection.execute(
            select(erased_subject.c.hash).where(erased_subject.c.hash.in_(some))
        )
        found |= {by_hash[held] for held in rows.scalars()}
    return found


def save(
    connection: Connection,
    address: BoxAddress,
    events: Sequence[tuple[int, Event]],
    gone: Collection[str],
) -> None:
    """Keep alerts and members' changes, each event given with the key of its epoch."""
    alerts: list[dict[str, Any]] = []
    changes: list[dict[str, Any]] = []
    for pk, fact in events:
        subject = subject_of(fact.body)
        row = {
            "epoch_pk": pk,
            "seq": fact.seq,
            "store": address.store,
            "at": fact.at,
            "subject": None if subject in gone else subject,
        }
        match fact.body:
            case Alert() as body:
                alerts.append({**row, "alert": body.alert, "visit": body.visit})
            case MemberChanged() as body:
                changes.append({**row, "change": body.change})
    for table, rows in ((alert, alerts), (member_change, changes)):
        if rows:
            connection.execute(upsert(connection, table).on_conflict_do_nothing(), rows)
