"""A member enrolled in one shop is known in another that the consent names, and nowhere else."""

import json
import shutil
import zlib
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from sqlalchemy import Engine, select

from cloud.db import reading, writing
from cloud.sharing import flows
from cloud.tables import shared
from edge import cli
from edge.app.papers import why_doubtful
from edge.consent.texts import text_hashes
from edge.keys.certificates import Identity
from edge.keys.errors import KeyFault
from edge.keys.orders import OrderKeys
from edge.keys.sharing import Carried, ShareKeys, Way, seal_profile, seal_template
from edge.store import box_keys, shares
from edge.store.audit import Audit
from edge.store.consents import history
from edge.store.holding import everything
from edge.store.orders import digest_of
from edge.store.standing import chosen_marks
from edge.wire.codec import decode_down, encode, inflated, read_statement
from edge.wire.orders import BoxKeyOrder, Order, OrderBody, Orders, TemplateOrder, VoidOrder
from edge.wire.sealing import bundle_words, statement_words
from edge.wire.sharing import Bundle, Statement
from tests.support.people import MODEL, vector, visited
from tests.support.sharing import A, B, Box, C, Certificates, World, record
from tests.support.vectors import vectors_in

DAY = timedelta(days=1)


def chain(world: World, *shops: str, **changed: Any) -> dict[str, Any]:
    return record(world.clock, *(shops or ("nj-001", "sh-002")), **changed)


def test_who_is_enrolled_in_one_shop_is_recognised_in_another(world: World, a: Box, b: Box) -> None:
    other = world.box(C)
    member = a.enrol("王芳", chain(world), external_id="C-1", note="喜欢翡翠", called="芳姐")
    world.settle()
    assert b.knows(1)
    (there,) = b.members()
    assert (there.profile.name, there.profile.called) == ("王芳", "芳姐")
    assert there.profile.note is None, "what the shop wrote of her stays there"
    (row,) = history(b.db, there.subject)
    (own,) = history(a.db, member.subject)
    assert row.live(world.clock.now())
    for name in ("text_hash", "given_at", "means", "scope", "shops", "expires", "adult"):
        assert getattr(row, name) == getattr(own, name)
    assert [entry.actor for entry in Audit(b.db).entries(subject=there.subject)] == ["sharing"] * 3
    assert not other.knows(1)
    assert other.members() == []
    assert [(one.place, one.shared, one.waiting) for one in shares.counts(a.db)] == [(B, 1, 0)]
    assert [(one.place, one.came) for one in shares.counts(b.db)] == [(A, 1)]


def test_neither_hub_nor_broker_holds_or_carries_the_face_or_the_name(
    world: World, engine: Engine, a: Box, b: Box
) -> None:
    a.enrol("王芳·金丝雀", chain(world), external_id="C-canary-1")
    shown: list[bytes] = []

    def look(topic: str, payload: bytes) -> bytes:
        shown.extend(file.read_bytes() for file in world.folder.glob("hub.db*"))
        return payload

    world.down = look
    world.settle()
    assert b.knows(1)
    raw = vector(1).tobytes()
    hidden = [raw, b64encode(raw), raw.hex().encode(), "金丝雀".encode(), b"C-canary-1"]
    for content in (*shown, bytes(world.heard)):
        assert not [one for one in hidden if one in content]
        assert vectors_in(content) == []
    assert b'"sealed_template":"' in world.heard
    with reading(engine) as connection:
        (row,) = connection.execute(select(shared)).all()
        (flow,) = flows(connection)
    assert row.bundle is None, "what was delivered is deleted"
    assert (flow.shared, flow.waiting, flow.ending) == (1, 0, 0)


def bodies(change: Callable[[OrderBody], OrderBody | None]) -> Callable[[str, bytes], bytes | None]:
    """Return a hub's meddling with what it orders; None withholds an order."""

    def meddle(topic: str, payload: bytes) -> bytes | None:
        if not topic.endswith("/down"):
            return payload
        said = decode_down(payload)
        if not isinstance(said, Orders):
            return payload
        changed = [Order(seq=one.seq, body=change(one.body) or VoidOrder()) for one in said.orders]
        return encode(Orders(epoch=said.epoch, orders=tuple(changed)))

    return meddle


