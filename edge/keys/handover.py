"""Hands a root from the supervisor to the one process that may have it. Calls `edge.memory`.

    supervisor ──put──> slot (secret memory, inherited descriptor) ──root──> front | eyes

A slot is empty until the key is there, which may be minutes after the start: whoever reads it asks
again. It never holds half a key: what is read counts only with its digest.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from edge.keys.envelope import KEY_BYTES, require_key
from edge.keys.roots import Part
from edge.memory import SecretMemory, reserve
from menkou.errors import MenkouFault

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 1.0
RETRY_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Pauses before a key that could not be had is asked for again."""
_DIGEST_BYTES: Final = 32


class KeySlot:
    """A place for one root, shared with a child process. repr shows nothing of it.

    Args:
        fd: the slot's descriptor, as the command line names it; it now belongs to this object.

    Raises:
        edge.memory.MemoryFault: there is no slot behind it.
    """

    def __init__(self, fd: int) -> None:
        self._memory = SecretMemory(fd)

    @classmethod
    def create(cls) -> "KeySlot":
        """Make an empty slot.

        Raises:
            edge.memory.MemoryFault: no secret memory can be had.
        """
        return cls(reserve(KEY_BYTES + _DIGEST_BYTES))

    def __repr__(self) -> str:
        return f"KeySlot(fd={self.fd})"

    @property
    def fd(self) -> int:
        """The descriptor, for `pass_fds` of the child process."""
        return self._memory.fd

    def put(self, root: bytes) -> None:
        """Put a root in, 32 bytes; whoever shares the slot sees it at once.

        Raises:
            edge.keys.errors.KeyFault: another length.
        """
        content = require_key(root) + sha256(root).digest()
        self._memory.view[: len(content)] = content

    def clear(self) -> None:
        """Take the root out again, for everybody who shares the slot."""
        self._memory.wipe()

    def root(self) -> bytes | None:
        """Return the root, 32 bytes; None while there is none."""
        content = bytes(self._memory.view[: KEY_BYTES + _DIGEST_BYTES])
        root, digest = content[:KEY_BYTES], content[KEY_BYTES:]
        return root if compare_digest(sha256(root).digest(), digest) else None

    def close(self) -> None:
        """Let go of the slot."""
        self._memory.close()


class Handover:
    """Keeps each slot as the box needs it now: filled, or empty. For a thread of its own.

    A key that cannot be had is asked for again, ever more seldom; why is logged once. A slot that
    is not needed any more is emptied.

    Args:
        slots: the slots by part.
        root: returns the root of a part (`roots.Keyring.root`); it may take long.
        needed: says which parts' roots are needed now.
    """

    def __init__(
        self,
        *,
        slots: Mapping[Part, KeySlot],
        root: Callable[[Part], bytes],
        needed: Callable[[], Collection[Part]],
    ) -> None:
        self._slots = slots
        self._root = root
        self._needed = needed
        self._filled: set[Part] = set()
        self._failures: dict[Part, int] = {}
        self._next_try: dict[Part, float] = {}
        self._told: dict[Part, str] = {}

    def look(self, now: float) -> None:
        """Do what is due at `now`, in seconds of any steady clock."""
        needed = self._needed()
        for part, slot in self._slots.items():
            if part not in needed:
                self._empty(part, slot)
            elif part not in self._filled and now >= self._next_try.get(part, now):
                self._fill(part, slot, now)

    def _empty(self, part: Part, slot: KeySlot) -> None:
        if part in self._filled:
            slot.clear()
            log.info("the %s key is put away: nothing needs it now", part)
        self._filled.discard(part)
        self._begin_anew(part)

    def _fill(self, part: Part, slot: KeySlot, now: float) -> None:
        try:
            slot.put(self._root(part))
        except MenkouFault as exc:
            if self._told.get(part) != str(exc):
                log.error("the %s key is not there: %s", part, exc)
            self._told[part] = str(exc)
            failures = self._failures.get(part, 0)
            self._next_try[part] = now + RETRY_S[min(failures, len(RETRY_S) - 1)]
            self._failures[part] = failures + 1
            return
        self._filled.add(part)
        log.info("the %s key is there", part)
        self._begin_anew(part)

    def _begin_anew(self, part: Part) -> None:
        self._failures.pop(part, None)
        self._next_try.pop(part, None)
        self._told.pop(part, None)

    def run(self, stop: threading.Event) -> None:
        """Look every second until `stop` is set."""
        while True:
            try:
                self.look(time.monotonic())
            except Exception:
                # A store that is away for a while: the keys must not be lost to the box with it.
                log.exception("which keys are needed cannot be told now")
            if stop.wait(LOOK_EVERY_S):
                return
