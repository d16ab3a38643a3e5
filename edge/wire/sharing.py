"""How a member's template travels from box to box: sealed, signed, and opaque to the hub.

    receiving box ──Sharing: its keys, signed──> hub ──`box_key` order──> sending box
    sending box   ──Shared: sealed, signed─────> hub ──`template` order─> receiving box
                  <──SharedAck──────────────────

A `Sharing` tells how things are, again and again; a `Shared` is sent until the hub has
acknowledged it, and the highest `rev` of each (sender, receiver, id) holds. Built by the box's
`uplink.sharing` and the hub's `sharing`; turned into bytes and back by `codec`.
"""

from dataclasses import dataclass
from typing import ClassVar, Final

from edge.wire import checks
from edge.wire.messages import declared

BUNDLES_MAX: Final = 10
"""Bundles in one message: with the largest of fields 220 kB."""
SHOPS_MAX: Final = 2_500
"""Shops whose boxes' keys one box may ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A box's public keys for what other boxes seal to it, signed with its certificate's key.

    `place` is STORE/BOX, as the certificate's common name has it. `certificates` begin with the
    box's own, DER in base64; those between it and the authority may follow.
    """

    place: str = declared(checks.place)
    at: int = declared(checks.version)
    profile_key: str = declared(checks.public_key)
    template_key: str = declared(checks.public_key)
    certificates: tuple[str, ...] = declared(checks.certificates)
    signature: str = declared(checks.signature)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A member for another box, or (both null) that the member is not for it any more.

    `id` is the SHA-256 of the member's subject at the sender. What is known of the person is sealed
    to the receiver's `profile_key`, the template to its `template_key`; the sender signs it all.
    """

    place: str = declared(checks.place)
    id: str = declared(checks.digest)
    rev: int = declared(checks.version)
    sealed_profile: str | None = declared(checks.optional(checks.sealed), shown=False)
    sealed_template: str | None = declared(checks.optional(checks.sealed), shown=False)
    certificates: tuple[str, ...] = declared(checks.certificates)
    signature: str = declared(checks.signature)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """What a box says of sharing, on connecting and whenever it changes; the newest holds.

    `statement` is null for a box that opens no templates now; `shops` are those whose boxes' keys
    it wants; `top` is the highest `rev` that the hub has acknowledged to it.
    """

    TYPE: ClassVar[str] = "sharing"
    session: str = declared(checks.epoch)
    statement: Statement | None
    shops: tuple[str, ...] = declared(checks.shop_ids(SHOPS_MAX))
    top: int | None = declared(checks.optional(checks.version))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """1 to 10 bundles, each `place` the receiver's."""

    TYPE: ClassVar[str] = "shared"
    session: str = declared(checks.epoch)
    bundles: tuple[Bundle, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBundle:
    """The `rev` that the hub holds for a receiver and an id."""

    place: str = declared(checks.place)
    id: str = declared(checks.digest)
    rev: int = declared(checks.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedAck:
    """The hub's word, to `down`, after its own commit. `again`: it lost what it had; send all."""

    TYPE: ClassVar[str] = "shared_ack"
    session: str = declared(checks.epoch)
    again: bool = declared(checks.boolean)
    held: tuple[HeldBundle, ...]