class Spy:
    """A hub that would read what boxes share, with keys and certificates that it has or buys."""

    def __init__(self, world: World) -> None:
        self.profile, self.template = OrderKeys(bytes(32)), ShareKeys(bytes(32))
        self.world = world
        self.seen: list[TemplateOrder] = []

    def statement(self, place: str, papers: tuple[Path, Path], at: int) -> Statement:
        """Return a statement of the spy's keys, signed with some papers."""
        unsigned = Statement(
            place=place,
            at=at,
            profile_key=self.profile.public,
            template_key=self.template.public,
            certificates=("MIIB" + "A" * 400,),
            signature="",
        )
        certificate = x509.load_pem_x509_certificate(papers[0].read_bytes())
        common = certificate.subject.rfc4514_string().removeprefix("CN=")
        identity = Identity(common, *papers)
        named = replace(unsigned, certificates=identity.certificates)
        return replace(named, signature=identity.sign(statement_words(named)))


def expired(certificates: Certificates, place: str) -> tuple[Path, Path]:
    """Return papers of the right authority and name that ran out yesterday."""
    cert, key = certificates.box(place)
    good = x509.load_pem_x509_certificate(cert.read_bytes())
    ca = x509.load_pem_x509_certificate((certificates.folder / "ca.pem").read_bytes())
    ca_key = load_pem_private_key((certificates.folder / "ca.key").read_bytes(), None)
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(good.subject)
        .issuer_name(ca.subject)
        .public_key(good.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 9 * DAY)
        .not_valid_after(now - DAY)
    )
    for one in good.extensions:
        builder = builder.add_extension(one.value, one.critical)
    cert.write_bytes(builder.sign(ca_key, SHA256()).public_bytes(Encoding.PEM))  # type: ignore[arg-type]
    return cert, key


def of_a_broker(certificates: Certificates, place: str) -> tuple[Path, Path]:
    """Return papers of a broker whose name is a box's."""
    cert, key = certificates.box(place)
    ca = x509.load_pem_x509_certificate((certificates.folder / "ca.pem").read_bytes())
    ca_key = load_pem_private_key((certificates.folder / "ca.key").read_bytes(), None)
    good = x509.load_pem_x509_certificate(cert.read_bytes())
    builder = (
        x509.CertificateBuilder()
        .subject_name(good.subject)
        .issuer_name(ca.subject)
        .public_key(good.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(good.not_valid_before_utc)
        .not_valid_after(good.not_valid_after_utc)
    )
    for one in good.extensions:
        server = isinstance(one.value, x509.ExtendedKeyUsage)
        value = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]) if server else one.value
        builder = builder.add_extension(value, one.critical)
    cert.write_bytes(builder.sign(ca_key, SHA256()).public_bytes(Encoding.PEM))  # type: ignore[arg-type]
    return cert, key


LIES = {
    "the hub's own key under the box's signature": "expected words that this box signed",
    "the key of a box of a shop that is not named": "",
    "that key under the named box's name": "another's",
    "a certificate of another box": "another's",
    "an expired certificate": "not good here and now",
    "a certificate of another authority": "not good here and now",
    "a certificate of a broker": "not good here and now",
}


@pytest.mark.parametrize("lie", LIES)
def test_a_hub_that_swaps_the_key_gets_nothing(world: World, a: Box, b: Box, lie: str) -> None:
    world.box(C)
    spy = Spy(world)
    fake = world.certificates
    if "another authority" in lie:
        fake = Certificates(world.folder / "elsewhere")
    true: list[BoxKeyOrder] = []

    def swap(body: OrderBody) -> OrderBody | None:
        if not isinstance(body, BoxKeyOrder):
            return body
        true.append(body)
        stated: dict[str, Callable[[], Statement]] = {
            "the hub's own key under": lambda: replace(
                body, profile_key=spy.profile.public, template_key=spy.template.public
            ),
            "the key of a box of": lambda: spy.statement(C, fake.box(C), body.at),
            "that key under the": lambda: replace(spy.statement(C, fake.box(C), body.at), place=B),
            "a certificate of another box": lambda: spy.statement(B, fake.box(C), body.at),
            "an expired": lambda: spy.statement(B, expired(fake, B), body.at),
            "a certificate of another auth": lambda: spy.statement(B, fake.box(B), body.at),
            "a certificate of a broker": lambda: spy.statement(B, of_a_broker(fake, B), body.at),
        }
        (made,) = (make() for begins, make in stated.items() if lie.startswith(begins))
        names = Statement.__dataclass_fields__
        return BoxKeyOrder(**{name: getattr(made, name) for name in names})

    world.down = bodies(swap)
    a.enrol("王芳", chain(world))
    world.settle(8)
    assert true, "the hub was asked for the key"
    assert a.count("share_out") == 0, "nothing is sealed, not even a name"
    assert not b.knows(1)
    assert b"bundles" not in bytes(world.heard)
    assert LIES[lie] in (a.why(B) or "")


