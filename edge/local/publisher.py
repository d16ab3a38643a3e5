"""Tells the shop's own broker how the shop is, for Home Assistant and the like. A thread of the
front process; the front never waits for it, and nothing is kept for a broker that is away.

    store ── data_version ──> the page's view ──> state (retained)    ──┐
          └─ new alerts ───────────────────────> alert (not retained)  ─┴─> the shop's broker
"""

import logging
import queue
import random
import secrets
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from sqlite_utils import Database

from edge.local.topics import LocalTopics
from edge.uplink.link import Broker, spread_reconnects, tls_context
from menkou.errors import told

log = logging.getLogger(__name__)

LOOK_S: Final = 0.5
"""How often the store is asked whether anything was committed: one number, read from memory."""
AGAIN_S: Final = 5.0
"""Cameras, the clock and the date change without a commit."""
BIRTH_PAUSE_S: Final = 3.0
"""Home Assistant asks all devices at once: each answers at a moment of its own within this."""
_KEEPALIVE_S: Final = 30
_DISCONNECT_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who the box is on the shop's broker. The password stays out of `repr`."""

    username: str
    password: str = field(repr=False)


class LocalPublisher:
    """One box on the shop's own broker.

    Args:
        broker: where to connect.
        account: name and password, None for a certificate or loopback.
        topics: where to speak.
        discovery: the discovery message.
        state: makes the state message of the moment.
        alert: makes the message of an alert of a kind.
        db: a connection of the calling thread.

    Raises:
        edge.uplink.link.UplinkFault: the certificates cannot be used.
    """

    def __init__(
        self,
        *,
        broker: Broker,
        account: Account | None,
        topics: LocalTopics,
        discovery: bytes,
        state: Callable[[], bytes],
        alert: Callable[[str], bytes],
        db: Callable[[], Database],
    ) -> None:
        self._broker = broker
        self._topics = topics
        self._discovery = discovery
        self._state = state
        self._alert = alert
        self._db = db
        self._random = random.Random()
        self._inbox: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._told: bytes | None = None
        self._introduce_at: float | None = None
        self._why_failed: str | None = None
        self._client = self._make_client(account)

    def _make_client(self, account: Account | None) -> paho.Client:
        # As hard to guess as the uplink's: whoever takes this name cuts the box off.
        name = f"{self._topics.device_id}-{secrets.token_hex(8)}"
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name)
        spread_reconnects(client, self._random)
        if self._broker.tls:
            client.tls_set_context(tls_context(self._broker, "[shop_local]"))
        if account is not None:
            client.username_pw_set(account.username, account.password)
        client.will_set(self._topics.availability, b"offline", qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def run(self, stop: threading.Event) -> None:
        """Serve until `stop` is set."""
        self._client.connect_async(self._broker.host, self._broker.port, _KEEPALIVE_S)
        self._client.loop_start()
        seen, looked = self._last_alert(), 0.0
        version: object = None
        try:
            while not stop.is_set():
                self._take()
                self._introduce_if_due()
                before, version = version, self._db().execute("PRAGMA data_version").fetchone()
                if version != before or time.monotonic() - looked >= AGAIN_S:
                    looked = time.monotonic()
                    seen = self._tell_alerts(seen)
                    self._tell_state()
        finally:
            self._say_goodbye()

    def _take(self) -> None:
        """Wait a moment for something to happen, then deal with all that has."""
        try:
            word = self._inbox.get(timeout=LOOK_S)
            while True:
                self._handle(word)
                word = self._inbox.get_nowait()
        except queue.Empty:
            return

    def _handle(self, word: str) -> None:
        if word == "connected":
            self._introduce_at = 0.0
        elif word == "birth":
            self._introduce_at = time.monotonic() + self._random.uniform(0, BIRTH_PAUSE_S)
        elif word == "denied":
            # The will of an older connection came late: this one is alive.
            self._publish(self._topics.availability, b"online", retain=True)

    def _introduce_if_due(self) -> None:
        if self._introduce_at is None or time.monotonic() < self._introduce_at:
            return
        self._introduce_at = None
        self._publish(self._topics.config, self._discovery, retain=True)
        self._publish(self._topics.availability, b"online", retain=True)
        self._told = None
        self._tell_state()

    def _tell_state(self) -> None:
        if not self._client.is_connected():
            return
        state = self._state()
        if state != self._told and self._publish(self._topics.state, state, retain=True):
            self._told = state

    def _tell_alerts(self, seen: int) -> int:
        """Tell the alerts after row `seen`; an alert that nobody hears now is of no use later."""
        rows = self._db().execute(
            "SELECT id, kind FROM alert WHERE id > ? AND origin = 'run' ORDER BY id", [seen]
        )
        for row_id, kind in rows.fetchall():
            self._publish(self._topics.alert, self._alert(kind))
            seen = row_id
        return seen

    def _last_alert(self) -> int:
        (last,) = self._db().execute("SELECT coalesce(max(id), 0) FROM alert").fetchone()
        return int(last)

    def _publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Send if there is a connection, else forget it; say which."""
        if not self._client.is_connected():
            return False
        self._client.publish(topic, payload, qos=1, retain=retain)
        return True

    def _say_goodbye(self) -> None:
        if self._client.is_connected():
            info = self._client.publish(self._topics.availability, b"offline", qos=1, retain=True)
            try:
                info.wait_for_publish(_DISCONNECT_S)
            except RuntimeError:
                log.debug("the connection ended by itself: the will says the same")
        self._client.disconnect()
        self._client.loop_stop()

    # paho's thread calls these; they only pass the word on.

    def _on_connect(
        self, client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        if reason.is_failure:
            log.warning("the shop's broker refuses this box: %s", reason)
            return
        client.subscribe([(self._topics.birth, 1), (self._topics.availability, 1)])
        log.info("connected to the shop's broker at %s:%d", self._broker.host, self._broker.port)
        self._why_failed = None
        self._inbox.put("connected")

    def _on_connect_fail(self, _client: paho.Client, _userdata: Any) -> None:
        # paho calls this while it handles the error, which is not among the arguments.
        why = told(sys.exc_info()[1])
        if why != self._why_failed:
            self._why_failed = why
            broker = self._broker
            text = "no connection to the shop's broker at %s:%d: %s; tried again"
            log.warning(text, broker.host, broker.port, why)

    def _on_disconnect(
        self, _client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        spread_reconnects(self._client, self._random)
        log.info("disconnected from the shop's broker (%s)", reason)

    def _on_message(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        if message.topic == self._topics.birth and message.payload == b"online":
            self._inbox.put("birth")
        elif message.topic == self._topics.availability and message.payload == b"offline":
            self._inbox.put("denied")
