"""Reads the bearer token of a request, and holds each token and each guesser to its rate.

Called by `door`. The box's API has callers of other kinds beside tokens, and a gate of its own.
"""

import threading
import time
from collections.abc import Callable
from math import ceil
from typing import Final

from flask import request

from cloud.accounts.tokens import Token
from menkou.web.forms import Rate, asker

REQUESTS: Final = 600
REFUSALS: Final = 60
WITHIN_S: Final = 60.0
"""A token may ask so often within a minute; an address with tokens that are none, so often."""
AGAIN_S: Final = 60.0
"""So long nobody tries to note that a token is in use, where that could not be written."""


class NotLetIn(Exception):
    """Why a request is not let in: token_missing | token_unknown | too_often (wait `seconds`)."""

    def __init__(self, code: str, *, seconds: int = 0) -> None:
        super().__init__(code)
        self.code = code
        self.seconds = seconds

    @property
    def headers(self) -> dict[str, str]:
        """What goes with the answer (RFC 6750, RFC 9110)."""
        if self.code == "too_often":
            return {"Retry-After": str(self.seconds)}
        error = ' error="invalid_token"' if self.code == "token_unknown" else ""
        return {"WWW-Authenticate": f"Bearer{error}"}


class Bearers:
    """Finds the token of a request.

    Args:
        find: returns the token of a text if it is good.
        clock: monotonic seconds.
    """

    def __init__(
        self, find: Callable[[str], Token | None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._find = find
        self._clock = clock
        self._rate = Rate(often=REQUESTS, within_s=WITHIN_S)
        self._refusals = Rate(often=REFUSALS, within_s=WITHIN_S)
        self._next_note = float("-inf")
        self._lock = threading.Lock()

    def token(self) -> Token:
        """Return the token of the request.

        Raises:
            NotLetIn: there is none, it is not good, or it asks too often.
        """
        kind, _, text = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not text:
            raise NotLetIn("token_missing")
        token = self._find(text.strip())
        if token is None:
            self._hold(self._refusals, asker())
            raise NotLetIn("token_unknown")
        self._hold(self._rate, token.id)
        return token

    def _hold(self, rate: Rate, who: str) -> None:
        if wait_s := rate.wait_s(who, self._clock()):
            raise NotLetIn("too_often", seconds=ceil(wait_s))

    def may_note(self) -> bool:
        """Say whether to try noting that a token is in use."""
        with self._lock:
            return self._clock() >= self._next_note

    def could_not_note(self) -> None:
        """Say that it could not be written: it is not tried for a while."""
        with self._lock:
            self._next_note = self._clock() + AGAIN_S
