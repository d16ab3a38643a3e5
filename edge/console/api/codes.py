"""API: the manager's side of one-time codes: make one, let a member's phone make them, unlock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final

from pydantic import StringConstraints

from edge.console.api.problems import Refused
from edge.console.api.route import Body, Topic
from edge.console.codes import CodeDesk, LockedDevice, Made, Problem
from edge.store.tokens import Token

Number = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Phone = Annotated[str, StringConstraints(min_length=4, max_length=32)]
_WHY: Final[Mapping[Problem, str]] = {
    "number": "no_such_member",
    "phone": "phone_unclear",
    "key": "key_missing",
    "damaged": "unreadable",
}
_REFUSALS: Final = tuple(_WHY.values())


class OfMember(Body):
    """Whose: the member's id, or the number in the shop's own systems."""

    member: Number


class OfPhone(Body):
    """Whose, and the last four digits of the phone number (or all of it; four are kept, hashed)."""

    member: Number
    phone: Phone


class OfDevice(Body):
    """Which device: the id of a paired one, `local`, or `token:` and a token's id."""

    device: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeCode:
    """Six digits that are good once, until then, in this shop."""

    code: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Provided:
    """What the member's phone is to scan (`otpauth://`); told this once."""

    address: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """Devices that may try no codes now."""

    devices: tuple[LockedDevice, ...]


def codes_api(desk: CodeDesk) -> Topic:
    """Declare the topic."""
    topic = Topic("codes", "One-time codes: arrival without a face")

    @topic.post("/codes", scope="manage:codes", status=201, problems=_REFUSALS)
    def make_code(caller: Token, body: OfMember) -> MadeCode:
        """Make six digits for a member."""
        code = _sound(desk.make(body.member, caller.actor)).code
        assert code is not None, "a code that was made is there"
        return MadeCode(code=code.text, expires_at=code.expires_at)

    @topic.post("/codes/phone", scope="manage:codes", status=201, problems=_REFUSALS)
    def provide_phone(caller: Token, body: OfPhone) -> Provided:
        """Make a secret for a member's phone; the one before ends."""
        address = _sound(desk.provide(body.member, body.phone, caller.actor)).address
        assert address is not None, "a secret that was made is there"
        return Provided(address=address)

    @topic.post("/codes/end", scope="manage:codes", problems=_REFUSALS)
    def end_phone(caller: Token, body: OfMember) -> None:
        """End a member's secret, as for a phone that was lost."""
        _sound(desk.end(body.member, caller.actor))

    @topic.get("/codes/locked", scope="manage:codes")
    def locked_devices() -> Locked:
        """Which devices may try no codes now."""
        return Locked(devices=desk.locked())

    @topic.post("/codes/unlock", scope="manage:codes")
    def unlock_device(caller: Token, body: OfDevice) -> None:
        """Let a device try codes again."""
        desk.unlock(body.device, caller.actor)

    return topic


def _sound(made: Made) -> Made:
    if made.problem is not None:
        raise Refused(_WHY[made.problem])
    return made
