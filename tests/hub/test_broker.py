"""The embedded broker: what it carries, and what it survives."""

import logging
import socket
import threading
from collections.abc import Iterator
from random import Random

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from cloud.broker import EmbeddedBroker
from cloud.errors import BrokerFault
from tests.support.processes import free_port, until


@pytest.fixture
def port() -> Iterator[int]:
    crashed = threading.Event()
    number = free_port()
    broker = EmbeddedBroker("127.0.0.1", number, crashed.set)
    broker.start()
    yield number
    broker.stop()
    assert not crashed.is_set()


class Client:
    """A client that keeps what it receives."""

    def __init__(self, port: int, topic: str) -> None:
        self.got: list[bytes] = []
        self.subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = lambda _c, _d, message: self.got.append(bytes(message.payload))
        self._client.on_subscribe = lambda *_: self.subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(topic, qos=1)
        self._client.loop_start()
        assert self.subscribed.wait(10)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def test_it_listens_as_soon_as_it_has_started(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=5).close()


def test_it_carries_the_largest_message(port: int) -> None:
    client = Client(port, "a/+")
    payload = Random(1).randbytes(200 * 1024)
    client.publish("a/b", payload)
    until(lambda: client.got == [payload], what="the message arrives")
    client.close()


def test_it_keeps_a_retained_message_for_who_comes_later(port: int) -> None:
    first = Client(port, "x")
    first.publish("status", b"online", retain=True)
    second = Client(port, "status")
    until(lambda: second.got == [b"online"], what="the retained message arrives")
    first.close()
    second.close()


def test_garbage_on_its_port_does_not_stop_it(port: int, random: Random) -> None:
    client = Client(port, "a")
    for begin in (b"", b"\x10\xff\xff\xff\xff\x7f", b"GET / HTTP/1.1\r\n\r\n", b"\x30\x80\x80\x80"):
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", port), timeout=5) as raw:
                raw.sendall(begin + random.randbytes(random.randrange(200)))
    client.publish("a", b"still here")
    until(lambda: client.got == [b"still here"], what="the message arrives")
    other = Client(port, "a")
    other.publish("a", b"and open")
    until(lambda: client.got[-1] == b"and open", what="the message arrives")
    client.close()
    other.close()


def test_it_says_nothing_of_each_connection(port: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Client(port, "a").close()
    assert [record for record in caplog.records if record.name.startswith("amqtt")] == []


def test_a_port_that_is_taken_is_an_error_that_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        broker = EmbeddedBroker("127.0.0.1", port, lambda: None)
        with pytest.raises(BrokerFault, match=f"cannot listen on 127.0.0.1:{port}"):
            broker.start()
        broker.stop()


def test_it_refuses_to_be_reached_from_other_machines() -> None:
    with pytest.raises(ValueError, match="expected a loopback address"):
        EmbeddedBroker("0.0.0.0", 1883, lambda: None)


def test_if_it_ends_by_itself_somebody_is_told() -> None:
    crashed = threading.Event()
    broker = EmbeddedBroker("127.0.0.1", free_port(), crashed.set)
    broker.start()
    assert broker._loop is not None
    assert broker._broker is not None
    tasks = broker._broker.inner_tasks()
    broker._loop.call_soon_threadsafe(lambda: [task.cancel() for task in tasks])
    assert crashed.wait(10)
    broker.stop()
