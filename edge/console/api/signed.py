"""Signed requests: who sent one, that it is fresh, and that its work is done once.

In the form that our own webhooks have (`edge.outbound.webhook`; standardwebhooks.com, version 1),
so libraries of that name sign them in most languages:

    webhook-id: anything of the sender's, of its own for each request; the same if it is sent again
    webhook-timestamp: 1795338000          seconds since 1970, when it is sent
    webhook-signature: v1,BASE64( HMAC-SHA256( secret, "{id}.{timestamp}.{body}" ) )

A request is good for `TOLERANCE` on either side of the box's time. Within it, the same id is the
same request: what was answered is answered again, and nothing is done. Called by `serve`; the
senders are `edge.store.senders`. Answers of signed routes are kept for a while: none holds a name.
"""

import hmac
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from flask import request

from edge.console.api.problems import Refused
from edge.store.senders import Done, Sender, Senders
from menkou.signing import signature

TOLERANCE: Final = timedelta(minutes=5)
"""As standardwebhooks.com advises."""
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
SCHEME: Final = "Webhook-Signature"
_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")
_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_SIGNATURES_MAX: Final = 8
_CLOCK_S: Final = 60
_BUSY_S: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderDesk:
    """What signed routes and the page of programs work with.

    `senders` gives them over a connection of the calling thread; `trusted` says whether the box
    knows the time.
    """

    senders: Callable[[], Senders]
    now: Callable[[], datetime]
    trusted: Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A signed request that is good: whose, its id, and the digest of what it asks."""

    sender: Sender
    key: str
    digest: bytes = field(repr=False)


class SignedRequests:
    """Checks signed requests and does each one once.

    Args:
        desk: the senders.
    """

    def __init__(self, desk: SenderDesk) -> None:
        self._desk = desk
        self._busy: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def read(self) -> Asked:
        """Return the request that Flask serves now, if a sender of ours signed it just now.

        Raises:
            Refused: `signature_missing`, `signature_wrong`, `signature_old`, `clock_untrusted`.
        """
        told = _headers()
        if told is None:
            raise Refused("signature_missing", headers={"WWW-Authenticate": SCHEME})
        key, seconds, signatures = told
        body = request.get_data()
        sender = self._sender(key, seconds, signatures, body)
        if sender is None:
            raise Refused("signature_wrong", headers={"WWW-Authenticate": SCHEME})
        if not self._desk.trusted():
            raise Refused("clock_untrusted", headers={"Retry-After": str(_CLOCK_S)})
        now = self._desk.now()
        if abs(now.timestamp() - seconds) > TOLERANCE.total_seconds():
            told_now = f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
            values = {"minutes": int(TOLERANCE.total_seconds() // 60), "now": told_now}
            raise Refused("signature_old", values=values, headers={"WWW-Authenticate": SCHEME})
        asked = f"{request.method} {request.full_path}\n".encode() + body
        return Asked(sender=sender, key=key, digest=sha256(asked).digest())

    def _sender(
        self, key: str, seconds: int, signatures: list[bytes], body: bytes
    ) -> Sender | None:
        """Find who signed. Every secret is tried with every signature: the time tells nothing."""
        senders = self._desk.senders()
        found = None
        for sender in senders.good():
            ours = signature(senders.secret(sender), key, seconds, body).encode()
            matches = [hmac.compare_digest(ours, theirs) for theirs in signatures]
            if any(matches):
                found = sender
        return found

    @contextmanager
    def once(self, asked: Asked) -> Iterator[Done | None]:
        """Hold a request while it is done; gives what was answered if it was done before.

        Raises:
            Refused: `id_reused`: the id came with something else before. `under_way`: the same
                request is being done at this moment.
        """
        place = asked.sender.id, asked.key
        with self._lock:
            if place in self._busy:
                raise Refused("under_way", headers={"Retry-After": str(_BUSY_S)})
            self._busy.add(place)
        try:
            before = self._desk.senders().done(asked.sender, asked.key)
            if before is not None and before.digest != asked.digest:
                raise Refused("id_reused")
            yield before
        finally:
            with self._lock:
                self._busy.discard(place)

    def remember(self, asked: Asked, status: int, answer: bytes) -> None:
        """Keep what was answered.

        Cut off before this, the request is done again when it comes again: its route knows by
        what it is about (a receipt's number, a booking's) that there is nothing new.

        Raises:
            edge.store.database.StoreAway: it cannot be kept now.
        """
        done = Done(digest=asked.digest, status=status, answer=answer)
        self._desk.senders().remember(asked.sender, asked.key, done, now=self._desk.now())

    def note_use(self, sender: Sender) -> None:
        """Note that a sender was heard.

        Raises:
            edge.store.database.StoreAway: it cannot be kept now.
        """
        self._desk.senders().used(sender, self._desk.now())


def is_signed() -> bool:
    """Say whether the request that Flask serves now has any of the headers of a signature."""
    return any(name in request.headers for name in (ID, TIMESTAMP, SIGNATURE))


def _headers() -> tuple[str, int, list[bytes]] | None:
    """Return id, seconds and signatures; None: one is missing or is none."""
    key, seconds = request.headers.get(ID, ""), request.headers.get(TIMESTAMP, "")
    signatures = request.headers.get(SIGNATURE, "").split()[:_SIGNATURES_MAX]
    if not (_ID.fullmatch(key) and _SECONDS.fullmatch(seconds) and signatures):
        return None
    return key, int(seconds), [one.encode("utf-8", "surrogatepass") for one in signatures]
