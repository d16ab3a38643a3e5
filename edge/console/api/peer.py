"""Callers with a certificate of an authority that `[till] ca` names (mutual TLS); `serve` asks.

The server has checked the certificate; here it only gets its name in the audit log.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from flask import request

from edge.core.scopes import SENDER_SCOPES, Scope
from menkou.web.server import PEER

_NAME_CHARS: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Who has shown a certificate: `id` is the beginning of its SHA-256, in hex."""

    id: str

    @property
    def actor(self) -> str:
        """How the audit log names it."""
        return f"certificate:{self.id}"

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """What it may do: what a sender may."""
        return SENDER_SCOPES


def peer() -> Peer | None:
    """Return who has shown a certificate with the request that Flask serves now."""
    shown: bytes | None = request.environ.get(PEER)
    return Peer(id=sha256(shown).hexdigest()[:_NAME_CHARS]) if shown else None
