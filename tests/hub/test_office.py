"""Members and appointments of head office: sealed at rest and on the way, gone when erased."""

import csv
import json
from base64 import b64decode
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Engine, select

from cloud import erasures
from cloud.db import reading, writing
from cloud.ingest import Ingest
from cloud.members import hash_of
from cloud.office.people import Imported, Office
from cloud.office.seal import TEXTS_BYTES_MAX, TextsTooLong
from cloud.office.table import read_appointments, read_members
from cloud.orders import Issuer
from cloud.tables import (
    box_order,
    event,
    member_link,
    office_appointment,
    office_member,
    office_member_shop,
)
from edge.wire.codec import encode
from edge.wire.messages import MemberLinked
from edge.wire.orders import (
    AppointmentOrder,
    EraseOrder,
    KeyWantedOrder,
    MemberOrder,
    SealingKey,
)
from edge.wire.sealing import order_context
from menkou.table import TableFault
from tests.hub.conftest import NOW, FakeBox, ulid
from tests.hub.test_orders import Hub, Obeying

SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
WANG = {"external_id": "C-1", "name": "王芳", "tier": "gold"}
TODAY = {
    **{"id": "A-7", "external_id": "C-1", "at": "2026-11-21T07:00:00+00:00"},
    **{"what": "取戒指", "channel": "app", "state": "booked"},
}


class Reading(Obeying):
    """A box with a key that tells it when it is asked, and reads what is sealed to it."""

    private = X25519PrivateKey.from_private_bytes(bytes(range(32)))

    def key(self) -> tuple[str, bytes, Any]:
        public = self.private.public_key().public_bytes_raw().hex()
        return self.box.sends("up", encode(SealingKey(session=self.box.session, public=public)))

    def open(self, order: MemberOrder | AppointmentOrder) -> dict[str, str]:
        assert order.sealed is not None
        info = order_context(self.box.address, order.KIND, order.id, order.rev)
        raw = SUITE.decrypt(b64decode(order.sealed), self.private, info=info)
        texts: dict[str, str] = json.loads(raw)
        return texts

    def members(self) -> list[dict[str, str]]:
        return [self.open(one) for one in self.carried_out if isinstance(one, MemberOrder)]


@pytest.fixture
def hub(engine: Engine, ingest: Ingest) -> Hub:
    return Hub(engine, ingest)


@pytest.fixture
def reading_box(hub: Hub, box: FakeBox) -> Reading:
    made = Reading(box)
    hub.ingest.take(made.greets())
    return made


def take(hub: Hub, *rows: Mapping[str, str], store: str = "nj-001") -> Imported:
    with writing(hub.engine) as connection:
        office = Office(hub.ingest._shares.master(connection))
        return office.take_members(connection, Issuer(), store, rows, hub.now)


def book(hub: Hub, *rows: Mapping[str, str]) -> Imported:
    with writing(hub.engine) as connection:
        office = Office(hub.ingest._shares.master(connection))
        return office.take_appointments(connection, Issuer(), "nj-001", rows, hub.now)


def test_a_box_is_asked_for_its_key_and_then_given_members_that_only_it_can_read(
    hub: Hub, reading_box: Reading, tmp_path: Path
) -> None:
    assert take(hub, WANG) == Imported(added=1, changed=0, same=0)
    hub.deliver(reading_box)
    assert reading_box.carried_out == [KeyWantedOrder()]
    assert hub.waiting() == 1
    hub.ingest.take([reading_box.key()])
    sent = [payload for _, payload in hub.due()]
    for payload in sent:
        hub.ingest.take([reading_box.tells(reading_box.hears(payload), at=hub.now)])
    assert reading_box.members() == [WANG]
    assert hub.waiting() == 0
    name = "王芳".encode()
    assert not any(name in payload for payload in sent)
    for file in tmp_path.glob("hub.db*"):
        assert name not in file.read_bytes()
        assert b"C-1" not in file.read_bytes()
    (order,) = (one for one in reading_box.carried_out if isinstance(one, MemberOrder))
    other = order_context(reading_box.box.address, order.KIND, order.id, order.rev + 1)
    assert order.sealed is not None
    assert order.sealed not in repr(order)
    with pytest.raises(InvalidTag):
        SUITE.decrypt(b64decode(order.sealed), reading_box.private, info=other)


def test_settings_do_not_wait_for_a_key(hub: Hub, reading_box: Reading) -> None:
    take(hub, *({**WANG, "external_id": f"C-{n}"} for n in range(300)))
    version = hub.set(("nj-001", ""), "外滩店")
    hub.deliver(reading_box)
    assert reading_box.config == version


def test_an_erasure_goes_before_members_that_wait(hub: Hub, reading_box: Reading) -> None:
    take(hub, *({**WANG, "external_id": f"C-{n}"} for n in range(300)))
    hub.ingest.take([reading_box.key()])
    with writing(hub.engine) as connection:
        erasures.erase(connection, Issuer(), ulid(9), None, hub.now)
    first = hub.due()
    for _, payload in first:
        reading_box.hears(payload)
    assert EraseOrder(hash=hash_of(ulid(9))) in reading_box.carried_out
    hub.ingest.take([reading_box.tells(whole=True, at=hub.now)])
    hub.deliver(reading_box, 20)
    assert len(reading_box.members()) == 300
    assert hub.waiting() == 0


