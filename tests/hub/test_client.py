"""What a broker sends is cut into messages, wherever the network cuts it."""

import socket
import threading
from collections.abc import Iterator
from random import Random

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from cloud.client import Client, cut_packets
from tests.support.processes import Mosquitto, until

PINGRESP = b"\xd0\x00"


def published(topic: bytes, payload: bytes, mid: int | None = None) -> bytes:
    """Return a message as a broker sends it: with QoS 1 if it has a number."""
    body = len(topic).to_bytes(2) + topic + (b"" if mid is None else mid.to_bytes(2)) + payload
    size, digits = len(body), bytearray()
    while size >= 128:
        digits.append(size & 127 | 128)
        size >>= 7
    digits.append(size)
    return bytes([0x30 if mid is None else 0x32]) + bytes(digits) + body


@pytest.mark.parametrize("size", [0, 1, 120, 121, 127, 128, 16_370, 16_384, 300_000, 2_200_000])
def test_a_message_of_any_size_is_cut_out(size: int) -> None:
    content = published(b"a/b", b"x" * size)
    cut = cut_packets(content + PINGRESP)
    assert cut.messages == [("a/b", b"x" * size)]
    assert (cut.others, cut.used) == ([PINGRESP], len(content) + 2)


def test_a_message_of_qos_1_is_answered_under_its_number() -> None:
    cut = cut_packets(published(b"a", b"1", mid=0x1234) + published(b"b", b"2"))
    assert cut.messages == [("a", b"1"), ("b", b"2")]
    assert cut.acks == b"\x40\x02\x12\x34"


@pytest.mark.parametrize("length", [0, 1, 127, 128, 300])
def test_properties_of_mqtt_5_are_no_part_of_a_message(length: int) -> None:
    digits = bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])
    content = published(b"a", digits + b"\x26" * length + b"told", mid=7)
    assert cut_packets(content, properties=True).messages == [("a", b"told")]


@pytest.mark.parametrize("rest", [b"", b"\x09ab", b"\xff\xff\xff\xff\xff", b"\x80"])
def test_properties_longer_than_their_packet_are_no_mqtt(rest: bytes) -> None:
    assert cut_packets(published(b"a", rest), properties=True).broken


def test_wherever_the_network_cuts_nothing_is_lost_or_doubled() -> None:
    random = Random(20261124)
    told = [(f"t/{n}", random.randbytes(random.choice([0, 5, 200, 20_000]))) for n in range(60)]
    stream = b"".join(published(topic.encode(), payload) + PINGRESP for topic, payload in told)
    got: list[tuple[str, bytes]] = []
    pings = 0
    rest, at = b"", 0
    while at < len(stream):
        piece = stream[at : at + random.choice([1, 2, 3, 7, 100, 5_000])]
        at += len(piece)
        cut = cut_packets(rest + piece)
        assert not cut.broken
        rest = (rest + piece)[cut.used :]
        assert cut.needed > len(rest)
        got += cut.messages
        pings += len(cut.others)
    assert (got, pings, rest) == (told, 60, b"")


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"\x30\xff\xff\xff\xff\x01", id="a length of five bytes"),
        pytest.param(b"\x30\x04\x00\x09ab", id="a topic that is longer than its packet"),
    ],
)
def test_what_is_no_mqtt_is_told_from_what_is_not_all_there(stream: bytes) -> None:
    good = published(b"a", b"1")
    cut = cut_packets(good + stream)
    assert cut.broken
    assert cut.messages == [("a", b"1")]
    assert not cut_packets(good + stream[:3]).broken


def test_half_a_message_of_a_lost_connection_is_no_part_of_the_next() -> None:
    heard: list[tuple[str, bytes]] = []
    client = Client(heard.extend)
    client.reconnect_delay_set(1, 1)
    whole = published(b"up/1", b"x" * 5_000)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        client.connect_async("127.0.0.1", server.getsockname()[1])
        thread = threading.Thread(target=client.loop_forever, args=(1.0, True))
        thread.start()
        for content in (whole + whole[:3_000], whole):
            line, _ = server.accept()
            with line:
                line.settimeout(20)
                assert line.recv(4_096)[:1] == b"\x10"
                line.sendall(b"\x20\x02\x00\x00" + content)
                line.shutdown(socket.SHUT_WR)
                while line.recv(4_096):
                    pass
        client.disconnect()
        thread.join(10)
    assert not thread.is_alive()
    assert heard == [("up/1", b"x" * 5_000)] * 2