def test_a_shop_that_the_consent_does_not_name_gets_nothing(world: World, a: Box, b: Box) -> None:
    a.enrol("王芳", chain(world, "nj-001", "bj-003"))
    text = box_keys.word_of(b.db, "statement")
    world.settle(4)
    held = box_keys.own_statement(b.db)
    assert text is None
    assert held is not None
    # Even if the hub tells it of a key that nobody asked for.
    box_keys.keep_key(a.db, held)
    world.settle(4)
    assert a.count("share_out") == 0
    assert b.members() == []


def test_a_consent_for_one_shop_is_shared_with_its_other_boxes_only(
    world: World, a: Box, b: Box
) -> None:
    beside = world.box("nj-001/nj-001-b")
    a.enrol("王芳", chain(world, scope="store", shops=[]))
    world.settle()
    assert beside.knows(1)
    assert b.members() == []


def test_whom_another_shop_shares_is_searched_after_the_shops_own(
    world: World, a: Box, b: Box
) -> None:
    def chosen(box: Box, most: int) -> list[str]:
        marks = chosen_marks(box.db, box.clock.now(), most)
        names = {one.subject: one.profile.name for one in box.members()}
        return [names[subject] for subject in marks]

    beside = world.box("nj-001/nj-001-b")
    b.enrol("李雷", chain(world, scope="store", shops=[]), seed=2)
    beside.enrol("韩梅", chain(world, scope="store", shops=[]), seed=3)
    world.clock.passed += DAY.total_seconds()
    wang = a.enrol("王芳", chain(world), seed=1)
    world.settle()
    assert chosen(b, 9) == ["李雷", "王芳"]
    assert chosen(beside, 9) == ["王芳", "韩梅"], "another box of the same shop shares its own"
    visited(b.db, wang.subject, world.clock.now())
    assert chosen(b, 1) == ["王芳"], "who has been here is this shop's own"


def test_a_consent_for_one_shop_that_another_box_sends_on_is_refused(
    world: World, a: Box, b: Box
) -> None:
    """A box that does not keep to the rules finds one that does."""
    world.settle(3)
    order = forged(a, b, "王芳", chain(world, scope="store", shops=[]))
    assert b.down._carry_out(order) == "no_consent"
    assert b.members() == []
    order = forged(a, b, "王芳", chain(world, "nj-001", "bj-003"))
    assert b.down._carry_out(order) == "no_consent"
    order = forged(a, b, "王芳", chain(world))
    assert b.down._carry_out(order) is None
    assert b.names() == ["王芳"]


def forged(
    sender: Box,
    receiver: Box,
    name: str,
    raw: dict[str, Any],
    *,
    signs: Box | None = None,
    rev: int | None = None,
    subject: str = "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    seed: int = 5,
) -> TemplateOrder:
    """Return a bundle as a box makes it that has not looked at the consent."""
    stated = box_keys.own_statement(receiver.db)
    assert stated is not None
    rev = rev or int(sender.clock.now().timestamp() * 1000)
    way = Way(sender=sender.place, receiver=receiver.place, id=digest_of(subject), rev=rev)
    told = {"subject": subject, "name": name, "consent": raw}
    told["text_hash"] = text_hashes()["2026-11", "zh"]
    carried = Carried(vector=vector(seed), model=MODEL, photos=1, made_at=sender.clock.now())
    identity = Identity(
        (signs or sender).place,
        (signs or sender).folder / "box.pem",
        (signs or sender).folder / "box.key",
    )
    unsigned = Bundle(
        place=receiver.place,
        id=way.id,
        rev=rev,
        sealed_profile=seal_profile(
            stated.profile_key, zlib.compress(json.dumps(told).encode()), way
        ),
        sealed_template=seal_template(stated.template_key, carried, way),
        certificates=identity.certificates,
        signature="",
    )
    words = bundle_words(unsigned, sender=sender.place, receiver=receiver.place)
    signed = replace(unsigned, place=sender.place, signature=identity.sign(words))
    return TemplateOrder(**{n: getattr(signed, n) for n in Bundle.__dataclass_fields__})


