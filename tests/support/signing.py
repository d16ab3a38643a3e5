"""Signs requests as a program outside the shop does, with nothing of ours: for tests."""

import base64
import hashlib
import hmac
import itertools
import json
from datetime import datetime
from typing import Any

_ids = itertools.count(1)


def encoded(body: Any) -> bytes:
    """Return what is sent for a body."""
    return json.dumps(body, ensure_ascii=False).encode()


def signed(secret: str, body: bytes, at: datetime, key: str | None = None) -> dict[str, str]:
    """Return the headers of a request that is signed at a moment; each has an id of its own."""
    key, seconds = key or f"test-{next(_ids)}", str(int(at.timestamp()))
    raw = base64.b64decode(secret.removeprefix("whsec_"))
    told = hmac.new(raw, f"{key}.{seconds}.".encode() + body, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "Accept-Language": "en",
        "webhook-id": key,
        "webhook-timestamp": seconds,
        "webhook-signature": "v1," + base64.b64encode(told).decode(),
    }