def test_only_what_changed_is_ordered_and_columns_that_are_not_there_stay(
    hub: Hub, reading_box: Reading
) -> None:
    take(hub, WANG)
    hub.ingest.take([reading_box.key()])
    hub.deliver(reading_box)
    hub.now += timedelta(hours=1)
    assert take(hub, WANG) == Imported(added=0, changed=0, same=1)
    assert hub.waiting() == 0
    changed = {"external_id": " c-1 ", "name": "王芳芳"}
    assert take(hub, changed) == Imported(added=0, changed=1, same=0)
    hub.deliver(reading_box)
    assert reading_box.members()[-1] == {**WANG, **changed}
    revs = [one.rev for one in reading_box.carried_out if isinstance(one, MemberOrder)]
    assert revs == sorted(set(revs))


def test_a_new_box_gets_the_members_and_appointments_of_its_shop_and_nobody_erased(
    hub: Hub,
) -> None:
    take(hub, WANG, {**WANG, "external_id": "C-2", "name": "李明"})
    take(hub, {**WANG, "external_id": "C-3", "name": "别处"}, store="sh-002")
    book(hub, TODAY, {**TODAY, "id": "A-8", "external_id": "C-2"})
    with writing(hub.engine) as connection:
        office = Office(hub.ingest._shares.master(connection))
        member = office.find(connection, "C-1")
        assert member is not None
        erasures.erase(connection, Issuer(), member, None, hub.now)
        assert office.find(connection, "C-1") is None
        assert len(connection.execute(select(office_member)).all()) == 2
        assert len(connection.execute(select(office_member_shop)).all()) == 2
        assert len(connection.execute(select(office_appointment)).all()) == 1
    new = Reading(FakeBox())
    hub.ingest.take([*new.greets(), new.key()])
    hub.deliver(new)
    hub.ingest.take([new.key()])
    hub.deliver(new)
    assert [texts["name"] for texts in new.members()] == ["李明"]
    booked = [new.open(one) for one in new.carried_out if isinstance(one, AppointmentOrder)]
    assert [texts["external_id"] for texts in booked] == ["C-2"]


def test_an_erasure_finds_the_person_under_all_names_and_voids_what_waits(
    hub: Hub, reading_box: Reading
) -> None:
    elsewhere = Reading(FakeBox("sh-002", "sh-002-a", session="8" * 32, epoch="c" * 32))
    hub.ingest.take(elsewhere.greets())
    take(hub, WANG)
    take(hub, WANG, store="sh-002")
    hub.ingest.take([reading_box.key(), elsewhere.key()])
    hub.deliver(reading_box, 1)
    (order,) = (one for one in reading_box.carried_out if isinstance(one, MemberOrder))
    link = MemberLinked(subject=ulid(7), member=order.id)
    hub.ingest.take([reading_box.box.batch(reading_box.box.tell(link))])
    hub.ingest.take([reading_box.box.batch(reading_box.box.member(ulid(7), "erased"))])
    with writing(hub.engine) as connection:
        for kept in (box_order, event, member_link):
            rows = connection.execute(select(kept)).all()
            named = [row for row in rows if order.id in str(row) or ulid(7) in str(row)]
            assert named == [], "of who was erased only hashes stay"
    elsewhere.carried_out.clear()
    elsewhere.held.clear()
    hub.ingest.take(elsewhere.greets(hub.now))
    hub.deliver(elsewhere)
    assert elsewhere.members() == []
    erased = {one.hash for one in elsewhere.carried_out if isinstance(one, EraseOrder)}
    assert erased == {hash_of(order.id), hash_of(ulid(7))}
    assert not any(isinstance(one, EraseOrder) for one in reading_box.carried_out)


def test_an_appointment_is_changed_cancelled_and_forgotten(hub: Hub, reading_box: Reading) -> None:
    take(hub, WANG)
    assert book(hub, TODAY) == Imported(added=1, changed=0, same=0)
    hub.ingest.take([reading_box.key()])
    hub.deliver(reading_box)
    hub.now += timedelta(minutes=1)
    assert book(hub, TODAY) == Imported(added=0, changed=0, same=1)
    assert book(hub, {**TODAY, "state": "cancelled"}) == Imported(added=0, changed=1, same=0)
    hub.deliver(reading_box)
    first, last = (one for one in reading_box.carried_out if isinstance(one, AppointmentOrder))
    assert reading_box.open(first)["what"] == "取戒指"
    assert (last.id, last.sealed) == (first.id, None)
    assert last.rev > first.rev
    hub.ingest.beat(NOW + timedelta(days=9))
    with writing(hub.engine) as connection:
        assert connection.execute(select(office_appointment)).all() == []


