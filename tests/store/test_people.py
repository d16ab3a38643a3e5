"""Members, what is sealed of them, and that erasure leaves nothing."""

import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import numpy as np
import pytest
from sqlite_utils import Database

from edge.core.profile import Profile
from edge.keys.errors import Unreadable
from edge.keys.profiles import ProfileKeys
from edge.keys.templates import TemplateOpener
from edge.store import consents, endings
from edge.store.audit import Audit
from edge.store.consents import Change
from edge.store.database import StoreFault, connect, transaction
from edge.store.endings import ConsentMissing
from edge.store.people import (
    MemberMissing,
    People,
    ProfileUnreadable,
    StoredChecks,
    gallery_mark,
    subject_of,
    template_marks,
    template_rows,
)
from edge.store.register import ExternalIdTaken, Register, new_member
from tests.support.people import (
    MODEL,
    NOW,
    TEMPLATE_ROOT,
    consent,
    joined,
    profile_keys,
    template,
    vector,
)

Told = list[tuple[str, Change]]


@pytest.fixture
def told() -> Told:
    return []


@pytest.fixture
def office(db: Database, told: Told) -> Register:
    return Register(db, profile_keys(), actor="local", tell=lambda *change: told.append(change))


@pytest.fixture
def people(db: Database) -> People:
    return People(db, profile_keys())


def test_a_member_is_found_by_id_subject_and_external_id(
    db: Database, office: Register, people: People
) -> None:
    member_id = joined(office, "王丽", external_id="C-1", tier="gold")
    member = people.by_id(member_id)
    assert member.profile == Profile(name="王丽", external_id="C-1", tier="gold")
    assert people.by_subject(member.subject) == member
    assert people.by_external_id(" c-１") == member
    assert people.by_external_id("C-2") is None
    assert subject_of(db, member_id) == member.subject
    assert "王丽" not in repr(member)


def test_a_member_without_a_face_needs_no_consent(office: Register, told: Told) -> None:
    joined(office, "王丽")
    assert [change for _, change in told] == ["joined"]


def test_nothing_of_a_profile_stands_in_the_database_in_clear(
    tmp_path: Path, office: Register
) -> None:
    joined(office, "王丽", external_id="C-1234567", note="likes jade")
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"member" in content
    assert not any(text.encode() in content for text in ("王丽", "C-1234567", "jade"))


def test_ids_say_nothing_of_when_a_member_joined() -> None:
    """Of a usual ULID's ten leading characters eight are the same for a day."""
    ids = [new_member(Profile(name="x"), NOW).id[:4] for _ in range(50)]
    assert len(set(ids)) > 40


def test_an_external_id_belongs_to_one_member(office: Register, people: People) -> None:
    joined(office, "王丽", external_id="C-1")
    with pytest.raises(ExternalIdTaken):
        joined(office, "李雷", external_id="c-1 ")
    assert [member.profile.name for member in people.everybody().members] == ["王丽"]


def test_a_profile_is_changed_and_the_change_is_noted(
    db: Database, office: Register, people: People
) -> None:
    member_id = joined(office, "王丽", tier="gold")
    later = NOW + timedelta(hours=1)
    office.change(member_id, Profile(name="王丽", tier="platinum"), later)
    member = people.by_id(member_id)
    assert (member.profile.tier, member.changed_at) == ("platinum", later)
    assert [entry.what for entry in Audit(db).entries(subject=member.subject)] == [
        *("enrol", "change"),
    ]


def test_unknown_ids_are_no_members(db: Database, people: People) -> None:
    with pytest.raises(MemberMissing):
        people.by_id("01ARZ3NDEKTSV4RRFFQ69G5FAV")
    with pytest.raises(MemberMissing):
        subject_of(db, "x" * 26)
    assert people.by_subject("01ARZ3NDEKTSV4RRFFQ69G5FAV") is None


def test_a_damaged_profile_names_its_member_and_hides_no_other(
    db: Database, office: Register, people: People
) -> None:
    broken, whole = joined(office, "王丽"), joined(office, "李雷")
    (sealed,) = db.execute("SELECT profile FROM member WHERE id = ?", [broken]).fetchone()
    worse = sealed[:20] + bytes([sealed[20] ^ 1]) + sealed[21:]
    with transaction(db):
        db.execute("UPDATE member SET profile = ? WHERE id = ?", [worse, broken])
    with pytest.raises(ProfileUnreadable, match=broken):
        people.by_id(broken)
    roll = people.everybody()
    assert ([member.id for member in roll.members], roll.damaged) == ([whole], (broken,))