def test_a_face_that_the_named_box_did_not_sign_is_not_let_in(world: World, a: Box, b: Box) -> None:
    """Whoever holds the hub knows the receiver's key, and could seal a face of their own to it."""
    other = world.box(C)
    world.settle(3)
    order = forged(a, b, "假", chain(world), signs=other)
    assert b.down._carry_out(order) == "untrusted"
    assert (b.members(), b.count("share_in")) == ([], 0)


@pytest.mark.parametrize("change", ["id", "rev", "sealed_profile", "sealed_template", "place"])
def test_a_bundle_that_the_hub_changed_changes_nothing(
    world: World, a: Box, b: Box, change: str
) -> None:
    def alter(body: OrderBody) -> OrderBody:
        if not isinstance(body, TemplateOrder):
            return body
        others: dict[str, Any] = {"id": "0" * 64, "rev": body.rev + 1, "place": C}
        if change not in others:
            held: str = getattr(body, change)
            others[change] = held[:40] + ("A" if held[40] != "A" else "B") + held[41:]
        return replace(body, **{change: others[change]})

    world.down = bodies(alter)
    a.enrol("王芳", chain(world))
    world.settle(6)
    assert (b.members(), b.count("share_in")) == ([], 0)
    assert b.refusals() == ["untrusted"]


def test_a_bundle_for_another_box_or_in_anothers_place_does_not_open(
    world: World, a: Box, b: Box
) -> None:
    other = world.box(C)
    caught: list[TemplateOrder] = []

    def catch(body: OrderBody) -> OrderBody:
        if isinstance(body, TemplateOrder):
            caught.append(body)
        return body

    world.down = bodies(catch)
    a.enrol("王芳", chain(world))
    world.settle()
    (one,) = caught
    assert other.down._carry_out(one) == "untrusted"
    assert other.members() == []


def test_an_old_bundle_brings_nobody_back(world: World, a: Box, b: Box) -> None:
    caught: list[TemplateOrder] = []

    def catch(body: OrderBody) -> OrderBody:
        if isinstance(body, TemplateOrder) and body.sealed_template:
            caught.append(body)
        return body

    world.down = bodies(catch)
    member = a.enrol("王芳", chain(world))
    world.settle()
    assert b.knows(1)
    a.withdraw(member)
    world.settle()
    assert not b.knows(1)
    for one in caught:
        assert b.down._carry_out(one) is None
        b.eyes.look()
    assert not b.knows(1)
    assert b.members() == []


def test_who_was_erased_here_is_not_brought_back_by_a_bundle_of_before(
    world: World, a: Box, b: Box
) -> None:
    world.settle(3)
    first = forged(a, b, "王芳", chain(world))
    newer = forged(a, b, "王芳", chain(world), rev=first.rev + 5)
    b.down._carry_out(first)
    b.eyes.look()
    assert b.knows(5)
    b.erase(b.members()[0])
    assert b.down._carry_out(newer) is None
    b.eyes.look()
    assert (b.knows(5), b.members()) == (False, [])


@pytest.mark.parametrize("how", ["withdraw", "erase"])
@pytest.mark.parametrize("where", ["a", "b"])
def test_what_ends_in_one_of_the_shops_ends_in_both(
    world: World, a: Box, b: Box, how: str, where: str
) -> None:
    a.enrol("王芳", chain(world))
    world.settle()
    assert (a.knows(1), b.knows(1)) == (True, True)
    box = a if where == "a" else b
    getattr(box, how)(box.members()[0])
    world.settle()
    assert (a.knows(1), b.knows(1)) == (False, False)
    assert b.members() == [], "who was here by that alone is no member of this shop"
    assert len(a.members()) == (1 if how == "withdraw" else 0)
    assert (a.count("template"), b.count("template")) == (0, 0)


def test_a_new_consent_without_the_shop_ends_it_there_and_only_there(
    world: World, a: Box, b: Box
) -> None:
    member = a.enrol("王芳", chain(world))
    world.settle()
    later = (world.clock.now() - timedelta(minutes=5)).isoformat()
    a.again(member, chain(world, "nj-001", "bj-003", given_at=later), None)
    world.settle()
    assert (a.knows(1), b.knows(1)) == (True, False)
    assert b.members() == []
    assert history(b.db, member.subject)[-1].kind == "withdrawn"
    assert history(a.db, member.subject)[-1].kind == "given"


