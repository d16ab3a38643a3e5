"""What the hub orders of a box, each field declared once with its check, and the box's word on it.

Orders travel on `down` under the hub's own `(epoch, seq)`, which is gap-free for each box. Each
is about one thing that is versioned or final, so that to carry it out twice, late or in another
order ends in the same: the newest version holds, what is erased stays so. Built by the hub's
`orders`, carried out by the box; turned into bytes and back by `codec`.

No field can raise a mode, name a camera or an address, or lengthen what is remembered: there is
none for it. The texts for people are the shop's own name and those of channels.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final

from edge.wire import checks
from edge.wire.channels import Listed, channels
from edge.wire.messages import EpochAck, declared
from edge.wire.sharing import Bundle, Statement

ORDERS_MAX: Final = 40
"""Orders in one message: with the largest members 245 kB; of what is larger, fewer."""
WINDOW_S_MAX: Final = 30 * 86_400
NOTICES: Final = (
    *("drop", "surge", "silent", "blind"),
    *("bookings_down", "bookings_up"),
    *("box_silent", "box_camera", "box_full", "box_behind", "box_hot", "box_clock"),
)
"""What a notice may be about: fewer or more visitors than expected, nothing heard of the box, a
camera that does not see, fewer or more bookings than in other weeks; and, where somebody at head
office wants the manager to know at once, what is wrong with the box."""

Week = Mapping[str, Sequence[str]]
"""Opening hours by weekday, as [hours] of a box's settings: {"mon": ["10:00", "22:00"]}."""
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


def _week(value: Any) -> Week:
    """Check a week; a day that is not named is closed."""
    if isinstance(value, dict) and value and value.keys() <= set(_DAYS):
        for hours in value.values():
            if not _hours(hours):
                break
        else:
            return {day: tuple(value[day]) for day in _DAYS if day in value}
    raise ValueError('expected opening hours by day such as {"mon": ["10:00", "22:00"]}')


