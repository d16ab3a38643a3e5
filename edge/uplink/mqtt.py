"""Carries the outbox to the hub over MQTT, for ever. A thread of the front process.

The hub's own acknowledgement is delivery, not the broker's: whatever anything loses on the way
is sent again, and what arrives twice is inserted once (DESIGN section 5).
"""

import logging
import queue
import random
import secrets
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final, Literal

import paho.mqtt.client as paho

from edge.ports import Clock
from edge.store.database import StoreAway
from edge.store.outbox import Backlog, Outbox
from edge.uplink.down import Down
from edge.uplink.link import (
    Broker,
    Condition,
    Hardware,
    Identity,
    client_for,
    spread_reconnects,
)
from edge.uplink.sending import Delivery
from edge.wire import codec
from edge.wire.codec import WireFault
from edge.wire.messages import Ack, Batch, EpochAck, Heartbeat, Hello, Status
from edge.wire.orders import Orders
from edge.wire.sharing import SharedAck
from menkou.errors import told

log = logging.getLogger(__name__)

HEARTBEAT_S: Final = 30.0
COUNT_S: Final = 0.5
"""How often the backlog is counted."""
MARK_EVERY_S: Final = 10.0
"""How often the hub's word is written down, at most: each time writes pages to the card, and what
is lost with the power is sent once more."""
_KEEPALIVE_S: Final = 30
_TICK_S: Final = 0.25
ANSWER_S: Final = 10.0
"""A hub that has not answered a hello for so long is not there."""
UNANSWERED_S: Final = 60.0
"""How often the log says so."""

LinkState = Literal["connected", "offline"]


