"""What every form needs: a token that another site cannot know, a brake on guessing, a way on.

Used by the hub's sign-in and by the box's pairing.
"""

import hmac
import secrets
import threading
from collections import OrderedDict
from ipaddress import IPv6Address, ip_address
from typing import Final

from flask import request, session

FAILURES_MAX: Final = 5
WINDOW_S: Final = 300.0
_ASKERS_MAX: Final = 4096
_NOT_PAGES: Final = ("/login", "/logout", "/pair", "/events")


class Attempts:
    """What each asker did too often, within a sliding window. Not thread-safe: the caller locks."""

    def __init__(self, *, failures_max: int = FAILURES_MAX, window_s: float = WINDOW_S) -> None:
        self._failures_max = failures_max
        self._window_s = window_s
        self._failed: OrderedDict[str, list[float]] = OrderedDict()

    def wait_s(self, asker: str, now_s: float) -> float:
        """Return how long the asker must wait: 0 if it may try now."""
        recent = [at for at in self._failed.get(asker, []) if now_s - at < self._window_s]
        if len(recent) < self._failures_max:
            return 0.0
        return recent[-self._failures_max] + self._window_s - now_s

    def failed(self, asker: str, now_s: float) -> None:
        """Note a failure; of very many askers the one longest quiet is forgotten."""
        recent = self._failed.setdefault(asker, [])
        recent[:] = [at for at in recent if now_s - at < self._window_s] + [now_s]
        self._failed.move_to_end(asker)
        while len(self._failed) > _ASKERS_MAX:
            self._failed.popitem(last=False)

    def succeeded(self, asker: str) -> None:
        """Forget an asker's failures."""
        self._failed.pop(asker, None)


class Rate:
    """Lets each asker do something at most `often` times within `within_s` seconds."""

    def __init__(self, *, often: int, within_s: float) -> None:
        self._done = Attempts(failures_max=often, window_s=within_s)
        self._lock = threading.Lock()

    def wait_s(self, asker: str, now_s: float) -> float:
        """Return 0 and count this time, or how long the asker must wait."""
        with self._lock:
            wait_s = self._done.wait_s(asker, now_s)
            if not wait_s:
                self._done.failed(asker, now_s)
        return wait_s


def csrf() -> str:
    """Return the session's form token, made when first needed."""
    token: str = session.setdefault("csrf", secrets.token_hex(16))
    return token


def csrf_matches() -> bool:
    """Say whether the form that was sent holds the session's token."""
    expected = session.get("csrf", "")
    return bool(expected) and hmac.compare_digest(
        expected.encode(), request.form.get("csrf", "").encode()
    )


def next_path() -> str:
    """Return where to go after signing in: a path of this site and nothing else."""
    path = request.values.get("next", "/")
    ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if ours and path not in _NOT_PAGES and not path.endswith("/live") else "/"


def asker() -> str:
    """Return whom to count failures of: an address, or the /64 that one IPv6 host has alone."""
    text = request.remote_addr or "unknown"
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return text
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return f"{int(address) >> 64:x}/64"
    return str(address)