def test_a_box_that_was_made_anew_is_asked_for_its_new_key(hub: Hub, reading_box: Reading) -> None:
    take(hub, WANG)
    hub.ingest.take([reading_box.key()])
    hub.deliver(reading_box)
    hub.ingest.take([reading_box.key()])
    hub.deliver(reading_box)
    assert reading_box.members() == [WANG]
    anew = Reading(reading_box.box)
    anew.private = X25519PrivateKey.generate()
    hub.ingest.take(anew.greets(hub.now))
    hub.deliver(anew)
    assert not any(isinstance(one, MemberOrder) for one in anew.carried_out)
    hub.ingest.take([anew.key()])
    hub.deliver(anew)
    assert anew.members() == [WANG]


def test_without_the_hubs_secret_the_rest_is_still_sent(
    hub: Hub, reading_box: Reading, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    take(hub, WANG)
    hub.ingest.take([reading_box.key()])
    (tmp_path / "share.secret").unlink()
    version = hub.set(("nj-001", ""), "外滩店")
    hub.deliver(reading_box)
    assert reading_box.config == version
    assert hub.waiting() == 1
    assert "share.secret" in caplog.text


def table(folder: Path, rows: list[list[str]]) -> Path:
    path = folder / "table.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_every_fault_of_a_table_is_named_and_no_cell_is_repeated(tmp_path: Path) -> None:
    rows = [
        ["external_id", "name", "birthday"],
        ["C-1", "王芳", "03-08"],
        ["", "李明", "13-01"],
        ["Ｃ-1", "", "x"],
        ["C-4", "赵"],
    ]
    with pytest.raises(TableFault) as caught:
        read_members(table(tmp_path, rows))
    told = str(caught.value)
    assert "line 3: external_id: expected a value, got none" in told
    assert "line 3: birthday: expected MM-DD" in told
    assert "line 4: name: expected a value" in told
    assert "line 4: external_id: expected one of its own, got line 2's" in told
    assert "line 5: expected 3 columns, got 2" in told
    assert not any(name in told for name in ("王芳", "李明", "赵"))


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("at", "2026-11-21T15:00", "at: expected a time with offset"),
        ("channel", "fax", "channel: expected app | web | phone | shop | other"),
        ("state", "", "state: expected booked | cancelled"),
        ("what", "x" * 81, "what: expected at most 80 printable characters, got 81"),
    ],
)
def test_an_appointment_is_checked(tmp_path: Path, column: str, cell: str, said: str) -> None:
    row = {**TODAY, column: cell}
    with pytest.raises(TableFault, match="line 2: ") as caught:
        read_appointments(table(tmp_path, [list(row), list(row.values())]))
    assert said in str(caught.value)


def test_a_table_without_its_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableFault) as caught:
        read_appointments(table(tmp_path, [["id", "extenal_id"], ["1", "2"]]))
    assert "column 2: not a known name; did you mean external_id?" in str(caught.value)
    assert "expected a column called at, got none" in str(caught.value)


def test_a_key_that_nothing_can_be_sealed_to_is_not_taken(
    hub: Hub, reading_box: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    take(hub, WANG)
    hub.deliver(reading_box)
    low = SealingKey(session=reading_box.box.session, public="00" * 32)
    hub.ingest.take([reading_box.box.sends("up", encode(low))])
    assert "nothing can be sealed to" in caplog.text
    hub.ingest.take([reading_box.key()])
    hub.deliver(reading_box)
    assert reading_box.said(MemberOrder), "the right one is"


def test_a_member_of_too_many_words_is_refused_and_stops_nobody(hub: Hub) -> None:
    with pytest.raises(TextsTooLong, match="expected texts of at most 4,400 bytes"):
        take(hub, {**WANG, "note": "好" * 1_500})


def test_texts_of_the_largest_size_fit_an_order(hub: Hub, reading_box: Reading) -> None:
    spare = TEXTS_BYTES_MAX - len(json.dumps({**WANG, "note": ""}, ensure_ascii=False).encode())
    take(hub, {**WANG, "note": "x" * spare})
    hub.deliver(reading_box)
    hub.ingest.take([reading_box.key()])
    hub.deliver(reading_box)
    assert reading_box.said(MemberOrder)


@pytest.mark.parametrize("first", ["link", "erasure", "both"])
def test_whichever_comes_first_a_link_or_an_erasure_the_member_is_gone(
    hub: Hub, reading_box: Reading, first: str
) -> None:
    take(hub, WANG)
    with reading(hub.engine) as connection:
        member = connection.execute(select(office_member.c.id)).scalar_one()
    link = reading_box.box.tell(MemberLinked(subject=ulid(7), member=member), NOW)
    erasure = reading_box.box.member(ulid(7), "erased", NOW)
    sets = {"link": [[link], [erasure]], "erasure": [[erasure], [link]], "both": [[link, erasure]]}
    for events in sets[first]:
        hub.ingest.take([reading_box.box.batch(*events)])
    with reading(hub.engine) as connection:
        assert connection.execute(select(office_member.c.id)).all() == []
