"""What is held of each epoch of one box, loaded and saved within the caller's transaction.

Used by `ingest`. The reckoning itself is `received`'s; here are only its rows.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, insert, select, update

from cloud.db import upsert
from cloud.received import Range, Received
from cloud.tables import epoch, event, gap
from edge.wire.topics import BoxAddress

_NAMED_AT_ONCE: Final = 500


@dataclass(slots=True, kw_only=True)
class Entry:
    """One epoch: its row's key, what is held, and the row and gaps as they were loaded."""

    pk: int
    name: str
    received: Received
    row: dict[str, int]
    gaps: frozenset[Range]
    opened: list[Range] = field(default_factory=list)  # gaps that this set of messages opened


def _row(received: Received) -> dict[str, int]:
    return {
        "through": received.through,
        "top": received.top,
        "declared": received.declared,
        "missing": received.missing,
        "lost": received.lost,
    }


class Ledger:
    """The epochs of one box. The caller holds the lock on the box's row."""

    def __init__(self, connection: Connection, address: BoxAddress) -> None:
        self._connection = connection
        self._address = address
        self._mine = and_(epoch.c.store == address.store, epoch.c.box == address.box)
        self.entries: dict[str, Entry] = {}

    def load(self, names: Collection[str]) -> None:
        """Load the named epochs; those never heard of begin empty."""
        if not names:
            return
        self._read(names)
        if new := sorted(set(names) - self.entries.keys()):
            address, empty = self._address, _row(Received())
            self._connection.execute(
                insert(epoch),
                [
                    {"store": address.store, "box": address.box, "epoch": name, **empty}
                    for name in new
                ],
            )
            self._read(new)

    def _read(self, names: Collection[str]) -> None:
        few = len(names) <= _NAMED_AT_ONCE
        which: ColumnElement[bool] = (
            and_(self._mine, epoch.c.epoch.in_(sorted(names))) if few else self._mine
        )
        gaps = defaultdict(list)
        for pk, low, high in self._connection.execute(
            select(gap.c.epoch_pk, gap.c.low, gap.c.high)
            .join(epoch, epoch.c.pk == gap.c.epoch_pk)
            .where(which, epoch.c.through < epoch.c.top)
            .order_by(gap.c.epoch_pk, gap.c.low)
        ):
            gaps[pk].append((low, high))
        wanted = set(names)
        for row in self._connection.execute(select(epoch).where(which)):
            if row.epoch not in wanted:
                continue
            received = Received(
                top=row.top, declared=row.declared, lost=row.lost, gaps=gaps[row.pk]
            )
            self.entries[row.epoch] = Entry(
                pk=row.pk,
                name=row.epoch,
                received=received,
                row=_row(received),
                gaps=frozenset(received.gaps),
            )

    def held_events(self, entry: Entry, seqs: Iterable[int]) -> set[int]:
        """Return which of the numbers have their event in the table already."""
        asked = sorted(seq for seq in seqs if entry.received.holds(seq))
        found: set[int] = set()
        for start in range(0, len(asked), _NAMED_AT_ONCE):
            some = asked[start : start + _NAMED_AT_ONCE]
            rows = self._connection.execute(
                select(event.c.seq).where(event.c.epoch_pk == entry.pk, event.c.seq.in_(some))
            )
            found |= set(rows.scalars())
        return found

    def save(self) -> None:
        """Write the epochs that changed."""
        rows: list[dict[str, Any]] = []
        closed: list[dict[str, Any]] = []
        opened: list[dict[str, Any]] = []
        for entry in self.entries.values():
            now = frozenset(entry.received.gaps)
            closed += [{"pk": entry.pk, "at_low": low} for low, _ in entry.gaps - now]
            opened += [
                {"epoch_pk": entry.pk, "low": low, "high": high} for low, high in now - entry.gaps
            ]
            if (row := _row(entry.received)) != entry.row:
                rows.append({"of": entry.pk, **row})
        if closed:
            statement = delete(gap).where(
                gap.c.epoch_pk == bindparam("pk"), gap.c.low == bindparam("at_low")
            )
            self._connection.execute(statement, closed)
        if opened:
            self._connection.execute(upsert(self._connection, gap), opened)
        if rows:
            self._connection.execute(update(epoch).where(epoch.c.pk == bindparam("of")), rows)
