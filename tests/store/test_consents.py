"""The ledger, and what the schema itself demands of a template."""

import sqlite3
import time
from datetime import datetime, timedelta

import pytest
from sqlite_utils import Database

from edge.store import consents, endings
from edge.store.consents import EXPIRED_AT_ONCE, Change, Consents
from edge.store.database import StoreFault, transaction
from edge.store.people import subject_of, template_rows
from edge.store.register import Register
from edge.wire.codec import utc_text
from tests.support.people import NOW, consent, joined, profile_keys

Told = list[tuple[str, Change]]


@pytest.fixture
def office(db: Database) -> Register:
    return Register(db, profile_keys(), actor="local", tell=lambda *_: None)


@pytest.fixture
def subject(db: Database, office: Register) -> str:
    """A member with a live consent and no template: consent 1."""
    member_id = joined(office, "王丽")
    office.enrol(member_id, NOW, consent=consent())
    return subject_of(db, member_id)


def put_template(db: Database, subject: str, consent_id: int | None, made_at: datetime) -> None:
    """Write a template past all our code."""
    with transaction(db):
        db.conn.execute(
            "INSERT INTO template (subject, consent_id, made_at, model, photos, sealed_key, sealed)"
            " VALUES (?, ?, ?, 'm', 1, x'01', x'02')",
            [subject, consent_id, utc_text(made_at)],
        )


def refused(
    db: Database, subject: str, consent_id: int | None = 1, made_at: datetime = NOW
) -> bool:
    """Say whether the schema keeps a template out, for want of a consent."""
    try:
        put_template(db, subject, consent_id, made_at)
    except StoreFault as exc:
        return "consent" in str(exc)
    return False


def test_the_schema_takes_a_template_of_a_live_consent(db: Database, subject: str) -> None:
    assert not refused(db, subject)


@pytest.mark.parametrize("kind", ["withdrawn", "expired", "erased"])
def test_the_schema_refuses_a_template_after_the_consent_has_ended(
    db: Database, subject: str, kind: str
) -> None:
    ledger = Consents(db, actor="local", tell=lambda *_: None)
    with transaction(db):
        ledger.end(subject, kind, NOW)  # type: ignore[arg-type]
    assert refused(db, subject)


def test_the_schema_refuses_a_template_without_consent_or_of_somebody_else_s(
    db: Database, office: Register, subject: str
) -> None:
    other = subject_of(db, joined(office, "李雷"))
    assert refused(db, subject, consent_id=None)
    assert refused(db, subject, consent_id=99)
    assert refused(db, other, consent_id=1)
    assert refused(db, "0" * 26, consent_id=1)


def test_the_schema_refuses_a_template_made_after_the_last_day(db: Database, subject: str) -> None:
    ends = consent().ends_at
    assert refused(db, subject, made_at=ends)
    assert not refused(db, subject, made_at=ends - timedelta(milliseconds=1))