class Uplink:
    """One box's uplink.

    Args:
        broker: where to connect.
        identity: who the box is.
        outbox: opens the outbox; called once, in the uplink's own thread.
        condition: asked for every heartbeat.
        clock: the box's clock.
        hardware: asked for every heartbeat that is due.
        orders: opens what takes the hub's orders, in the same thread; None: none are taken.
        mark_every_s: how often acknowledgements are written down.
    """

    def __init__(
        self,
        *,
        broker: Broker,
        identity: Identity,
        outbox: Callable[[], Outbox],
        condition: Callable[[], Condition],
        clock: Clock,
        hardware: Callable[[], Hardware] = Hardware,
        orders: Callable[[], Down] | None = None,
        mark_every_s: float = MARK_EVERY_S,
    ) -> None:
        self._broker = broker
        self._identity = identity
        self._open_outbox = outbox
        self._condition = condition
        self._clock = clock
        self._hardware = hardware
        self._open_orders = orders
        self._down: Down | None = None
        self._inbox: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._random = random.Random()
        self._delivery = Delivery(random=self._random)
        self._mark_every_s = mark_every_s
        self._mark_at = 0.0
        self._through: dict[str, int] = {}  # the hub's word that is not written down yet
        self._session = secrets.token_hex(16)
        self._last_words: tuple[Condition, str, bool] | None = None
        self._heartbeat_at = 0.0
        self._why_failed: str | None = None
        self._unanswered_since: float | None = None
        self.state: LinkState = "offline"
        self.backlog = Backlog(events=0, oldest_at=None)
        self.sent = 0  # events, those sent again included; both since this process began
        self.acknowledged = 0
        self._client = client_for(broker, identity.address)
        self._client.on_pre_connect = self._on_pre_connect
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message

    def nudge(self) -> None:
        """Say that there is something new in the outbox. Safe from any thread."""
        self._inbox.put(("nudge", None))

    def run(self, stop: threading.Event) -> None:
        """Serve until `stop` is set."""
        outbox = self._open_outbox()
        self._down = self._open_orders() if self._open_orders else None
        self._client.connect_async(self._broker.host, self._broker.port, _KEEPALIVE_S)
        self._client.loop_start()
        count_at = time.monotonic()
        try:
            while not stop.is_set():
                self._take(outbox)
                now = time.monotonic()
                self._delivery.recently.note(now, outbox.newest())
                self._send(outbox, now)
                self._watch_answers(now)
                if now >= self._mark_at:
                    self._mark(outbox, now)
                if now >= count_at:
                    count_at = now + COUNT_S
                    self.backlog = outbox.backlog(self._through)
        finally:
            self._mark(outbox, time.monotonic())
            self._say_goodbye()

    def _mark(self, outbox: Outbox, now: float) -> None:
        """Write down what the hub has."""
        self._mark_at = now + self._mark_every_s
        if not self._through:
            return
        epochs = tuple(EpochAck(epoch=e, through=n) for e, n in self._through.items())
        try:
            self.acknowledged += outbox.acknowledge(
                Ack(hello=None, epochs=epochs), self._clock.now()
            )
        except StoreAway as exc:
            log.warning("an acknowledgement cannot be kept: %s", exc)
            return
        self._through.clear()

    def _take(self, outbox: Outbox) -> None:
        """Wait a moment for something to happen, then deal with all that has."""
        try:
            kind, value = self._inbox.get(timeout=_TICK_S)
            while True:
                self._handle(outbox, kind, value)
                kind, value = self._inbox.get_nowait()
        except queue.Empty:
            return

    def _handle(self, outbox: Outbox, kind: str, value: Any) -> None:
        if kind == "connected":
            self._delivery.on_connected()
            if self._down:
                self._down.on_connected()
            self._heartbeat_at = 0.0
        elif kind == "disconnected":
            self._delivery.on_disconnected()
        elif kind == "ack":
            self._acknowledged(outbox, value)
        elif kind == "orders" and self._down:
            self._publish("up", codec.encode(self._down.take(value, self._session)))
        elif kind == "shared" and self._down:
            self._down.heard(value)

    def _acknowledged(self, outbox: Outbox, ack: Ack) -> None:
        delivery = self._delivery
        if not delivery.answers(ack, self._session):
            return
        if ack.hello is None:
            for entry in ack.epochs:
                known = self._through.get(entry.epoch, 0)
                self._through[entry.epoch] = max(known, entry.through)
        else:
            # What the hub says now may be less than it said before: it was restored.
            for entry in ack.epochs:
                self._through.pop(entry.epoch, None)
            try:
                self.acknowledged += outbox.acknowledge(ack, self._clock.now(), delivery.declared)
            except StoreAway as exc:
                # Asked again and answered again, until it can be marked.
                log.warning("the hub's answer cannot be kept: %s", exc)
                return
        delivery.on_ack(ack, self._session, time.monotonic())

    def _watch_answers(self, now: float) -> None:
        """Tell a broker that is reached from a hub that answers; only the latter is connected."""
        if self._delivery.greeted:
            self.state = "connected"
            self._unanswered_since = None
            return
        if self._unanswered_since is None:
            self._unanswered_since = now
        if now - self._unanswered_since > ANSWER_S and self.state == "connected":
            self.state = "offline"
        if self._delivery.connected and now - self._unanswered_since > UNANSWERED_S:
            self._unanswered_since = now
            log.warning(
                "the broker is reached but no hub answers for %s: is menkou-hub ingest running,"
                " and is the certificate's common name STORE/BOX?",
                self._identity.address.topic("up"),
            )

    def _send(self, outbox: Outbox, now: float) -> None:
        delivery = self._delivery
        if delivery.hello_due(now):
            spans = tuple(outbox.spans())
            hello = Hello(
                session=self._session,
                name=self._identity.name,
                timezone=self._identity.timezone,
                version=self._identity.version,
                epochs=spans,
            )
            self._publish("up", codec.encode(hello))
            delivery.on_hello_sent(spans, now)
        for some in delivery.portions():
            rows = outbox.waiting(
                after=some.after,
                upto=some.upto,
                limit=some.limit,
                alerts=some.alerts,
                alerts_after=some.alerts_after,
            )
            if rows:
                self.sent += len(rows)
                batch = Batch(events=tuple(row.event for row in rows))
                self._publish(some.channel, codec.encode(batch))
            delivery.on_sent(some, rows, now)
        if delivery.greeted and self._down:
            for word in self._down.words(self._session, now):
                self._publish("up", codec.encode(word))
        if delivery.connected:
            self._send_heartbeat(now)

    def _send_heartbeat(self, now: float) -> None:
        words = (self._condition(), self._clock.state(), self.backlog.events == 0)
        if now < self._heartbeat_at and words == self._last_words:
            return
        self._heartbeat_at = now + HEARTBEAT_S
        self._last_words = words
        condition, clock, _ = words
        board = self._hardware()
        heartbeat = Heartbeat(
            session=self._session,
            at=self._clock.now(),
            clock=clock,
            version=self._identity.version,
            mode=condition.mode,
            mode_wanted=condition.mode_wanted,
            mode_why=condition.mode_why,
            backlog=self.backlog.events,
            oldest_unacked_at=self.backlog.oldest_at,
            occupancy=condition.occupancy,
            storage=condition.storage,
            cameras=condition.cameras,
            temperature_c=board.temperature_c,
            disk_mb=board.disk_mb,
            disk_free_mb=board.disk_free_mb,
            controller=condition.controller,
        )
        self._publish("health", codec.encode(heartbeat))

    def _publish(
        self,
        channel: Literal["up", "late", "status", "health"],
        payload: bytes,
        *,
        retain: bool = False,
    ) -> None:
        topic = self._identity.address.topic(channel)
        self._client.publish(topic, payload, qos=0 if channel == "health" else 1, retain=retain)

    def _status(self, state: Literal["online", "offline"]) -> bytes:
        return codec.encode(Status(session=self._session, state=state))

    def _say_goodbye(self) -> None:
        if self._client.is_connected():
            topic = self._identity.address.topic("status")
            self._client.publish(topic, self._status("offline"), qos=1, retain=True)
            time.sleep(0.1)  # a word of courtesy; without it the will says the same
        self._client.disconnect()
        self._client.loop_stop()
        self.state = "offline"

    # paho's thread calls these; they only pass the word on.

    def _on_pre_connect(self, client: paho.Client, _userdata: Any) -> None:
        # A session for each connection: the will of an old one can then be told from the new.
        self._session = secrets.token_hex(16)
        topic = self._identity.address.topic("status")
        client.will_set(topic, self._status("offline"), qos=1, retain=True)

    def _on_connect(
        self, client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        if reason.is_failure:
            log.warning("the broker refuses this box: %s", reason)
            return
        client.subscribe(self._identity.address.topic("ack"), qos=1)
        if self._open_orders:
            client.subscribe(self._identity.address.topic("down"), qos=1)
        self._publish("status", self._status("online"), retain=True)
        log.info("connected to the broker at %s:%d", self._broker.host, self._broker.port)
        self._why_failed = None
        self._inbox.put(("connected", None))

    def _on_connect_fail(self, _client: paho.Client, _userdata: Any) -> None:
        # paho calls this while it handles the error, which is not among the arguments.
        why = told(sys.exc_info()[1])
        if why != self._why_failed:
            self._why_failed = why
            broker = self._broker
            log.warning("no connection to %s:%d: %s; tried again", broker.host, broker.port, why)

    def _on_disconnect(
        self, _client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        log.info("disconnected from the broker (%s); facts wait in the outbox", reason)
        spread_reconnects(self._client, self._random)
        self._inbox.put(("disconnected", None))

    def _on_message(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        try:
            if message.topic == self._identity.address.topic("ack"):
                self._inbox.put(("ack", codec.decode_ack(bytes(message.payload))))
                return
            if message.topic != self._identity.address.topic("down"):
                return  # a broker may hand over what is retained to whoever comes
            said = codec.decode_down(bytes(message.payload))
            if isinstance(said, Orders):
                self._inbox.put(("orders", said))
            elif isinstance(said, SharedAck) and said.session == self._session:
                self._inbox.put(("shared", said))
        except WireFault as fault:
            log.warning("a message of the hub is set aside: %s", fault)
