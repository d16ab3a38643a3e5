"""The audit log: added to only, codes only, and a changed row shows."""

import sqlite3

import pytest
from sqlite_utils import Database

from edge.store.audit import Audit
from edge.store.database import StoreFault, transaction
from menkou.chain import link
from tests.support.people import NOW

SUBJECT = "01M7XXA33GXJBZ1TSAYXW5Y5AK"


@pytest.fixture
def log(db: Database) -> Audit:
    audit = Audit(db)
    with transaction(db):
        for n in range(5):
            audit.append(at=NOW, what="match", actor="eyes", subject=SUBJECT, detail={"n": n})
    return audit


def test_entries_are_read_as_they_were_written(log: Audit, db: Database) -> None:
    with transaction(db):
        log.append(at=NOW, what="mode", actor="eyes", detail={"mode": "count", "distance": 0.25})
    last = log.entries(limit=1)[0]
    assert (last.at, last.what, last.subject) == (NOW, "mode", None)
    assert last.detail == {"mode": "count", "distance": 0.25}
    assert [entry.detail["n"] for entry in log.entries(subject=SUBJECT, limit=2)] == [3, 4]


def test_an_empty_log_and_a_long_one_are_whole(log: Audit) -> None:
    verdict = log.verify()
    assert (verdict.rows, verdict.broken, len(verdict.head)) == (5, None, 64)


def test_the_same_row_after_another_past_has_another_hash() -> None:
    pasts = (bytes(32), bytes(range(32)))
    assert len({link(past, "audit", 2, ("a", None, 1)) for past in pasts}) == 2
    assert link(pasts[0], "audit", 2, (b"a",)) != link(pasts[0], "audit", 2, (b"a".hex(),))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET subject = NULL WHERE id = 3",
        "UPDATE audit SET detail = '{\"n\": 7}' WHERE id = 3",
        "UPDATE audit SET at = '2026-11-22T03:00:00.001Z' WHERE id = 3",
        "UPDATE audit SET prev = hash WHERE id = 3",
        "UPDATE audit SET hash = prev WHERE id = 3",
        "UPDATE audit SET id = 30 WHERE id = 3",
    ],
)
def test_a_changed_row_is_the_first_that_is_broken(log: Audit, db: Database, change: str) -> None:
    db.execute("DROP TRIGGER audit_no_update")
    db.execute(change)
    assert log.verify().broken in (3, 4)


def test_a_removed_row_shows(log: Audit, db: Database) -> None:
    db.execute("DROP TRIGGER audit_no_delete")
    db.execute("DELETE FROM audit WHERE id = 3")
    assert log.verify().broken == 4


def test_a_removed_end_gives_another_head(log: Audit, db: Database) -> None:
    before = log.verify().head
    db.execute("DROP TRIGGER audit_no_delete")
    db.execute("DELETE FROM audit WHERE id = 5")
    assert log.verify().broken is None
    assert log.verify().head != before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'x'",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE id = 5",
        "INSERT INTO audit SELECT id + 1, at, what, actor, subject, detail, prev, hash FROM audit"
        " WHERE id = 5",
    ],
)
def test_the_log_is_only_ever_added_to(log: Audit, db: Database, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=r"only ever added|follows the last"):
        db.execute(statement)
    assert log.verify().rows == 5


@pytest.mark.parametrize("text", ["王丽", "Eileen Collins", "a" * 65, "", "door\nname", "x=1;y"])
def test_what_is_no_code_does_not_get_into_the_log(log: Audit, text: str) -> None:
    for entry in ({"actor": text}, {"subject": text}, {"detail": {"why": text}}):
        values = {"actor": "eyes", "subject": None, "detail": None, **entry}
        with pytest.raises(ValueError, match="expected a code") as caught:
            log.append(at=NOW, what="mode", **values)  # type: ignore[arg-type]
        assert not text or text not in str(caught.value)


def test_an_unknown_action_is_refused(log: Audit, db: Database) -> None:
    with pytest.raises(StoreFault, match="CHECK"), transaction(db):
        log.append(at=NOW, what="dance", actor="eyes")  # type: ignore[arg-type]
