"""What is held of the epochs of boxes, loaded and saved within the caller's transaction.

Used by `ingest`, for all boxes of a set of messages at once. The reckoning itself is
`received`'s; here are only its rows.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from cloud.bulk import KEYS, Bulk, Question, some_at_once
from cloud.db import upsert
from cloud.tables import epoch, event, gap
from edge.wire.received import Range, Received
from edge.wire.topics import BoxAddress

_KEY: Final = (epoch.c.store, epoch.c.box, epoch.c.epoch)
_STATE: Final = ("through", "top", "declared", "missing", "lost")
_BEGIN: Final = Bulk(lambda _: insert(epoch), ("store", "box", "epoch", *_STATE))
_SAVE: Final = Bulk(
    lambda _: (
        update(epoch)
        .where(epoch.c.pk == bindparam("of"))
        .values({name: bindparam(name) for name in _STATE})
    ),
    (*_STATE, "of"),
)
_OPEN: Final = Bulk(lambda connection: upsert(connection, gap), ("epoch_pk", "low", "high"))
_CLOSE: Final = Bulk(
    lambda _: delete(gap).where(
        gap.c.epoch_pk == bindparam("of"), gap.c.low == bindparam("at_low")
    ),
    ("of", "at_low"),
)

_READ: Final = Question(
    select(epoch.c.pk, *_KEY, *(epoch.c[name] for name in _STATE)).where(KEYS), _KEY
)

Named = tuple[str, str, str]
"""A shop, a box and the name of one of its epochs."""


@dataclass(slots=True, kw_only=True)
class Entry:
    """One epoch: its row's key, what is held, and the row and gaps as they were loaded."""

    pk: int
    name: str
    received: Received
    row: tuple[int, ...]
    gaps: frozenset[Range]
    came: tuple[int, int] | None = None  # lowest and highest number in this set of messages

    def take(self, seqs: Sequence[int]) -> None:
        """Note numbers, which rise and differ, as held."""
        self.received.take(seqs)
        low, high = self.came or (seqs[0], seqs[-1])
        self.came = (min(low, seqs[0]), max(high, seqs[-1]))


def _row(received: Received) -> tuple[int, ...]:
    """Return an epoch's figures, in the order of `_STATE`."""
    return (
        *(received.through, received.top, received.declared, received.missing),
        received.lost,
    )


class Ledger:
    """The epochs of boxes. The caller holds the locks on the boxes' rows."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._entries: dict[tuple[str, str], dict[str, Entry]] = defaultdict(dict)

    def of(self, address: BoxAddress) -> dict[str, Entry]:
        """Return the loaded epochs of a box by their names."""
        return self._entries[address.store, address.box]

    def load(self, named: Collection[Named]) -> None:
        """Load the named epochs; those never heard of begin empty."""
        self._read(named)
        if new := sorted(
            (store, box, name)
            for store, box, name in named
            if name not in self._entries[store, box]
        ):
            empty = _row(Received())
            _BEGIN.run(self._connection, [(*key, *empty) for key in new])
            self._read(new)

    def _read(self, named: Collection[Named]) -> None:
        rows = _READ.ask(self._connection, sorted(named))
        gaps = self._gaps([row[0] for row in rows if row[4] < row[5]])  # through, top
        for pk, store, box, name, through, top, declared, missing, lost in rows:
            held = gaps.get(pk, [])
            self._entries[store, box][name] = Entry(
                pk=pk,
                name=name,
                received=Received(top=top, declared=declared, lost=lost, gaps=held),
                row=(through, top, declared, missing, lost),
                gaps=frozenset(held),
            )

    def _gaps(self, pks: list[int]) -> dict[int, list[Range]]:
        """Return the gaps of epochs that have some."""
        gaps: dict[int, list[Range]] = defaultdict(list)
        for some in some_at_once(pks):
            for pk, low, high in self._connection.execute(
                select(gap.c.epoch_pk, gap.c.low, gap.c.high)
                .where(gap.c.epoch_pk.in_(some))
                .order_by(gap.c.epoch_pk, gap.c.low)
            ):
                gaps[pk].append((low, high))
        return gaps

    def held_events(self, entry: Entry, seqs: Iterable[int]) -> set[int]:
        """Return which of the numbers have their event in the table already."""
        asked = sorted(seq for seq in seqs if entry.received.holds(seq))
        found: set[int] = set()
        for some in some_at_once(asked):
            rows = self._connection.execute(
                select(event.c.seq).where(event.c.epoch_pk == entry.pk, event.c.seq.in_(some))
            )
            found |= set(rows.scalars())
        return found

    def save(self) -> None:
        """Write the epochs that changed."""
        rows: list[tuple[Any, ...]] = []
        closed: list[tuple[Any, ...]] = []
        opened: list[tuple[Any, ...]] = []
        for entries in self._entries.values():
            for entry in entries.values():
                if entry.gaps or entry.received.gaps:
                    now = frozenset(entry.received.gaps)
                    closed += [(entry.pk, low) for low, _ in entry.gaps - now]
                    opened += [(entry.pk, low, high) for low, high in now - entry.gaps]
                if (row := _row(entry.received)) != entry.row:
                    rows.append((*row, entry.pk))
        for bulk, changed in ((_CLOSE, closed), (_OPEN, opened), (_SAVE, rows)):
            bulk.run(self._connection, changed)
