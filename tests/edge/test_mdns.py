"""The box's name in the shop's network: real multicast, on the loopback interface."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from zeroconf import IPVersion, ServiceInfo, Zeroconf

from edge.app.named import _served_at
from edge.local import mdns
from edge.local.addresses import ipv4_addresses
from edge.local.mdns import LocalName

ONE, OTHER, THIRD = "127.0.0.21", "127.0.0.22", "127.0.0.23"
WAIT_S = 20.0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mdns, "LOOK_EVERY_S", 0.1)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else is in the network, so nobody needs to be waited for."""
    monkeypatch.setattr(mdns, "PROBE_S", 0.1)


def _until(holds: Callable[[], object]) -> None:
    over = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < over, "it did not come to that"
        time.sleep(0.05)


@contextmanager
def _running(box: str, *addresses: str, name: str = "menkou-test") -> Iterator[LocalName]:
    """Run a box that is in networks by some addresses."""
    there = list(addresses)
    found = LocalName(wanted=name, box=box, port=8780, addresses=lambda: there)
    found.there = there  # type: ignore[attr-defined]
    stop = threading.Event()
    thread = threading.Thread(target=found.run, args=(stop,))
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join(WAIT_S)
        assert not thread.is_alive()


def _asked(name: str) -> set[str]:
    """Ask the network for a name's address as any program does, without mDNS of its own."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    question = struct.pack(">6H", 1, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)
    found: set[str] = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.bind((THIRD, 0))
        asking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(THIRD))
        asking.settimeout(0.5)
        asking.sendto(question, ("224.0.0.251", 5353))
        try:
            while True:
                answer = asking.recv(2000)
                # The first record's data are the last four bytes before what comes besides.
                at = answer.index(struct.pack(">2H", 1, 1), len(question) - 4 + 4)
                found.add(socket.inet_ntoa(answer[at + 10 : at + 14]))
        except (TimeoutError, ValueError):
            return found


@pytest.mark.usefixtures("alone")
def test_the_name_leads_to_the_box_wherever_it_is_and_as_long_as_it_runs() -> None:
    with _running("a", ONE) as box:
        _until(lambda: box.found_as)
        assert box.found_as == "menkou-test.local"
        _until(lambda: _asked("menkou-test.local") == {ONE})
        box.there[:] = [OTHER]  # type: ignore[attr-defined]
        _until(lambda: _asked("menkou-test.local") == {OTHER})
        assert box.found_as == "menkou-test.local"
        box.there[:] = []  # type: ignore[attr-defined]
        _until(lambda: box.found_as is None)
        assert _asked("menkou-test.local") == set()


def test_a_second_box_of_a_shop_takes_the_next_name_and_the_first_keeps_its_own() -> None:
    with _running("a", ONE) as first:
        _until(lambda: first.found_as)
        with _running("b", OTHER) as second:
            _until(lambda: second.found_as)
            assert (first.found_as, second.found_as) == (
                "menkou-test.local",
                "menkou-test-2.local",
            )
            _until(lambda: _asked("menkou-test-2.local") == {OTHER})


def test_of_two_boxes_that_start_at_one_moment_one_gives_way() -> None:
    with _running("a", ONE) as first, _running("b", OTHER) as second:
        names = {"menkou-test.local", "menkou-test-2.local"}
        _until(lambda: {first.found_as, second.found_as} == names)
        _until(lambda: len(_asked("menkou-test.local")) == 1)


@contextmanager
def _device_of_another_maker(server: str, address: str) -> Iterator[None]:
    """Run a device that has a name.

    In a thread of its own: python-zeroconf takes the loop that its caller's thread runs, and a
    browser under test leaves one in this thread that turns only while the browser is asked.
    """

    def announced() -> Zeroconf:
        device = Zeroconf(interfaces=[address], ip_version=IPVersion.V4Only)
        kind = "_http._tcp.local."
        info = ServiceInfo(
            kind, f"printer.{kind}", port=80, server=server, parsed_addresses=[address]
        )
        device.register_service(info, cooperating_responders=True)  # nobody probes here
        return device

    with ThreadPoolExecutor(1) as apart:
        device = apart.submit(announced).result(WAIT_S)
        try:
            yield
        finally:
            apart.submit(device.close).result(WAIT_S)


def test_another_maker_s_device_of_that_name_keeps_it() -> None:
    with _device_of_another_maker("menkou-test.local.", OTHER), _running("a", ONE) as box:
        _until(lambda: box.found_as)
        assert box.found_as == "menkou-test-2.local"


@pytest.mark.usefixtures("alone")
def test_a_network_that_refuses_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    with _running("a", "203.0.113.9") as box:  # of no interface here
        _until(lambda: "no name in the shop's network" in caplog.text)
        box.there[:] = [ONE]  # type: ignore[attr-defined]
        _until(lambda: box.found_as == "menkou-test.local")
    assert caplog.text.count("no name in the shop's network") == 1


def test_the_pages_are_told_of_where_they_are_served_and_nowhere_else() -> None:
    there = ipv4_addresses()
    assert all(not one.startswith("127.") for one in there)
    assert _served_at("0.0.0.0") == there
    assert list(_served_at("203.0.113.9")) == []
    assert list(_served_at("::")) == []
