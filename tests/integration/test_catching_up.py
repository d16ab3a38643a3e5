"""A box that is behind, a real broker between it and a hub: what goes first, and that no event goes
twice or is held up. The hub is slow on purpose, and is started anew from a backup once.
"""

import queue
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import select
from sqlite_utils import Database

from cloud import tables
from cloud.db import migrate as migrate_hub
from cloud.db import open_engine, reading
from cloud.ingest import Ingest
from cloud.shares import Shares
from edge.clock import SystemClock
from edge.store.database import connect, migrate, transaction
from edge.store.outbox import Outbox, Reading
from edge.uplink.link import Broker, Condition, Identity
from edge.uplink.mqtt import Uplink
from edge.wire.codec import decode_up
from edge.wire.messages import Alert, Batch, Body, Hello, VisitClosed
from edge.wire.topics import BoxAddress, parse_topic
from tests.support.processes import Mosquitto, until

ADDRESS = BoxAddress(store="nj-001", box="nj-001-a")
VISIT = "01M7XXA33GXJBZ1TSAYXW5Y5AK"
CLOSED = VisitClosed(visit=VISIT, reason="closing_time", rev=0)
RAISED = Alert(alert="member_arrived", visit=VISIT, subject=None)


@dataclass(frozen=True, slots=True)
class Heard:
    """One event as it reached the hub."""

    channel: str
    seq: int
    kind: str


class SlowHub:
    """The hub's own ingest behind the broker, a few milliseconds slower a message."""

    def __init__(self, folder: Path, broker: Mosquitto, slowness_s: float) -> None:
        self._folder = folder
        self._slowness_s = slowness_s
        self._queue: queue.SimpleQueue[tuple[str, bytes] | None] = queue.SimpleQueue()
        self.heard: list[Heard] = []
        self.hellos = 0
        self._open()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = lambda _c, _d, m: self._queue.put((m.topic, bytes(m.payload)))
        self._client.connect("127.0.0.1", broker.port)
        self._client.subscribe([("menkou/v1/+/+/up", 1), ("menkou/v1/+/+/late", 1)])
        self._client.loop_start()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _open(self) -> None:
        self._folder.mkdir(exist_ok=True)
        self.engine = open_engine(f"sqlite:///{self._folder}/hub.db")
        migrate_hub(self.engine)
        self._ingest = Ingest(self.engine, Shares(self.engine, self._folder / "share.secret"))

    def _work(self) -> None:
        while (message := self._queue.get()) is not None:
            topic, payload = message
            said, _ = decode_up(payload)
            if isinstance(said, Batch):
                channel = parse_topic(topic)[1]
                self.heard += [Heard(channel, e.seq, e.body.KIND) for e in said.events]
            self.hellos += isinstance(said, Hello)
            time.sleep(self._slowness_s)
            for reply in self._ingest.take([(topic, payload, datetime.now(UTC))]):
                self._client.publish(*reply, qos=1)

    def events(self) -> int:
        with reading(self.engine) as connection:
            return len(connection.execute(select(tables.event.c.seq)).all())

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()
        self.engine.dispose()


class BehindBox:
    """A box's outbox and its uplink."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self._folder = folder
        self.db: Database = connect(folder)
        migrate(self.db)
        self.outbox = Outbox(self.db)
        self.epoch = self.outbox.begin_epoch(datetime.now(UTC), "run")
        self._broker = broker
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.uplink: Uplink | None = None

    def add(self, bodies: Sequence[Body], age: timedelta = timedelta()) -> None:
        reading = Reading(at=datetime.now(UTC) - age, mono=1.0, clock="ok")
        with transaction(self.db):
            self.outbox.append(self.epoch, [(body, reading) for body in bodies])
        if self.uplink:
            self.uplink.nudge()

    def start(self) -> None:
        self._stop.clear()
        self.uplink = Uplink(
            broker=Broker(host="127.0.0.1", port=self._broker.port),
            identity=Identity(
                address=ADDRESS, name="南京东路店", timezone="Asia/Shanghai", version="1.2.3"
            ),
            outbox=lambda: Outbox(connect(self._folder)),
            condition=lambda: Condition(mode="count", mode_wanted="count", occupancy=0, cameras=()),
            clock=SystemClock(),
            mark_every_s=0.2,
        )
        self._threads = [threading.Thread(target=self.uplink.run, args=(self._stop,))]
        self._threads[0].start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._threads = []


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path)
    made.start()
    yield made
    made.kill()


@pytest.fixture
def box(tmp_path: Path, broker: Mosquitto) -> Iterator[BehindBox]:
    (tmp_path / "box").mkdir()
    made = BehindBox(tmp_path / "box", broker)
    yield made
    made.stop()
    made.db.close()


@pytest.fixture
def hub(tmp_path: Path, broker: Mosquitto) -> Iterator[Callable[..., SlowHub]]:
    made: list[SlowHub] = []

    def make(slowness_s: float = 0.0) -> SlowHub:
        made.append(SlowHub(tmp_path / "hub", broker, slowness_s))
        return made[-1]

    yield make
    for one in made:
        one.close()


def drained(box: BehindBox) -> Callable[[], bool]:
    """Return what says whether the hub's word on everything is written down."""
    return lambda: box.outbox.backlog().events == 0


