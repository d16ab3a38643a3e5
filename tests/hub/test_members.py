"""Alerts and members' changes are facts; an erased member is named nowhere, now or later."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, inspect, select, text

from cloud import members, tables
from cloud.db import reading, writing
from cloud.ingest import Ingest
from cloud.rollup import rollup
from tests.hub.conftest import MINUTE, NOW, FakeBox, ulid

MEMBER, OTHER = ulid(4711), ulid(4712)


def rows(engine: Engine, table: Any) -> list[Any]:
    with reading(engine) as connection:
        return list(connection.execute(select(table)).all())


def naming(engine: Engine, subject: str) -> list[str]:
    """Return every column of every table, as the database itself lists them, that holds a text."""
    found = []
    with reading(engine) as connection:
        for table in inspect(connection).get_table_names():
            for row in connection.execute(text(f'SELECT * FROM "{table}"')).mappings():
                found += [f"{table}.{name}" for name, value in row.items() if subject in str(value)]
    return sorted(found)


def live(box: FakeBox, subject: str = MEMBER) -> None:
    """Let a member join, come in, be announced and come again."""
    box.member(subject, "joined"), box.member(subject, "consent_given")
    first = box.opened(who="visitor")
    box.revised(first, who="member", subject=subject)
    box.alerted(box.opened(who="member", subject=subject, reentry=True))


def test_alerts_and_changes_are_kept_under_the_identity_of_their_events(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    opening = box.opened(who="member", subject=MEMBER)
    box.alerted(opening, NOW + MINUTE), box.member(MEMBER, "consent_given")
    for _ in range(2):
        ingest.take([box.batch(*box.events)])
    (alert,) = rows(engine, tables.alert)
    visit = opening.body.visit  # type: ignore[union-attr]
    assert (alert.seq, alert.store, alert.at) == (2, "nj-001", NOW + MINUTE)
    assert (alert.alert, alert.visit, alert.subject) == ("member_arrived", visit, MEMBER)
    (change,) = rows(engine, tables.member_change)
    assert (change.seq, change.at, change.change, change.subject) == (
        *(3, NOW, "consent_given", MEMBER),
    )
    assert alert.epoch_pk == change.epoch_pk == rows(engine, tables.epoch)[0].pk


def test_an_erased_member_is_named_nowhere_and_the_rest_stays(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    branch = FakeBox(store="sh-002", box="b")
    for where in (box, branch):
        live(where)
        live(where, OTHER)
        ingest.take([where.hello(), where.batch(*where.events)])
    rollup(engine)
    others, figures = naming(engine, OTHER), rows(engine, tables.daily)
    assert len(naming(engine, MEMBER)) == len(others) > 0
    ingest.take([box.batch(box.member(MEMBER, "erased"))])
    assert naming(engine, MEMBER) == []
    assert naming(engine, OTHER) == others
    rollup(engine)
    assert rows(engine, tables.daily) == figures, "who came in was somebody all the same"
    assert [row.hash for row in rows(engine, tables.erased_subject)] == [members.hash_of(MEMBER)]
    erasures = [row for row in rows(engine, tables.member_change) if row.change == "erased"]
    assert [(row.store, row.at, row.subject) for row in erasures] == [("nj-001", NOW, None)]


@pytest.mark.parametrize("same_set", [True, False], ids=["in the same set", "afterwards"])
def test_what_arrives_after_an_erasure_is_kept_without_the_subject(
    engine: Engine, ingest: Ingest, box: FakeBox, same_set: bool
) -> None:
    late = FakeBox(store="a-000", box="late")  # written before the other, if in one set
    live(late)
    live(late, OTHER)
    messages = [box.batch(box.member(MEMBER, "erased")), late.batch(*late.events)]
    for some in [messages] if same_set else [messages[:1], messages[1:]]:
        ingest.take(some)
    assert naming(engine, MEMBER) == []
    assert naming(engine, OTHER) != []
    assert [row.who for row in rows(engine, tables.visit)] == ["member"] * 4
    assert len(rows(engine, tables.alert)) == 2


def test_a_revision_does_not_bring_an_erased_subject_back(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    opening = box.opened(who="member", subject=MEMBER)
    ingest.take([box.batch(opening), box.batch(box.member(MEMBER, "erased"))])
    ingest.take([box.batch(box.revised(opening, reentry=True))])
    (visit,) = rows(engine, tables.visit)
    assert (visit.rev, visit.who, visit.reentry, visit.subject) == (1, "member", True, None)
    assert naming(engine, MEMBER) == []


@pytest.mark.parametrize("change", ["consent_withdrawn", "consent_expired", "template_removed"])
def test_only_an_erasure_unlinks(engine: Engine, ingest: Ingest, box: FakeBox, change: str) -> None:
    live(box)
    ingest.take([box.batch(*box.events), box.batch(box.member(MEMBER, change))])
    assert "visit.subject" in naming(engine, MEMBER)
    assert rows(engine, tables.erased_subject) == []


def test_very_many_subjects_are_looked_up(engine: Engine, ingest: Ingest, box: FakeBox) -> None:
    gone = [ulid(n) for n in range(10_000, 10_600)]
    for start in (0, 200, 400):
        ingest.take([box.batch(*(box.member(one, "erased") for one in gone[start : start + 200]))])
    box.events.clear()
    box.epoch = "f" * 32
    at = [NOW + timedelta(seconds=n) for n in range(600)]
    told = [
        box.opened(at=when, who="member", subject=one) for when, one in zip(at, gone, strict=True)
    ]
    ingest.take([box.batch(*told[start : start + 200]) for start in (0, 200, 400)])
    assert {row.subject for row in rows(engine, tables.visit)} == {None}


def test_an_erasure_finds_its_rows_by_index(engine: Engine) -> None:
    explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    with writing(engine) as connection:
        if explain == "EXPLAIN":  # it would rather read through a table that is empty
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        for table in ("event", "visit", "alert", "member_change"):
            plan = connection.execute(
                text(f"{explain} UPDATE {table} SET subject = NULL WHERE subject = :of"),
                {"of": MEMBER},
            ).all()
            assert re.search(rf"{table}\w*_(by_subject|subject_idx)", str(plan))
            assert "SCAN" not in str(plan)
            assert "Seq Scan" not in str(plan)
