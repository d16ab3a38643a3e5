"""Carries messages between the broker and `ingest`, which knows nothing of MQTT.

    broker -> client thread -> bounded lanes -> sorting thread -> one set -> ingest thread
              -> commit -> acknowledgements
                   `-> wakes the rollup thread

While one set is written, most of which SQLite does beside Python, the next is decoded.

The hub subscribes to facts with QoS 0: delivery is its own acknowledgement, after its commit, and
a broker that holds at most 20 unanswered messages (Mosquitto's default) would be waited for. A
message may be dropped (the queue is full) or its transaction may fail: both are counted, and
the box sends again whatever this hub has not acknowledged. Started by `cli`.
"""

import logging
import queue
import ssl
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTProtocolVersion
from sqlalchemy.exc import SQLAlchemyError

from cloud.client import Client
from cloud.errors import BrokerFault
from cloud.inbox import Gathered, sort_out
from cloud.metrics import PostFigures
from cloud.turns import Turns
from cloud.waiting import Bound, Waiting
from edge.wire.messages import PAYLOAD_BYTES_MAX
from edge.wire.topics import Channel, every_box
from menkou.errors import told

_log = logging.getLogger(__name__)
_LIVE: Final = Bound(100_000, 256 * 1024 * 1024)
_LATE: Final = Bound(4_000, 64 * 1024 * 1024)
"""Late batches that may wait: some seconds' work, so that boxes hear of them before they ask."""
TOGETHER_MAX: Final = 8_192
"""Messages in one transaction: of a chain of 2,100 shops some of each, if each sends single events.
What is done once for each box of a set is half of the work there."""
TOGETHER_WEIGHT: Final = 2 * 1024 * 1024
"""What they may weigh in all, as JSON: about 8,000 events, two tenths of a second's work."""
_TOGETHER_S: Final = 0.05
_IDLE_S: Final = 0.5
_BEAT_S: Final = 5.0
_LOOK_S: Final = 0.5
_RETRY_S: Final = (1.0, 2.0, 5.0, 10.0)
_RECONNECT_S: Final = (1, 30)
_KEEPALIVE_S: Final = 20
"""For half as long again a broker gives its share to a process that stands still."""
_ROLLUP_PAUSE_S: Final = 0.1
_ROLLUP_IDLE_S: Final = 2.0
_SHARED: Final[dict[Channel, int]] = {"up": 0, "late": 0}
"""What each message of need be taken by one ingest process only, with which QoS."""
# Retained, which a broker never sends to those who share: each process takes them all, to the
# same effect.
_EVERYBODYS: Final[dict[Channel, int]] = {"status": 1, "health": 1}
_MQTT_PORT: Final = 1883
_MQTTS_PORT: Final = 8883


class Taker(Protocol):
    """What `Ingest` does, as seen from here."""

    def write(self, gathered: Gathered) -> list[tuple[str, bytes]]:
        """Write a set of messages; return what to publish."""
        ...

    def beat(self, now: datetime, *, dropped: int = 0, database_errors: int = 0) -> None:
        """Note that ingest is alive."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """Where the broker is and how to prove who we are. The password stays out of `repr`."""

    host: str
    port: int | None = None
    tls: bool = False
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    username: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return f"BrokerAddress({self.shown})"

    @property
    def effective_port(self) -> int:
        """The port, or the usual one."""
        return self.port or (_MQTTS_PORT if self.tls else _MQTT_PORT)

    def introduce(self, client: paho.Client) -> None:
        """Give a client what it needs to trust the broker, and to prove who we are.

        Raises:
            BrokerFault: the certificates cannot be used.
        """
        if self.tls:
            try:
                client.tls_set(
                    ca_certs=str(self.ca) if self.ca else None,
                    certfile=str(self.cert) if self.cert else None,
                    keyfile=str(self.key) if self.key else None,
                    tls_version=ssl.PROTOCOL_TLS_CLIENT,
                )
            except OSError as exc:  # of TLS, too
                raise BrokerFault(
                    f"broker {self.shown}: ca {self.ca}, cert {self.cert}, key {self.key}: expected"
                    f" PEM files that belong together, got: {told(exc)}; see to these settings"
                ) from exc
        if self.username is not None:
            client.username_pw_set(self.username, self.password)

    @property
    def shown(self) -> str:
        """The address for people, without a password."""
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.effective_port}"


class _Losses:
    """What was lost, ever, and what of it is not yet written down. Two threads count."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._dropped = 0
        self._database_errors = 0
        self._ever = (0, 0)

    def add(self, *, dropped: int = 0, database_errors: int = 0) -> None:
        """Count; what is taken off was written down."""
        with self._lock:
            self._dropped += dropped
            self._database_errors += database_errors
            self._ever = (
                self._ever[0] + max(0, dropped),
                self._ever[1] + max(0, database_errors),
            )

    def ever(self) -> tuple[int, int]:
        """Return dropped messages and database errors since this process began."""
        with self._lock:
            return self._ever

    def read(self) -> tuple[int, int]:
        """Return dropped messages and database errors."""
        with self._lock:
            return self._dropped, self._database_errors


