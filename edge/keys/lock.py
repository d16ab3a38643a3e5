"""Seals templates so that only the eyes can open them. Called at enrolment; calls `envelope`.

Needs the public half of the template pair only, which lies in `data_dir/keys/template.pub`.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.keys import envelope
from edge.keys.errors import KeyFault

DIMENSIONS: Final = 128  # of a face descriptor: edge.ports.Vector
KEY_PURPOSE: Final = "template-key"
VECTOR_PURPOSE: Final = "template"
STORED: Final = np.dtype("<f4")


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedTemplate:
    """A member's template as it is stored: its key for the eyes alone, the numbers under it."""

    key: bytes = field(repr=False)
    vector: bytes = field(repr=False)


class TemplateLock:
    """Seals templates; cannot open one."""

    __slots__ = ("_public",)

    def __init__(self, public: bytes) -> None:
        """`public`: 32 bytes, X25519. Raises KeyFault: another length."""
        self._public = envelope.require_key(public)

    def seal(self, vector: NDArray[np.float32], *, subject: str) -> SealedTemplate:
        """Seal a template, float32 (128,), for one subject under a fresh key.

        Raises:
            KeyFault: another shape, or numbers that are not finite.
        """
        if vector.shape != (DIMENSIONS,) or not np.isfinite(vector).all():
            raise KeyFault(
                f"template: expected {DIMENSIONS} finite numbers, got shape {vector.shape}"
            )
        key = envelope.new_key()
        return SealedTemplate(
            key=envelope.seal_to(self._public, key, envelope.bound(subject, KEY_PURPOSE)),
            vector=envelope.seal(
                key, vector.astype(STORED).tobytes(), envelope.bound(subject, VECTOR_PURPOSE)
            ),
        )
