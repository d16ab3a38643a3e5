"""What hubs and other boxes may say of sharing without harming a box, and what they may not."""

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from edge.consent.texts import text_hashes
from edge.keys import envelope
from edge.keys.certificates import Authority, Identity, Untrusted
from edge.keys.sharing import Way, _key_sealed
from edge.store import box_keys
from edge.store.holding import template_of
from edge.store.orders import digest_of
from edge.store.shares import next_rev
from edge.wire.checks import milliseconds
from edge.wire.codec import decode_down, encode, utc_text
from edge.wire.orders import BoxKeyOrder, OrderBody, TemplateOrder
from edge.wire.sealing import bundle_words
from edge.wire.sharing import Bundle, SharedAck, Statement
from tests.support.people import MODEL, vector
from tests.support.sharing import A, B, Box, World, record

SUBJECT = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def chain(world: World, *shops: str, **changed: Any) -> dict[str, Any]:
    return record(world.clock, *(shops or ("nj-001", "sh-002")), **changed)


def ulid(number: int) -> str:
    return f"01ARZ3NDEKTSV4RRFFQ69G{number:04d}"


def signed(
    sender: Box,
    receiver: Box,
    raw: dict[str, Any],
    *,
    subject: str = SUBJECT,
    digest: str | None = None,
    profile: bytes | None = None,
    head: bytes | None = None,
    made_at: str | None = None,
    rev: int | None = None,
    **told: Any,
) -> TemplateOrder:
    """Return a bundle that a certified box signs, whatever is in it."""
    stated = box_keys.own_statement(receiver.db)
    assert stated is not None
    way = Way(
        sender=sender.place,
        receiver=receiver.place,
        id=digest or digest_of(subject),
        rev=rev or next_rev(sender.db, sender.clock.now()),
    )
    known = {"subject": subject, "name": "王芳", "consent": raw}
    known["text_hash"] = text_hashes()["2026-11", "zh"]
    plain = profile if profile is not None else json.dumps({**known, **told}).encode()
    about = {"model": MODEL, "photos": 1, "made_at": made_at or utc_text(sender.clock.now())}
    lines = (head if head is not None else json.dumps(about).encode()) + b"\n"
    inner, context = envelope.new_key(), way.context("template")
    sealed = _key_sealed(stated.template_key, inner, context)
    sealed += envelope.seal(inner, lines + np.asarray(vector(5), dtype="<f4").tobytes(), context)
    packed = _key_sealed(stated.profile_key, zlib.compress(plain), way.context("profile"))
    identity = Identity(sender.place, sender.folder / "box.pem", sender.folder / "box.key")
    unsigned = Bundle(
        place=receiver.place,
        id=way.id,
        rev=way.rev,
        sealed_profile=b64encode(packed).decode(),
        sealed_template=b64encode(sealed).decode(),
        certificates=identity.certificates,
        signature="",
    )
    words = bundle_words(unsigned, sender=sender.place, receiver=receiver.place)
    one = replace(unsigned, place=sender.place, signature=identity.sign(words))
    return TemplateOrder(**{n: getattr(one, n) for n in Bundle.__dataclass_fields__})


def bare(certificate: str, old: bytes, new: bytes) -> str:
    """Return a certificate with some of its bytes changed."""
    der = b64decode(certificate)
    assert old in der
    return b64encode(der.replace(old, new, 1)).decode()


