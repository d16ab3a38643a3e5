"""Takes what booking systems say: files of bookings, and signed messages, each booking once.

Used by the pages and the API, and by whoever reads a drop folder. A booking is known by the number
that its system gives it, of which only a blind index is kept.
"""

from collections.abc import Sequence
from typing import Final

from edge.core.appointments import Course
from edge.core.profile import plain_id
from edge.desk.appointment_view import Loaded
from edge.desk.bookings import COLUMNS, Told, Wrong, read_told
from edge.desk.means import Means
from edge.desk.tables import Fault, TableUnreadable, read_table
from edge.keys.profiles import ProfileKeys
from edge.store import appointment_book as book
from edge.store import appointments as store
from edge.store.appointment_book import AppointmentsFull, Taken
from edge.store.appointments import Held, Source, Whose
from edge.store.audit import Audit, Code
from edge.store.database import transaction
from edge.store.ids import random_id

ROWS_MAX: Final = 5_000
"""Of one file: months of a busy shop."""
_BATCH: Final = 100
"""Rows in one transaction: short enough for nobody to wait, long enough for a slow card."""


class Intake:
    """What booking systems tell the shop."""

    def __init__(self, means: Means) -> None:
        self._db = means.db
        self._clock = means.clock
        self._zone = means.zone
        self._keys = means.keys
        self._teller = means.teller
        self._wake = means.wake

    def read(self, texts: dict[str, str]) -> Told | tuple[Wrong, ...]:
        """Return what a message says of a booking, or all that is wrong with it."""
        return read_told(texts, self._zone, self._clock.now())

    def load(self, raw: bytes, actor: str) -> Loaded:
        """Take a file of bookings (`edge.desk.bookings.COLUMNS`): its sound rows, each once.

        Raises:
            edge.store.database.StoreAway: it cannot be kept now; what was taken stays.
        """
        keys = self._keys()
        if keys is None:
            return Loaded(problem="key")
        try:
            table = read_table(raw, COLUMNS)
        except TableUnreadable as exc:
            return Loaded(problem=exc.code, missing=exc.columns)
        if len(table.rows) > ROWS_MAX:
            return Loaded(problem="too_large")
        faults, told = list(table.faults), list[Told]()
        numbers = set[str]()
        for row in table.rows:
            read = read_told(row.cells, self._zone, self._clock.now())
            if not isinstance(read, Told):
                faults += [Fault(line=row.line, code=one.code, column=one.column) for one in read]
            elif plain_id(read.number) in numbers:
                faults.append(Fault(line=row.line, code="twice", column="id"))
            else:
                numbers.add(plain_id(read.number))
                told.append(read)
        faults.sort(key=lambda fault: fault.line)
        taken, full = list[Taken](), False
        try:
            for at in range(0, len(told), _BATCH):
                taken += self._take_some(keys, told[at : at + _BATCH], actor)
        except AppointmentsFull:
            full = True
        finally:
            if taken:
                self._wake()
        return Loaded(
            new=taken.count("new"),
            changed=taken.count("changed"),
            known=taken.count("same") + taken.count("older"),
            faults=tuple(faults),
            problem="full" if full else None,
        )

    def _take_some(self, keys: ProfileKeys, told: Sequence[Told], actor: str) -> list[Taken]:
        db = self._db()
        with transaction(db):
            taken = [self._take(keys, one, "file", rev=None) for one in told]
            news = sum(one in ("new", "changed") for one in taken)
            detail: dict[str, Code] = {"how": "file", "count": news}
            now = self._clock.now()
            Audit(db).append(at=now, what="appointment", actor=actor, detail=detail)
        return taken

    def hear(self, told: Told, rev: int, actor: str) -> Taken | None:
        """Take what a booking system says of one of its bookings; None: the box lacks its key.

        Args:
            told: what it says.
            rev: which of its words on that booking this is; only the highest is taken.
            actor: the sender.

        Raises:
            AppointmentsFull: too many are kept.
            edge.store.database.StoreAway: it cannot be kept now.
        """
        keys, db = self._keys(), self._db()
        if keys is None:
            return None
        with transaction(db):
            taken = self._take(keys, told, "webhook", rev=rev)
            if taken in ("new", "changed"):
                held = store.by_key(db, keys, keys.blind_booking(told.number))
                assert held is not None, "it was kept just now"
                detail: dict[str, Code] = {"how": "heard", "appointment": held.id}
                Audit(db).append(
                    at=self._clock.now(),
                    what="appointment",
                    actor=actor,
                    subject=held.member,
                    detail=detail,
                )
        if taken in ("new", "changed"):
            self._wake()
        return taken

    def _take(self, keys: ProfileKeys, told: Told, source: Source, rev: int | None) -> Taken:
        booking, ref = told.booking, told.external_id
        held = Held(
            id=random_id(),
            source=source,
            key=keys.blind_booking(told.number),
            rev=rev or 0,
            whose=Whose(ref=keys.blind(ref) if ref else None),
            at=booking.at if booking else None,
            channel=booking.channel if booking else None,
            booking=booking,
            course=Course(state="expected" if booking else "cancelled"),
        )
        now = self._clock.now()
        return book.take(self._db(), keys, held, now, self._teller, in_order=rev is not None)
