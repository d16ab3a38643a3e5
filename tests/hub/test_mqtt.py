"""From a real broker into the database and back: nothing acknowledged that is not written."""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import OperationalError

from cloud import mqtt, tables
from cloud.accounts.scope import EVERYTHING
from cloud.aside import meters
from cloud.broker import EmbeddedBroker
from cloud.db import reading
from cloud.inbox import Gathered
from cloud.ingest import Ingest
from cloud.mqtt import BrokerAddress, Post
from cloud.queries.today import chain_today
from cloud.rollup import rollup
from cloud.waiting import Bound
from cloud.worker import Crew
from edge.wire.codec import decode_ack
from edge.wire.messages import Ack
from tests.hub.conftest import NOW, FakeBox, Message
from tests.support.processes import Mosquitto, free_port, until


class Line:
    """A box's connection: publishes, and keeps the acknowledgements."""

    def __init__(self, port: int, box: FakeBox) -> None:
        self.acks: list[Ack] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.reconnect_delay_set(1, 1)
        topic = box.address.topic("ack")
        self._client.on_message = lambda _c, _d, m: self.acks.append(decode_ack(bytes(m.payload)))
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(10)

    def send(self, message: Message, *, retain: bool = False) -> None:
        self._client.publish(message[0], message[1], qos=1, retain=retain)

    def through(self) -> int:
        return max((epoch.through for ack in self.acks for epoch in ack.epochs), default=0)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Moody:
    """An ingest whose database fails as often as told, then works."""

    def __init__(self, ingest: Ingest, failures: int) -> None:
        self._ingest = ingest
        self.failures = failures
        self.blocked = threading.Event()
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def write(self, gathered: Gathered) -> list[tuple[str, bytes]]:
        self.blocked.set()
        assert self.may_go_on.wait(20)
        if self.failures:
            self.failures -= 1
            raise OperationalError("INSERT secret", None, RuntimeError("database is locked"))
        return self._ingest.write(gathered)

    def beat(self, now: datetime, *, dropped: int = 0, database_errors: int = 0) -> None:
        self._ingest.beat(now, dropped=dropped, database_errors=database_errors)


StartHub = Callable[..., Post]


@pytest.fixture
def start_hub(engine: Engine, ingest: Ingest) -> Iterator[StartHub]:
    crews: list[Crew] = []

    def start(
        port: int, taker: mqtt.Taker = ingest, live: int = 100, share: str | None = None
    ) -> Post:
        crew = Crew()
        crews.append(crew)
        broker = BrokerAddress(host="127.0.0.1", port=port)
        bound = Bound(live, 1_000_000)
        post = Post(broker, taker, partial(rollup, engine), crew.stop, live=bound, share=share)
        crew.start("mqtt", post.receive)
        crew.start("sort", post.sort)
        crew.start("ingest", post.ingest)
        crew.start("rollup", post.rollup)
        return post

    yield start
    for crew in crews:
        crew.join(15)
        assert crew.crashed is None


def subscribed(post: Post) -> None:
    until(post.subscribed.is_set, what="the hub is subscribed")


def held(engine: Engine) -> int:
    with reading(engine) as connection:
        return connection.execute(select(func.count()).select_from(tables.event)).scalar_one()


def visitors(engine: Engine) -> int:
    with reading(engine) as connection:
        return sum(shop.visitors for shop in chain_today(connection, EVERYTHING, NOW).shops)


def test_events_go_in_and_acknowledgements_come_back(
    engine: Engine, mosquitto: Mosquitto, start_hub: StartHub, box: FakeBox
) -> None:
    subscribed(start_hub(mosquitto.port))
    line = Line(mosquitto.port, box)
    line.send(box.hello())
    until(lambda: [ack.hello for ack in line.acks] == [box.session], what="the hello is answered")
    for _ in range(20):
        line.send(box.batch(*(box.opened() for _ in range(10))))
    until(lambda: line.through() == 200, what="all is acknowledged")
    assert held(engine) == 200
    until(lambda: visitors(engine) == 200, within_s=2, what="the page shows it")
    line.close()


def test_the_embedded_broker_serves_as_well(
    engine: Engine, start_hub: StartHub, box: FakeBox
) -> None:
    port = free_port()
    broker = EmbeddedBroker("127.0.0.1", port, lambda: None)
    broker.start()
    post = start_hub(port)
    subscribed(post)
    line = Line(port, box)
    line.send(box.hello())
    line.send(box.batch(*(box.opened() for _ in range(200))))
    until(lambda: line.through() == 200, what="all is acknowledged")
    assert held(engine) == 200
    line.close()
    broker.stop()


class Counting(Moody):
    """An ingest that counts the messages that it was given."""

    def __init__(self, ingest: Ingest) -> None:
        super().__init__(ingest, failures=0)
        self.topics: list[str] = []

    def write(self, gathered: Gathered) -> list[tuple[str, bytes]]:
        self.topics += [topic.rsplit("/", 1)[1] for topic, _, _ in gathered.messages]
        return super().write(gathered)


