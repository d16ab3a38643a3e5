"""What each target receives, checked by a server as its maker says that it checks."""

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from dataclasses import replace
from typing import Any

import pytest

from edge.outbound.bots import DingTalkBot, FeishuBot, WeComBot, dingtalk_sign
from edge.outbound.sms import FORM, SmsGateway
from edge.outbound.target import Answer, Target, judge_status
from edge.outbound.webhook import Webhook, secret_bytes
from edge.store.outbound import Content
from tests.outbound.conftest import Out
from tests.support.people import NOW
from tests.support.receiver import Got, Receiver, Reply

SECRET = "SEC-a-secret-of-the-group"
TEXT = "您的号码 A012 快到了"
PHONE = "13800138000"
SECONDS = int(NOW.timestamp())


def _one(receiver: Receiver) -> Got:
    assert len(receiver.got) == 1
    return receiver.got[0]


def test_a_webhook_is_signed_over_its_id_its_time_and_its_body(
    out: Out, receiver: Receiver
) -> None:
    key = b"0123456789abcdef0123456789abcdef"
    secret = secret_bytes("whsec_" + b64encode(key).decode())
    out.put()
    out.goes_by(90)
    out.sent_to(Webhook(url=f"{receiver.url}/hook?shop=1", secret=secret)).step()
    got = _one(receiver)
    assert (got.method, got.path) == ("POST", "/hook?shop=1")
    assert got.headers["webhook-id"] == "queue/1/call"
    assert got.headers["webhook-timestamp"] == str(SECONDS + 90)
    signed = f"queue/1/call.{SECONDS + 90}.".encode() + got.body
    version, _, sign = got.headers["webhook-signature"].partition(",")
    assert version == "v1"
    assert b64decode(sign) == hmac.new(key, signed, hashlib.sha256).digest()
    assert json.loads(got.body) == {
        "type": "queue.call",
        "timestamp": "2026-11-22T03:00:00.000Z",
        "data": {"number": "A012", "text": TEXT, "phone": PHONE},
    }
    assert out.states() == ["sent"]


def _dingtalk(got: Got) -> Reply:
    """Check a message as DingTalk does; its secret is the key, milliseconds."""
    query = got.query
    message = f"{query['timestamp']}\n{SECRET}".encode()
    wanted = b64encode(hmac.new(SECRET.encode(), message, hashlib.sha256).digest()).decode()
    near = abs(int(query["timestamp"]) - 1000 * SECONDS) < 3_600_000
    sound = query["sign"] == wanted and near and query["access_token"] == "t"
    return 200, b'{"errcode":0,"errmsg":"ok"}' if sound else b'{"errcode":310000}'


def _feishu(got: Got) -> Reply:
    """Check a message as Feishu does: time and secret are the key, of nothing; seconds."""
    told = json.loads(got.body)
    key = f"{told['timestamp']}\n{SECRET}".encode()
    wanted = b64encode(hmac.new(key, digestmod=hashlib.sha256).digest()).decode()
    sound = told["sign"] == wanted and abs(int(told["timestamp"]) - SECONDS) < 3600
    return 200, b'{"code":0,"msg":"success"}' if sound else b'{"code":19021}'


def _wecom(got: Got) -> Reply:
    return 200, b'{"errcode":0}' if got.query["key"] == "k" else b'{"errcode":93000}'


BOTS: Any = [
    pytest.param(
        lambda url, secret: DingTalkBot(url=f"{url}/robot/send?access_token=t", secret=secret),
        _dingtalk,
        {"msgtype": "text", "text": {"content": TEXT}},
        id="dingtalk",
    ),
    pytest.param(
        lambda url, secret: FeishuBot(url=f"{url}/open-apis/bot/v2/hook/t", secret=secret),
        _feishu,
        {"msg_type": "text", "content": {"text": TEXT}},
        id="feishu",
    ),
    pytest.param(
        lambda url, secret: WeComBot(
            url=f"{url}/cgi-bin/webhook/send?key={'k' if secret == SECRET else 'x'}"
        ),
        _wecom,
        {"msgtype": "text", "text": {"content": TEXT}},
        id="wecom",
    ),
]


@pytest.mark.parametrize(("made", "check", "told"), BOTS)
def test_a_bot_takes_what_is_signed_as_its_maker_says_and_sees_no_phone(
    out: Out, receiver: Receiver, made: Any, check: Any, told: dict[str, Any]
) -> None:
    receiver.answer = check
    out.put()
    out.sent_to(made(receiver.url, SECRET)).step()
    assert out.states() == ["sent"]
    got = _one(receiver)
    assert told.items() <= json.loads(got.body).items()
    assert PHONE.encode() not in got.body
    assert PHONE not in got.path


