"""A webhook of the chain's own: JSON signed as standardwebhooks.com says, version 1.

Libraries of that name check it in most languages. The id is the message's key for ever, so that a
receiver that has it knows a repetition; the time stands in the signature, so that an old one
cannot be replayed.

    webhook-id: queue/01J.../call
    webhook-timestamp: 1795338000
    webhook-signature: v1,BASE64( HMAC-SHA256( secret, "{id}.{timestamp}.{body}" ) )
    {"type": "queue.call", "timestamp": "2026-11-22T09:00:00.000Z", "data": {...}}
"""

import json
from base64 import b64decode
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from edge.outbound.target import JSON, Answer, Request, Verdict, judge_status
from edge.store.outbound import Content, Waiting
from edge.wire.codec import utc_text
from menkou.signing import signature

PREFIX: Final = "whsec_"
"""Before a secret in base64, as that specification writes them."""


def secret_bytes(secret: str) -> bytes:
    """Return the key of a secret: base64 after `whsec_`, else the text itself.

    Raises:
        ValueError: what follows `whsec_` is no base64.
    """
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        return b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        raise ValueError("expected base64 after whsec_, got something else") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A `Target` that takes any message. `secret`: what both sides know."""

    url: str = field(repr=False)
    secret: bytes = field(repr=False)
    repeatable: bool = True
    pace_s: float = 0.0

    def request(self, message: Waiting, content: Content, now: datetime) -> Request:
        """Return the signed request; `now` is when it is sent, the body says when it was."""
        data = {**content.data, "text": content.text}
        if content.phone is not None:
            data["phone"] = content.phone
        told = {"type": message.kind, "timestamp": utc_text(message.at), "data": data}
        body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        timestamp = int(now.timestamp())
        return Request(
            url=self.url,
            headers={
                "Content-Type": JSON,
                "webhook-id": message.key,
                "webhook-timestamp": str(timestamp),
                "webhook-signature": signature(self.secret, message.key, timestamp, body),
            },
            body=body,
        )

    def judge(self, answer: Answer) -> Verdict:
        """By the status: 2xx is taken, 400, 410, 413, 422 and the like never."""
        return judge_status(answer.status)
