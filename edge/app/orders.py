"""Carries out the hub's orders: settings, members, appointments, erasures, notices. In the front.

Put together by `app.front`; called by `edge.uplink.down` in the uplink's thread, with a database
connection of its own. Whatever is done is in the audit log under the actor `head_office`.
"""

import json
import logging
from collections.abc import Callable
from typing import Any, Final

from sqlite_utils import Database

from edge.app.common import reading_of
from edge.app.share_post import SharePost
from edge.config import EdgeConfig
from edge.core.appointments import Booking, Course
from edge.core.flaws import Flaws
from edge.desired import CannotLay, laid, laid_over
from edge.desk.bookings import read_channel
from edge.keys.errors import Unreadable
from edge.keys.orders import OrderKeys
from edge.keys.profiles import ProfileKeys
from edge.ports import Clock
from edge.store import endings, notices, shares
from edge.store.appointment_book import take
from edge.store.appointments import Held, Whose, rev_of
from edge.store.audit import Audit
from edge.store.consents import Change, history
from edge.store.database import StoreAway, transaction
from edge.store.desk_facts import Teller
from edge.store.merging import Merging
from edge.store.orders import (
    HeldOrders,
    bury,
    is_buried,
    keep_wish,
    key_wanted,
    member_with,
    note_office_member,
    office_member,
    want_key,
    wish_of,
)
from edge.store.outbox import Outbox
from edge.store.people import ProfileUnreadable
from edge.store.register import ExternalIdTaken, Register
from edge.uplink.down import Down
from edge.wire import checks
from edge.wire.messages import (
    Body,
    ConfigReported,
    MemberChanged,
    MemberLinked,
    OrderRefused,
)
from edge.wire.orders import (
    AppointmentOrder,
    BoxKeyOrder,
    CheckpointOrder,
    ConfigOrder,
    EraseOrder,
    KeyWantedOrder,
    MemberOrder,
    MergeOrder,
    NoticeOrder,
    OrderBody,
    ShareAgainOrder,
    TemplateOrder,
    VoidOrder,
    WithdrawOrder,
)
from edge.wire.sealing import order_context
from edge.wire.topics import BoxAddress

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
        profile_root: the root of the profiles' keys, None while there is none.
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
        profile_root: Callable[[], bytes | None],
    ) -> None:
        self._config = config
        self._db = db
        self._epoch = epoch
        self._clock = clock
        self._changed = changed
        self._wake = wake
        self._profile_root = profile_root
        self._address = BoxAddress(store=config.store.id, box=config.box.id)
        self._audit = Audit(db)
        self._outbox = Outbox(db)
        self._teller = Teller(epoch=epoch, reading=lambda: reading_of(clock))
        self._held = HeldOrders(db)
        self._sharing = SharePost(
            config=config,
            db=db,
            clock=clock,
            profile_root=profile_root,
            tell=self._tell_change,
        )

    def down(self) -> Down:
        """Return what takes orders in."""
        return Down(
            held=self._held,
            carry_out=self,
            refuse=self._refuse,
            clock=self._clock,
            key=self._public_key,
            sharing=self._sharing,
        )

    def _public_key(self) -> str | None:
        root = self._profile_root() if key_wanted(self._db) else None
        return OrderKeys(root).public if root is not None else None

    def __call__(self, body: OrderBody) -> str | None:
        """Carry out an order (see `edge.uplink.down.CarryOut`)."""
        match body:
            case ConfigOrder():
                self._configure(body)
            case EraseOrder():
                self._erase(body)
            case WithdrawOrder():
                self._withdraw(body)
            case KeyWantedOrder():
                want_key(self._db, self._clock.now())
            case MemberOrder():
                return self._receive(body)
            case AppointmentOrder():
                return self._book(body)
            case MergeOrder():
                return self._merge(body)
            case CheckpointOrder():
                self._held.keep_mark(body.mark, self._clock.now())
            case BoxKeyOrder():
                return self._sharing.hear_key(body)
            case TemplateOrder():
                return self._shared(body)
            case ShareAgainOrder():
                shares.share_again(self._db, body.place)
            case NoticeOrder():
                notices.take(self._db, body, self._clock.now())
                self._wake()
            case VoidOrder():
                pass
        return None

    def _shared(self, order: TemplateOrder) -> str | None:
        code = self._sharing.receive(order)
        if code is None:
            self._wake()
        return code

    def _root(self) -> bytes:
        """Return the root of the profiles' keys.

        Raises:
            StoreAway: it is not there now; the order comes again.
        """
        root = self._profile_root()
        if root is None:
            raise StoreAway("the key of the profiles is not there")
        return root

    def _opened(self, root: bytes, kind: str, thing: str, rev: int, sealed: str) -> Any:
        """Return the texts that an order holds, None if they do not open or are none."""
        try:
            context = order_context(self._address, kind, thing, rev)
            texts = json.loads(OrderKeys(root).open(sealed, context))
        except (Unreadable, ValueError):
            return None
        sound = isinstance(texts, dict) and all(isinstance(one, str) for one in texts.values())
        return texts if sound and texts.get("external_id") else None

    def _receive(self, order: MemberOrder) -> str | None:
        known = office_member(self._db, order.id)
        if is_buried(self._db, order.id) or (known is not None and order.rev <= known[1]):
            return None
        root = self._root()
        texts = self._opened(root, order.KIND, order.id, order.rev, order.sealed)
        if texts is None:
            return "unreadable"

        def note(subject: str) -> None:
            if note_office_member(self._db, order.id, subject, order.rev):
                self._tell(MemberLinked(subject=subject, member=order.id))

        taking = Register(self._db, ProfileKeys(root), actor=ACTOR, tell=self._tell_change)
        try:
            subject = known[0] if known else None
            taking.receive(texts, self._clock.now(), known=subject, also=note)
        except Flaws:
            return "malformed"
        except (ExternalIdTaken, ProfileUnreadable):
            return "taken"
        self._wake()
        return None

    def _merge(self, order: MergeOrder) -> str | None:
        if is_buried(self._db, order.kept):
            return None
        root = self._root()
        texts = self._opened(root, order.KIND, order.id, order.rev, order.sealed)
        if texts is None:
            return "unreadable"
        if not {"gone", "external_id", "name"} <= texts.keys():
            return "malformed"
        merging = Merging(
            self._db, ProfileKeys(root), actor=ACTOR, tell=self._tell_change, say=self._tell
        )
        try:
            merging.carry_out(order, texts, self._clock.now())
        except Flaws:
            return "malformed"
        except (ExternalIdTaken, ProfileUnreadable):
            return "taken"
        if not endings.emptied_log(self._db, 0.5):
            log.info("encrypted remains of a merged member are cleared away within minutes")
        self._wake()
        return None

    def _book(self, order: AppointmentOrder) -> str | None:
        if order.rev <= rev_of(self._db, order.id):
            return None
        root = self._root()
        booking, whose, course = None, Whose(), Course(state="cancelled")
        if order.sealed is not None:
            texts = self._opened(root, order.KIND, order.id, order.rev, order.sealed)
            if texts is None:
                return "unreadable"
            try:
                booking = _booking(texts)
            except (KeyError, ValueError):
                return "malformed"
            whose = Whose(ref=ProfileKeys(root).blind(texts["external_id"]))
            course = Course()
        told = Held(
            id=order.id,
            source="office",
            rev=order.rev,
            whose=whose,
            at=booking.at if booking else None,
            channel=booking.channel if booking else None,
            booking=booking,
            course=course,
        )
        with transaction(self._db):
            take(self._db, ProfileKeys(root), told, self._clock.now(), self._teller)
        self._wake()
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
        if not endings.erase(
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
        endings.withdraw(
            self._db,
            member_id,
            self._clock.now(),
            actor=ACTOR,
            tell=self._tell_change,
            since=order.at,
            patience_s=0.5,
        )
        self._wake()


def _booking(texts: dict[str, str]) -> Booking:
    """Return what head office booked; a channel of a later release is `other`.

    Raises:
        KeyError, ValueError: there is no such thing in the texts.
    """
    at, channel = checks.instant(texts["at"]), read_channel(texts["channel"])
    return Booking(at=at, what=texts["what"], channel=channel)
