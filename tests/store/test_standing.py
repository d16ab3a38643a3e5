"""Which members are searched by face, where there are more than are."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from edge.core.visit import Opened, Revised, Visit
from edge.ports import Fact
from edge.store.database import connect, migrate
from edge.store.endings import erase, withdraw
from edge.store.ledger import SqliteVisitLog
from edge.store.outbox import Outbox
from edge.store.people import subject_of
from edge.store.register import Register
from edge.store.schema import migrations
from edge.store.share_in import note_own
from edge.store.standing import chosen_marks, note_brought, roll_call
from tests.support.people import NOW, consent, joined, profile_keys, template, visited

DAY = timedelta(days=1)


class Shop:
    """A store with members named by letters."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.register = Register(db, profile_keys(), actor="local", tell=lambda *_: None)
        self.ids: dict[str, str] = {}
        self.names: dict[str, str] = {}

    def join(self, *names: str) -> None:
        for name in names:
            self.ids[name] = joined(self.register, name, seed=ord(name))
            self.names[self.subject(name)] = name

    def subject(self, name: str) -> str:
        return subject_of(self.db, self.ids[name])

    def brought(self, name: str) -> None:
        """As if another shop had shared the member."""
        self.db.execute(
            "INSERT OR IGNORE INTO share_in (place, id, rev, subject, brought, state)"
            " VALUES ('sh-001/a', ?, 1, ?, 1, 'stored')",
            [self.subject(name).ljust(64, "0"), self.subject(name)],
        )
        note_brought(self.db, self.subject(name))
        self.db.conn.commit()

    def chosen(self, most: int, at: datetime = NOW) -> str:
        return "".join(self.names[one] for one in chosen_marks(self.db, at, most))


@pytest.fixture
def shop(db: Database) -> Shop:
    return Shop(db)


def test_who_was_here_last_comes_first_and_of_the_same_day_who_is_new(shop: Shop) -> None:
    shop.join("A", "B", "C", "D")
    assert shop.chosen(3) == "DCB"
    visited(shop.db, shop.subject("A"), NOW + DAY)
    visited(shop.db, shop.subject("C"), NOW + 2 * DAY)
    assert shop.chosen(9) == "CADB"
    shop.register.enrol(shop.ids["B"], NOW + 3 * DAY, template=template(shop.subject("B"), 2))
    assert shop.chosen(2) == "BC"


def test_members_of_this_shop_come_before_those_that_another_shares(shop: Shop) -> None:
    shop.join("A", "B", "C")
    shop.brought("C")
    shop.brought("B")
    assert shop.chosen(9) == "ACB"
    visited(shop.db, shop.subject("B"), NOW + DAY)  # from now on one of ours
    assert shop.chosen(9) == "BAC"
    shop.brought("B")  # shared again
    assert shop.chosen(9) == "BAC"
    note_own(shop.db, shop.subject("C"))
    assert shop.chosen(9) == "BCA"


def test_a_visit_that_is_found_later_to_be_a_members_counts(shop: Shop) -> None:
    shop.join("A", "B")
    log = SqliteVisitLog(shop.db, Outbox(shop.db).begin_epoch(NOW, "run"), "run")
    visit = Visit(
        id="01M7XXA33GXJBZ1TSAYXW5Y500", rev=0, opened_at=NOW + DAY, camera="door", who="visitor"
    )
    named = Visit(
        id=visit.id,
        rev=1,
        opened_at=visit.opened_at,
        camera="door",
        who="member",
        subject=shop.subject("A"),
    )
    for change in (Opened(visit=visit), Revised(at=NOW + DAY, visit=named, reason="late_identity")):
        log.commit([Fact(change=change, mono=1.0, clock="ok")])
    assert shop.chosen(1) == "A"


def test_a_replay_moves_nobody(shop: Shop) -> None:
    shop.join("A", "B")
    visited(shop.db, shop.subject("A"), NOW + DAY, origin="private")
    assert shop.chosen(9) == "BA"


def test_who_does_not_agree_now_is_neither_chosen_nor_counted(shop: Shop) -> None:
    shop.join("A", "B", "C")
    withdraw(shop.db, shop.ids["B"], NOW, actor="local", tell=lambda *_: None)
    assert shop.chosen(9) == "CA"
    erase(shop.db, shop.ids["C"], NOW, actor="local", tell=lambda *_: None)
    assert shop.chosen(9) == "A"
    over = datetime(2028, 1, 1, tzinfo=UTC)
    assert shop.chosen(9, over) == ""
    assert roll_call(shop.db, over, 9).members == 0
    renewed = consent(now=NOW + DAY, given_at="2026-11-23T10:00:00+08:00", expires="2029-11-20")
    shop.register.enrol(shop.ids["A"], NOW + DAY, consent=renewed)
    assert shop.chosen(9, over) == "A"
    (left,) = shop.db.execute("SELECT count(*) FROM standing").fetchone()
    assert left == 1


def test_they_are_counted_by_their_photos(shop: Shop) -> None:
    shop.join("A", "B", "C")
    shop.db.execute("UPDATE template SET photos = 3 WHERE subject = ?", [shop.subject("C")])
    roll = roll_call(shop.db, NOW, 2)
    assert (roll.members, roll.searched, roll.photos) == (3, 2, {2: 1, 3: 1})


def test_marks_are_the_templates_own_also_after_they_are_written_anew(shop: Shop) -> None:
    shop.join("A", "B", "C")
    withdraw(shop.db, shop.ids["A"], NOW, actor="local", tell=lambda *_: None)  # rebuilds
    marks = dict(shop.db.execute("SELECT subject, mark FROM template").fetchall())
    assert chosen_marks(shop.db, NOW, 9) == marks
    shop.register.enrol(shop.ids["B"], NOW, template=template(shop.subject("B"), 7))
    marks = dict(shop.db.execute("SELECT subject, mark FROM template").fetchall())
    assert chosen_marks(shop.db, NOW, 9) == marks
    assert shop.chosen(9) == "BC"


def test_the_choice_reads_no_more_than_it_takes(shop: Shop) -> None:
    plan = shop.db.execute(
        "EXPLAIN QUERY PLAN SELECT subject, mark FROM standing WHERE given_at <= ? AND ends_at > ?"
        " ORDER BY here DESC, day DESC, mark DESC LIMIT 5",
        ["", ""],
    ).fetchall()
    (step,) = [row[-1] for row in plan]
    assert step == "SCAN standing USING COVERING INDEX standing_order"


def test_an_update_finds_who_was_here(tmp_path: Path) -> None:
    old = connect(tmp_path)
    migrations.apply(old, stop_before="0010_standing")
    register = Register(old, profile_keys(), actor="local", tell=lambda *_: None)
    ids = [joined(register, name, seed=ord(name)) for name in "AB"]
    subjects = [subject_of(old, one) for one in ids]
    visited(old, subjects[0], NOW + DAY)
    old.execute(
        "INSERT INTO share_in (place, id, rev, subject, brought, state)"
        " VALUES ('sh-001/a', ?, 1, ?, 1, 'stored')",
        ["0" * 64, subjects[1]],
    )
    old.conn.commit()
    migrate(old)
    rows = old.execute("SELECT subject, here, day FROM standing ORDER BY here DESC").fetchall()
    assert rows == [(subjects[0], 1, "2026-11-23"), (subjects[1], 0, "2026-11-22")]