def test_who_agrees_again_later_is_known_again(world: World, a: Box, b: Box) -> None:
    member = a.enrol("王芳", chain(world))
    world.settle()
    a.withdraw(member)
    world.settle()
    world.clock.passed += 600
    given_at = (world.clock.now() - timedelta(minutes=1)).isoformat()
    a.again(member, chain(world, given_at=given_at), 2)
    world.settle()
    assert (b.knows(1), b.knows(2)) == (False, True)


def test_who_agreed_again_while_the_other_box_was_off_is_known_there(
    world: World, a: Box, b: Box
) -> None:
    member = a.enrol("王芳", chain(world))
    world.settle()
    del world.boxes[B]
    a.withdraw(member)
    world.settle(4)
    world.clock.passed += 2 * DAY.total_seconds()
    given_at = (world.clock.now() - timedelta(minutes=1)).isoformat()
    a.again(member, chain(world, given_at=given_at), 2)
    world.settle(4)
    world.clock.passed += 7 * DAY.total_seconds()
    world.boxes[B] = b
    world.greets(b)
    world.settle()
    assert (b.knows(1), b.knows(2)) == (False, True)
    assert a.knows(2), "the answer of a box that was off ends nothing newer"


def test_new_photos_replace_the_old_ones_everywhere(world: World, a: Box, b: Box) -> None:
    member = a.enrol("王芳", chain(world))
    world.settle()
    a.again(member, None, 2)
    world.settle()
    assert (b.knows(1), b.knows(2)) == (False, True)
    assert len(history(b.db, member.subject)) == 1, "the consent is the same"


def test_a_template_that_came_is_not_sent_on_and_new_photos_there_change_hands(
    world: World, a: Box, b: Box
) -> None:
    other = world.box(C)
    a.enrol("王芳", chain(world, "nj-001", "sh-002", "bj-003"))
    world.settle()
    assert (b.knows(1), other.knows(1)) == (True, True)
    assert b.count("share_out") == 0
    (there,) = b.members()
    b.again(there, None, 2)
    world.settle()
    assert [box.knows(2) for box in (a, b, other)] == [True, True, True]
    assert [box.knows(1) for box in (a, b, other)] == [False, False, False]
    a.withdraw(a.members()[0])
    world.settle()
    assert [box.knows(2) for box in (a, b, other)] == [False, False, False]


def test_who_is_a_member_there_already_stays_one_and_a_withdrawal_finds_both(
    world: World, a: Box, b: Box
) -> None:
    known = b.enrol(
        "王",
        chain(world, scope="store", shops=[], given_at="2026-11-01T10:00:00+08:00"),
        seed=7,
        external_id="c-1",
        note="喜欢翡翠",
    )
    a.enrol("王芳", chain(world), external_id="C-1")
    world.settle()
    (there,) = b.members()
    assert (there.subject, there.profile.name, there.profile.note) == (
        known.subject,
        "王",
        "喜欢翡翠",
    )
    assert b.knows(1)
    b.withdraw(there)
    world.settle()
    assert (a.knows(1), b.knows(1)) == (False, False)
    assert b.names() == ["王"], "the card stays where it was the shop's own"


def test_a_replaced_box_gets_its_members_again(world: World, a: Box, b: Box) -> None:
    a.enrol("王芳", chain(world))
    world.settle()
    old = box_keys.own_statement(b.db)
    b.db.close()
    world.clock.passed += 3600
    fresh = world.box(B, folder="replaced")
    world.settle()
    new = box_keys.own_statement(fresh.db)
    assert old is not None
    assert new is not None
    assert old.template_key != new.template_key
    assert fresh.knows(1)


def test_a_shop_that_gets_its_box_later_catches_up(world: World, a: Box) -> None:
    a.enrol("王芳", chain(world))
    world.settle(4)
    assert a.count("share_out") == 0
    late = world.box(B)
    world.settle()
    assert late.knows(1)


def test_a_box_restored_from_an_older_copy_gets_them_again(world: World, a: Box, b: Box) -> None:
    world.settle(3)
    b.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    copy = world.folder / "copy"
    shutil.copytree(b.config.data_dir, copy)
    a.enrol("王芳", chain(world))
    world.settle()
    assert b.knows(1)
    b.db.close()
    shutil.rmtree(b.config.data_dir)
    copy.rename(b.config.data_dir)
    b.open()
    world.greets(b)
    assert not b.knows(1)
    world.settle()
    assert b.knows(1)