def test_another_box_s_key_opens_no_profile(db: Database, office: Register) -> None:
    member_id = joined(office, "王丽")
    with pytest.raises(ProfileUnreadable):
        People(db, ProfileKeys(bytes(32))).by_id(member_id)


def test_an_enrolment_is_one_transaction_with_ledger_log_and_what_is_told(
    db: Database, office: Register, people: People, told: Told
) -> None:
    subject = people.by_id(joined(office, "王丽", seed=1)).subject
    assert told == [
        *((subject, "joined"), (subject, "consent_given"), (subject, "template_stored")),
    ]
    assert [row.kind for row in consents.history(db, subject)] == ["given"]
    entries = [(entry.what, dict(entry.detail)) for entry in Audit(db).entries()]
    assert entries == [
        ("enrol", {}),
        ("consent", {"kind": "given"}),
        ("enrol", {"model": MODEL, "photos": 2}),
    ]


def test_when_what_is_told_cannot_be_kept_nothing_is(db: Database) -> None:
    def refuse(subject: str, change: Change) -> None:
        if change == "template_stored":
            raise StoreFault("no room")

    office = Register(db, profile_keys(), actor="local", tell=refuse)
    with pytest.raises(StoreFault, match="no room"):
        joined(office, "王丽", seed=1)
    tables = ("member", "consent", "template", "audit")
    assert [db.table(name).count for name in tables] == [0, 0, 0, 0]


def test_the_eyes_open_what_was_enrolled(db: Database, office: Register, people: People) -> None:
    members = [
        people.by_id(joined(office, name, seed=n)) for n, name in enumerate(("王丽", "李雷"))
    ]
    rows = {row.subject: row for row in template_rows(db, NOW)}
    opener = TemplateOpener(TEMPLATE_ROOT)
    for seed, member in enumerate(members):
        row = rows[member.subject]
        opened = opener.open(row.sealed_key, row.sealed, subject=row.subject)
        assert np.array_equal(opened, vector(seed))
        assert (row.photos, row.model) == (2, MODEL)


def test_a_damaged_template_row_names_its_subject_and_stops_no_other(
    db: Database, office: Register
) -> None:
    for seed, name in enumerate(("王丽", "李雷", "韩梅")):
        joined(office, name, seed=seed)
    row = template_rows(db, NOW)[1]
    damaged = row.subject
    worse = row.sealed[:99] + bytes([row.sealed[99] ^ 1]) + row.sealed[100:]
    with transaction(db):
        db.execute("UPDATE template SET sealed = ? WHERE subject = ?", [worse, damaged])
    opener, unreadable = TemplateOpener(TEMPLATE_ROOT), []
    for row in template_rows(db, NOW):
        try:
            opener.open(row.sealed_key, row.sealed, subject=row.subject)
        except Unreadable:
            unreadable.append(row.subject)
    assert unreadable == [damaged]


def test_templates_are_read_only_while_their_consent_holds(db: Database, office: Register) -> None:
    joined(office, "王丽", seed=1)
    given, ends = consent().given_at, consent().ends_at
    held = {
        given - timedelta(milliseconds=1): 0,
        given: 1,
        ends - timedelta(milliseconds=1): 1,
        ends: 0,
    }
    assert {at: len(template_rows(db, at)) for at in held} == held
    assert {at: len(template_marks(db, at)) for at in held} == held


def test_the_gallery_s_mark_changes_with_every_template_and_with_nothing_else(
    db: Database, office: Register
) -> None:
    marks = [gallery_mark(db)]
    joined(office, "李雷")
    assert gallery_mark(db) == marks[0]
    member_id = joined(office, "王丽", seed=1)
    subject = subject_of(db, member_id)
    marks.append(gallery_mark(db))
    row_mark = template_marks(db, NOW)[subject]
    joined(office, "韩梅", seed=2)
    marks.append(gallery_mark(db))
    assert template_marks(db, NOW)[subject] == row_mark
    office.enrol(member_id, NOW, template=template(subject, 3))
    marks.append(gallery_mark(db))
    assert template_marks(db, NOW)[subject] > row_mark
    endings.withdraw(db, member_id, NOW, actor="local", tell=lambda *_: None)
    marks.append(gallery_mark(db))
    assert len(set(marks)) == len(marks)


