"""What binds sealed bytes to their purpose: both sides give these texts to HPKE as `info`.

Used by the uplink's `release` and the hub's `shares`, by the box's and the hub's orders. The
suite on both sides is HPKE (RFC 9180) in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256
and AES-256-GCM.
"""

from edge.wire.topics import ROOT, BoxAddress


def release_context(address: BoxAddress, part: str, session: str) -> bytes:
    """Return the `info` of a release; an answer to another box or request does not open under it.

    >>> release_context(BoxAddress(store="nj-001", box="a"), "profile", "0f")
    b'menkou/v1/key_release/nj-001/a/profile/0f'
    """
    # No part of it can hold a slash: two contexts are never written alike.
    return f"{ROOT}/key_release/{address.store}/{address.box}/{part}/{session}".encode()


def order_context(address: BoxAddress, kind: str, thing: str, rev: int) -> bytes:
    """Return the `info` of what an order holds; it opens in no other box, order or revision.

    >>> order_context(BoxAddress(store="nj-001", box="a"), "member", "01AR", 7)
    b'menkou/v1/order/nj-001/a/member/01AR/7'
    """
    return f"{ROOT}/order/{address.store}/{address.box}/{kind}/{thing}/{rev}".encode()