class Pair:
    """Our client and one of paho's own, at one broker."""

    def __init__(self, port: int, protocol: MQTTProtocolVersion) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.answered: list[tuple[str, bytes]] = []
        self.client = Client(self.heard.extend, protocol)
        self.client.reconnect_delay_set(1, 1)
        self.subscriptions = 0
        self.client.on_connect = lambda client, *_: client.subscribe([("up/+", 0), ("sure/+", 1)])
        self.client.on_subscribe = self._on_subscribe
        self.client.connect_async("127.0.0.1", port)
        self._thread = threading.Thread(
            target=lambda: self.client.loop_forever(retry_first_connection=True)
        )
        self._thread.start()
        self.other = paho.Client(CallbackAPIVersion.VERSION2)
        self.other.on_connect = lambda client, *_: client.subscribe("down/+", 1)
        self.other.on_message = lambda _c, _d, m: self.answered.append((m.topic, bytes(m.payload)))
        listening = threading.Event()
        self.other.on_subscribe = lambda *_: listening.set()
        self.other.connect("127.0.0.1", port)
        self.other.loop_start()
        until(lambda: self.subscriptions == 1, what="the subscription")
        # What is sent with QoS 0 before somebody listens goes to nobody.
        assert listening.wait(60), "the other one's subscription"

    def _on_subscribe(self, *_: object) -> None:
        self.subscriptions += 1

    def close(self) -> None:
        for client in (self.client, self.other):
            client.disconnect()
        self._thread.join(10)
        assert not self._thread.is_alive()
        self.other.loop_stop()


@pytest.fixture(params=[MQTTProtocolVersion.MQTTv311, MQTTProtocolVersion.MQTTv5])
def pair(mosquitto: Mosquitto, request: pytest.FixtureRequest) -> Iterator[Pair]:
    made = Pair(mosquitto.port, request.param)
    yield made
    made.close()


def test_thousands_of_messages_come_and_go_in_order(pair: Pair) -> None:
    sent = [(f"{('up', 'sure')[n % 2]}/{n}", b"%d" % n * (n % 50)) for n in range(3_000)]
    for topic, payload in sent:
        pair.other.publish(topic, payload, qos=1)
    until(lambda: len(pair.heard) == len(sent), what="all are heard")
    for channel in ("up", "sure"):
        mine = [one for one in sent if one[0].startswith(channel)]
        assert [one for one in pair.heard if one[0].startswith(channel)] == mine
    replies = [(f"down/{n}", b"y" * (n % 700)) for n in range(900)]
    pair.client.send(replies)
    until(lambda: len(pair.answered) == len(replies), what="all are answered")
    assert pair.answered == replies


def test_many_threads_may_send_and_no_packet_is_torn(pair: Pair) -> None:
    def send(who: int) -> None:
        for n in range(20):
            pair.client.send([(f"down/{who}", b"z" * (1_000 * who + n))] * 5)

    threads = [threading.Thread(target=send, args=(who,)) for who in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: len(pair.answered) == 400, what="all have come")
    for who in range(1, 5):
        mine = [len(payload) for topic, payload in pair.answered if topic == f"down/{who}"]
        assert mine == [1_000 * who + n for n in range(20) for _ in range(5)]


def test_a_message_far_larger_than_one_read_comes_whole(pair: Pair) -> None:
    pair.other.publish("up/large", b"x" * 3_000_000, qos=1)
    pair.other.publish("up/next", b"y", qos=1)
    until(lambda: len(pair.heard) == 2, what="both are heard")
    assert pair.heard == [("up/large", b"x" * 3_000_000), ("up/next", b"y")]


def test_a_broker_that_was_killed_in_the_middle_is_found_again(
    pair: Pair, mosquitto: Mosquitto
) -> None:
    for _ in range(200):
        pair.other.publish("up/1", b"x" * 10_000, qos=0)
    mosquitto.kill()
    mosquitto.start()
    until(lambda: pair.subscriptions == 2, what="it subscribes again")
    pair.other.reconnect()
    pair.other.publish("up/2", b"after", qos=1)
    until(lambda: ("up/2", b"after") in pair.heard, what="what comes then is heard")
    assert {payload for topic, payload in pair.heard if topic == "up/1"} <= {b"x" * 10_000}
