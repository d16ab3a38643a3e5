"""Carries out what the hub orders: settings, erasures, withdrawals. In the front process.

Put together by `app.front`; called by `edge.uplink.down` in the uplink's thread, with a database
connection of its own. Whatever is done is in the audit log under the actor `head_office`.
"""

import logging
from collections.abc import Callable
from typing import Final

from sqlite_utils import Database

from edge.app.common import reading_of
from edge.config import EdgeConfig
from edge.desired import CannotLay, laid, laid_over
from edge.ports import Clock
from edge.store import register
from edge.store.audit import Audit
from edge.store.consents import Change, history
from edge.store.database import transaction
from edge.store.orders import HeldOrders, bury, keep_wish, member_with, wish_of
from edge.store.outbox import Outbox
from edge.uplink.down import Down
from edge.wire.messages import Body, ConfigReported, MemberChanged, OrderRefused
from edge.wire.orders import (
    CheckpointOrder,
    ConfigOrder,
    EraseOrder,
    OrderBody,
    VoidOrder,
    WithdrawOrder,
)

log = logging.getLogger(__name__)

ACTOR: Final = "head_office"


class HeadOffice:
    """Does what orders say, through one connection.

    Args:
        config: the box's own settings, as the file has them.
        db: a connection for the calling thread.
        epoch: the epoch of this start, for what is told of it.
        clock: the box's clock.
        changed: is told when other settings hold.
        wake: tells the other processes to look into the database.
    """

    def __init__(
        self,
        *,
        config: EdgeConfig,
        db: Database,
        epoch: str,
        clock: Clock,
        changed: Callable[[], None],
        wake: Callable[[], None],
    ) -> None:
        self._config = config
        self._db = db
        self._epoch = epoch
        self._clock = clock
        self._changed = changed
        self._wake = wake
        self._audit = Audit(db)
        self._outbox = Outbox(db)
        self._held = HeldOrders(db)

    def down(self) -> Down:
        """Return what takes orders in."""
        return Down(held=self._held, carry_out=self, refuse=self._refuse, clock=self._clock)

    def __call__(self, body: OrderBody) -> str | None:
        """Carry out an order (see `edge.uplink.down.CarryOut`)."""
        match body:
            case ConfigOrder():
                self._configure(body)
            case EraseOrder():
                self._erase(body)
            case WithdrawOrder():
                self._withdraw(body)
            case CheckpointOrder():
                self._held.keep_mark(body.mark, self._clock.now())
            case VoidOrder():
                pass
        return None

    def _refuse(self, epoch: str, seq: int, code: str) -> None:
        self._tell(OrderRefused(order_epoch=epoch, order_seq=seq, code=code))

    def _tell(self, body: Body) -> None:
        self._outbox.append(self._epoch, [(body, reading_of(self._clock))])

    def _tell_change(self, subject: str, change: Change) -> None:
        self._tell(MemberChanged(subject=subject, change=change))

    def _configure(self, wish: ConfigOrder) -> None:
        before = wish_of(self._db)
        if before is not None and wish.version <= before.version:
            if wish.version < before.version:
                self._report(wish, "superseded", None)
            return
        try:
            laid_over(self._config, wish)
        except CannotLay as exc:
            log.warning("%s", exc)
            self._report(wish, "refused", exc.code)
            return
        now = self._clock.now()
        with transaction(self._db):
            keep_wish(self._db, wish, now)
            self._audit.append(
                at=now,
                what="change",
                actor=ACTOR,
                detail={"config": wish.version, "laid_over": ".".join(laid(wish)) or None},
            )
            self._tell(ConfigReported(version=wish.version, state="applied", code=None))
        log.info("head office has laid over: %s", ", ".join(laid(wish)) or "nothing")
        self._changed()
        self._wake()

    def _report(self, wish: ConfigOrder, state: str, code: str | None) -> None:
        with transaction(self._db):
            self._tell(ConfigReported(version=wish.version, state=state, code=code))
        self._wake()

    def _erase(self, order: EraseOrder) -> None:
        now = self._clock.now()
        with transaction(self._db):
            bury(self._db, order.hash, now)
        found = member_with(self._db, order.hash)
        if found is None:
            return
        member_id, _ = found
        if not register.erase(
            self._db, member_id, now, actor=ACTOR, tell=self._tell_change, patience_s=0.5
        ):
            log.info("encrypted remains of an erased member are cleared away within minutes")
        self._wake()

    def _withdraw(self, order: WithdrawOrder) -> None:
        found = member_with(self._db, order.hash)
        if found is None:
            return
        member_id, subject = found
        rows = history(self._db, subject)
        if not rows or rows[-1].kind != "given":
            return
        given_at = rows[-1].given_at
        if given_at is not None and given_at >= order.at:
            return  # the member has agreed again since
        register.withdraw(
            self._db,
            member_id,
            self._clock.now(),
            actor=ACTOR,
            tell=self._tell_change,
            patience_s=0.5,
        )
        self._wake()
