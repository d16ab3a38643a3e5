"""The signature of webhooks, out of the shop and into it (standardwebhooks.com, version 1).

Used by `edge.outbound.webhook` and `edge.console.api.signed`.
"""

import hmac
from base64 import b64encode
from hashlib import sha256


def signature(secret: bytes, key: str, timestamp: int, body: bytes) -> str:
    """Return what proves who sent a body, as the header `webhook-signature` has it.

    Args:
        secret: what both sides know.
        key: the header `webhook-id`.
        timestamp: the header `webhook-timestamp`, seconds since 1970.
        body: the very bytes that are sent.
    """
    signed = f"{key}.{timestamp}.".encode() + body
    return "v1," + b64encode(hmac.digest(secret, signed, sha256)).decode()
