"""Whom the uplink speaks to and who it is: broker, certificates, names. Used by `mqtt`."""

import random
import secrets
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge.wire.messages import CameraState
from edge.wire.topics import BoxAddress
from menkou.errors import MenkouFault, told


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """Where the broker is, and the certificates for it (None: no TLS, loopback only)."""

    host: str
    port: int
    tls: bool = False
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the box is: its address, and what the hub shows of the shop."""

    address: BoxAddress
    name: str
    timezone: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How the box is at the moment, for the heartbeat; `mode_why` as the wire has it.

    `controller`: who answers for faces, as the declaration says.
    """

    mode: str
    mode_wanted: str
    occupancy: int
    cameras: tuple[CameraState, ...]
    mode_why: str | None = None
    storage: str = "ok"
    controller: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """How the board is: degrees Celsius of its hottest sensor, and the disk under the store.

    None: nobody can tell. Beside `Condition`, since it changes all the time: a word of it goes with
    each heartbeat, and none is sent for its sake.
    """

    temperature_c: int | None = None
    disk_mb: int | None = None
    disk_free_mb: int | None = None


RECONNECT_FIRST_S: Final = (0.5, 4.5)
"""A broker that comes back takes about 2 s for the certificates of 2,100 boxes (FINDINGS)."""
RECONNECT_LAST_S: Final = (20.0, 40.0)


class UplinkFault(MenkouFault):
    """The uplink cannot be set up: certificates that cannot be read."""


def client_for(broker: Broker, address: BoxAddress, suffix: str = "") -> paho.Client:
    """Return a client that is not connected yet.

    Its name is its own and hard to guess: a broker drops the older of two with one name, whoever
    the other is. `suffix` is for people who read the broker's log.

    Raises:
        UplinkFault: the certificates cannot be used.
    """
    name = f"menkou-{address.store}-{address.box}{suffix}-{secrets.token_hex(8)}"
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name)
    spread_reconnects(client, random.Random())
    if broker.tls:
        client.tls_set_context(tls_context(broker, "[uplink]"))
    return client


def tls_context(broker: Broker, section: str) -> ssl.SSLContext:
    """Return what a client needs to trust the broker and to show who it is.

    Raises:
        UplinkFault: the certificates of that section cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=broker.ca)
        if broker.cert:
            context.load_cert_chain(broker.cert, broker.key)
    except OSError as exc:  # of TLS, too
        raise UplinkFault(
            f"{section} ca {broker.ca}, cert {broker.cert} and key: expected PEM files that"
            f" belong together, got: {told(exc)}"
        ) from exc
    return context


def spread_reconnects(client: paho.Client, chance: random.Random) -> None:
    """Set by chance how long a client waits before it connects again, twice as long each time.

    To be called anew after each loss of a connection: boxes that lost it together must not come
    back together.
    """
    first, last = chance.uniform(*RECONNECT_FIRST_S), chance.uniform(*RECONNECT_LAST_S)
    client.reconnect_delay_set(min_delay=first, max_delay=last)  # type: ignore[arg-type]
