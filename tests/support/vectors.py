"""Finds face vectors in any bytes, whoever wrote them: for tests that search everything.

A descriptor is 128 numbers of length 1, as float32 or float64, plain, as text, in hexadecimal or
base64. Nothing else in our files looks like that: a window of other bytes, read as floats, is far
from length 1, mostly zeros, or not finite.
"""

import base64
import re
from collections.abc import Iterator

import numpy as np

DIMENSIONS = 128
_CLOSE = 2e-3
_DIFFERENT = 100  # of 128 numbers; a table of zeros and a one is no face
_NUMBERS = re.compile(rb"(?:-?\d*\.\d+(?:[eE][-+]?\d+)?[\s,;]+){64,}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{600,}={0,2}")
_HEX = re.compile(rb"[0-9a-fA-F]{1000,}")


def vectors_in(content: bytes) -> list[str]:
    """Return what was found, as words on where and how; empty when there is no vector."""
    found = [f"plain {what}" for what in _plain(content)]
    found += [f"{len(m[0])} bytes of numbers at {m.start()}" for m in _NUMBERS.finditer(content)]
    for match in _BASE64.finditer(content):
        found += [f"base64 {what}" for raw in _decoded(match[0]) for what in _plain(raw)]
    for match in _HEX.finditer(content):
        digits = match[0][: len(match[0]) // 2 * 2]
        found += [f"hexadecimal {what}" for what in _plain(bytes.fromhex(digits.decode()))]
    return found


def _decoded(text: bytes) -> Iterator[bytes]:
    plain = text.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    for start in range(4):  # a run may begin in the middle of a group
        part = plain[start:]
        whole = part[:-1] if len(part) % 4 == 1 else part
        yield base64.b64decode(whole + b"=" * (-len(whole) % 4))


def _plain(content: bytes) -> Iterator[str]:
    for kind, size in (("<f4", 4), ("<f8", 8)):
        for offset in range(size):
            usable = (len(content) - offset) // size * size
            if usable < DIMENSIONS * size:
                continue
            with np.errstate(invalid="ignore"):  # most bytes are no number at all
                numbers = np.frombuffer(content, kind, usable // size, offset).astype(np.float64)
            # What is no part of a unit vector must not drown the sums of its neighbours.
            squares = np.where(np.abs(numbers) < 1.0, numbers, 2.0) ** 2
            ends = np.concatenate([[0.0], np.cumsum(squares)])
            lengths = ends[DIMENSIONS:] - ends[:-DIMENSIONS]
            for at in np.flatnonzero(np.abs(lengths - 1.0) < _CLOSE):
                window = numbers[at : at + DIMENSIONS]
                exact = abs(float((window**2).sum()) - 1.0) < _CLOSE
                if exact and len(np.unique(window)) >= _DIFFERENT and np.abs(window).max() < 0.6:
                    yield f"{kind} at byte {offset + int(at) * size}"
                    break
