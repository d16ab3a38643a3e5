"""What a target of messages is: makes a request of a message, and judges the answer.

Implemented by `webhook`, `sms` and `bots`; used by `courier`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, Protocol

from edge.store.outbound import Content, Waiting

Verdict = Literal["sent", "again", "refused"]
"""`again`: not now, but perhaps later; `refused`: never, however often it is tried."""
SETTINGS_STATUS: Final = frozenset({401, 403, 404, 405, 407, 408, 425, 429})
"""Answers that speak of the settings or of the moment, not of the message: tried again."""
JSON: Final = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is sent over HTTP. Address, headers and body may hold secrets: repr shows none."""

    url: str = field(repr=False)
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back. `retry_after_s`: how long the target asks to be left alone."""

    status: int
    body: bytes = field(default=b"", repr=False)
    retry_after_s: float | None = None


class Target(Protocol):
    """A place that messages go to.

    `repeatable`: it knows a message by its id, so that sending it twice does no harm. `pace_s`:
    the least time between two messages. `url` says where it is: never to be shown.
    """

    @property
    def repeatable(self) -> bool: ...

    @property
    def pace_s(self) -> float: ...

    @property
    def url(self) -> str: ...

    def request(self, message: Waiting, content: Content, now: datetime) -> Request | None:
        """Return what is to be sent; None: the message is none for this target."""
        ...

    def judge(self, answer: Answer) -> Verdict:
        """Say what an answer means."""
        ...


def judge_status(status: int) -> Verdict:
    """Judge an answer by its status alone."""
    if 200 <= status < 300:
        return "sent"
    if 400 <= status < 500 and status not in SETTINGS_STATUS:
        return "refused"
    return "again"  # a redirection too: nothing signed follows one to another place


def code_in(body: bytes, *names: str) -> int | None:
    """Return the first of some numbers in a JSON answer, None if it holds none of them."""
    try:
        held: Any = json.loads(body)
    except ValueError:
        return None
    found = (held.get(name) for name in names) if isinstance(held, dict) else ()
    return next((n for n in found if isinstance(n, int) and not isinstance(n, bool)), None)