def test_the_schema_refuses_to_move_a_template_to_another_subject_or_consent(
    db: Database, office: Register, subject: str
) -> None:
    other = subject_of(db, joined(office, "李雷"))
    assert not refused(db, subject)
    for change in (
        f"subject = '{other}'",
        "consent_id = 99",
        "made_at = '2030-01-01T00:00:00.000Z'",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            db.execute(f"UPDATE template SET {change}")


def test_the_schema_refuses_a_template_of_a_child(db: Database, subject: str) -> None:
    """Our code never writes such a row; the schema does not rely on that."""
    db.execute("DROP TRIGGER consent_no_update")
    db.execute("UPDATE consent SET under_14 = 1")
    assert refused(db, subject)


def test_a_later_consent_makes_a_template_possible_again(
    db: Database, office: Register, subject: str
) -> None:
    ledger = Consents(db, actor="local", tell=lambda *_: None)
    with transaction(db):
        ledger.end(subject, "withdrawn", NOW)
        later = NOW + timedelta(hours=1)
        again = ledger.give(subject, consent(given_at=later.isoformat()), None, later)
    assert refused(db, subject, consent_id=1)
    assert not refused(db, subject, consent_id=again)


def test_a_renewal_signed_before_the_end_may_be_entered_after_it(
    db: Database, subject: str
) -> None:
    ledger = Consents(db, actor="local", tell=lambda *_: None)
    with transaction(db):
        ledger.end(subject, "expired", NOW)
        ledger.give(subject, consent(), None, NOW + timedelta(days=1))
    assert consents.ended_at(db, subject) is None


@pytest.mark.parametrize("kind", ["withdrawn", "erased"])
def test_the_schema_refuses_a_consent_from_before_the_last_one_ended(
    db: Database, subject: str, kind: str
) -> None:
    """Nobody's no is undone by showing the old record again."""
    ledger = Consents(db, actor="local", tell=lambda *_: None)
    with transaction(db):
        ledger.end(subject, kind, NOW)  # type: ignore[arg-type]
    for given_at in (consent().given_at, NOW):
        record = consent(given_at=given_at.isoformat())
        with pytest.raises(StoreFault, match="after the last one"), transaction(db):
            ledger.give(subject, record, None, NOW + timedelta(hours=1))
    assert consents.ended_at(db, subject) == NOW


def test_the_end_of_one_member_s_consent_is_nothing_to_another(
    db: Database, office: Register, subject: str
) -> None:
    with transaction(db):
        Consents(db, actor="local", tell=lambda *_: None).end(subject, "withdrawn", NOW)
    other = joined(office, "李雷", seed=1)  # with the same record
    assert consents.live_consent(db, subject_of(db, other), NOW) is not None
    assert consents.ended_at(db, subject_of(db, other)) is None


def test_a_renewal_that_begins_later_leaves_no_template_behind_on_the_old_consent(
    db: Database, office: Register
) -> None:
    member_id = joined(office, "王丽", seed=1)
    subject = subject_of(db, member_id)
    ends = consent().ends_at
    signed = ends - timedelta(hours=1)
    begins = ends + timedelta(hours=12)  # a clock that is ahead
    renewal = consent(now=signed, given_at=begins.isoformat(), expires="2028-02-01")
    office.enrol(member_id, signed, consent=renewal)
    ledger = Consents(db, actor="eyes", tell=lambda *_: None)
    assert template_rows(db, ends) == []
    assert ledger.expire(ends) == []
    (row,) = template_rows(db, begins)
    assert (row.subject, row.ends_at) == (subject, renewal.ends_at)
    assert ledger.expire(renewal.ends_at) == [subject]
    assert db.table("template").count == 0


def test_the_end_of_a_consent_takes_the_template_with_it_even_past_our_code(
    db: Database, subject: str
) -> None:
    assert not refused(db, subject)
    ledger = Consents(db, actor="local", tell=lambda *_: None)
    with transaction(db):
        ledger.end(subject, "withdrawn", NOW)
        assert db.table("template").count == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE consent SET kind = 'withdrawn'",
        "UPDATE consent SET expires = '2099-01-01'",
        "DELETE FROM consent",
        "INSERT OR REPLACE INTO consent SELECT * FROM consent",
        "INSERT INTO consent (id, at, subject, kind, purpose, prev, hash) SELECT id + 2, at,"
        " subject, 'erased', purpose, hash, hash FROM consent",
        "INSERT INTO consent (id, at, subject, kind, purpose, prev, hash) SELECT id + 1, at,"
        " subject, 'erased', purpose, prev, hash FROM consent",
        "INSERT INTO consent (at, subject, kind, purpose, prev, hash) SELECT at,"
        " subject, 'erased', purpose, hash, hash FROM consent",
    ],
    ids=["update", "longer", "delete", "replace", "a gap", "not the last hash", "no id"],
)
def test_the_ledger_is_only_ever_added_to(db: Database, subject: str, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=r"only ever added|follows the last"):
        db.execute(statement)
    assert [row.kind for row in consents.history(db, subject)] == ["given"]


def test_a_consent_of_nobody_is_refused(db: Database) -> None:
    ledger = Consents(db, actor="local", tell=lambda *_: None)
    with pytest.raises(Exception, match="consent of a member"), transaction(db):
        ledger.give("0" * 26, consent(), None, NOW)


def test_consents_that_run_out_end_and_take_their_templates(db: Database, office: Register) -> None:
    short = joined(office, "王丽", seed=1)
    long = joined(office, "李雷", seed=2)
    office.enrol(long, NOW, consent=consent(expires="2028-11-20"))
    told: Told = []
    ledger = Consents(db, actor="eyes", tell=lambda *change: told.append(change))
    ends = consent().ends_at
    assert ledger.expire(ends - timedelta(milliseconds=1)) == []
    subject = subject_of(db, short)
    assert ledger.expire(ends) == [subject]
    assert told == [(subject, "template_removed"), (subject, "consent_expired")]
    assert [row.subject for row in template_rows(db, ends)] == [subject_of(db, long)]
    assert ledger.expire(ends + timedelta(days=1)) == []
    assert consents.live_consent(db, subject, NOW) is None


