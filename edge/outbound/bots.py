"""Bots in a group of the shop's people: WeCom, DingTalk, Feishu. They never see a phone number.

Signing as their makers document it: WeCom by the key in the address (work.weixin.qq.com, document
91770); DingTalk by HMAC-SHA256 with the secret as key over "timestamp newline secret", time in
milliseconds, both in the address ("custom robot security settings"); Feishu by HMAC-SHA256 with
"timestamp newline secret" as key over nothing, time in seconds, both in the body ("custom bot").
"""

import hmac
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlencode

from edge.outbound.target import JSON, Answer, Request, Verdict, code_in, judge_status
from edge.store.outbound import Content, Waiting

_PACE_20_A_MINUTE_S: Final = 3.1
"""WeCom and DingTalk: 20 messages a minute; DingTalk is silent for ten minutes after more."""
_PACE_100_A_MINUTE_S: Final = 0.7
"""Feishu: 100 a minute and 5 a second."""
TEXT_MAX_BYTES: Final = 2000
"""WeCom takes 2,048 bytes of text, the others more."""


def _clipped(text: str) -> str:
    raw = text.encode()
    return text if len(raw) <= TEXT_MAX_BYTES else raw[:TEXT_MAX_BYTES].decode(errors="ignore")


def _asked(url: str, told: Mapping[str, Any]) -> Request:
    body = json.dumps(told, ensure_ascii=False).encode()
    return Request(url=url, headers={"Content-Type": JSON}, body=body)


def _judge(answer: Answer, *names: str) -> Verdict:
    """Judge by the code in the answer, 0 for taken: the status is 200 whatever happened.

    What they refuse is the settings' fault or the moment's, never this very text's: tried again.
    """
    by_status = judge_status(answer.status)
    if by_status != "sent":
        return "again"
    return "sent" if code_in(answer.body, *names) == 0 else "again"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeComBot:
    """A `Target`: a group's bot of WeCom. `url` holds its key."""

    url: str = field(repr=False)
    repeatable: bool = False
    pace_s: float = _PACE_20_A_MINUTE_S

    def request(self, message: Waiting, content: Content, now: datetime) -> Request:
        """Return the text for the group."""
        return _asked(self.url, {"msgtype": "text", "text": {"content": _clipped(content.text)}})

    def judge(self, answer: Answer) -> Verdict:
        """By `errcode`; 45009 is too often, 93000 a key that is none."""
        return _judge(answer, "errcode")


def dingtalk_sign(secret: str, timestamp_ms: int) -> str:
    """Return DingTalk's signature in base64, not yet quoted for an address."""
    signed = f"{timestamp_ms}\n{secret}".encode()
    return b64encode(hmac.digest(secret.encode(), signed, sha256)).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class DingTalkBot:
    """A `Target`: a group's custom robot of DingTalk. `url` holds its access token."""

    url: str = field(repr=False)
    secret: str = field(repr=False)
    repeatable: bool = False
    pace_s: float = _PACE_20_A_MINUTE_S

    def request(self, message: Waiting, content: Content, now: datetime) -> Request:
        """Return the text for the group, signed for this moment; it holds for an hour."""
        timestamp = int(now.timestamp() * 1000)
        query = urlencode({"timestamp": timestamp, "sign": dingtalk_sign(self.secret, timestamp)})
        url = f"{self.url}{'&' if '?' in self.url else '?'}{query}"
        return _asked(url, {"msgtype": "text", "text": {"content": _clipped(content.text)}})

    def judge(self, answer: Answer) -> Verdict:
        """By `errcode`; 310000 is a wrong signature, 130101 too often."""
        return _judge(answer, "errcode")


def feishu_sign(secret: str, timestamp_s: int) -> str:
    """Return Feishu's signature in base64."""
    key = f"{timestamp_s}\n{secret}".encode()
    return b64encode(hmac.digest(key, b"", sha256)).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class FeishuBot:
    """A `Target`: a group's custom bot of Feishu. `url` ends in its token."""

    url: str = field(repr=False)
    secret: str = field(repr=False)
    repeatable: bool = False
    pace_s: float = _PACE_100_A_MINUTE_S

    def request(self, message: Waiting, content: Content, now: datetime) -> Request:
        """Return the text for the group, signed for this moment; it holds for an hour."""
        timestamp = int(now.timestamp())
        told = {
            "timestamp": str(timestamp),
            "sign": feishu_sign(self.secret, timestamp),
            "msg_type": "text",
            "content": {"text": _clipped(content.text)},
        }
        return _asked(self.url, told)

    def judge(self, answer: Answer) -> Verdict:
        """By `code`, or `StatusCode` as it answered before; 19021 is a wrong signature."""
        return _judge(answer, "code", "StatusCode")
