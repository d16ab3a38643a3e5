"""Two members of a box made one as head office orders it: nothing lost, nothing more allowed."""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from edge.keys.orders import OrderKeys
from edge.store import notes
from edge.store.appointments import of_member
from edge.store.audit import Audit
from edge.store.consents import history, live_consent
from edge.store.database import connect, migrate, transaction
from edge.store.endings import erase, withdraw
from edge.store.holding import everything
from edge.store.orders import is_buried
from edge.store.people import Member, People
from edge.store.queue import phone_of, ticket_of
from edge.store.register import ExternalIdTaken
from edge.wire.orders import MergeOrder
from edge.wire.sealing import order_context
from tests.hub.conftest import ulid
from tests.support.people import NOW, PROFILE_ROOT, consent, joined, profile_keys, visited
from tests.uplink.test_down import HERE, REV, SUITE, Box, booking

KEPT, GONE = ulid(11), ulid(12)
TEXTS = {"external_id": "C-1", "name": "王芳", "gone": "C-2"}


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    db = connect(tmp_path)
    migrate(db)
    yield Box(db, tmp_path)
    db.close()


def merged(rev: int = 5, texts: Mapping[str, str] = TEXTS) -> MergeOrder:
    public = X25519PublicKey.from_public_bytes(bytes.fromhex(OrderKeys(PROFILE_ROOT).public))
    info = order_context(HERE, MergeOrder.KIND, GONE, rev)
    sealed = b64encode(SUITE.encrypt(json.dumps(texts).encode(), public, info=info)).decode()
    return MergeOrder(id=GONE, kept=KEPT, rev=rev, sealed=sealed)


def member(box: Box, name: str, external_id: str, **more: Any) -> Member:
    member_id = joined(box.register(), name, external_id=external_id, **more)
    return People(box.db, profile_keys()).by_id(member_id)


def came(box: Box, who: Member, text: str) -> str:
    """Let a member come, be noted of, and go; return the visit."""
    visited(box.db, who.subject, NOW - timedelta(days=1))
    (visit,) = box.db.execute("SELECT id FROM visit ORDER BY rowid DESC").fetchone()
    until = NOW + timedelta(days=1)
    with transaction(box.db):
        assert notes.write(
            box.db, profile_keys(), visit, text, staff=None, device="d", now=NOW, until=until
        )
        box.db.execute("UPDATE visit SET closed_at = opened_at WHERE id = ?", [visit])
    return str(visit)


def by_number(box: Box, external_id: str) -> Member:
    found = People(box.db, profile_keys()).by_external_id(external_id)
    assert found is not None
    return found


def templates(box: Box) -> list[str]:
    return [one for (one,) in box.db.execute("SELECT subject FROM template").fetchall()]


def test_visits_and_notes_go_on_under_the_kept_member_and_the_hub_hears_a_higher_revision(
    box: Box,
) -> None:
    kept = member(box, "王芳", "C-1", tier="gold", tags=("左撇子",))
    gone = member(box, "王方", "C-2", phone="13800000000", tags=("戒指",))
    visit = came(box, gone, "喜欢蓝色")
    assert box.take(merged())[0].through == 1
    one = by_number(box, "C-2")
    assert one.subject == by_number(box, "C-1").subject == kept.subject
    assert box.names() == ["王芳"]
    assert (one.profile.tier, one.profile.phone) == ("gold", "13800000000")
    assert one.profile.tags == ("左撇子", "戒指")
    (note,) = notes.last_notes(box.db, profile_keys(), kept.subject)
    assert note.text == "喜欢蓝色"
    (told,) = box.told("visit_revised")
    assert (told["visit"], told["rev"], told["subject"]) == (visit, 1, kept.subject)
    links = {(told["subject"], told["member"]) for told in box.told("member_linked")}
    assert links == {(gone.subject, KEPT), (kept.subject, KEPT)}
    assert [told["change"] for told in box.told("member_changed")] == [], "nobody was erased"
    held = everything(box.db, profile_keys(), one, NOW)
    assert len(held["merged"]) == 1
    (entry,) = Audit(box.db).entries(subject=gone.subject, limit=1)
    assert (entry.what, entry.actor) == ("erase", "head_office")
    assert entry.detail == {"why": "merged", "into": kept.subject}


def test_the_template_of_the_one_that_goes_is_destroyed_and_the_ledger_says_so(box: Box) -> None:
    kept = member(box, "王芳", "C-1", seed=1)
    gone = member(box, "王方", "C-2", seed=2)
    box.take(merged())
    assert templates(box) == [kept.subject]
    assert [row.kind for row in history(box.db, gone.subject)] == ["given", "erased"]
    assert live_consent(box.db, kept.subject, NOW) is not None


def test_no_template_comes_to_a_member_who_did_not_consent(box: Box) -> None:
    kept = member(box, "王芳", "C-1")
    member(box, "王方", "C-2", seed=2)
    box.take(merged())
    assert templates(box) == []
    assert live_consent(box.db, kept.subject, NOW) is None


def test_a_later_withdrawal_of_either_ends_the_consent(box: Box) -> None:
    kept = member(box, "王芳", "C-1", seed=1)
    gone = member(box, "王方", "C-2", seed=2)
    withdraw(box.db, gone.id, NOW, actor="local", tell=lambda *_: None)
    box.take(merged())
    assert live_consent(box.db, kept.subject, NOW) is None
    assert templates(box) == []
    (told,) = (t for t in box.told("member_changed") if t["change"] == "consent_withdrawn")
    assert told["subject"] == kept.subject


