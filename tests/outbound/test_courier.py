"""Messages go out once, whatever is cut off; late ones never."""

import socket
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from edge.core.moments import Mark, elapsed
from edge.outbound.courier import Sweeper
from edge.outbound.sms import SmsGateway
from edge.outbound.webhook import Webhook
from edge.store.database import connect, transaction
from edge.store.endings import erase
from edge.store.outbound import OPEN_MAX, NoKeys, begin, cancel, held, next_for, state_of
from edge.store.register import Register
from tests.outbound.conftest import Out
from tests.support.people import NOW, joined, profile_keys
from tests.support.processes import free_port
from tests.support.receiver import Receiver, receiving
from tests.support.secured import Authority

KEY = b"k" * 32


def hook(receiver: Receiver) -> Webhook:
    return Webhook(url=receiver.url, secret=KEY)


def gateway(receiver: Receiver) -> SmsGateway:
    return SmsGateway(url=receiver.url, body="{phone}{text}")


def test_a_key_is_taken_once_for_ever(out: Out, receiver: Receiver) -> None:
    assert (out.put(), out.put()) == ("queued", "known")
    courier = out.sent_to(hook(receiver))
    courier.step()
    assert out.put() == "known"
    courier.step()
    assert len(receiver.got) == 1


def test_a_phone_number_is_nowhere_in_the_files_while_it_waits_and_gone_after(
    out: Out, receiver: Receiver
) -> None:
    out.put()
    files = b"".join(path.read_bytes() for path in out.folder.glob("menkou.db*"))
    assert b"13800138000" not in files
    assert b"queue/1/call" in files
    out.sent_to(hook(receiver)).step()
    assert out.db.execute("SELECT payload FROM outbound").fetchone() == (None,)


def test_without_the_key_nothing_personal_is_taken_and_what_waits_waits(
    out: Out, receiver: Receiver
) -> None:
    out.put()
    out.keys = None
    with pytest.raises(NoKeys):
        out.put("queue/2/call")
    courier = out.sent_to(hook(receiver))
    courier.step()
    assert (out.states(), receiver.got) == (["waiting"], [])
    out.keys = profile_keys()
    out.goes_by(31)
    courier.step()
    assert out.states() == ["sent"]


def test_a_network_that_is_away_is_tried_again_ever_more_seldom(out: Out) -> None:
    out.put()
    courier = out.sent_to(Webhook(url=f"http://127.0.0.1:{free_port()}", secret=KEY))
    assert [courier.step() for _ in range(4)] == [2.0, 4.0, 8.0, 16.0]
    for _ in range(20):
        last = courier.step()
    assert last == 600.0
    assert out.states() == ["waiting"]


def test_what_is_too_late_is_not_sent(out: Out, receiver: Receiver) -> None:
    out.put()
    out.goes_by(30 * 60)
    out.sent_to(hook(receiver)).step()
    assert (out.states(), receiver.got) == (["late"], [])


def test_what_nobody_could_send_in_time_is_ended_and_so_is_what_has_no_target(out: Out) -> None:
    out.put()
    out.put("queue/2/call", target="gone")
    sweeper = Sweeper(
        [out.sent_to(Webhook(url="http://127.0.0.1:1", secret=KEY))],
        db=lambda: out.db,
        mark=lambda: out.mark,
    )
    sweeper.step()
    assert out.states() == ["waiting", "refused"]
    out.goes_by(1801)
    sweeper.step()
    assert (out.states(), held(out.db).lost) == (["late", "refused"], 2)
    out.goes_by(8 * 86400)
    sweeper.step()
    assert out.states() == []


@pytest.mark.parametrize("step_s", [-86400.0, 86400.0])
def test_a_clock_that_steps_makes_nothing_late_and_nothing_young(
    out: Out, receiver: Receiver, step_s: float
) -> None:
    out.put()
    moved = out.mark.at + timedelta(seconds=step_s)
    out.mark = replace(out.mark, at=moved)
    assert next_for(out.db, "out")
    out.sent_to(hook(receiver)).step()
    assert out.states() == ["sent"]
    out.put("queue/2/call")
    out.mark = Mark(at=moved, boot=out.mark.boot, mono=out.mark.mono + 1801)
    out.sent_to(hook(receiver)).step()
    assert out.states() == ["sent", "late"]


def test_what_is_of_an_earlier_start_is_as_old_as_this_one_at_least() -> None:
    before = Mark(at=NOW + timedelta(days=300), boot="a", mono=5.0)
    assert elapsed(before, Mark(at=NOW, boot="b", mono=70.0)) == timedelta(seconds=70)
    later = Mark(at=NOW + timedelta(days=301), boot="b", mono=70.0)
    assert elapsed(before, later) == timedelta(days=1)