def test_those_who_share_split_the_facts_and_each_hear_what_is_retained(
    engine: Engine, ingest: Ingest, mosquitto: Mosquitto, start_hub: StartHub, box: FakeBox
) -> None:
    line = Line(mosquitto.port, box)
    line.send(box.status("online"), retain=True)
    hubs = [Counting(ingest), Counting(ingest)]
    for hub in hubs:
        subscribed(start_hub(mosquitto.port, hub, share="menkou"))
    for hub in hubs:
        until(lambda hub=hub: hub.topics == ["status"], what="the retained state")  # type: ignore[misc]
    line.send(box.heartbeat(), retain=True)
    for _ in range(40):
        line.send(box.batch(box.opened()))
    until(lambda: line.through() == 40, what="all is acknowledged")
    assert [hub.topics.count("health") for hub in hubs] == [1, 1]
    told = [hub.topics.count("up") for hub in hubs]
    assert sum(told) == 40, "each fact goes to one of them"
    assert min(told) > 0
    assert held(engine) == 40
    line.close()


def test_a_broker_that_comes_late_or_again_is_found(
    engine: Engine, mosquitto: Mosquitto, start_hub: StartHub, box: FakeBox
) -> None:
    mosquitto.kill()
    post = start_hub(mosquitto.port)
    for _ in range(2):
        mosquitto.start()
        subscribed(post)
        send_one(mosquitto.port, box)
        mosquitto.kill()
        until(lambda: not post.subscribed.is_set(), what="the loss is noticed")
    mosquitto.start()


def send_one(port: int, box: FakeBox) -> None:
    line = Line(port, box)
    line.send(box.batch(box.opened()))
    until(lambda: line.through() == len(box.events), what="it is acknowledged")
    line.close()


def test_a_database_that_fails_for_a_while_loses_nothing(
    engine: Engine,
    ingest: Ingest,
    mosquitto: Mosquitto,
    start_hub: StartHub,
    box: FakeBox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(mqtt, "_RETRY_S", (0.01, 0.01, 0.01, 0.01))
    monkeypatch.setattr(mqtt, "_BEAT_S", 0.01)
    subscribed(start_hub(mosquitto.port, Moody(ingest, failures=3)))
    line = Line(mosquitto.port, box)
    line.send(box.batch(box.opened()))
    until(lambda: line.through() == 1, what="it is acknowledged in the end")
    until(lambda: counters(engine).get("database_errors") == 3, what="the errors are counted")
    assert "RuntimeError: database is locked" in caplog.text
    assert "secret" not in caplog.text
    line.close()


def test_what_could_never_be_written_is_dropped_counted_and_not_acknowledged(
    engine: Engine,
    ingest: Ingest,
    mosquitto: Mosquitto,
    start_hub: StartHub,
    box: FakeBox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mqtt, "_RETRY_S", (0.01, 0.01))
    monkeypatch.setattr(mqtt, "_BEAT_S", 0.01)
    subscribed(start_hub(mosquitto.port, Moody(ingest, failures=2)))
    line = Line(mosquitto.port, box)
    line.send(box.batch(box.opened()))
    until(lambda: counters(engine).get("dropped") == 1, what="the drop is counted")
    assert line.acks == []
    line.send(box.batch(*box.events))  # the box sends it again
    until(lambda: line.through() == 1, what="it is acknowledged")
    line.close()


def test_a_full_queue_drops_and_counts_and_the_box_is_asked_again(
    engine: Engine,
    ingest: Ingest,
    mosquitto: Mosquitto,
    start_hub: StartHub,
    box: FakeBox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mqtt, "_BEAT_S", 0.01)
    slow = Moody(ingest, failures=0)
    slow.may_go_on.clear()
    post = start_hub(mosquitto.port, slow, 3)
    subscribed(post)
    line = Line(mosquitto.port, box)
    line.send(box.batch(box.crossed(rev=1)))
    assert slow.blocked.wait(10)
    for rev in range(2, 22):
        line.send(box.batch(box.crossed(rev=rev)))
    until(lambda: post.losses()[0] + post.figures().waiting == 21, what="all have come")
    dropped = post.losses()[0]
    assert dropped >= 21 - 7, "one is written, three wait decoded, three as they came"
    slow.may_go_on.set()
    until(lambda: held(engine) == 21 - dropped, what="what was queued is kept")
    line.send(box.hello((1, 21)))
    until(lambda: bool(line.acks) and line.acks[-1].hello is not None, what="the hello is answered")
    for low, high in line.acks[-1].epochs[0].missing:
        line.send(box.batch(*box.events[low - 1 : high]))
    until(lambda: line.through() == 21, what="all is acknowledged")
    until(lambda: counters(engine).get("dropped") == dropped, what="the drops are counted")
    line.close()


def test_a_payload_of_ten_megabytes_is_set_aside(
    engine: Engine, mosquitto: Mosquitto, start_hub: StartHub, box: FakeBox
) -> None:
    subscribed(start_hub(mosquitto.port))
    line = Line(mosquitto.port, box)
    line.send(box.sends("up", b"x" * 10_000_000))
    line.send(box.batch(box.opened()))
    until(lambda: line.through() == 1, what="the next is acknowledged")
    assert counters(engine)["set_aside"] == 1
    line.close()


def counters(engine: Engine) -> dict[str, int]:
    with reading(engine) as connection:
        return meters(connection)


def test_the_address_of_a_broker_never_shows_its_password() -> None:
    broker = BrokerAddress(host="h", tls=True, username="hub", password="hunter22")
    assert repr(broker) == "BrokerAddress(mqtts://h:8883)"


def test_a_thread_that_crashes_stops_all_and_names_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    crew = Crew()

    def fail() -> None:
        raise ValueError("a programming error")

    crew.start("culprit", fail)
    assert crew.stop.wait(10)
    crew.join(5)
    assert crew.crashed == "culprit"
    assert "a programming error" in caplog.text
    assert "Traceback" in caplog.text