def test_many_that_run_out_together_end_bit_by_bit(
    db: Database, office: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consents, "EXPIRED_WITHIN_S", 60)  # however slow this machine is
    office.take_over([{"name": str(n)} for n in range(EXPIRED_AT_ONCE + 1)], NOW)
    ledger = Consents(db, actor="eyes", tell=lambda *_: None)
    with transaction(db):
        for (subject,) in db.execute("SELECT subject FROM member").fetchall():
            ledger.give(subject, consent(), None, NOW)
    ended = [len(ledger.expire(consent().ends_at)) for _ in range(3)]
    assert ended == [EXPIRED_AT_ONCE, 1, 0]


def test_those_who_count_wait_no_longer_when_the_machine_is_slow(
    db: Database, office: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.take_over([{"name": str(n)} for n in range(3)], NOW)
    slow = Consents(db, actor="eyes", tell=lambda *_: time.sleep(0.03))
    with transaction(db):
        for (subject,) in db.execute("SELECT subject FROM member").fetchall():
            Consents(db, actor="local", tell=lambda *_: None).give(subject, consent(), None, NOW)
    monkeypatch.setattr(consents, "EXPIRED_WITHIN_S", 0.04)
    ended = [len(slow.expire(consent().ends_at)) for _ in range(3)]
    assert ended == [2, 1, 0]


def test_what_runs_out_is_found_however_long_the_ledger_is(db: Database) -> None:
    plan = db.execute(
        "EXPLAIN QUERY PLAN SELECT subject FROM in_force WHERE ends_at <= ? ORDER BY ends_at", ["x"]
    ).fetchall()
    assert "USING" in plan[0][3]
    assert "in_force_ends" in plan[0][3]


def test_mass_expiry_writes_no_template_anew_until_it_is_tidied_once(
    db: Database, office: Register
) -> None:
    gone = [joined(office, str(seed), seed=seed) for seed in range(4)]
    kept = joined(office, "李雷", seed=9)
    office.enrol(kept, NOW, consent=consent(expires="2028-11-20"))
    assert endings.tidy(db)
    seen: list[str] = []
    db.conn.set_trace_callback(seen.append)
    ended = Consents(db, actor="eyes", tell=lambda *_: None).expire(consent().ends_at)
    assert len(ended) == len(gone)
    assert not any("DROP TABLE" in statement for statement in seen)
    assert endings.tidy(db)
    assert [s for s in seen if "DROP TABLE" in s] == ["DROP TABLE template"]
    del seen[:]
    assert endings.tidy(db)
    assert len(seen) == 1
    db.conn.set_trace_callback(None)
    (row,) = template_rows(db, consent().ends_at)
    assert row.subject == subject_of(db, kept)


def test_who_has_a_live_consent_is_known_by_the_last_word(db: Database, office: Register) -> None:
    yes, no, never = (joined(office, name) for name in ("王丽", "李雷", "韩梅"))
    for member_id in (yes, no):
        office.enrol(member_id, NOW, consent=consent())
    endings.withdraw(db, no, NOW, actor="local", tell=lambda *_: None)
    subjects = {name: subject_of(db, name) for name in (yes, no, never)}
    assert consents.live_subjects(db, NOW) == {subjects[yes]}
    assert consents.live_subjects(db, consent().ends_at) == frozenset()
    assert consents.live_consent(db, subjects[yes], NOW) is not None
    assert consents.live_consent(db, subjects[no], NOW) is None


def test_the_ledger_says_which_text_was_agreed_to_and_how(db: Database, subject: str) -> None:
    (row,) = consents.history(db, subject)
    assert (row.text_version, row.language, row.text_hash, row.means) == (
        *("2026-11", "zh", "5" * 64, "in_person"),
    )
    assert (row.given_at, row.ends_at, row.adult) == (
        consent().given_at,
        consent().ends_at,
        True,
    )


def test_the_ledger_s_chain_shows_a_changed_row(
    db: Database, office: Register, subject: str
) -> None:
    joined(office, "李雷", seed=1)
    assert consents.verify(db).broken is None
    db.execute("DROP TRIGGER consent_no_update")
    db.execute("UPDATE consent SET expires = '2099-01-01' WHERE id = 2")
    verdict = consents.verify(db)
    assert (verdict.rows, verdict.broken) == (2, 2)