class Post:
    """The connection to the broker, the queue of what came, and the loops that empty it.

    Run `receive`, `sort`, `ingest` and `rollup` each in a thread of its own; all end when `stop` is
    set.
    """

    def __init__(
        self,
        broker: BrokerAddress,
        taker: Taker,
        roll: Callable[[Callable[[], None]], int],
        stop: threading.Event,
        *,
        live: Bound = _LIVE,
        late: Bound = _LATE,
        share: str | None = None,
        orders: Callable[[datetime], Sequence[tuple[str, bytes]]] = lambda now: (),
    ) -> None:
        self._broker = broker
        self._taker = taker
        self._roll = roll
        self._share = share
        self._stop = stop
        self._orders = orders
        self._queue = Waiting(live=live, late=late)
        self._sorted: queue.SimpleQueue[Gathered] = queue.SimpleQueue()
        self._room = threading.Semaphore(1)  # for one set that is decoded and not yet written
        self._ahead = self._written = 0  # messages that were gathered, and that are done with
        self._turns = Turns()
        self._dirtied = threading.Event()
        self._losses = _Losses()
        self._why_failed: str | None = None
        self.connected = threading.Event()
        self.subscribed = threading.Event()
        self._client = self._make_client()

    def _make_client(self) -> Client:
        # Only MQTT 5 knows shared subscriptions, and the embedded broker only MQTT 3.1.1.
        client = Client(
            self._on_heard,
            MQTTProtocolVersion.MQTTv5 if self._share else MQTTProtocolVersion.MQTTv311,
        )
        client.reconnect_delay_set(*_RECONNECT_S)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        self._broker.introduce(client)
        return client

    def losses(self) -> tuple[int, int]:
        """Return dropped messages and database errors that are not written down yet."""
        return self._losses.read()

    def figures(self) -> PostFigures:
        """Return how it stands, for the metrics."""
        waiting, waiting_bytes = self._queue.held()
        dropped, database_errors = self._losses.ever()
        return PostFigures(
            connected=self.subscribed.is_set(),
            waiting=waiting + self._ahead - self._written,
            waiting_bytes=waiting_bytes,
            dropped=dropped,
            database_errors=database_errors,
        )

    def receive(self) -> None:
        """Keep the connection until stopped; a broker that is away is tried for ever."""
        self._client.connect_async(
            self._broker.host, self._broker.effective_port, keepalive=_KEEPALIVE_S
        )
        threading.Thread(target=self._hang_up, name="hang-up", daemon=True).start()
        while not self._stop.is_set():
            self._client.loop_forever(retry_first_connection=True)

    def _hang_up(self) -> None:
        self._stop.wait()
        self._client.disconnect()

    def _on_connect(
        self, client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        if reason.is_failure:
            _log.error("broker %s: refused the connection: %s", self._broker.shown, reason)
            return
        group = "" if self._share is None else f"$share/{self._share}/"
        topics = [(group + every_box(name), qos) for name, qos in _SHARED.items()]
        topics += [(every_box(name), qos) for name, qos in _EVERYBODYS.items()]
        client.subscribe(topics)
        self.connected.set()
        self._why_failed = None
        _log.info("broker %s: connected", self._broker.shown)

    def _on_connect_fail(self, _client: paho.Client, _data: Any) -> None:
        # paho calls this while it handles the error, which is not among the arguments.
        why = told(sys.exc_info()[1])
        if why != self._why_failed:
            self._why_failed = why
            _log.error("broker %s: no connection: %s; tried again", self._broker.shown, why)

    def _on_subscribe(self, *_: Any) -> None:
        self.subscribed.set()

    def _on_disconnect(
        self, _client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        self.connected.clear()
        self.subscribed.clear()
        if not self._stop.is_set():
            _log.warning("broker %s: connection lost: %s", self._broker.shown, reason)

    def _on_heard(self, messages: list[tuple[str, bytes]]) -> None:
        now = datetime.now(UTC)
        # One byte too many is kept of what is too large: ingest refuses it, memory is bounded.
        received = [(topic, payload[: PAYLOAD_BYTES_MAX + 1], now) for topic, payload in messages]
        if refused := self._queue.put(received):
            self._losses.add(dropped=refused)

    def sort(self) -> None:
        """Gather what was received into sets and decode them, one ahead of those written."""
        while not self._stop.is_set():
            # No more than one: what is live would have to wait for all that is decoded before it.
            if not self._room.acquire(timeout=_IDLE_S):
                continue
            messages = self._queue.gather(
                _IDLE_S, _TOGETHER_S, most=TOGETHER_MAX, weight=TOGETHER_WEIGHT
            )
            if not messages:
                self._room.release()
                continue
            self._ahead += len(messages)
            self._sorted.put(sort_out(messages))

    def ingest(self) -> None:
        """Write sets, publish the acknowledgements, and orders that wait."""
        beaten = looked = 0.0
        while not self._stop.is_set():
            gathered = self._next_set()
            # Without a broker nothing is taken in: then there is no sign of life either.
            if self.subscribed.is_set() and time.monotonic() - beaten >= _BEAT_S:
                beaten = time.monotonic()
                self._beat()
            if gathered is not None:
                self._take(gathered)
                self._written += len(gathered.messages)
            if self.subscribed.is_set() and time.monotonic() - looked >= _LOOK_S:
                looked = time.monotonic()
                self._send_orders()

    def _next_set(self) -> Gathered | None:
        try:
            gathered = self._sorted.get(timeout=_IDLE_S)
        except queue.Empty:
            return None
        self._room.release()
        return gathered

    def _send_orders(self) -> None:
        """Publish the orders that are due; what is lost on the way is due again."""
        try:
            self._client.send(self._orders(datetime.now(UTC)))
        except SQLAlchemyError as exc:
            _log.error("orders: not sent: %s", _plain(exc))

    def _take(self, gathered: Gathered) -> None:
        """Take a set, several times if the database fails, then leave it to be sent again."""
        for pause_s in _RETRY_S:
            try:
                with self._turns.of("ingest"):
                    replies = self._taker.write(gathered)
            except SQLAlchemyError as exc:
                self._losses.add(database_errors=1)
                count = len(gathered.messages)
                _log.error("ingest: %d messages not written: %s", count, _plain(exc))
                if self._stop.wait(pause_s):
                    return
                continue
            self._dirtied.set()
            # What is said while the broker is away is lost; the box asks again.
            if self.connected.is_set():
                self._client.send(replies)
            return
        self._losses.add(dropped=len(gathered.messages))

    def _beat(self) -> None:
        dropped, errors = self._losses.read()
        try:
            with self._turns.of("ingest"):
                self._taker.beat(datetime.now(UTC), dropped=dropped, database_errors=errors)
        except SQLAlchemyError as exc:
            _log.error("ingest: heartbeat not written: %s", _plain(exc))
            return
        self._losses.add(dropped=-dropped, database_errors=-errors)

    def rollup(self) -> None:
        """Recompute what ingest dirtied, and now and then what others left behind.

        What was done may leave more to do: then it goes on at once.
        """
        while not self._stop.is_set():
            self._dirtied.wait(_ROLLUP_IDLE_S)
            self._dirtied.clear()
            try:
                with self._turns.of("rollup"):
                    if self._roll(self._turns.give_way):
                        self._dirtied.set()
            except SQLAlchemyError as exc:
                _log.error("rollup: %s", _plain(exc))
                self._dirtied.set()
                self._stop.wait(_RETRY_S[0])
            self._stop.wait(_ROLLUP_PAUSE_S)


def _plain(exc: SQLAlchemyError) -> str:
    """Return one line without the statement and its values, which hold people's visits."""
    cause = getattr(exc, "orig", None)
    if cause is None:
        return type(exc).__name__
    lines = str(cause).splitlines()
    return f"{type(cause).__name__}: {lines[0] if lines else ''}"