@pytest.mark.parametrize(("made", "check", "told"), BOTS)
def test_a_bot_with_another_secret_is_refused_and_tried_again_later(
    out: Out, receiver: Receiver, made: Any, check: Any, told: dict[str, Any]
) -> None:
    receiver.answer = check
    out.put()
    courier = out.sent_to(made(receiver.url, "another secret"))
    courier.step()
    courier.step()
    assert (out.states(), len(receiver.got)) == (["waiting"], 1), "not at once"


def test_dingtalks_signature_is_the_one_that_others_compute() -> None:
    # Of the crate dingding 0.1.1, its own test.
    signed = dingtalk_sign("secret", 1_700_000_000_000)
    assert signed == "OuzzJR5+xZ4/EYwqtNt6sMYZQMTa/HEGvc9miJe7XzY="


@pytest.mark.parametrize(
    ("gateway", "path", "body", "header"),
    [
        pytest.param(
            SmsGateway(
                url="/send",
                headers={"Authorization": "Bearer {secret}"},
                body='{"to":"{phone}","msg":"{text}"}',
                secret="k",
            ),
            "/send",
            '{"to":"13800138000","msg":"a \\"b\\" {phone} 号&"}',
            ("authorization", "Bearer k"),
            id="json",
        ),
        pytest.param(
            SmsGateway(
                url="/send",
                body="mobile={phone}&content={text}&apikey={secret}",
                content_type=FORM,
                secret="a&b",
            ),
            "/send",
            "mobile=13800138000&content=a%20%22b%22%20%7Bphone%7D%20%E5%8F%B7%26&apikey=a%26b",
            ("content-type", FORM),
            id="form",
        ),
        pytest.param(
            SmsGateway(url="/send?m={phone}&c={text}", method="GET"),
            "/send?m=13800138000&c=a%20%22b%22%20%7Bphone%7D%20%E5%8F%B7%26",
            "",
            ("host", ""),
            id="address",
        ),
    ],
)
def test_a_gateways_template_is_filled_as_each_place_needs_it(
    out: Out,
    receiver: Receiver,
    gateway: SmsGateway,
    path: str,
    body: str,
    header: tuple[str, str],
) -> None:
    out.put(content=Content(text='a "b" {phone} 号&', phone=PHONE))
    out.sent_to(replace(gateway, url=receiver.url + gateway.url)).step()
    got = _one(receiver)
    assert (got.path, got.body.decode()) == (path, body)
    assert header[1] in got.headers[header[0]]
    assert out.states() == ["sent"]


def test_a_gateway_that_says_no_with_status_200_has_refused(out: Out, receiver: Receiver) -> None:
    receiver.answer = lambda _: (200, b'{"code":22}')
    out.put()
    gateway = SmsGateway(url=receiver.url, body="{phone}{text}", expect='"code":0')
    out.sent_to(gateway).step()
    assert out.states() == ["refused"]


def test_a_gateway_is_given_no_message_without_a_phone(out: Out, receiver: Receiver) -> None:
    out.put(content=Content(text=TEXT))
    out.sent_to(SmsGateway(url=receiver.url, body="{phone}{text}")).step()
    assert (out.states(), receiver.got) == (["refused"], [])


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        *((200, "sent"), (204, "sent"), (302, "again"), (400, "refused"), (401, "again")),
        *((404, "again"), (410, "refused"), (429, "again"), (500, "again"), (503, "again")),
    ],
)
def test_an_answer_is_judged_by_its_status(status: int, verdict: str) -> None:
    assert judge_status(status) == verdict


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"errcode":"0"}', b'{"errcode":true}'])
def test_a_bots_answer_that_is_none_is_no_yes(body: bytes) -> None:
    assert WeComBot(url="https://x").judge(Answer(status=200, body=body)) == "again"


def test_nothing_secret_stands_in_a_repr() -> None:
    targets: list[Target] = [
        Webhook(url="https://x/geheim", secret=b"geheim"),
        WeComBot(url="https://x/geheim"),
        DingTalkBot(url="https://x/geheim", secret="geheim"),
        FeishuBot(url="https://x/geheim", secret="geheim"),
        SmsGateway(url="https://x/geheim", headers={"a": "geheim"}, secret="geheim"),
    ]
    said = repr(targets) + repr(Content(text="geheim", phone="geheim", data={"a": "geheim"}))
    assert "geheim" not in said
