"""MQTT topics of one box (DESIGN section 5). Used by the uplink and by the hub's ingest.

menkou/v1/{store}/{box}/up       box to hub   hello, batches, what is shared with other boxes, QoS 1
menkou/v1/{store}/{box}/late     box to hub   batches of events that had waited for the hub, QoS 1
menkou/v1/{store}/{box}/ack      hub to box   after the hub's own commit, QoS 1
menkou/v1/{store}/{box}/down     hub to box   keys that the box asked for, orders, QoS 1
menkou/v1/{store}/{box}/status   retained, with a last will
menkou/v1/{store}/{box}/health   retained heartbeat

On `late` travels what was written while the hub could not be reached: the hub takes it in when
what comes on `up` leaves it time, so that a chain's backlog holds up nothing that is new.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

ROOT: Final = "menkou/v1"
# Only characters that mean nothing to MQTT (no + # / $) and nothing to a shell or a file system.
ID_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
Channel = Literal["up", "late", "ack", "down", "status", "health"]
CHANNELS: Final[tuple[Channel, ...]] = ("up", "late", "ack", "down", "status", "health")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxAddress:
    """Names one box: the shop's id and the box's own id, both of `ID_PATTERN`."""

    store: str
    box: str

    def __post_init__(self) -> None:
        for name, value in (("store", self.store), ("box", self.box)):
            if not ID_PATTERN.fullmatch(value):
                raise ValueError(
                    f"{name} id: expected 1 to 64 of A-Z a-z 0-9 _ . - beginning with a letter"
                    f" or digit, got {value!r}"
                )

    def topic(self, channel: Channel) -> str:
        """Return the topic of one of the box's channels.

        >>> BoxAddress(store="nj-001", box="nj-001-a").topic("up")
        'menkou/v1/nj-001/nj-001-a/up'
        """
        return f"{ROOT}/{self.store}/{self.box}/{channel}"


def every_box(channel: Channel) -> str:
    """Return the subscription that matches the channel of all boxes."""
    return f"{ROOT}/+/+/{channel}"


def parse_topic(topic: str) -> tuple[BoxAddress, Channel]:
    """Split a received topic into the box it belongs to and the channel.

    Raises:
        ValueError: the topic is not one of ours.
    """
    parts = topic.split("/")
    if len(parts) == 5 and "/".join(parts[:2]) == ROOT:
        for channel in CHANNELS:
            if parts[4] == channel:
                return BoxAddress(store=parts[2], box=parts[3]), channel
    raise ValueError(f"topic: expected {ROOT}/STORE/BOX/{'|'.join(CHANNELS)}, got {topic!r}")
