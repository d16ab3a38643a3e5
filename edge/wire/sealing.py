"""What binds sealed bytes to their purpose: both sides give these texts to HPKE as `info`.

Used by the uplink's `release` and the hub's `shares`, by the box's and the hub's orders, and from
box to box by `edge.keys.sharing`, which signs such texts too. The
suite on both sides is HPKE (RFC 9180) in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256
and AES-256-GCM.
"""

import json

from edge.wire.sharing import Bundle, Statement
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


def share_context(part: str, sender: str, receiver: str, thing: str, rev: int) -> bytes:
    """Return the `info` of a part of a bundle: it opens for one receiver, sender and revision.

    >>> share_context("template", "nj-001/a", "sh-002/b", "0f", 7)
    b'menkou/v1/share/template/nj-001/a/sh-002/b/0f/7'
    """
    return f"{ROOT}/share/{part}/{sender}/{receiver}/{thing}/{rev}".encode()


def statement_words(one: Statement) -> bytes:
    """Return what a box signs of its keys."""
    words = ["box_key", one.place, one.at, one.profile_key, one.template_key]
    return json.dumps([ROOT, *words]).encode()


def bundle_words(one: Bundle, sender: str, receiver: str) -> bytes:
    """Return what a box signs of a bundle; the `place` in it is either's, by where it travels."""
    words = ["bundle", sender, receiver, one.id, one.rev, one.sealed_profile, one.sealed_template]
    return json.dumps([ROOT, *words]).encode()
