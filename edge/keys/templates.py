"""Opens templates. For the eyes, replay and whoever hands them their key: an import contract
keeps everything else away from this module.
"""

import numpy as np
from numpy.typing import NDArray

from edge.keys import envelope
from edge.keys.errors import Unreadable
from edge.keys.lock import DIMENSIONS, KEY_PURPOSE, STORED, VECTOR_PURPOSE


class TemplateOpener:
    """What the template root can do. About 0.2 ms a template; repr shows nothing."""

    __slots__ = ("_private",)

    def __init__(self, root: bytes) -> None:
        """`root`: 32 bytes. Raises KeyFault: another length."""
        self._private = envelope.private_of(root)

    def __repr__(self) -> str:
        return "TemplateOpener(...)"

    def open(self, key: bytes, vector: bytes, *, subject: str) -> NDArray[np.float32]:
        """Return a subject's template, float32 (128,), from its sealed key and numbers.

        Raises:
            Unreadable: one of them is damaged, or of another subject or box.
        """
        inner = envelope.unseal_with(self._private, key, envelope.bound(subject, KEY_PURPOSE))
        raw = envelope.unseal_wipeable(inner, vector, envelope.bound(subject, VECTOR_PURPOSE))
        numbers = np.frombuffer(raw, dtype=STORED).astype(np.float32)
        raw[:] = bytes(len(raw))  # no second copy lies about in freed memory
        if numbers.shape != (DIMENSIONS,):
            raise Unreadable(f"template: expected {DIMENSIONS} numbers, got {len(numbers)}")
        return numbers
