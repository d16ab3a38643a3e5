"""API: the devices that may open the shop's pages. Managers are paired at the box alone."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal

from pydantic import StringConstraints

from edge.console.api.problems import Refused
from edge.console.api.route import Body, Id, Topic
from edge.console.devices import DeviceDesk
from edge.store.devices import NAME_CHARS_MAX, Device
from edge.store.tokens import Token


class NewDevice(Body):
    """What a device is to be. A token makes no manager: it could make itself more than it is."""

    role: Literal["consultant", "installer", "guest"]
    name: Annotated[str, StringConstraints(max_length=NAME_CHARS_MAX)] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDevices:
    """The devices that may come in, the one seen last first."""

    devices: tuple[Device, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCode:
    """The code to type at /pair on the device; good once."""

    code: str = field(repr=False)
    role: str
    expires_at: datetime


def devices_api(desk: DeviceDesk) -> Topic:
    """Declare the topic."""
    topic = Topic("devices", "The devices that may open the shop's pages")

    @topic.get("/devices", scope="manage:devices")
    def devices() -> PairedDevices:
        """Which devices may come in."""
        return PairedDevices(devices=desk.devices().paired(desk.now()))

    @topic.post("/devices", scope="manage:devices", status=201)
    def add_device(caller: Token, body: NewDevice) -> NewCode:
        """Make a one-time code that pairs a device; it lives 10 minutes, or dies with the token."""
        code = desk.devices().issue(role=body.role, name=body.name, by=caller.actor, now=desk.now())
        return NewCode(code=code.text, role=code.role, expires_at=code.expires_at)

    @topic.delete("/devices/<device>", scope="manage:devices")
    def revoke_device(caller: Token, device: Id) -> None:
        """End a device's session for good."""
        if not desk.devices().revoke(device, by=caller.actor, now=desk.now()):
            raise Refused("not_found")
        desk.revoked()

    return topic