def test_a_hub_restored_from_an_older_copy_is_given_again_what_it_lost(
    world: World, engine: Engine, a: Box, b: Box
) -> None:
    world.settle(3)
    del world.boxes[B]
    a.enrol("王芳", chain(world))
    world.settle(5)
    with writing(engine) as connection:
        (row,) = connection.execute(select(shared)).all()
        assert row.bundle is not None
        connection.execute(shared.delete())
    world.greets(a)
    world.boxes[B] = b
    world.greets(b)
    world.settle()
    assert b.knows(1)


def test_lost_doubled_and_reordered_words_end_in_the_same(world: World, a: Box, b: Box) -> None:
    random = Random(20261122)
    late: list[tuple[str, bytes]] = []

    def way(topic: str, payload: bytes) -> bytes | None:
        if random.random() < 0.35:
            return None
        if random.random() < 0.3:
            late.append((topic, payload))
        if late and random.random() < 0.3:
            index = random.randrange(len(late))
            if late[index][0] == topic:
                return late.pop(index)[1]
        return payload

    world.up = world.down = way
    members = [a.enrol(f"会员{n}", chain(world), seed=n) for n in range(1, 7)]
    for n in range(40):
        world.turn()
        if n == 10:
            a.withdraw(members[0])
            a.again(members[1], None, 21)
        if n == 14:
            a.erase(members[2])
        if n % 9 == 0:
            world.greets(b)
            world.greets(a)
    world.up = world.down = lambda topic, payload: payload
    world.clock.passed += 600
    world.greets(a)
    world.greets(b)
    world.clock.passed += 600
    world.settle(20)
    assert [n for n in (1, 2, 3, 4, 5, 6, 21) if b.knows(n)] == [4, 5, 6, 21]
    assert b.names() == ["会员2", "会员4", "会员5", "会员6"]
    assert b.count("template") == 4


def test_an_erasure_overtakes_a_bundle_that_waits(
    world: World, engine: Engine, a: Box, b: Box
) -> None:
    world.settle(3)
    del world.boxes[B]
    member = a.enrol("王芳", chain(world))
    world.settle(5)
    with reading(engine) as connection:
        assert [row.ends for row in connection.execute(select(shared))] == [False]
    a.erase(member)
    world.events(a)
    with reading(engine) as connection:
        (row,) = connection.execute(select(shared)).all()
    assert row.bundle is None
    world.boxes[B] = b
    world.greets(b)
    world.settle()
    assert (b.members(), b.knows(1)) == ([], False)


def test_what_is_not_sent_yet_is_taken_back_with_the_consent(world: World, a: Box, b: Box) -> None:
    world.settle(3)
    world.up = lambda topic, payload: None if b'"bundles"' in inflated(payload) else payload
    member = a.enrol("王芳", chain(world))
    world.settle(5)
    (ready,) = shares.ready_bundles(a.db, 0, 10)
    assert "sealed_template" in ready
    a.withdraw(member)
    assert shares.ready_bundles(a.db, 0, 10) == [], "at once, and not when the eyes look"


def test_without_its_key_a_box_lets_a_member_wait(world: World, a: Box, b: Box) -> None:
    world.settle(3)
    b.has_profile_root = False
    a.enrol("王芳", chain(world))
    world.settle(5)
    assert (b.members(), b.refusals()) == ([], [])
    b.has_profile_root = True
    world.clock.passed += 600
    world.settle()
    assert b.knows(1)


def test_by_a_clock_in_doubt_nothing_is_judged_or_sealed(world: World, a: Box, b: Box) -> None:
    world.clock.doubt = True
    a.enrol("王芳", chain(world))
    world.settle(5)
    assert (a.count("share_out"), b.members()) == (0, [])
    world.clock.doubt = False
    world.settle()
    assert b.knows(1)


def test_a_template_of_another_network_is_not_compared(world: World, a: Box, b: Box) -> None:
    b.eyes._model = lambda: "another-network"
    a.enrol("王芳", chain(world))
    world.settle()
    assert (b.names(), b.count("template")) == (["王芳"], 0)


def test_no_key_of_low_order_is_sealed_to() -> None:
    way = Way(sender=A, receiver=B, id="0" * 64, rev=1_700_000_000_000)
    with pytest.raises(KeyFault, match="can be sealed"):
        seal_profile("00" * 32, b"x", way)