def test_only_some_templates_can_be_asked_for(db: Database, office: Register) -> None:
    subjects = [subject_of(db, joined(office, str(n), seed=n)) for n in range(3)]
    found = template_rows(db, NOW, subjects[:2])
    assert {row.subject for row in found} == set(subjects[:2])
    assert template_rows(db, NOW, []) == []


def test_a_face_without_a_live_consent_is_refused(db: Database, office: Register) -> None:
    member_id = joined(office, "王丽")
    face = template(subject_of(db, member_id))
    with pytest.raises(ConsentMissing, match="give --consent"):
        office.enrol(member_id, NOW, template=face)
    office.enrol(member_id, NOW, consent=consent())
    with pytest.raises(ConsentMissing):
        office.enrol(member_id, consent().ends_at, template=face)
    office.enrol(member_id, NOW, template=face)
    assert len(template_rows(db, NOW)) == 1


def test_a_renewed_consent_takes_the_template_over(db: Database, office: Register) -> None:
    member_id = joined(office, "王丽", seed=1)
    office.enrol(member_id, NOW, consent=consent(expires="2028-11-20"))
    assert len(template_rows(db, consent().ends_at)) == 1


def test_withdrawing_removes_the_template_and_leaves_the_card(
    db: Database, office: Register, people: People, told: Told
) -> None:
    member_id = joined(office, "王丽", seed=1)
    del told[:]
    endings.withdraw(db, member_id, NOW, actor="local", tell=lambda *c: told.append(c))
    assert [change for _, change in told] == ["template_removed", "consent_withdrawn"]
    assert db.table("template").count == 0
    assert people.by_id(member_id).profile.name == "王丽"
    with pytest.raises(ConsentMissing):
        endings.withdraw(db, member_id, NOW, actor="local", tell=lambda *_: None)


def test_a_guardian_s_name_can_be_read_as_long_as_the_member_exists(
    db: Database, office: Register, people: People
) -> None:
    member = new_member(Profile(name="王小丽"), NOW)
    guardian = {"name": "王芳", "relation": "母亲", "given_at": "2026-11-20T15:00:00+08:00"}
    office.add(
        member, consent=consent(adult=False, guardian=guardian, born="2010-01-01"), template=None
    )
    (row,) = consents.history(db, member.subject)
    assert row.sealed is not None
    (wrapped,) = db.execute("SELECT profile_key FROM member").fetchone()
    raw = profile_keys().unseal(wrapped, row.sealed, subject=member.subject, purpose="guardian")
    assert "王芳" in raw.decode()
    assert "2010-01-01" in raw.decode()


def test_an_import_adds_and_changes_by_external_id_and_keeps_other_fields(
    office: Register, people: People
) -> None:
    member_id = joined(office, "王丽", external_id="C-1", note="likes jade", tier="gold")
    rows = [{"name": "王丽丽", "external_id": "c-1", "tier": ""}, {"name": "李雷"}]
    done = office.take_over(rows, NOW)
    assert (done.added, done.changed) == (1, 1)
    assert people.by_id(member_id).profile == Profile(
        name="王丽丽", external_id="c-1", note="likes jade"
    )


def sealed_of(db: Database, member_id: str, subject: str) -> list[bytes]:
    """Return everything sealed that the store holds of a member."""
    member = db.execute(
        "SELECT profile_key, profile, external_ref FROM member WHERE id = ?", [member_id]
    ).fetchone()
    face = db.execute(
        "SELECT sealed_key, sealed FROM template WHERE subject = ?", [subject]
    ).fetchone()
    return [held for held in (*member, *face) if held]