def test_alerts_go_first_live_ones_overtake_and_every_event_goes_once(
    box: BehindBox, hub: Callable[..., SlowHub]
) -> None:
    backlog: list[Body] = [CLOSED] * 6_000
    for place in (500, 2_500, 5_990):
        backlog[place] = RAISED
    box.add(backlog, age=timedelta(days=3))
    slow = hub(slowness_s=0.03)
    box.start()
    until(lambda: len(slow.heard) > 1_000, what="the middle of the backlog")
    box.add([RAISED, CLOSED])
    until(drained(box), within_s=60, what="the end of the backlog")
    seqs = [heard.seq for heard in slow.heard]
    assert sorted(seqs) == list(range(1, 6_003))  # each, and none twice
    assert [(h.channel, h.seq) for h in slow.heard[:3]] == [
        ("late", 501),
        ("late", 2_501),
        ("late", 5_991),
    ]
    live = [place for place, heard in enumerate(slow.heard) if heard.channel == "up"]
    assert [slow.heard[place].seq for place in live] == [6_001, 6_002]
    assert live[0] < 4_000
    waited = [heard.seq for heard in slow.heard[3:] if heard.channel == "late"]
    assert waited == sorted(waited)
    assert slow.events() == 6_002


def test_more_alerts_than_one_batch_holds_wait_for_nothing_behind_a_live_event(
    box: BehindBox, hub: Callable[..., SlowHub]
) -> None:
    """A shop is open when its line is back: something live is told before all that waited."""
    backlog: list[Body] = [CLOSED] * 3_000
    backlog[4::5] = [RAISED] * 600
    box.add(backlog, age=timedelta(days=3))
    box.start()
    assert box.uplink is not None
    recently = box.uplink._delivery.recently
    until(lambda: recently.before() == 3_000, what="the first look")
    box.add([CLOSED])
    busy = hub(slowness_s=0.02)
    until(lambda: bool(busy.heard), what="the hub's first answer")
    greeted_with = busy.hellos
    until(drained(box), within_s=60, what="the end of the backlog")
    assert busy.heard[0] == Heard("up", 3_001, "visit_closed")
    assert {heard.kind for heard in busy.heard[1:601]} == {"alert"}
    assert sorted(heard.seq for heard in busy.heard) == list(range(1, 3_002))
    assert busy.hellos == greeted_with, "it had to ask what had arrived"


def test_after_a_cut_in_the_middle_only_what_the_hub_misses_is_sent_again(
    box: BehindBox, hub: Callable[..., SlowHub]
) -> None:
    backlog: list[Body] = [CLOSED] * 4_000
    backlog[3_999] = RAISED
    box.add(backlog, age=timedelta(days=3))
    slow = hub(slowness_s=0.03)
    box.start()
    until(lambda: len(slow.heard) > 1_000, what="the middle of the backlog")
    box.stop()  # the alert far ahead has arrived; the gap below it has not been filled
    until(lambda: slow.events() == len(slow.heard), what="the hub to be done")
    had = {heard.seq for heard in slow.heard}
    assert 4_000 in had
    slow.heard.clear()
    box.start()
    until(drained(box), within_s=60, what="the end of the backlog")
    assert sorted(heard.seq for heard in slow.heard) == sorted(set(range(1, 4_001)) - had)


def test_a_hub_restored_from_a_backup_is_sent_again_what_it_has_lost(
    box: BehindBox, hub: Callable[..., SlowHub], tmp_path: Path
) -> None:
    box.add([CLOSED] * 300)
    first = hub()
    box.start()
    until(drained(box), what="the first delivery")
    box.stop()
    first.close()
    shutil.rmtree(tmp_path / "hub")
    box.add([CLOSED] * 20)
    restored = hub()
    box.start()
    until(lambda: restored.events() == 320, within_s=30, what="the second delivery")
    until(drained(box), within_s=30, what="the marks")
    assert sorted(heard.seq for heard in restored.heard) == list(range(1, 321))


def test_each_loss_of_the_broker_is_followed_by_another_pause(
    box: BehindBox, broker: Mosquitto
) -> None:
    waits: list[Any] = []
    box.start()
    assert box.uplink is not None
    client = box.uplink._client
    for _ in range(3):
        until(client.is_connected, what="the connection")
        broker.kill()
        until(lambda: not client.is_connected(), what="the loss")
        until(lambda: client._reconnect_min_delay not in waits, what="another pause")
        waits.append(client._reconnect_min_delay)
        broker.start()