def _hours(value: Any) -> bool:
    if not isinstance(value, list | tuple) or len(value) != 2 or value[0] == value[1]:
        return False
    return all(isinstance(one, str) and _CLOCK.fullmatch(one) for one in value)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigOrder:
    """Settings that head office lays over the box's own file; null leaves the file's.

    The highest `version` holds. Each can only lower what the file allows: a mode and a window
    `at_most`, strangers forgotten, Wi-Fi off; hours, the shop's name and the list of where guests
    come from are head office's.
    """

    KIND: ClassVar[str] = "config"
    version: int = declared(checks.version)
    name: str | None = declared(checks.optional(checks.shop_text), absent=None)
    hours: Week | None = declared(checks.optional(_week), absent=None)
    mode_at_most: str | None = declared(
        checks.optional(checks.choice("count", "checkin", "entrance")), absent=None
    )
    window_s_at_most: int | None = declared(
        checks.optional(checks.integer(1, WINDOW_S_MAX)), absent=None
    )
    since: str | None = declared(checks.optional(checks.choice("first_seen")), absent=None)
    who: str | None = declared(checks.optional(checks.choice("members")), absent=None)
    wifi: str | None = declared(checks.optional(checks.choice("off")), absent=None)
    channels: Sequence[Listed] | None = declared(
        checks.optional(channels), absent=None, default=None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseOrder:
    """Erase the member whose subject has this SHA-256, now and whenever it comes back."""

    KIND: ClassVar[str] = "erase"
    hash: str = declared(checks.digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawOrder:
    """End the consent that the member with this SHA-256 of a subject had given before `at`."""

    KIND: ClassVar[str] = "withdraw"
    hash: str = declared(checks.digest)
    at: datetime = declared(checks.instant)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyWantedOrder:
    """Tell the public half of the key to which members can be sealed: head office has some."""

    KIND: ClassVar[str] = "key_wanted"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberOrder:
    """A member as head office knows them; the highest `rev` holds. What is known is sealed."""

    KIND: ClassVar[str] = "member"
    id: str = declared(checks.ulid)
    rev: int = declared(checks.version)
    sealed: str = declared(checks.sealed, shown=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentOrder:
    """An appointment of somebody; the highest `rev` holds. Null: there is none (any more)."""

    KIND: ClassVar[str] = "appointment"
    id: str = declared(checks.ulid)
    rev: int = declared(checks.version)
    sealed: str | None = declared(checks.optional(checks.sealed), shown=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeOrder:
    """The member `id` of head office turned out to be `kept`, and is that member from now on.

    Final. Sealed are the kept one's external id and name, and the external id that is `gone`.
    """

    KIND: ClassVar[str] = "merge"
    id: str = declared(checks.ulid)
    kept: str = declared(checks.ulid)
    rev: int = declared(checks.version)
    sealed: str = declared(checks.sealed, shown=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointOrder:
    """Remember this mark: whoever has it has carried out all that the hub forgets with it."""

    KIND: ClassVar[str] = "checkpoint"
    mark: str = declared(checks.epoch)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxKeyOrder(Statement):
    """The keys of another box, in its own signed words (`edge.wire.sharing`)."""

    KIND: ClassVar[str] = "box_key"


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateOrder(Bundle):
    """A member's template of another box, whose `place` this is (`edge.wire.sharing`)."""

    KIND: ClassVar[str] = "template"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareAgainOrder:
    """Share once more with a box what it is to have: it was made anew, or from an older copy."""

    KIND: ClassVar[str] = "share_again"
    place: str = declared(checks.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeOrder:
    """Head office saw something in the shop's figures, and lets the manager know; `ends`: it is
    over. `got` null: nobody knows how many came, since that is what is the matter.
    """

    KIND: ClassVar[str] = "notice"
    id: str = declared(checks.ulid)
    what: str = declared(checks.choice(*NOTICES))
    since: datetime = declared(checks.instant)
    expected: int = declared(checks.integer(0, 10_000_000))
    got: int | None = declared(checks.optional(checks.integer(0, 10_000_000)))
    ends: bool = declared(checks.boolean)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidOrder:
    """Nothing: a later order says more, or there is nothing left to say."""

    KIND: ClassVar[str] = "void"


OrderBody = (
    ConfigOrder
    | EraseOrder
    | WithdrawOrder
    | KeyWantedOrder
    | MemberOrder
    | AppointmentOrder
    | MergeOrder
    | CheckpointOrder
    | BoxKeyOrder
    | TemplateOrder
    | ShareAgainOrder
    | NoticeOrder
    | VoidOrder
)
ORDER_BODIES: Final[dict[str, type[OrderBody]]] = {
    body.KIND: body
    for body in (
        *(ConfigOrder, EraseOrder, WithdrawOrder, KeyWantedOrder, MemberOrder, AppointmentOrder),
        *(MergeOrder, CheckpointOrder, BoxKeyOrder, TemplateOrder, ShareAgainOrder, NoticeOrder),
        VoidOrder,
    )
}
SEALED_KINDS: Final = (MemberOrder.KIND, AppointmentOrder.KIND, MergeOrder.KIND)
"""Orders that only the one box can read: its key must be known first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order under its number."""

    seq: int = declared(checks.integer(1))
    body: OrderBody


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultyOrder:
    """An order that cannot be read, but has a number; `code` as an `order_refused` tells it."""

    seq: int
    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """1 to 40 orders of one epoch of the hub. `faulty` are those of them that cannot be read."""

    TYPE: ClassVar[str] = "orders"
    epoch: str = declared(checks.epoch)
    orders: tuple[Order, ...]
    faulty: tuple[FaultyOrder, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SealingKey:
    """The box's own X25519 key for what the hub seals to it; it was asked for (`key_wanted`)."""

    TYPE: ClassVar[str] = "sealing_key"
    session: str = declared(checks.epoch)
    public: str = declared(checks.public_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersAck:
    """What the box holds of the hub's orders: of each epoch all up to `through`, but not `missing`.

    `whole`: it speaks of all that the box holds. Whatever the hub has noted beyond that the box
    does not have (any more), and whoever ends with another `mark` than the hub's has missed what
    the hub forgot since.
    """

    TYPE: ClassVar[str] = "orders_ack"
    session: str = declared(checks.epoch)
    whole: bool = declared(checks.boolean)
    mark: str | None = declared(checks.optional(checks.epoch))
    epochs: tuple[EpochAck, ...]