def remains(folder: Path, secrets: list[bytes]) -> list[str]:
    """Return the files of a folder in which any of the secrets still stands."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    contents = {path.name: path.read_bytes() for path in files}
    return [name for name, content in contents.items() if any(s in content for s in secrets)]


def test_after_erasure_no_byte_of_the_member_is_left(
    tmp_path: Path, db: Database, office: Register, people: People, told: Told
) -> None:
    keep = joined(office, "韩梅", seed=2)
    erased = joined(office, "王丽", seed=1, external_id="C-1234567")
    office.change(erased, Profile(name="王丽", external_id="C-1234567", note="x" * 400), NOW)
    subject = subject_of(db, erased)
    secrets = [
        *sealed_of(db, erased, subject),
        *("王丽".encode(), b"C-1234567", erased.encode(), vector(1).tobytes()),
    ]
    assert remains(tmp_path, secrets)
    del told[:]
    assert endings.erase(db, erased, NOW, actor="local", tell=lambda *c: told.append(c))
    assert remains(tmp_path, secrets) == []
    assert [change for _, change in told] == ["template_removed", "erased"]
    assert [row.kind for row in consents.history(db, subject)] == ["given", "erased"]
    assert Audit(db).entries()[-1].what == "erase"
    assert people.by_subject(subject) is None
    assert [member.id for member in people.everybody().members] == [keep]
    with pytest.raises(MemberMissing):
        endings.erase(db, erased, NOW, actor="local", tell=lambda *_: None)


def copies(folder: Path, secret: bytes) -> int:
    """Count how often a secret stands in the files of a folder."""
    return sum(path.read_bytes().count(secret) for path in folder.rglob("*") if path.is_file())


def doubled(folder: Path, db: Database, keys: str, change: Callable[[], None]) -> tuple[str, bytes]:
    """Change rows until SQLite has left a copy of somebody's key behind; return whose."""
    db.execute("PRAGMA synchronous=OFF")  # only for the test's speed
    for _ in range(400):
        change()
        endings.emptied_log(db, 1.0)
        for owner, key in db.execute(keys).fetchall():
            if copies(folder, key) > 1:
                return owner, key
    pytest.fail("expected SQLite to leave a copy behind; provoke it in another way")


def test_copies_that_sqlite_left_in_a_page_s_gap_are_erased_too(
    tmp_path: Path, db: Database, office: Register
) -> None:
    """Rows that grow are moved between pages; what they leave behind no deletion overwrites."""
    rnd = Random(1)
    ids = [joined(office, str(n)) for n in range(60)]

    def grow() -> None:
        note = "x" * rnd.randrange(1, 480)
        office.change(rnd.choice(ids), Profile(name="x", note=note), NOW)

    member_id, key = doubled(tmp_path, db, "SELECT id, profile_key FROM member", grow)
    assert endings.erase(db, member_id, NOW, actor="local", tell=lambda *_: None)
    assert copies(tmp_path, key) == 0


def templates_that_grow(
    db: Database, office: Register
) -> tuple[dict[str, str], Callable[[], None]]:
    """Return 60 members by subject, and what stores one of their templates anew and larger."""
    rnd = Random(1)
    ids = [joined(office, str(n), seed=n) for n in range(60)]
    subjects = {subject_of(db, member_id): member_id for member_id in ids}

    def grow() -> None:
        subject = rnd.choice(list(subjects))
        face = template(subject)
        face = replace(face, sealed=face.sealed + bytes(rnd.randrange(900)))
        office.enrol(subjects[subject], NOW, template=face)

    return subjects, grow


@pytest.mark.parametrize("page_bytes", [4096])
def test_copies_of_a_template_are_destroyed_when_the_consent_is_withdrawn(
    tmp_path: Path, db: Database, office: Register
) -> None:
    subjects, grow = templates_that_grow(db, office)
    subject, key = doubled(tmp_path, db, "SELECT subject, sealed_key FROM template", grow)
    assert endings.withdraw(db, subjects[subject], NOW, actor="local", tell=lambda *_: None)
    assert copies(tmp_path, key) == 0


@pytest.mark.parametrize("page_bytes", [4096])
def test_copies_of_a_template_that_ran_out_are_destroyed_by_tidying(
    tmp_path: Path, db: Database, office: Register
) -> None:
    subjects, grow = templates_that_grow(db, office)
    subject, key = doubled(tmp_path, db, "SELECT subject, sealed_key FROM template", grow)
    assert endings.tidy(db)
    for other in subjects:
        if other != subject:
            office.enrol(subjects[other], NOW, consent=consent(expires="2028-11-20"))
    eyes = consents.Consents(db, actor="eyes", tell=lambda *_: None)
    assert eyes.expire(consent().ends_at) == [subject]
    assert copies(tmp_path, key) > 0
    again = connect(tmp_path)  # another process, later: what is to be done stands in the database
    assert endings.tidy(again)
    again.close()
    assert copies(tmp_path, key) == 0
    assert len(template_rows(db, NOW)) == len(subjects) - 1


def test_what_a_reader_kept_from_being_tidied_is_tidied_later(
    tmp_path: Path, db: Database, office: Register
) -> None:
    member_id = joined(office, "王丽", seed=1)
    (key,) = db.execute("SELECT sealed_key FROM template").fetchone()
    reader = connect(tmp_path)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM member").fetchone()
    consents.Consents(db, actor="eyes", tell=lambda *_: None).expire(consent().ends_at)
    started = time.monotonic()
    assert not endings.tidy(db)
    assert not endings.tidy(db)
    assert time.monotonic() - started < 2.0  # and not SQLite's own 5 s each
    assert copies(tmp_path, key) > 0
    reader.execute("COMMIT")
    reader.close()
    assert endings.tidy(db)
    assert copies(tmp_path, key) == 0
    assert subject_of(db, member_id)