def test_what_leaves_the_box_is_in_its_audit_log_and_in_the_members_own_copy(
    world: World, a: Box, b: Box
) -> None:
    member = a.enrol("王芳", chain(world))
    world.settle()
    exports = [one for one in Audit(a.db).entries(subject=member.subject) if one.what == "export"]
    assert [(one.actor, dict(one.detail)) for one in exports] == [
        ("sharing", {"to": "sh-002:sh-002-a"})
    ]
    held = everything(a.db, a.keys, member, world.clock.now())
    assert held["shared_with"] == [{"box": B, "state": "held"}]
    (there,) = b.members()
    held = everything(b.db, b.keys, there, world.clock.now())
    assert [(one["box"], one["state"]) for one in held["came_from"]] == [(A, "stored")]


def test_a_draft_that_was_given_up_is_no_word_of_the_hubs(world: World, a: Box, b: Box) -> None:
    """Else the hub would take itself for restored, and ask for everything, for ever."""
    world.settle(3)
    member = a.enrol("王芳", chain(world))
    world.turn(a)  # the key is wanted
    world.settle(2)
    a.again(member, None, 2)
    world.settle()
    a.again(member, None, 3)
    world.turn(a)
    revs = []
    for _ in range(6):
        world.clock.passed += 700
        world.settle(2)
        revs.append(a.db.execute("SELECT rev FROM share_out").fetchone()[0])
    assert len(set(revs[1:])) == 1
    assert b'"again":true' not in bytes(world.heard)


def test_a_member_whose_shops_are_too_many_to_seal_is_left_out_and_the_others_are_not(
    world: World, a: Box, b: Box
) -> None:
    rng = Random(1)
    many = [f"x{rng.getrandbits(200):050x}" for _ in range(400)]
    a.enrol("太多", chain(world, "nj-001", "sh-002", *many), seed=3)
    a.enrol("王芳", chain(world))
    world.settle()
    assert (b.knows(1), b.knows(3)) == (True, False)
    assert [(one.shared, one.waiting) for one in shares.counts(a.db)] == [(1, 0)]


def test_a_box_that_counts_for_a_while_gets_them_when_it_reads_faces_again(
    world: World, a: Box, b: Box
) -> None:
    world.settle(3)
    path = b.folder / "edge.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('mode = "entrance"', 'mode = "count"'), encoding="utf-8")
    b.reload()
    world.greets(b)
    a.enrol("王芳", chain(world))
    world.settle(5)
    assert (b.members(), b.refusals()) == ([], [])
    path.write_text(text, encoding="utf-8")
    b.reload()
    world.greets(b)
    world.settle()
    assert b.knows(1)


def test_a_renewed_certificate_sends_everything_anew_under_it(world: World, a: Box, b: Box) -> None:
    a.enrol("王芳", chain(world))
    world.settle()
    before = a.db.execute("SELECT rev FROM share_out").fetchone()[0]
    for path, name in zip(world.certificates.box(A), ("box.pem", "box.key"), strict=True):
        shutil.copy(path, a.folder / name)
    world.clock.passed += 60
    world.settle()
    assert a.db.execute("SELECT rev FROM share_out").fetchone()[0] > before
    assert b.count("share_in") == 1
    assert b.knows(1)


@pytest.mark.parametrize("papers", ["none", "of another box", "of RSA", "of Ed25519", "no pair"])
def test_which_papers_a_box_can_share_with_and_what_it_says_of_others(
    world: World, a: Box, papers: str
) -> None:
    assert why_doubtful(a.config, world.clock.now()) is None
    if papers == "none":
        (a.folder / "box.pem").unlink()
        expected: str | None = "expected PEM files"
    elif papers == "of another box":
        for path, name in zip(world.certificates.box(C), ("box.pem", "box.key"), strict=True):
            shutil.copy(path, a.folder / name)
        expected = "expected the common name nj-001/nj-001-a"
    elif papers == "no pair":
        shutil.copy(world.certificates.box(A)[1], a.folder / "box.key")
        expected = "expected a pair"
    else:
        made = rsa.generate_private_key(65537, 2048) if "RSA" in papers else None
        resigned(world.certificates, a, made or ed25519.Ed25519PrivateKey.generate())
        expected = None if made else "expected EC or RSA"
    said = why_doubtful(a.config, world.clock.now())
    assert said is None if expected is None else expected in (said or "")
    a.eyes.look()
    assert box_keys.word_of(a.db, "fault") == said


