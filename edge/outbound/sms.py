"""A gateway for short messages, by a template: whatever address, headers and body it wants.

`{phone}`, `{text}` and `{secret}` stand for themselves in each of them, written as the place needs
it: quoted in an address or a form, as inside a string in JSON.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import quote

from edge.outbound.target import Answer, Request, Verdict, judge_status
from edge.store.outbound import Content, Waiting

FORM: Final = "application/x-www-form-urlencoded"
NAMES: Final = ("phone", "text", "secret")
_PLACE: Final = re.compile(r"\{(phone|text|secret)\}")


def _in_address(value: str) -> str:
    return quote(value, safe="")


def _in_json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1]


def _in_header(value: str) -> str:
    return "".join(c for c in value if c.isprintable())


def filled(template: str, values: Mapping[str, str], written: Callable[[str], str]) -> str:
    """Return a template with its places filled; what a value holds is never taken for a place."""
    return _PLACE.sub(lambda found: written(values[found[1]]), template)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsGateway:
    """A `Target` that takes messages with a phone number.

    `expect`: what an answer holds that says the message was taken; empty: the status says it.
    """

    url: str = field(repr=False)
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: str = field(default="", repr=False)
    content_type: str = "application/json"
    secret: str = field(default="", repr=False)
    expect: str = ""
    repeatable: bool = False
    pace_s: float = 0.2

    def request(self, message: Waiting, content: Content, now: datetime) -> Request | None:
        """Return the filled template; None: nobody to send it to."""
        if content.phone is None:
            return None
        values = {"phone": content.phone, "text": content.text, "secret": self.secret}
        written = {FORM: _in_address, "application/json": _in_json}.get(
            self.content_type.partition(";")[0].strip().lower(), str
        )
        headers = {name: filled(text, values, _in_header) for name, text in self.headers.items()}
        if self.body:
            headers["Content-Type"] = self.content_type
        return Request(
            url=filled(self.url, values, _in_address),
            method=self.method,
            headers=headers,
            body=filled(self.body, values, written).encode(),
        )

    def judge(self, answer: Answer) -> Verdict:
        """By the status, and by `expect`: many gateways answer 200 whatever happened."""
        verdict = judge_status(answer.status)
        if verdict == "sent" and self.expect.encode() not in answer.body:
            return "refused"
        return verdict
