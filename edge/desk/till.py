"""What tills send: receipts, many at once. Called by the API and by the drop folder (`drop`).

Each batch is one transaction, one at a time: a million receipts wait at the tills, not here. Who
comes while `WAITING` batches wait is told to come again, so the threads that serve the consultants'
pages stay free, and a store that is nearly full takes none (ADR 10).
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

from sqlite_utils import Database

from edge.core.receipt import Receipt
from edge.core.receipts import STAYS
from edge.desk.means import Means
from edge.keys.profiles import ProfileKeys
from edge.store import switches
from edge.store.database import StoreAway, StoreFull, transaction
from edge.store.limit import state_of
from edge.store.receipts import Answer, KeysMissing, Receipts
from edge.store.sales import has_receipts, paid_since
from edge.wire.messages import DeskFact

BATCH: Final = 100
"""Receipts in one transaction: some 20 ms, during which eyes and desk wait to write."""
WAITING: Final = 2
"""Batches that wait while one is taken; the pages have eight threads."""
_FULL: Final = ("hourly", "refused")
"""States of the store (`store.limit`) in which receipts wait at the tills: what is left of it is
for the eyes, whose crossings nobody can send again."""
LEAVES_AFTER: Final = timedelta(minutes=10)
"""A visit ends so long after its receipt (DESIGN section 6)."""
ACTOR: Final = "till"
TIE_EVERY_S: Final = 5.0


class TillBusy(Exception):
    """Too many batches wait; come again in a second."""


class TillDesk:
    """Takes receipts.

    Args:
        means: what every desk works with.
        store_id: this shop.
        root: what digests of receipts are made under, 32 bytes.
    """

    def __init__(
        self,
        means: Means,
        *,
        store_id: str,
        root: Callable[[], bytes],
    ) -> None:
        self.store_id = store_id
        self.zone = means.zone
        self._db = means.db
        self._now = means.now
        self._trusted = means.is_sure
        self._profile_root = means.profile_root
        self._root = root
        self._teller = means.teller
        self._wake = means.wake
        self._turn = threading.Lock()
        self._room = threading.BoundedSemaphore(1 + WAITING)
        self._seen: tuple[int, str] | None = None

    def take(self, receipts: Sequence[Receipt]) -> tuple[Answer, ...]:
        """Keep receipts, at most `BATCH`: all that can be, in one transaction.

        What came before is answered as it was then.

        Raises:
            TillBusy: too many wait.
            KeysMissing: one names a member, and the box lacks its key: nothing was kept.
            StoreAway: nothing can be kept now.
        """
        if not self._room.acquire(blocking=False):
            raise TillBusy
        try:
            with self._turn:
                return self._take(receipts)
        finally:
            self._room.release()

    def _take(self, receipts: Sequence[Receipt]) -> tuple[Answer, ...]:
        if len(receipts) > BATCH:
            raise ValueError(f"receipts: expected at most {BATCH} at once, got {len(receipts)}")
        db, now, sure = self._db(), self._now(), self._trusted()
        if state_of(db) in _FULL:
            raise StoreFull("receipts: the store is nearly full; see the notices on the box's page")
        facts: list[DeskFact] = []
        with transaction(db):
            kept = self._receipts(db, facts)
            answers = tuple(kept.take(one, now, sure=sure) for one in receipts)
            self._teller.tell_all(db, facts)
        if facts:
            self._wake()
        return answers

    def _receipts(self, db: Database, facts: list[DeskFact]) -> Receipts:
        root = self._profile_root()
        return Receipts(
            db,
            store_id=self.store_id,
            zone=self.zone,
            keys=ProfileKeys(root) if root is not None else None,
            root=self._root(),
            tell=facts.append,
        )

    def run(self, stop: threading.Event) -> None:
        """Tie anew what was learnt of visits since, and end those of whoever has paid, until `stop`
        is set.
        """
        while not stop.wait(TIE_EVERY_S):
            with suppress(StoreAway):  # the next look does it
                self.tie_anew()
                self.see_off()

    def tie_anew(self) -> int:
        """Tie anew what may tie otherwise by now; return how many did. Looks only after news.

        Raises:
            StoreAway: nothing can be kept now.
        """
        db = self._db()
        (version,) = db.execute("PRAGMA data_version").fetchone()
        news = version, f"{self._now():%Y-%m-%dT%H}"
        if news == self._seen or not has_receipts(db):
            return 0
        facts: list[DeskFact] = []
        with transaction(db):
            done = self._receipts(db, facts).tie_anew(self._now())
            self._teller.tell_all(db, facts)
        self._seen = news
        if done:
            self._wake()
        return done

    def see_off(self) -> int:
        """Ask the eyes to end the visits whose guest paid `LEAVES_AFTER` ago; return how many.

        Raises:
            StoreAway: nothing can be kept now.
        """
        db, now = self._db(), self._now()
        paid = paid_since(db, now - STAYS, now - LEAVES_AFTER)
        asked = [
            switches.ask(db, kind="paid", visit=visit, actor=ACTOR, now=at + LEAVES_AFTER)
            for visit, at in paid
        ]
        if any(asked):
            self._wake()
        return sum(asked)


__all__ = ["BATCH", "KeysMissing", "TillBusy", "TillDesk"]
