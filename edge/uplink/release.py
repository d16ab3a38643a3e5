"""Asks the hub for its share of one of the box's roots, on a connection of its own.

Called by the keys' provider for `key = "hub"` when the box starts, before the uplink runs. The
answer is sealed to a key that lives for this one request; whatever the broker keeps or shows of it
opens nothing. The share is half of a root: see DESIGN section 2.
"""

import logging
import queue
import secrets
import sys
import time
from typing import Any, Final, Literal

import paho.mqtt.client as paho
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from edge.uplink.link import Broker, UplinkFault, client_for
from edge.wire import codec
from edge.wire.codec import WireFault
from edge.wire.messages import KeyRelease, KeyRequest
from edge.wire.sealing import release_context
from edge.wire.topics import BoxAddress
from menkou.errors import told

_log = logging.getLogger(__name__)
_SUITE: Final = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_KEEPALIVE_S: Final = 30
_FIRST_PATIENCE_S: Final = 1.0
_LAST_PATIENCE_S: Final = 8.0
"""A request that nobody answered is sent again this often at the latest: 10 in the first minute,
a third of what the hub allows."""


class ShareNotReleased(UplinkFault):
    """The hub was not reached or did not answer; to try again later may help."""


class ShareRevoked(UplinkFault):
    """The hub refuses this box its key: it was revoked."""


def request_share(
    broker: Broker, address: BoxAddress, part: Literal["profile", "template"], timeout_s: float
) -> bytes:
    """Return the hub's share of a root: 32 bytes, the same at every request.

    Args:
        broker: where to connect.
        address: the box that asks.
        part: which of its roots.
        timeout_s: how long to try to connect and to wait for the answer, both together.

    Raises:
        ShareRevoked: the hub refuses.
        ShareNotReleased: no answer came in time, or one that does not open.
        UplinkFault: the certificates cannot be used.
    """
    exchange = _Exchange(broker, address, part)
    try:
        release = exchange.run(timeout_s)
    finally:
        exchange.close()
    if release.sealed is None:
        raise ShareRevoked(
            f"the hub gives {address.store}/{address.box} no {part} key: it was revoked;"
            " if this box is where it belongs, head office can give it back:"
            f" menkou-hub key restore {address.store}/{address.box}"
        )
    return exchange.open(release.sealed)


class _Exchange:
    """One request over one connection. The private key is made for it and goes with it."""

    def __init__(self, broker: Broker, address: BoxAddress, part: str) -> None:
        self._broker, self._address, self._part = broker, address, part
        self._session = secrets.token_hex(16)
        self._private = X25519PrivateKey.generate()
        self._answers: queue.SimpleQueue[KeyRelease] = queue.SimpleQueue()
        self._heard = "no answer from the broker"
        self._client = client_for(broker, address, suffix=f"-{self._session[:8]}")
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def run(self, timeout_s: float) -> KeyRelease:
        """Connect, ask, ask again, and return the answer."""
        until = time.monotonic() + timeout_s
        patience_s = _FIRST_PATIENCE_S
        self._client.connect_async(self._broker.host, self._broker.port, _KEEPALIVE_S)
        self._client.loop_start()
        while (left := until - time.monotonic()) > 0:
            try:
                return self._answers.get(timeout=min(left, patience_s))
            except queue.Empty:
                patience_s = min(patience_s * 2, _LAST_PATIENCE_S)
                if self._client.is_connected():
                    self._ask()
        raise ShareNotReleased(
            f"{self._part} key: expected the hub's share within {timeout_s:g} s by way of"
            f" {self._broker.host}:{self._broker.port}, got none: {self._heard};"
            " look at [uplink], the network, and whether menkou-hub ingest runs"
        )

    def close(self) -> None:
        """End the connection."""
        self._client.disconnect()
        self._client.loop_stop()

    def open(self, sealed: str) -> bytes:
        """Return the share that an answer holds."""
        info = release_context(self._address, self._part, self._session)
        try:
            return _SUITE.decrypt(bytes.fromhex(sealed), self._private, info=info)
        except InvalidTag:
            raise ShareNotReleased(
                f"{self._part} key: expected a share sealed to this request, got one that does not"
                " open; is another hub answering on this broker?"
            ) from None

    def _ask(self) -> None:
        request = KeyRequest(
            session=self._session,
            part=self._part,
            public=self._private.public_key().public_bytes_raw().hex(),
        )
        self._client.publish(self._address.topic("up"), codec.encode(request), qos=1)

    # paho's thread calls these.

    def _on_connect(
        self, client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        if reason.is_failure:
            self._heard = f"the broker refuses this box: {reason}"
            return
        self._heard = "the broker is reached, but no hub answers"
        client.subscribe(self._address.topic("down"), qos=1)

    def _on_connect_fail(self, _client: paho.Client, _userdata: Any) -> None:
        # paho calls this while it handles the error, which is not among the arguments.
        self._heard = f"no connection: {told(sys.exc_info()[1])}"

    def _on_subscribe(
        self, _client: paho.Client, _userdata: Any, _mid: Any, reasons: Any, _properties: Any
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._heard = f"the broker keeps {self._address.topic('down')} from this box"
            return
        self._ask()

    def _on_message(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        try:
            release = codec.decode_down(bytes(message.payload))
        except WireFault as fault:
            _log.warning("a message of the hub is set aside: %s", fault)
            return
        if not isinstance(release, KeyRelease):
            return  # orders are for the uplink
        if (release.session, release.part) == (self._session, self._part):
            self._answers.put(release)
