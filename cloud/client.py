"""paho's MQTT client, made to take in and send out many messages at once. Used by `mqtt`.

paho takes in one message at a time, with a select, four reads and several objects for each: 20 to
25 µs, where a chain's hub has 50 µs for everything. Here all that has come is read at once and
cut into messages (MQTT 3.1.1 and 5, 2.2 and 3.3), and a whole set of messages goes out in one
piece. What is no message is paho's: connection, TLS, login, subscriptions, pings. Two of its
methods that are not public are used, `_sock_recv` and `_packet_queue`; tests with a broker watch
over them.
"""

import ssl
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

Heard = Callable[[list[tuple[str, bytes]]], None]
"""Takes topics and payloads, in the order in which they came."""

_READ_BYTES: Final = 256 * 1024
_PUBLISH: Final = 0x30
_PUBLISH_ONCE_AT_LEAST: Final = 0x32
_QOS: Final = 0x06
_QOS_2: Final = 0x04
_LENGTH_BYTES_MAX: Final = 4


class Client(paho.Client):
    """A client whose session ends with its connection. It can subscribe with QoS 0 and 1.

    Args:
        heard: called in the thread of `loop_forever` with all that came together.
        protocol: MQTT 3.1.1 or 5.
    """

    def __init__(
        self, heard: Heard, protocol: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv311
    ) -> None:
        # In MQTT 5 a session ends with its connection, unless one asks for more.
        clean = None if protocol == MQTTProtocolVersion.MQTTv5 else True
        super().__init__(CallbackAPIVersion.VERSION2, protocol=protocol, clean_session=clean)
        self._properties = protocol == MQTTProtocolVersion.MQTTv5
        self._heard = heard
        self._forget()
        # With this, paho leaves writing to the thread that reads: two would mix their packets.
        self.on_socket_register_write = lambda *_: None

    def _forget(self) -> None:
        self._rest = bytearray()  # of a packet that has begun
        self._needed = 0  # bytes of it, as far as is known
        self._for_paho = b""
        self._ended = False

    def reconnect(self) -> MQTTErrorCode:
        """Connect anew; what had come of a packet is gone with the old connection."""
        self._forget()
        return super().reconnect()

    def loop_forever(
        self, timeout: float = 1.0, retry_first_connection: bool = False
    ) -> MQTTErrorCode:
        """Carry messages until `disconnect` is called; paho connects again by itself."""
        self.loop(0)  # makes what `send` wakes the loop with; without a connection it does no more
        return super().loop_forever(timeout, retry_first_connection)

    def send(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Publish messages with QoS 0. From any thread.

        Whoever needs to know that they arrived must hear it from the receiver, who asks again.
        """
        if packets := packed(messages, properties=self._properties):
            self._queue(packets)

    def _queue(self, packets: bytes) -> None:
        # To paho they are one packet that nobody waits for.
        self._packet_queue(paho.PUBACK, packets, mid=0, qos=0)

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read what has come, and hand over the messages in it. Called by `loop_forever`."""
        sock = self.socket()
        if sock is None:
            return MQTTErrorCode.MQTT_ERR_NO_CONN
        try:
            data = sock.recv(_READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        except OSError:
            data = b""
        if not data:
            return self._end()
        self._rest += data
        if len(self._rest) < self._needed:
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        buffer = bytes(self._rest)
        cut = cut_packets(buffer, self._properties)
        self._needed = cut.needed
        self._rest = bytearray(buffer[cut.used :])
        if cut.acks:
            self._queue(cut.acks)
        if cut.messages:
            self._heard(cut.messages)
        for packet in cut.others:
            self._for_paho = packet
            if code := super().loop_read():
                return code
        return self._end() if cut.broken else MQTTErrorCode.MQTT_ERR_SUCCESS

    def _end(self) -> MQTTErrorCode:
        """Let paho find that the connection has ended."""
        self._ended = True
        return super().loop_read()

    def _sock_recv(self, bufsize: int) -> bytes:
        """Give paho the packets that are its own."""
        if not self._for_paho and not self._ended:
            raise BlockingIOError
        piece, self._for_paho = self._for_paho[:bufsize], self._for_paho[bufsize:]
        return piece


def packed(
    messages: Iterable[tuple[str, bytes]],
    mids: Iterator[int] | None = None,
    *,
    properties: bool = False,
) -> bytes:
    """Return messages as they are published, one after the other.

    Args:
        messages: topics and payloads.
        mids: their numbers, for QoS 1; None: QoS 0.
        properties: whether messages have properties, as in MQTT 5; these have none.
    """
    packets = bytearray()
    none = b"\0" if properties else b""
    for topic, payload in messages:
        name = topic.encode()
        mid = b"" if mids is None else next(mids).to_bytes(2)
        packets.append(_PUBLISH if mids is None else _PUBLISH_ONCE_AT_LEAST)
        packets += _length(2 + len(name) + len(mid) + len(none) + len(payload))
        packets += len(name).to_bytes(2) + name + mid + none + payload
    return bytes(packets)


class Cut(NamedTuple):
    """What some bytes hold: messages, answers to those of QoS 1, other packets, and a rest."""

    messages: list[tuple[str, bytes]]
    acks: bytes
    others: list[bytes]
    used: int
    needed: int
    """Bytes that the packet which begins after those `used` has in all, or at least."""
    broken: bool
    """The bytes after those `used` are no MQTT."""


def cut_packets(buffer: bytes, properties: bool = False) -> Cut:
    """Cut bytes that a broker sent into packets.

    Args:
        buffer: what has come, from the beginning of a packet on.
        properties: whether messages have properties, as in MQTT 5; none is of interest here.
    """
    messages: list[tuple[str, bytes]] = []
    mids: list[bytes] = []
    others: list[bytes] = []
    at, end = 0, len(buffer)
    needed = 2
    broken = False
    while at + 2 <= end:
        head, size = buffer[at], buffer[at + 1]
        body = at + 2
        if size >= 128:
            body = _end_of_length(buffer, at + 1)
            if not body:
                broken = end - at > _LENGTH_BYTES_MAX
                break
            size = _size(buffer[at + 1 : body])
        after = body + size
        if after > end:
            needed = after - at
            break
        if head & 0xF0 == _PUBLISH and head & _QOS != _QOS_2:
            text = body + 2
            content = text + int.from_bytes(buffer[body:text])
            topic = buffer[text:content]
            if head & _QOS:
                mids.append(buffer[content : content + 2])
                content += 2
            if properties:
                content = _after_properties(buffer, content, after)
            if content > after:
                broken = True
                break
            messages.append((topic.decode(errors="replace"), buffer[content:after]))
        else:
            others.append(buffer[at:after])
        at = after
    acks = b"".join(b"\x40\x02" + mid for mid in mids)
    return Cut(messages, acks, others, at, needed, broken)


def _end_of_length(buffer: bytes, start: int) -> int:
    """Return where the length that begins at `start` ends, or 0: not yet, or not within 4 bytes."""
    for at in range(start, min(start + _LENGTH_BYTES_MAX, len(buffer))):
        if buffer[at] < 128:
            return at + 1
    return 0


def _after_properties(buffer: bytes, start: int, after: int) -> int:
    """Return where the properties that begin at `start` end; beyond `after` if they do not."""
    end = _end_of_length(buffer[:after], start)
    return end + _size(buffer[start:end]) if end else after + 1


def _size(digits: bytes) -> int:
    return sum((digit & 127) << (7 * place) for place, digit in enumerate(digits))


def _length(size: int) -> bytes:
    """Return a length as MQTT writes it: 7 bits a byte, the lowest first."""
    digits = bytearray()
    while size >= 128:
        digits.append(size & 127 | 128)
        size >>= 7
    digits.append(size)
    return bytes(digits)
