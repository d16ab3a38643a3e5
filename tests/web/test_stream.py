"""A page learns of every change, a slow one delays nobody, and stopping is quick."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from http.client import HTTPConnection
from typing import Any

import pytest

from menkou.web.stream import Broadcast, Message, Send
from tests.support.loops import in_its_own_loop
from tests.web.conftest import KeyDoor

Serving = Callable[..., AbstractContextManager[Any]]


class Listener:
    """A page's side of the stream: reads one event after the other."""

    def __init__(self, port: int, *, headers: dict[str, str] | None = None) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=5)
        self._connection.request("GET", "/events", headers=headers or {})
        self.answer = self._connection.getresponse()

    def event(self) -> dict[str, str]:
        """Return the next event's fields; empty at the end of the stream."""
        fields: dict[str, str] = {}
        while line := self.answer.readline().decode():
            if line == "\n":
                return fields
            name, _, value = line.rstrip("\n").partition(":")
            fields[name] = value.strip()
        return {}

    def number(self) -> int:
        return int(self.event()["data"])

    def close(self) -> None:
        self.answer.close()
        self._connection.close()


def _until(true: Callable[[], bool], seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not so within {seconds} s"
        time.sleep(0.01)


def test_a_page_hears_at_once_and_then_of_each_change(serving: Serving) -> None:
    with serving() as served:
        page = Listener(served.port)
        first = page.event()
        assert first["event"] == "changed"
        assert "retry" in first
        for _ in range(3):
            before = int(first["data"])
            served.broadcast.publish()
            first = page.event()
            assert int(first["data"]) == before + 1
        page.close()


def test_the_stream_is_never_kept_by_anything_between(serving: Serving) -> None:
    with serving() as served:
        page = Listener(served.port)
        assert page.answer.getheader("Content-Type", "").startswith("text/event-stream")
        assert page.answer.getheader("Cache-Control") == "no-store"
        assert page.answer.getheader("Server") is None
        page.close()


def test_a_burst_of_changes_is_one_message(serving: Serving) -> None:
    with serving() as served:
        page = Listener(served.port)
        page.number()
        for _ in range(1000):
            served.broadcast.publish()
        heard = [page.number()]
        while heard[-1] < 1000:
            heard.append(page.number())
        assert len(heard) <= 3
        page.close()


def test_a_quiet_stream_still_beats(serving: Serving) -> None:
    with serving(Broadcast(heartbeat_s=0.05)) as served:
        page = Listener(served.port)
        assert page.event()["event"] == "changed"
        assert page.event() == {"": "alive", "event": "alive", "data": ""}
        page.close()


def test_a_page_that_leaves_gives_its_place_back(serving: Serving) -> None:
    with serving(Broadcast(clients_max=1)) as served:
        page = Listener(served.port)
        page.number()
        refused = Listener(served.port)
        assert refused.answer.status == 503
        assert refused.answer.getheader("Retry-After")
        refused.close()
        page.close()
        _until(lambda: served.broadcast.clients == 0)
        again = Listener(served.port)
        assert again.answer.status == 200
        again.close()


def test_two_hundred_pages_hear_and_pages_are_still_served(serving: Serving) -> None:
    with serving() as served:
        pages = [Listener(served.port) for _ in range(200)]
        before = {page.number() for page in pages}
        assert before == {0}
        one_too_many = Listener(served.port)
        assert one_too_many.answer.status == 503
        one_too_many.close()
        served.broadcast.publish()
        assert {page.number() for page in pages} == {1}
        plain = HTTPConnection("127.0.0.1", served.port, timeout=5)
        plain.request("GET", "/")
        assert plain.getresponse().read() == b"<p>first page</p>"
        plain.close()
        for page in pages:
            page.close()


def test_a_client_that_takes_nothing_delays_nobody_and_is_dropped() -> None:
    broadcast = Broadcast(stalled_s=0.2)

    async def scene() -> int:
        heard: list[bytes] = []

        async def never() -> Message:
            await asyncio.Event().wait()
            raise AssertionError

        async def stuck(message: Message) -> None:
            if message["type"] == "http.response.body":
                await asyncio.Event().wait()

        async def quick(message: Message) -> None:
            heard.append(message.get("body", b""))

        slow = asyncio.create_task(broadcast.stream(never, stuck))
        fast = asyncio.create_task(broadcast.stream(never, quick))
        await asyncio.sleep(0.05)
        await asyncio.to_thread(broadcast.publish)
        await asyncio.wait_for(slow, 2)
        await asyncio.sleep(0.2)
        assert any(b"data: 1\n" in body for body in heard)
        broadcast.close()
        await asyncio.wait_for(fast, 2)
        return broadcast.clients

    assert in_its_own_loop(scene()) == 0


def test_stopping_ends_the_streams_and_is_quick(serving: Serving) -> None:
    with serving() as served:
        page = Listener(served.port)
        page.number()
        started = time.monotonic()
        served.stop()
        assert time.monotonic() - started < 2
        assert page.event() == {}
        page.close()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", served.port), timeout=1)


def test_publishing_after_the_end_harms_nothing(serving: Serving) -> None:
    with serving() as served:
        page = Listener(served.port)
        page.number()
        served.stop()
        served.broadcast.publish()
        page.close()


def test_publishing_from_many_threads_loses_nothing(serving: Serving) -> None:
    with serving() as served:
        page = Listener(served.port)
        page.number()
        threads = [
            threading.Thread(target=lambda: [served.broadcast.publish() for _ in range(200)])
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        while page.number() < 1600:
            pass
        for thread in threads:
            thread.join()
        page.close()


def test_the_stream_asks_for_the_same_login_as_the_pages(serving: Serving) -> None:
    with serving(door=KeyDoor()) as served:
        page = Listener(served.port)
        assert page.answer.status == 401
        assert served.broadcast.clients == 0
        page.close()


def test_the_stream_asks_for_the_same_host_as_the_pages(serving: Serving) -> None:
    with serving() as served:
        page = Listener(served.port, headers={"Host": "evil.example"})
        assert page.answer.status == 421
        page.close()


def _streamed(
    broadcast: Broadcast, admitted: list[bool], disturb: Callable[[], None] = lambda: None
) -> list[Message]:
    """Serve one page that is asked for as often as `admitted` says; return what it was sent."""
    asked = iter(admitted)

    async def scene() -> list[Message]:
        sent: list[Message] = []

        async def never() -> Message:
            await asyncio.Event().wait()
            raise AssertionError

        async def keep(message: Message) -> None:
            sent.append(message)
            disturb()

        taking: Send = keep
        await asyncio.wait_for(
            broadcast.stream(never, taking, still_admitted=lambda: next(asked)), 5
        )
        return sent

    return in_its_own_loop(scene())


def test_who_is_no_longer_admitted_loses_the_stream() -> None:
    sent = _streamed(Broadcast(heartbeat_s=0.01), [True, False])
    assert sent[-1]["more_body"] is False
    assert b"alive" in sent[-2]["body"]


def test_a_doubt_is_looked_into_at_once() -> None:
    broadcast = Broadcast(heartbeat_s=600)
    sent = _streamed(broadcast, [False], broadcast.doubt)
    assert [message["type"] for message in sent] == ["http.response.start"] + [
        "http.response.body"
    ] * 2
    assert sent[-1]["more_body"] is False


def test_who_is_still_admitted_keeps_the_stream_through_doubts() -> None:
    broadcast = Broadcast(heartbeat_s=600)
    sent = _streamed(broadcast, [True, True, False], broadcast.doubt)
    assert [b"changed" in m["body"] for m in sent[1:-1]] == [True, True, True]


def test_a_busy_stream_is_asked_as_often_as_a_quiet_one() -> None:
    broadcast = Broadcast(heartbeat_s=0.3)
    sent = _streamed(broadcast, [True, False], broadcast.publish)
    assert 3 <= len(sent) <= 9


def test_who_signs_in_hears_and_who_signs_out_hears_no_more(serving: Serving) -> None:
    door = KeyDoor()
    with serving(Broadcast(heartbeat_s=0.05), door) as served:
        page = Listener(served.port, headers={"Cookie": door.key})
        assert page.answer.status == 200
        assert page.event()["event"] == "changed"
        door.taken_back = True
        while page.event():
            pass  # the beats until the next look at the key
        page.close()
        _until(lambda: served.broadcast.clients == 0)