def resigned(certificates: Certificates, box: Box, key: Any) -> None:
    """Give a box a certificate of the authority for another key."""
    ca = x509.load_pem_x509_certificate((certificates.folder / "ca.pem").read_bytes())
    ca_key: Any = load_pem_private_key((certificates.folder / "ca.key").read_bytes(), None)
    good = x509.load_pem_x509_certificate((box.folder / "box.pem").read_bytes())
    builder = (
        x509.CertificateBuilder()
        .subject_name(good.subject)
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(good.not_valid_before_utc)
        .not_valid_after(good.not_valid_after_utc)
    )
    for one in good.extensions:
        builder = builder.add_extension(one.value, one.critical)
    (box.folder / "box.pem").write_bytes(builder.sign(ca_key, SHA256()).public_bytes(Encoding.PEM))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (box.folder / "box.key").write_bytes(pem)


def test_boxes_with_rsa_certificates_share(world: World, a: Box, b: Box) -> None:
    for box in (a, b):
        resigned(world.certificates, box, rsa.generate_private_key(65537, 2048))
    a.enrol("王芳", chain(world))
    world.settle()
    assert b.knows(1)


def test_the_command_counts_and_says_whose_key_is_missing_and_names_nobody(
    world: World, a: Box, b: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    a.enrol("王芳", chain(world, "nj-001", "sh-002", "bj-003"))
    world.settle()
    capsys.readouterr()
    config = ("--config", str(a.folder / "edge.toml"))
    assert cli.main(["sharing", *config]) == 0
    shown = capsys.readouterr().out
    assert f"{B}\t1\t0\t0\tgood\n" in shown
    assert "bj-003: named by consents, but no box of it has told its key yet\n" in shown
    assert "王芳" not in shown
    assert cli.main(["sharing", "--json", *config]) == 0
    (line, told) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["place"], line["shared"], line["key"]) == (B, 1, "good")
    assert told == {"without_key": ["bj-003"], "left_out": 0, "doubt": None}
    (a.folder / "box.pem").unlink()
    assert cli.main(["check-config", *config]) == 0
    assert "templates are not shared with other boxes: [uplink] cert" in capsys.readouterr().err


def test_older_words_on_a_boxs_keys_are_ignored(world: World, a: Box, b: Box) -> None:
    a.enrol("王芳", chain(world))
    world.settle()
    old = box_keys.own_statement(b.db)
    assert old is not None
    b.db.close()
    world.clock.passed += 3600
    fresh = world.box(B, folder="replaced")
    world.settle()
    new = box_keys.own_statement(fresh.db)
    box_keys.keep_key(a.db, old)
    (text,) = a.db.execute("SELECT statement FROM box_key WHERE place = ?", [B]).fetchone()
    assert read_statement(text) == new
    assert fresh.knows(1)


def test_a_withdrawal_in_a_third_shop_ends_it_everywhere(world: World, a: Box, b: Box) -> None:
    third = world.box(C)
    a.enrol("王芳", chain(world, "nj-001", "sh-002", "bj-003"))
    world.settle()
    assert [box.knows(1) for box in (a, b, third)] == [True, True, True]
    third.withdraw(third.members()[0])
    world.settle()
    assert [box.knows(1) for box in (a, b, third)] == [False, False, False]
    assert (a.names(), b.names(), third.names()) == (["王芳"], [], [])


def test_nothing_of_a_member_who_is_erased_is_left_in_the_boxs_files(
    world: World, a: Box, b: Box
) -> None:
    world.settle(3)
    b.eyes._root = lambda: None  # the template waits, sealed to a key that this box still has
    a.enrol("王芳", chain(world))
    world.settle()
    (bundle,) = b.db.execute("SELECT bundle FROM share_in").fetchone()
    sealed = json.loads(bundle)["sealed_template"].encode()
    b.erase(b.members()[0])
    for file in b.config.data_dir.glob("menkou.db*"):
        content = file.read_bytes()
        assert not any(sealed[at : at + 60] in content for at in range(0, len(sealed), 60)), file


def test_what_a_shop_agreed_with_a_member_itself_outlives_what_was_shared(
    world: World, a: Box, b: Box
) -> None:
    member = a.enrol("王芳", chain(world))
    world.settle()
    (there,) = b.members()
    just_now = (world.clock.now() - timedelta(minutes=1)).isoformat()
    b.again(there, chain(world, scope="store", shops=[], given_at=just_now), 2)
    a.again(member, chain(world, "nj-001", "bj-003", given_at=just_now), None)
    world.settle()
    assert (a.knows(1), b.knows(2)) == (True, True)
    b.withdraw(there)
    world.settle()
    assert (a.knows(1), b.knows(2)) == (False, False)
    assert b.names() == ["王芳"], "the card is this shop's own by now"
