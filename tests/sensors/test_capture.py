"""Capture from a real interface of this machine's kernel, as root; scapy hears the same."""

import errno
import time
from collections.abc import Iterator

import pytest
from scapy.config import conf

from edge.bench.tap import TapRadio
from edge.sensors.radio.capture import FILTER, PROBE_REQUESTS, Capture, RingCapture, listen
from edge.sensors.radio.errors import CaptureFault
from edge.sensors.radio.fallback import ScapyCapture
from edge.sensors.radio.interface import RADIOTAP, Interface, State
from edge.sensors.radio.watchdog import Watchdog
from tests.support.air import on_the_air, probe
from tests.support.processes import until

ETHERNET = 1


@pytest.fixture
def radio() -> Iterator[TapRadio]:
    with on_the_air() as radio:
        yield radio


def heard(capture: Capture, expected: int) -> list[bytes]:
    """Return the frames that a capture brings, as many as are expected and any there are more."""
    frames = list[bytes]()

    def enough() -> bool:
        capture.drain(lambda _: None, lambda frame, _: frames.append(frame), 0.05)
        return len(frames) >= expected

    until(enough)
    capture.drain(lambda _: None, lambda frame, _: frames.append(frame), 0.3)
    return frames


def test_probe_requests_come_through_whole_and_in_order_and_nothing_else_does(
    radio: TapRadio,
) -> None:
    capture = listen(radio.interface, time.time)
    probes = [probe(f"02:00:00:00:00:{n:02x}", fcs=True) for n in range(5)]
    beacon = probe(control=b"\x80\x00")
    for frame in probes:
        radio.send(beacon)
        radio.send(frame)
    assert heard(capture, 5) == probes
    assert capture.lost() == 0
    capture.close()


def test_a_ring_goes_round_and_round_and_loses_nothing(radio: TapRadio) -> None:
    capture = RingCapture(radio.interface, time.time)
    large = probe(elements=b"".join(bytes((221, 255)) + bytes(255) for _ in range(8)))
    rounds = 3 * 16 * 1024 * 1024 // len(large)
    frames, at_s = 0, list[float]()

    def count(_frame: bytes, _at_s: float) -> None:
        nonlocal frames
        frames += 1

    def drained(timeout_s: float = 0.1) -> bool:
        capture.drain(at_s.append, count, timeout_s)
        return frames >= rounds

    for number in range(rounds):
        radio.send(large)
        if number % 2_000 == 0:
            drained(0.0)
    until(drained)
    assert (frames, capture.lost()) == (rounds, 0)
    assert at_s == sorted(at_s)
    assert abs(at_s[-1] - time.time()) < 30
    capture.close()


def test_what_the_ring_has_no_room_for_is_counted(radio: TapRadio) -> None:
    capture = RingCapture(radio.interface, time.time)
    large = probe(elements=b"".join(bytes((221, 255)) + bytes(255) for _ in range(8)))
    sent = 2 * 16 * 1024 * 1024 // len(large)
    for _ in range(sent):
        radio.send(large)
    frames = len(heard(capture, 1))
    until(lambda: frames + capture.lost() == sent)
    assert capture.lost() > 0
    capture.close()


def test_a_block_is_overwritten_when_it_was_read(radio: TapRadio) -> None:
    capture = RingCapture(radio.interface, time.time)
    address = bytes.fromhex("02c0ffee0042")
    radio.send(probe(address))
    assert heard(capture, 1)
    assert address not in capture._ring[:]
    capture.close()


def test_an_interface_that_goes_down_or_away_ends_the_capture_with_its_code(
    radio: TapRadio,
) -> None:
    capture = listen(radio.interface, time.time)
    radio.interface.lower()
    with pytest.raises(CaptureFault, match=r"wifi\.interface mon0") as down:
        heard(capture, 1)
    assert down.value.code == "wifi_down"
    capture.close()


def test_the_kernel_tells_of_an_interface_what_the_watchdog_asks(radio: TapRadio) -> None:
    dog = Watchdog(radio.interface, 0.0)
    assert dog.look(119.0, 0) is None
    radio.send(probe(control=b"\x80\x00"))
    until(lambda: radio.interface.received() == 1)
    assert dog.look(121.0, 0) is None
    radio.become(ETHERNET)
    assert dog.look(122.0, 0) == "wifi_not_monitor"
    radio.become(RADIOTAP)
    assert dog.look(123.0, 0) is None
    radio.interface.lower()
    assert dog.look(124.0, 0) == "wifi_down"
    assert Watchdog(Interface("mon7"), 0.0).look(1.0, 0) == "wifi_gone"


def test_what_cannot_be_listened_to_is_refused_with_the_way_out(radio: TapRadio) -> None:
    with pytest.raises(CaptureFault, match="plug the adapter in") as gone:
        listen(Interface("mon7"), time.time)
    radio.become(ETHERNET)
    with pytest.raises(CaptureFault, match="iw dev mon0 set type monitor") as managed:
        listen(radio.interface, time.time)
    radio.interface.lower()
    assert [gone.value.code, managed.value.code] == ["wifi_gone", "wifi_not_monitor"]


def test_scapy_hears_the_same_frames_where_there_is_no_ring(
    radio: TapRadio, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge.sensors.radio import capture as module

    def none(_interface: Interface, _now: object) -> RingCapture:
        raise OSError("no such ring here")

    monkeypatch.setattr(module, "RingCapture", none)
    capture = listen(radio.interface, time.time)
    assert isinstance(capture, ScapyCapture)
    probes = [probe(f"02:00:00:00:00:{n:02x}") for n in range(5)]
    for frame in probes:
        radio.send(probe(control=b"\x80\x00"))
        radio.send(frame)
    assert heard(capture, 5) == probes
    assert capture.lost() == 0
    capture.close()
    conf.use_pcap = False


def test_a_service_that_was_not_given_the_right_to_listen_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """systemd's RestrictAddressFamilies answers that there are no such sockets, to libpcap, too."""
    from edge.sensors.radio import capture as module

    class Adapter(Interface):
        def state(self) -> State:
            return "ok"

    def none(*_: object) -> RingCapture:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    def no_listening(**_: object) -> None:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    monkeypatch.setattr(module, "RingCapture", none)
    monkeypatch.setattr(conf, "L2listen", no_listening)
    monkeypatch.setattr(conf, "use_pcap", conf.use_pcap)
    with pytest.raises(CaptureFault, match=r"wifi\.conf") as refused:
        listen(Adapter("mon0"), time.time)
    assert refused.value.code == "wifi_refused"


def test_the_filter_is_what_libpcap_makes_of_its_words() -> None:
    from scapy.arch.common import compile_filter

    made = compile_filter(FILTER, linktype=127)
    program = [made.bf_insns[n] for n in range(made.bf_len)]
    compiled = [(one.code, one.jt, one.jf, one.k) for one in program]
    # How many bytes are let through differs from version to version.
    passed = [n for n, one in enumerate(compiled) if one[0] == 0x06 and one[3]]
    compiled[passed[0]] = (0x06, 0, 0, 0xFFFF)
    assert tuple(compiled) == PROBE_REQUESTS
