"""What binds a released key to its request: both sides give this text to HPKE as `info`.

Used by the uplink's `release` and by the hub's `shares`. The suite on both sides is HPKE (RFC
9180) in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM.
"""

from edge.wire.topics import ROOT, BoxAddress


def release_context(address: BoxAddress, part: str, session: str) -> bytes:
    """Return the `info` of a release; an answer to another box or request does not open under it.

    >>> release_context(BoxAddress(store="nj-001", box="a"), "profile", "0f")
    b'menkou/v1/key_release/nj-001/a/profile/0f'
    """
    # No part of it can hold a slash: two contexts are never written alike.
    return f"{ROOT}/key_release/{address.store}/{address.box}/{part}/{session}".encode()
