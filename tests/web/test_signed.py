"""Signed requests: who is let in, what is refused and why, and that work is done once."""

import re
import stat
import threading
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from edge.cli import main
from edge.console.api import SenderDesk, TokenDesk, mount_api
from edge.console.api.document import document
from edge.console.api.route import Body, Topic
from edge.console.app import TEXT
from edge.core.scopes import SENDER_SCOPES
from edge.keys.errors import KeyFault
from edge.store.devices import LOCAL
from edge.store.senders import FILE, SENDERS_MAX, FreshSender, Sender, TooMany
from menkou.web.i18n import speak
from tests.support.signing import encoded, signed
from tests.web.shopbox import ShopBox
from tests.web.test_access import NOW, Shop, get, post
from tests.web.test_access import token as csrf_of
from tests.web.test_api import problem

PATH = "/api/v1/things"


class Thing(Body):
    """What is sent."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What is answered."""

    count: int


class Things:
    """An API of one signed route, which counts what it does."""

    def __init__(self, folder: Path) -> None:
        self.box = ShopBox(folder, now=NOW)
        self.callers: list[str] = []
        self.trusted = True
        self.hold: threading.Event | None = None
        self.held = threading.Event()
        self.topic = Topic("things", "Things")

        @self.topic.post("/things", scope="write:receipts", status=201, by=("signature",))
        def thing(caller: Sender, body: Thing) -> Made:
            """Make a thing."""
            self.callers.append(caller.actor)
            if self.hold is not None:
                self.held.set()
                assert self.hold.wait(5)
            return Made(count=len(self.callers))

        self.app = Flask("things")
        speak(self.app, TEXT)
        tokens = TokenDesk(tokens=self.box.tokens, now=self.box.now, revoked=lambda: None)
        senders = SenderDesk(
            senders=self.box.senders, now=self.box.now, trusted=lambda: self.trusted
        )
        mount_api(self.app, (self.topic,), tokens, senders)
        self.sender = self.make()

    def make(self) -> FreshSender:
        return self.box.senders().make(name="till", scopes=SENDER_SCOPES, by=LOCAL, now=NOW)

    def send(
        self,
        body: Any = None,
        *,
        ago_s: float = 0,
        key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> TestResponse:
        raw = encoded(body or {"name": "ring"})
        given = signed(self.sender.secret, raw, NOW - timedelta(seconds=ago_s), key)
        return self.app.test_client().post(PATH, data=raw, headers={**given, **(headers or {})})


@pytest.fixture
def things(tmp_path: Path) -> Things:
    return Things(tmp_path)


def test_what_a_sender_signed_is_done_in_its_name(things: Things) -> None:
    answer = things.send()
    assert (answer.status_code, answer.get_json()) == (201, {"count": 1})
    assert things.callers == [things.sender.sender.actor]
    (listed,) = things.box.senders().all()
    assert listed.used_at == NOW


def test_a_request_that_comes_again_is_answered_alike_and_done_once(things: Things) -> None:
    told = [things.send(key="r-1"), things.send(key="r-1"), things.send(key="r-1", ago_s=-60)]
    assert [(one.status_code, one.get_json()) for one in told] == [(201, {"count": 1})] * 3
    assert things.send(key="r-2").get_json() == {"count": 2}


def test_an_id_with_another_body_is_refused(things: Things) -> None:
    things.send(key="r-1")
    assert problem(things.send({"name": "chain"}, key="r-1")) == "id_reused"
    assert len(things.callers) == 1


def test_what_was_refused_may_come_again_with_its_id(things: Things) -> None:
    assert problem(things.send({"name": 1}, key="r-1")) == "invalid"
    assert things.send(key="r-1").status_code == 201


def test_the_same_request_twice_at_one_moment_is_done_once(things: Things) -> None:
    things.hold = threading.Event()
    told: list[TestResponse] = []
    first = threading.Thread(target=lambda: told.append(things.send(key="r-1")))
    first.start()
    assert things.held.wait(5)
    again = things.send(key="r-1")
    things.hold.set()
    first.join()
    assert problem(again) == "under_way"
    assert again.headers["Retry-After"] == "1"
    assert told[0].status_code == 201
    assert len(things.callers) == 1


@pytest.mark.parametrize("ago_s", [301, -301])
def test_a_replay_beyond_five_minutes_is_refused_and_told_the_boxs_time(
    things: Things, ago_s: float
) -> None:
    answer = things.send(ago_s=ago_s)
    assert (answer.status_code, problem(answer)) == (401, "signature_old")
    assert "2026-11-21T08:25:30Z" in answer.get_json()["detail"]
    assert things.callers == []
    assert things.send(ago_s=ago_s * 0.99).status_code == 201


def test_an_answer_is_remembered_longer_than_its_signature_is_good(things: Things) -> None:
    assert things.send(key="r-1", ago_s=-290).status_code == 201
    things.box.fixed = NOW + timedelta(seconds=580)
    things.send(key="r-2", ago_s=-580)  # forgets what may be forgotten
    assert things.send(key="r-1", ago_s=-290).get_json() == {"count": 1}
    things.box.fixed = NOW + timedelta(minutes=16)
    things.send(key="r-3", ago_s=-960)
    assert [key for (key,) in things.box.db.execute("SELECT key FROM signed_request")] == [
        "r-2",
        "r-3",
    ]


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        pytest.param({"webhook-id": ""}, "signature_missing", id="no id"),
        pytest.param({"webhook-id": "a" * 129}, "signature_missing", id="a long id"),
        pytest.param({"webhook-timestamp": "now"}, "signature_missing", id="no seconds"),
        pytest.param({"webhook-timestamp": "9" * 99}, "signature_missing", id="many seconds"),
        pytest.param({"webhook-signature": ""}, "signature_missing", id="no signature"),
        pytest.param({"webhook-id": "another"}, "signature_wrong", id="another id"),
        pytest.param({"webhook-timestamp": "1795338000"}, "signature_wrong", id="another time"),
        pytest.param({"webhook-signature": "v1,AAAA"}, "signature_wrong", id="a forged one"),
        pytest.param({"webhook-signature": "v1,\xff"}, "signature_wrong", id="no ASCII"),
    ],
)
def test_what_nobody_signed_is_refused(things: Things, headers: dict[str, str], told: str) -> None:
    answer = things.send(headers=headers)
    assert (answer.status_code, problem(answer)) == (401, told)
    assert answer.headers["WWW-Authenticate"] == "Webhook-Signature"
    assert things.callers == []