BROKEN: dict[str, Callable[[str], str]] = {
    "of a version that there is not": lambda one: bare(
        one, b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07"
    ),
    "with a name that is no text": lambda one: bare(
        one, bytes([0x0C, len(A)]) + A.encode(), bytes([0x03, len(A)]) + b"\0" + A.encode()[1:]
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_certificate_that_nobody_can_read_is_one_that_nobody_believes(
    world: World, a: Box, b: Box, how: str
) -> None:
    """Any hub can make one; it would end the uplink, and what the eyes share, for ever."""
    world.settle(3)
    good = signed(a, b, chain(world))
    broken = tuple(BROKEN[how](one) for one in good.certificates[:1])
    assert b.down._carry_out(replace(good, certificates=broken)) == "untrusted"
    stated = box_keys.own_statement(a.db)
    assert stated is not None
    box_keys.keep_key(b.db, replace(stated, certificates=broken))
    b.eyes.look()
    assert "certificate" in (b.why(A) or "")


def test_no_mangled_certificate_raises_anything_that_nobody_expects(world: World, a: Box) -> None:
    identity = Identity(A, a.folder / "box.pem", a.folder / "box.key")
    authority = Authority(a.folder / "ca.pem")
    der = b64decode(identity.certificates[0])
    now, signature = world.clock.now(), identity.sign(b"words")
    believed: set[int] = set()
    for at in range(4, len(der)):
        for value in (0, 1, 3, 0x30, 0xFF):
            mangled = b64encode(der[:at] + bytes([value]) + der[at + 1 :]).decode()
            with suppress(Untrusted):
                authority.check(A, [mangled], b"words", signature, now)
                believed |= {at} if der[at] != value else set()
    # One place, how many of the signature's last bits count: whose last ones are 0 may spare some.
    assert len(believed) <= 1


def test_a_consent_that_names_what_is_no_shops_id_keeps_nobody_from_being_shared(
    world: World, a: Box, b: Box
) -> None:
    a.enrol("王芳", chain(world, "nj-001", "sh-002", "上海 店", "a/b"))
    a.enrol("李雷", chain(world), seed=2)
    world.settle()
    assert b.knows(1)
    assert b.knows(2)


HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "nested too deep": ({"profile": b"[" * 5_000}, "unreadable"),
    "a subject that is no ULID": ({"subject": "王芳 13800001111"}, "unreadable"),
    "a subject that is no text": (
        {"told": {"subject": "\ud800"}, "digest": "0" * 64},
        "unreadable",
    ),
    "a text of no month": (
        {"consent": {"text_version": "next year"}, "told": {"text_hash": "0" * 64}},
        "no_consent",
    ),
    "a text of month 13": (
        {"consent": {"text_version": "2026-13"}, "told": {"text_hash": "0" * 64}},
        "no_consent",
    ),
    "a text in no language": (
        {"consent": {"language": "\ud800"}, "told": {"text_hash": "0" * 64}},
        "no_consent",
    ),
    "a text whose hash is a name": (
        {"consent": {"text_version": "2026-10"}, "told": {"text_hash": "王芳" * 32}},
        "no_consent",
    ),
    "under 14": ({"consent": {"born": "2020-01-01"}}, "no_consent"),
    "17 without a guardian": ({"consent": {"adult": False}}, "no_consent"),
    "expired": ({"consent": {"expires": "2026-11-20"}}, "no_consent"),
    "for ever": ({"consent": {"expires": "2099-01-01"}}, "no_consent"),
    "a purpose of its own": ({"consent": {"purpose": "advertising"}}, "no_consent"),
    "more than anybody agreed to": ({"consent": {"extra": "x"}}, "no_consent"),
    "no consent": ({"told": {"consent": None}}, "no_consent"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_a_certified_box_may_not_say_is_refused_and_stops_nothing(
    world: World, a: Box, b: Box, what: str
) -> None:
    world.settle(3)
    how, code = HOSTILE[what]
    changes = dict(how)
    raw = chain(world, **changes.pop("consent", {}))
    order = signed(a, b, raw, **changes.pop("told", {}), **changes)
    assert b.down._carry_out(order) == code
    assert (b.members(), b.count("share_in"), b.count("consent")) == ([], 0, 0)


def test_a_template_that_is_none_is_refused_and_those_after_it_are_taken(
    world: World, a: Box, b: Box
) -> None:
    world.settle(3)
    assert b.down._carry_out(signed(a, b, chain(world), head=b"[" * 3_000)) is None
    b.eyes.look()
    assert b.db.execute("SELECT state FROM share_in").fetchall() == [("refused",)]


def test_consents_that_do_not_hold_yet_keep_no_other_waiting(world: World, a: Box, b: Box) -> None:
    """The clock of another shop may be hours ahead; a stolen box may mean it."""
    world.settle(3)
    later = (world.clock.now() + timedelta(hours=20)).isoformat()
    for number in range(30):
        raw = chain(world, given_at=later)
        order = signed(a, b, raw, subject=ulid(number), rev=milliseconds(a.clock.now()) + number)
        assert b.down._carry_out(order) is None
    order = signed(a, b, chain(world), rev=milliseconds(a.clock.now()) + 99)
    assert b.down._carry_out(order) is None
    b.eyes.look()
    assert b.knows(5)


def test_a_template_is_never_of_later_than_now(world: World, a: Box, b: Box) -> None:
    """Otherwise one of the year 2100 could never be replaced by a newer one."""
    world.settle(3)
    assert b.down._carry_out(signed(a, b, chain(world), made_at="2100-01-01T00:00:00Z")) is None
    b.eyes.look()
    held = template_of(b.db, SUBJECT)
    assert held is not None
    assert held["made_at"] <= utc_text(world.clock.now())


def test_a_consent_is_judged_for_whom_it_is_kept(world: World, a: Box, b: Box) -> None:
    """Who was known by sharing, was let go, joined on her own and withdrew stays withdrawn."""
    member = a.enrol("王芳", chain(world), external_id="C-1")
    world.settle()
    just_now = (world.clock.now() - timedelta(minutes=1)).isoformat()
    a.again(member, chain(world, "nj-001", "bj-003", given_at=just_now), None)
    world.settle()
    assert b.members() == []
    own = b.enrol("王芳", chain(world, "sh-002"), seed=2, external_id="C-1")
    world.clock.passed += 60
    before = world.clock.now().isoformat()
    world.clock.passed += 60
    b.withdraw(own)
    world.settle()
    a.again(member, chain(world, given_at=before), None)
    world.settle()
    assert not b.knows(1)
    assert b.refusals() == ["no_consent"]


def test_no_word_of_the_hub_lifts_revisions_beyond_what_can_be_said(
    world: World, a: Box, b: Box
) -> None:
    highest = 7_258_118_399_999

    def lies(topic: str, payload: bytes) -> bytes | None:
        said = decode_down(payload) if topic.endswith("/down") else None
        if not isinstance(said, SharedAck) or not said.held:
            return payload
        held = tuple(replace(one, rev=highest) for one in said.held)
        return encode(replace(said, held=held))

    a.enrol("王芳", chain(world))
    world.down = lies
    world.settle(6)
    world.down = lambda topic, payload: payload
    world.greets(a)
    world.settle()
    assert next_rev(a.db, world.clock.now()) < highest
    assert b.knows(1)


def key_order(one: Statement) -> OrderBody:
    return BoxKeyOrder(**{name: getattr(one, name) for name in Statement.__dataclass_fields__})


def test_words_that_nobody_signed_neither_displace_a_good_key_nor_bar_a_true_one(
    world: World, a: Box, b: Box
) -> None:
    world.settle(3)
    true = box_keys.own_statement(b.db)
    assert true is not None
    false = replace(true, at=7_258_118_399_999, template_key="0" * 64)
    assert a.down._carry_out(key_order(false)) is None
    a.eyes.look()
    assert "signed" in (a.why(B) or "")
    assert a.down._carry_out(key_order(true)) is None
    a.eyes.look()
    assert a.why(B) is None
    a.down._carry_out(key_order(false))
    a.eyes.look()
    assert a.why(B) is None
    a.enrol("王芳", chain(world))
    world.settle()
    assert b.knows(1)
