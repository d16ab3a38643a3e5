"""What kind of phone sends a probe request: the information elements that a model has in common.

Called by `frames` when it meets elements for the first time; calls nothing. What may name one
device or its owner is left out: the network's name, a WPS serial, an access point's address.
IEEE Std 802.11-2020, 9.4.2 (elements).
"""

from typing import Final

SSID: Final = 0
_CAPABILITIES: Final = frozenset((1, 45, 50, 127, 191))
"""Supported rates, HT, extended supported rates, extended capabilities, VHT."""
_VENDOR: Final = 221
_VENDOR_KIND: Final = 4
"""A vendor's identifier (3 bytes) and its element's type: what follows may hold a serial."""
_EXTENSION: Final = 255
_HE: Final = 35
"""The extension that holds HE capabilities."""


def class_of(elements: bytes) -> bytes | None:
    """Return what is compared of a probe request's elements: equal for phones of one model.

    `elements` are the information elements, with or without the SSID's. Channel (DS parameter),
    SSID and everything that is no capability are left out, so that one phone looks the same on each
    channel. None where the elements do not fit into each other: an element reaches beyond the end.
    """
    kept = bytearray()
    at, end = 0, len(elements)
    while at + 2 <= end:
        kind, after = elements[at], at + 2 + elements[at + 1]
        if after > end:
            return None
        if kind in _CAPABILITIES or (
            kind == _EXTENSION and after > at + 2 and elements[at + 2] == _HE
        ):
            kept += elements[at:after]
        elif kind == _VENDOR:
            kept += bytes((_VENDOR,)) + elements[at + 2 : min(after, at + 2 + _VENDOR_KIND)]
        at = after
    return bytes(kept) if at == end else None
