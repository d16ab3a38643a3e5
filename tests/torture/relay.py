"""The way between the boxes' broker and the hub's: loses, doubles and reorders what it carries.

A process of the torture (`python -m tests.torture.relay`). Events and acknowledgements, in both
directions, suffer alike; a status or a heartbeat, which nobody sends again, is only delayed.
"""

import argparse
import heapq
import random
import threading
import time
from dataclasses import dataclass, field

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge.wire.topics import ROOT, parse_topic

_LOST = 0.03
_TWICE = 0.03
_LATE = 0.10
_LATE_S = 0.7


@dataclass(order=True)
class _Carried:
    due: float
    number: int
    to: paho.Client = field(compare=False)
    topic: str = field(compare=False)
    payload: bytes = field(compare=False)
    retain: bool = field(compare=False)


class Relay:
    """Carries messages between two brokers on loopback."""

    def __init__(self, boxes_port: int, hub_port: int) -> None:
        self._chance = random.Random()
        self._held: list[_Carried] = []
        self._number = 0
        self._changed = threading.Condition()
        self._boxes = self._client(boxes_port, ("up", "late", "status", "health"))
        self._hub = self._client(hub_port, ("ack", "down"))

    def _client(self, port: int, channels: tuple[str, ...]) -> paho.Client:
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.max_inflight_messages_set(1_000)
        client.reconnect_delay_set(min_delay=1, max_delay=1)

        def subscribe(*_: object) -> None:
            client.subscribe([(f"{ROOT}/+/+/{channel}", 1) for channel in channels])

        client.on_connect = subscribe
        client.on_message = self._take
        client.connect_async("127.0.0.1", port)
        return client

    def _take(self, client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        _, channel = parse_topic(message.topic)
        lossy = channel not in ("status", "health")
        if lossy and self._chance.random() < _LOST:
            return
        copies = 2 if lossy and self._chance.random() < _TWICE else 1
        to = self._hub if client is self._boxes else self._boxes
        with self._changed:
            for _ in range(copies):
                late = self._chance.random() < _LATE
                due = time.monotonic() + (self._chance.uniform(0, _LATE_S) if late else 0)
                self._number += 1
                payload = bytes(message.payload)
                heapq.heappush(
                    self._held,
                    _Carried(due, self._number, to, message.topic, payload, not lossy),
                )
            self._changed.notify()

    def run(self) -> None:
        """Carry until killed."""
        self._boxes.loop_start()
        self._hub.loop_start()
        while True:
            with self._changed:
                while not self._held or self._held[0].due > time.monotonic():
                    wait = self._held[0].due - time.monotonic() if self._held else None
                    self._changed.wait(wait)
                one = heapq.heappop(self._held)
            if one.to.is_connected():  # or else it is lost, as everything may be
                one.to.publish(one.topic, one.payload, qos=1, retain=one.retain)


def main() -> None:
    """Run the relay."""
    parser = argparse.ArgumentParser()
    parser.add_argument("boxes_port", type=int)
    parser.add_argument("hub_port", type=int)
    arguments = parser.parse_args()
    Relay(arguments.boxes_port, arguments.hub_port).run()


if __name__ == "__main__":
    main()