def test_without_patience_nobody_waits_for_a_reader_and_others_wait_as_before(
    tmp_path: Path, db: Database, office: Register
) -> None:
    reader = connect(tmp_path)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM member").fetchone()
    joined(office, "王丽")
    started = time.monotonic()
    assert not endings.emptied_log(db, 0.0)
    assert time.monotonic() - started < 1.0
    assert db.execute("PRAGMA busy_timeout").fetchone() == (5000,)
    reader.close()


def test_an_erasure_beside_a_reader_says_that_the_log_could_not_be_emptied(
    tmp_path: Path, db: Database, office: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    member_id = joined(office, "王丽")
    monkeypatch.setattr(endings, "CHECKPOINT_PATIENCE_S", 0.0)
    db.execute("PRAGMA busy_timeout = 50")
    reader = connect(tmp_path)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM member").fetchone()
    assert not endings.erase(db, member_id, NOW, actor="local", tell=lambda *_: None)
    reader.execute("COMMIT")
    reader.close()
    assert endings.emptied_log(db, 0.0)
    assert db.table("member").count == 0


def test_an_erasure_leaves_the_others_as_they_were(
    db: Database, office: Register, people: People
) -> None:
    erased = joined(office, "王丽", seed=1)
    for seed, name in enumerate(("李雷", "韩梅")):
        joined(office, name, seed=seed)
    before = [m for m in people.everybody().members if m.id != erased]
    rows = {row for row in map(repr, template_rows(db, NOW)) if subject_of(db, erased) not in row}
    assert endings.erase(db, erased, NOW, actor="local", tell=lambda *_: None)
    assert list(people.everybody().members) == before
    assert set(map(repr, template_rows(db, NOW))) == rows
    with pytest.raises(StoreFault, match="live consent"), transaction(db):
        db.conn.execute(
            "INSERT INTO template VALUES (?, 1, ?, 'm', 1, x'00', x'00', 0)",
            ["0" * 26, "2026-11-22T03:00:00.000Z"],
        )
    with pytest.raises(sqlite3.IntegrityError, match="keeps id and subject"):
        db.execute("UPDATE member SET subject = ?", ["0" * 26])


def test_members_whose_key_is_gone_can_be_erased(db: Database, office: Register) -> None:
    member_id = joined(office, "王丽", seed=1)
    with transaction(db):
        db.execute("UPDATE member SET profile_key = x'00', profile = x'00'")
    assert endings.erase(db, member_id, NOW, actor="local", tell=lambda *_: None)
    assert db.table("member").count == 0


def test_the_store_knows_whether_a_root_is_in_use(db: Database, office: Register) -> None:
    checks = StoredChecks(db)
    assert checks.held("profile") is None
    checks.keep("profile", b"1" * 32)
    checks.keep("profile", b"2" * 32)
    assert checks.held("profile") == b"2" * 32
    assert (checks.in_use("profile"), checks.in_use("template")) == (False, False)
    joined(office, "王丽", seed=1)
    assert (checks.in_use("profile"), checks.in_use("template")) == (True, True)


def test_the_check_of_the_public_half_is_kept_beside_those_of_the_roots(db: Database) -> None:
    checks = StoredChecks(db)
    assert checks.held("public") is None
    checks.keep("public", b"3" * 32)
    checks.keep("template", b"4" * 32)
    assert (checks.held("public"), checks.held("template")) == (b"3" * 32, b"4" * 32)


def test_a_member_s_subject_never_changes(db: Database, office: Register) -> None:
    joined(office, "王丽")
    with pytest.raises(sqlite3.IntegrityError, match="keeps id and subject"):
        db.execute("UPDATE member SET subject = ?", ["0" * 26])


def test_two_commands_enrol_at_the_same_time(tmp_path: Path, db: Database) -> None:
    def enrol(name: str) -> None:
        mine = connect(tmp_path)
        office = Register(mine, profile_keys(), actor="local", tell=lambda *_: None)
        for n in range(5):
            joined(office, f"{name}{n}", seed=n)
        mine.close()

    threads = [threading.Thread(target=enrol, args=[name]) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert db.table("template").count == 15
    assert (Audit(db).verify().broken, consents.verify(db).broken) == (None, None)