def _cut_off_while_sending(out: Out) -> None:
    """Leave the store as a SIGKILL does between the sending and the note of it."""
    message = next_for(out.db, "out")
    assert message
    assert begin(out.db, message, out.mark)
    out.db.close()
    out.db = connect(out.folder)


def test_a_webhook_that_was_cut_off_is_sent_again_under_its_id(
    out: Out, receiver: Receiver
) -> None:
    out.put()
    _cut_off_while_sending(out)
    out.sent_to(hook(receiver)).step()
    assert out.states() == ["sent"]
    assert receiver.got[0].headers["webhook-id"] == "queue/1/call"


def test_a_short_message_that_may_have_been_sent_is_not_sent_again(
    out: Out, receiver: Receiver
) -> None:
    out.put()
    _cut_off_while_sending(out)
    courier = out.sent_to(gateway(receiver))
    courier.step()
    assert (out.states(), receiver.got) == (["unsure"], [])
    out.put("queue/2/call")
    receiver.answer = lambda _: None
    courier.step()
    courier.step()
    assert (out.states(), len(receiver.got)) == (["unsure", "unsure"], 1)


def test_a_webhook_without_an_answer_is_sent_again(out: Out, receiver: Receiver) -> None:
    out.put()
    receiver.answer = lambda _: None
    courier = out.sent_to(hook(receiver))
    courier.step()
    receiver.answer = lambda _: (200, b"")
    out.goes_by(10)
    courier.step()
    assert (out.states(), len(receiver.got)) == (["sent"], 2)


def test_one_message_that_is_not_taken_does_not_hold_up_the_others(
    out: Out, receiver: Receiver
) -> None:
    out.put()
    out.put("queue/2/call")
    receiver.answer = lambda got: (500 if got.headers["webhook-id"] == "queue/1/call" else 200, b"")
    courier = out.sent_to(hook(receiver))
    courier.step()
    courier.step()
    assert out.states() == ["waiting", "sent"]


def test_a_target_that_asks_for_patience_gets_it(out: Out, receiver: Receiver) -> None:
    out.put()
    receiver.answer = lambda _: (429, b"")
    assert out.sent_to(hook(receiver)).step() == 120.0


def test_no_redirection_is_followed(out: Out, receiver: Receiver) -> None:
    out.put()
    receiver.answer = lambda _: (302, b"")
    out.sent_to(hook(receiver)).step()
    assert [got.path for got in receiver.got] == ["/"]
    assert out.states() == ["waiting"]


def test_what_was_withdrawn_in_time_is_not_sent(out: Out, receiver: Receiver) -> None:
    out.put()
    with transaction(out.db):
        assert cancel(out.db, "queue/1/call", out.mark.at)
    out.sent_to(hook(receiver)).step()
    assert (state_of(out.db, "queue/1/call"), receiver.got) == ("cancelled", [])


def test_a_box_without_internet_keeps_no_more_than_it_can_hold(out: Out) -> None:
    out.put()
    columns = "kind, target, at, boot, mono, lives_s, state, sealed, payload"
    out.db.execute(
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {OPEN_MAX - 1})"
        f" INSERT INTO outbound (key, {columns}) SELECT 'x' || i, {columns} FROM n, outbound"
        " WHERE outbound.id = 1"
    )
    assert out.put("one/more") == "full"


def test_an_erased_members_message_is_gone_and_not_sent(out: Out, receiver: Receiver) -> None:
    register = Register(out.db, profile_keys(), actor="local", tell=lambda *_: None)
    member = joined(register, "王丽华")
    (subject,) = out.db.execute("SELECT subject FROM member").fetchone()
    out.put(subject=subject)
    out.put("queue/2/call")
    erase(out.db, member, NOW, actor="local", tell=lambda *_: None)
    assert [row[0] for row in out.db.execute("SELECT key FROM outbound")] == ["queue/2/call"]
    out.sent_to(hook(receiver)).step()
    assert out.states() == ["sent"]


def test_a_certificate_of_somebody_else_gets_nothing(out: Out, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.issue("server", "localhost")
    with receiving(tmp_path / "server.pem", tmp_path / "server.key") as receiver:
        out.put()
        assert out.sent_to(hook(receiver)).step() == 2.0
        assert (out.states(), receiver.got) == (["waiting"], [])
        by_address = Webhook(url=f"https://127.0.0.1:{receiver.port}", secret=KEY)
        out.sent_to(by_address, tmp_path / "ca.pem").step()
        assert receiver.got == [], "the name is checked, too"
        out.sent_to(hook(receiver), tmp_path / "ca.pem").step()
        assert (out.states(), len(receiver.got)) == (["sent"], 1)


def test_a_server_that_takes_the_connection_and_says_nothing_is_left(
    out: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.outbound.line.ANSWER_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        out.put()
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        out.sent_to(SmsGateway(url=url, body="{phone}{text}")).step()
    assert out.states() == ["unsure"]
