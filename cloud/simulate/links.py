"""A few connections to the broker that carry many simulated boxes. Used by `live`.

Each box speaks and hears on its own topics, as a real one does; but a connection has one last
will only, so that a simulator which is killed leaves its boxes' statuses as they were.
"""

import queue
import sys
import threading
from collections.abc import Sequence
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from cloud.errors import BrokerFault
from cloud.mqtt import BrokerAddress
from edge.wire.topics import BoxAddress, Channel
from menkou.errors import told

_KEEPALIVE_S: Final = 30
_RECONNECT_S: Final = (1, 10)
_CONNECT_S: Final = 30.0
_TOPICS_AT_ONCE: Final = 200
_UNANSWERED_MAX: Final = 200
"""Messages that the broker has not confirmed; more are not handed to a connection."""

Heard = tuple[int, bytes]
"""The number of a box, and an acknowledgement; or -1 - the number of a connection that is new."""


class Links:
    """Connections to a broker.

    Args:
        broker: where it is, and as whom.
        boxes: the addresses of the boxes; box `n` is on connection `n % connections`.
        connections: how many.
    """

    def __init__(
        self, broker: BrokerAddress, boxes: Sequence[BoxAddress], connections: int
    ) -> None:
        self._broker = broker
        self._boxes = boxes
        self._numbers = {one.topic("ack"): number for number, one in enumerate(boxes)}
        self._up = threading.Semaphore(0)
        self._why: str | None = None
        self.heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self._unanswered = [0] * connections
        self._lock = threading.Lock()
        self._clients = [self._client(number) for number in range(connections)]

    def _client(self, number: int) -> paho.Client:
        client = paho.Client(CallbackAPIVersion.VERSION2, userdata=number)
        client.reconnect_delay_set(*_RECONNECT_S)
        client.max_inflight_messages_set(_UNANSWERED_MAX)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        self._broker.introduce(client)
        return client

    def open(self) -> None:
        """Connect all; wait until each hears its boxes.

        Raises:
            BrokerFault: not all could connect and subscribe within half a minute.
        """
        for client in self._clients:
            client.connect_async(self._broker.host, self._broker.effective_port, _KEEPALIVE_S)
            client.loop_start()
        for _ in self._clients:
            if not self._up.acquire(timeout=_CONNECT_S):
                self.close()
                raise BrokerFault(
                    f"broker {self._broker.shown}: expected {len(self._clients)} connections within"
                    f" {_CONNECT_S:g} s, got fewer: {self._why or 'no answer'}"
                )

    def close(self) -> None:
        """End all connections; what was published before is sent first."""
        for client in self._clients:
            client.disconnect()
            client.loop_stop()

    @property
    def connections(self) -> int:
        """How many connections there are."""
        return len(self._clients)

    def room(self, box: int) -> bool:
        """Whether the connection of a box can take a message now."""
        return self._unanswered[box % len(self._clients)] < _UNANSWERED_MAX

    def publish(self, box: int, channel: Channel, payload: bytes, *, retain: bool = False) -> None:
        """Publish for a box: heartbeats with QoS 0, all else with QoS 1."""
        number = box % len(self._clients)
        with self._lock:
            self._unanswered[number] += 1
        topic = self._boxes[box].topic(channel)
        qos = 0 if channel == "health" else 1
        self._clients[number].publish(topic, payload, qos=qos, retain=retain)

    def _topics(self, number: int) -> list[tuple[str, int]]:
        mine = self._boxes[number :: len(self._clients)]
        return [(one.topic("ack"), 1) for one in mine]

    # paho's threads call these.

    def _on_connect(
        self, client: paho.Client, number: int, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        if reason.is_failure:
            self._why = str(reason)
            return
        topics = self._topics(number)
        for start in range(0, len(topics), _TOPICS_AT_ONCE):
            client.subscribe(topics[start : start + _TOPICS_AT_ONCE])

    def _on_connect_fail(self, _client: paho.Client, _number: int) -> None:
        # paho calls this while it handles the error, which is not among the arguments.
        self._why = told(sys.exc_info()[1])

    def _on_subscribe(
        self, _client: paho.Client, number: int, _mid: int, reasons: Any, _properties: Any
    ) -> None:
        for reason in reasons:
            if reason.is_failure:
                self._why = f"subscribing was refused: {reason}"
                return
        self.heard.put((-1 - number, b""))
        self._up.release()

    def _on_disconnect(
        self, _client: paho.Client, number: int, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        self._why = str(reason)
        with self._lock:
            self._unanswered[number] = 0

    def _on_publish(
        self, _client: paho.Client, number: int, _mid: int, _reason: Any, _properties: Any
    ) -> None:
        # What was published before the connection was lost is confirmed on the next one.
        with self._lock:
            self._unanswered[number] = max(0, self._unanswered[number] - 1)

    def _on_message(self, _client: paho.Client, _number: int, message: paho.MQTTMessage) -> None:
        number = self._numbers.get(message.topic)
        if number is not None:
            self.heard.put((number, bytes(message.payload)))
