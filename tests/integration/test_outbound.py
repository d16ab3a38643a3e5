"""The front process sends what waits, once, however often it is killed."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from edge.clock import SystemClock, boot_id, marks_of
from edge.store.database import transaction
from edge.store.outbound import Content, Outgoing, enqueue, state_of
from tests.support.front import FrontBox
from tests.support.processes import until
from tests.support.receiver import Receiver, receiving

SETTINGS = """
[[outbound]]
name = "sms"
kind = "sms"
url = "{url}/send"
body = '{{"to":"{{phone}}","msg":"{{text}}"}}'
[[outbound]]
name = "crm"
kind = "webhook"
url = "{url}/hook"
secret = "file:hook.secret"
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def front(tmp_path: Path, receiver: Receiver) -> Iterator[FrontBox]:
    (tmp_path / "hook.secret").write_text("0123456789abcdef0123456789abcdef")
    made = FrontBox(tmp_path, console=SETTINGS.format(url=receiver.url))
    yield made
    made.close()


def _put(front: FrontBox, target: str, key: str) -> None:
    content = Content(text="A012", phone="13800138000")
    lives = timedelta(minutes=30)
    message = Outgoing(kind="queue.call", target=target, key=key, content=content, lives=lives)
    db = front.box.db
    with transaction(db):
        enqueue(db, message, marks_of(SystemClock(), boot_id())(), front.box.keys)


def _ends(front: FrontBox, key: str, state: str) -> None:
    until(lambda: state_of(front.box.db, key) == state, what=f"{key} {state}")


def test_a_killed_box_sends_each_message_once_and_repeats_only_what_is_known_by_its_id(
    front: FrontBox, receiver: Receiver
) -> None:
    _put(front, "sms", "sms/1")
    _put(front, "crm", "crm/1")
    unanswered: list[object] = []
    cut_off = threading.Event()

    def too_late(got: object) -> tuple[int, bytes]:
        """The box is ended between what it says and what it hears."""
        unanswered.append(got)
        assert cut_off.wait(20)
        return (200, b"")

    receiver.answer = too_late
    front.start()
    until(lambda: len(unanswered) == 2, what="both messages")
    front.kill()
    receiver.answer = lambda _: (200, b"")
    cut_off.set()
    front.start()
    _ends(front, "crm/1", "sent")
    _ends(front, "sms/1", "unsure")
    _put(front, "sms", "sms/2")
    _ends(front, "sms/2", "sent")
    assert [got.path for got in receiver.got].count("/send") == 2
    ids = [got.headers["webhook-id"] for got in receiver.got if got.path == "/hook"]
    assert ids == ["crm/1", "crm/1"]
    assert "13800138000" not in front.log()