def test_a_body_that_was_changed_is_refused(things: Things) -> None:
    given = signed(things.sender.secret, encoded({"name": "ring"}), NOW)
    changed = encoded({"name": "rings"})
    answer = things.app.test_client().post(PATH, data=changed, headers=given)
    assert problem(answer) == "signature_wrong"


def test_of_several_signatures_one_that_is_good_suffices(things: Things) -> None:
    body = encoded({"name": "ring"})
    given = signed(things.sender.secret, body, NOW)
    given["webhook-signature"] = f"v1,AAAA {given['webhook-signature']}"
    assert things.app.test_client().post(PATH, data=body, headers=given).status_code == 201


def test_a_sender_that_was_revoked_sends_nothing_more_and_others_do(things: Things) -> None:
    first, things.sender = things.sender, things.make()
    assert things.box.senders().revoke(first.sender.id, by=LOCAL, now=NOW)
    assert things.send().status_code == 201
    things.sender = first
    assert problem(things.send()) == "signature_wrong"


def test_forgers_are_slowed_down(things: Things, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.console.api.serve.REFUSALS", 3)
    things = Things(things.box.folder / "another")
    told = [problem(things.send(headers={"webhook-id": f"x{n}"})) for n in range(4)]
    assert told == [*["signature_wrong"] * 3, "too_often"]


def test_a_box_that_does_not_know_the_time_says_so_to_those_that_signed(things: Things) -> None:
    things.trusted = False
    answer = things.send()
    assert (answer.status_code, problem(answer)) == (503, "clock_untrusted")
    assert int(answer.headers["Retry-After"]) > 0
    assert problem(things.send(headers={"webhook-id": "forged"})) == "signature_wrong"


def test_a_token_opens_no_signed_route(things: Things) -> None:
    token = things.box.tokens().make(name="t", scopes=("write:desk",), days=1, by=LOCAL, now=NOW)
    answer = things.app.test_client().post(
        PATH, json={"name": "x"}, headers={"Authorization": f"Bearer {token.text}"}
    )
    assert problem(answer) == "signature_missing"


def test_the_document_says_how_to_sign(things: Things) -> None:
    told = document((things.topic,))
    operation = told["paths"][PATH]["post"]
    assert operation["security"] == [{"signature": ["write:receipts"]}]
    assert told["components"]["securitySchemes"]["signature"]["name"] == "webhook-signature"
    assert {"401", "409", "429", "503"} <= set(operation["responses"])
    assert {one["name"] for one in operation["parameters"]} == {"webhook-id", "webhook-timestamp"}


def test_the_database_alone_holds_no_secret(things: Things) -> None:
    file = things.box.folder / FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = things.box.senders().secret(things.sender.sender)
    file.unlink()
    assert things.box.senders().secret(things.sender.sender) != before
    file.chmod(0o644)
    with pytest.raises(KeyFault, match="0600"):
        things.box.senders().secret(things.sender.sender)


def test_there_are_so_many_senders_and_no_more(things: Things) -> None:
    for _ in range(SENDERS_MAX - 1):
        things.make()
    with pytest.raises(TooMany):
        things.make()
    with pytest.raises(ValueError, match="write:receipts"):
        things.box.senders().make(name="x", scopes=("read:shop",), by=LOCAL, now=NOW)


def test_making_and_revoking_is_in_the_audit_log(things: Things) -> None:
    things.box.senders().revoke(things.sender.sender.id, by=LOCAL, now=NOW)
    assert things.box.audited("token") == [(LOCAL, None)] * 2


def test_the_manager_makes_and_revokes_a_sender_on_the_page(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    client = shop.paired("manager")
    form = {"csrf": csrf_of(client, "/tokens"), "name": "till <b>", "scope": "write:receipts"}
    made = post(client, "/tokens/sender", **form)
    secret = re.search(r"whsec_[A-Za-z0-9+/=]{44}", made.text)
    assert secret
    assert "till &lt;b&gt;" in made.text
    assert secret[0] not in get(client, "/tokens").text
    (sender,) = shop.box.senders().good()
    gone = {"csrf": form["csrf"], "sender": sender.id}
    assert post(client, "/tokens/sender/revoke", **gone).status_code == 303
    assert shop.box.senders().good() == ()
    for path in ("/tokens/sender", "/tokens/sender/revoke"):
        assert post(shop.paired("consultant"), path).status_code == 403


def test_the_command_makes_lists_and_revokes_a_sender(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "edge.toml"
    config.write_text(
        '[store]\nid = "s"\nname = "S"\ntimezone = "Asia/Shanghai"\n'
        '[box]\nid = "b"\ndata_dir = "data"\n'
    )
    named = ["--config", str(config)]
    made = ["sender", "add", *named, "--name", "till", "--scope", "write:receipts"]
    assert main(made) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[-1].startswith("whsec_")
    sender_id = told[0].split()[1]
    assert main(["sender", "list", *named]) == 0
    listed = capsys.readouterr().out
    assert sender_id in listed
    assert told[-1] not in listed
    assert main(["sender", "revoke", *named, sender_id]) == 0
    assert main(["sender", "revoke", *named, sender_id]) == 1
    assert main([*made[:-1], "read:shop"]) == 1
    assert "write:receipts" in capsys.readouterr().err
