"""Takes the hub's orders and says which are held: the way down, without any network.

Driven by `mqtt`. Orders come under the hub's `(epoch, seq)`; they may be lost, come twice or in
another order. Each is carried out once and noted; the hub sends until it hears that it was.
"""

import logging
import random
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from edge.ports import Clock
from edge.store.database import StoreAway
from edge.store.orders import HeldOrders
from edge.wire.orders import OrderBody, Orders, OrdersAck, SealingKey
from edge.wire.sharing import Shared, SharedAck, Sharing

log = logging.getLogger(__name__)

TOLD_EVERY_S: Final = 600.0
"""All that is held is told so often, should a word of it have been lost."""


class CarryOut(Protocol):
    """Does what orders say."""

    def __call__(self, body: OrderBody) -> str | None:
        """Carry an order out for good; return why it is refused for good, None if it is not.

        Raises:
            StoreAway: not now; it will come again.
        """
        ...


class Shares(Protocol):
    """Says and hears what this box shares with others."""

    def on_connected(self) -> None:
        """A connection stands: everything is to be said on it."""
        ...

    def words(self, session: str, now: float) -> Sequence[Sharing | Shared]:
        """Return what is to be said now. `now`: monotonic seconds."""
        ...

    def heard(self, ack: SharedAck) -> None:
        """Take the hub's word on what it holds.

        Raises:
            StoreAway: it cannot be kept now.
        """
        ...


Refuse = Callable[[str, int, str], None]
"""Tells the hub, in the caller's transaction, that `(epoch, seq)` is refused, and why."""


class Down:
    """What is done with orders.

    Args:
        held: the numbers of those that were carried out.
        carry_out: does what they say.
        refuse: tells the hub of those that cannot be carried out.
        clock: the box's clock.
        key: the public half of the box's key, where head office wants it and it is there.
        sharing: says and hears what is shared with other boxes; None: nothing is.
    """

    def __init__(
        self,
        *,
        held: HeldOrders,
        carry_out: CarryOut,
        refuse: Refuse,
        clock: Clock,
        key: Callable[[], str | None] = lambda: None,
        sharing: Shares | None = None,
    ) -> None:
        self._held = held
        self._carry_out = carry_out
        self._refuse = refuse
        self._clock = clock
        self._key = key
        self._sharing = sharing
        self._tell_at = 0.0
        self._told_key: str | None = None

    def take(self, orders: Orders, session: str) -> OrdersAck:
        """Carry out what is new; return what is held of this epoch now."""
        before = self._held.of(orders.epoch)
        refused = {one.seq: one.code for one in orders.faulty}
        for one in orders.faulty:
            if not before.holds(one.seq):
                log.warning("an order of the hub is refused: %s", one.reason)
        done = set(refused)
        waits = False
        fresh = [order for order in orders.orders if not before.holds(order.seq)]
        for order in sorted(fresh, key=lambda one: one.seq):
            try:
                code = self._carry_out(order.body)
            except StoreAway as exc:
                # Others may not need what is away: an erasure waits for no member's key.
                if not waits:
                    log.warning("orders of the hub have to wait: %s", exc)
                waits = True
                continue
            done.add(order.seq)
            if code is not None:
                refused[order.seq] = code
        self._note(orders.epoch, {seq for seq in done if not before.holds(seq)}, refused)
        return self._word(session, orders.epoch)

    def _note(self, epoch: str, done: set[int], refused: dict[int, str]) -> None:
        def tell() -> None:
            for seq in sorted(done & refused.keys()):
                self._refuse(epoch, seq, refused[seq])

        if not done:
            return
        try:
            self._held.take(epoch, sorted(done), self._clock.now(), tell)
        except StoreAway as exc:
            log.warning("what was carried out cannot be noted: %s; it comes again", exc)

    def _word(self, session: str, epoch: str | None) -> OrdersAck:
        return OrdersAck(
            session=session,
            whole=epoch is None,
            mark=self._held.mark(),
            epochs=self._held.told(epoch),
        )

    def on_connected(self) -> None:
        """A connection stands: all that is held is to be told, as soon as a hub answers."""
        self._tell_at = 0.0
        self._told_key = None
        if self._sharing is not None:
            self._sharing.on_connected()

    def words(self, session: str, now: float) -> list[OrdersAck | SealingKey | Sharing | Shared]:
        """Return what is to be said to the hub now. `now`: monotonic seconds."""
        said = [self.whole(session, now), self.sealing_key(session)]
        shared = self._sharing.words(session, now) if self._sharing is not None else ()
        return [*(word for word in said if word is not None), *shared]

    def heard(self, ack: SharedAck) -> None:
        """Take the hub's word on what is shared; what cannot be kept is asked for again."""
        if self._sharing is None:
            return
        try:
            self._sharing.heard(ack)
        except StoreAway as exc:
            log.warning("the hub's word on what is shared cannot be kept: %s", exc)

    def sealing_key(self, session: str) -> SealingKey | None:
        """Return a word on the box's key when it is wanted and was not told lately."""
        key = self._key()
        if key is None or key == self._told_key:
            return None
        self._told_key = key
        return SealingKey(session=session, public=key)

    def whole(self, session: str, now: float) -> OrdersAck | None:
        """Return a word on all that is held when it is due. `now`: monotonic seconds."""
        if now < self._tell_at:
            return None
        self._told_key = None
        self._tell_at = now + TOLD_EVERY_S * random.uniform(0.9, 1.1)
        return self._word(session, None)