def test_a_later_and_narrower_consent_ends_the_wider_one(box: Box) -> None:
    kept = member(box, "王芳", "C-1", seed=1)
    gone = member(box, "王方", "C-2")
    narrow = consent(given_at="2026-11-21T15:04:00+08:00", expires="2026-12-20")
    box.register().enrol(gone.id, NOW, consent=narrow)
    box.take(merged())
    assert live_consent(box.db, kept.subject, NOW) is None


def test_whom_only_the_one_that_goes_stands_for_is_the_kept_one_from_then_on(box: Box) -> None:
    gone = member(box, "王方", "C-2", seed=2)
    box.take(merged())
    one = by_number(box, "C-1")
    assert one.subject == by_number(box, "C-2").subject == gone.subject
    assert one.profile.name == "王芳"
    assert templates(box) == [gone.subject], "it is the member's own, with the member's consent"


def test_the_same_order_twice_and_a_box_that_knows_neither(box: Box) -> None:
    box.take(merged())
    assert box.names() == ["王芳"]
    before = len(Audit(box.db).entries())
    box.take(merged(), first=2)
    assert box.names() == ["王芳"]
    assert len(Audit(box.db).entries()) == before
    assert is_buried(box.db, GONE)


def test_a_table_that_names_the_number_that_went_changes_the_kept_member(box: Box) -> None:
    kept = member(box, "王芳", "C-1")
    member(box, "王方", "C-2")
    box.take(merged())
    box.register().take_over([{"external_id": "C-2", "name": "王芳芳"}], NOW)
    one = by_number(box, "C-1")
    assert (one.subject, one.profile.name) == (kept.subject, "王芳芳")
    assert one.profile.external_id == "C-1"
    with pytest.raises(ExternalIdTaken):
        member(box, "别人", "C-2")


def test_who_is_in_the_shop_is_merged_after_the_visit(box: Box) -> None:
    member(box, "王芳", "C-1")
    gone = member(box, "王方", "C-2")
    visited(box.db, gone.subject, NOW)
    assert box.take(merged())[0].through == 0
    assert len(box.names()) == 2
    box.db.execute("UPDATE visit SET closed_at = opened_at")
    box.db.conn.commit()
    assert box.take(merged())[0].through == 1
    assert box.names() == ["王芳"]


def test_a_merge_that_fails_half_way_leaves_both(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    member(box, "王芳", "C-1", seed=1)
    gone = member(box, "王方", "C-2", seed=2)
    came(box, gone, "喜欢蓝色")

    def fails(*_: object) -> None:
        raise OSError("power")

    monkeypatch.setattr("edge.store.merging.rebuild_shares", fails)
    with pytest.raises(OSError, match="power"):
        box.take(merged())
    assert sorted(box.names()) == ["王方", "王芳"]
    assert len(templates(box)) == 2
    assert len(notes.last_notes(box.db, profile_keys(), gone.subject)) == 1


def test_an_erased_member_is_found_by_neither_number(box: Box) -> None:
    kept = member(box, "王芳", "C-1")
    member(box, "王方", "C-2")
    box.take(merged())
    erase(box.db, kept.id, NOW, actor="local", tell=lambda *_: None)
    people = People(box.db, profile_keys())
    assert people.by_external_id("C-1") is None
    assert people.by_external_id("C-2") is None
    assert box.db.execute("SELECT count(*) FROM member_alias").fetchone() == (0,)


def test_appointments_go_on_under_the_kept_member_and_later_bookings_find_it(box: Box) -> None:
    kept = member(box, "王芳", "C-1")
    member(box, "王方", "C-2")
    box.take(booking(external_id="C-2"))
    box.take(merged(), first=2)
    keys = profile_keys()
    (one,) = of_member(box.db, keys, kept.subject, keys.blind("C-1"))
    assert one.booking is not None
    assert one.booking.what == "取戒指"
    box.take(booking(rev=REV + 1, external_id="C-2", what="改戒指"), first=3)
    (one,) = of_member(box.db, keys, kept.subject, keys.blind("C-1"))
    assert one.booking is not None
    assert one.booking.what == "改戒指"


def test_a_queue_number_keeps_its_phone_under_the_kept_members_key(box: Box) -> None:
    kept = member(box, "王芳", "C-1")
    gone = member(box, "王方", "C-2")
    keys = profile_keys()
    (wrapped,) = box.db.execute(
        "SELECT profile_key FROM member WHERE subject = ?", [gone.subject]
    ).fetchone()
    number = ulid(77)
    sealed = keys.seal(
        wrapped, b"13800000000", subject=gone.subject, purpose=f"queue phone {number}"
    )
    with transaction(box.db):
        box.db.execute(
            "INSERT INTO queue_ticket (id, day, number, state, taken_at, taken_boot, taken_mono,"
            " subject, sealed) VALUES (?, '2026-11-22', 1, 'waiting', ?, 'b', 1.0, ?, ?)",
            [number, "2026-11-22T03:00:00.000Z", gone.subject, sealed],
        )
    box.take(merged())
    ticket = ticket_of(box.db, number)
    assert ticket is not None
    assert ticket.subject == kept.subject
    assert phone_of(box.db, keys, ticket) == "13800000000"
