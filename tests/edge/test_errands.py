"""What the eyes do with a code that the shop's page took: a real store, the real book."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.app.counting import new_visit_id
from edge.app.errands import StoreErrands
from edge.core.book import VisitBook
from edge.core.codes import CODE_LIVES
from edge.ports import ClockState, Fact
from edge.store.audit import Audit
from edge.store.database import transaction
from edge.store.ledger import SqliteVisitLog
from edge.store.outbox import Outbox
from edge.store.switches import ask, ask_arrival, open_requests
from tests.web.shopbox import ALWAYS, ShopBox

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


class Eyes:
    """A box's store, its book, and a clock that the test moves."""

    def __init__(self, folder: Path) -> None:
        self.at = NOW
        self.shop = ShopBox(folder, now=NOW)
        self.db = self.shop.db
        epoch = Outbox(self.db).begin_epoch(NOW, "run")
        self.errands = StoreErrands(self.db, epoch, self)
        self.visits = SqliteVisitLog(self.db, epoch, "run", named=self.errands.note_match)
        book = VisitBook(hours=ALWAYS, new_id=new_visit_id)
        self.errands.let_in = lambda at, subject: book.code_shown(at=at, subject=subject)
        self.errands.end = lambda at, visit, reason: book.end(at=at, visit=visit, reason=reason)
        self.errands.correct = lambda at, visit: book.wrong_person(at=at, visit=visit)

    def now(self) -> datetime:
        return self.at

    def mono(self) -> float:
        return 1.0

    def state(self) -> ClockState:
        return "suspect"  # no consent is looked at

    def show_code(self, subject: str) -> None:
        with transaction(self.db):
            ask_arrival(self.db, subject=subject, actor="till", now=self.at)

    def look(self) -> int:
        """Do what waits; return how many changes that made."""
        changes = self.errands.open()
        self.visits.commit([Fact(change=c, mono=1.0, clock="ok") for c in changes])
        self.errands.done()
        return len(changes)

    def noted(self) -> list[tuple[str, str, bool]]:
        entries = Audit(self.db).entries()
        return [
            (e.what, e.actor, e.detail["visit"] is not None)
            for e in entries
            if e.what in ("code", "match", "wrong_person", "end")
        ]


@pytest.fixture
def eyes(tmp_path: Path) -> Eyes:
    return Eyes(tmp_path)


def test_a_code_becomes_a_visit_an_alert_and_two_lines_of_the_log(eyes: Eyes) -> None:
    member = eyes.shop.member("王丽华")
    eyes.show_code(member.subject)
    assert eyes.look()
    row = eyes.db.execute("SELECT id, subject, sure, counted, basis FROM visit").fetchone()
    assert row[1:] == (member.subject, None, 0, "crossings")
    assert eyes.db.execute("SELECT visit, subject FROM alert").fetchone() == row[:2]
    assert eyes.db.execute("SELECT visit, actor FROM request").fetchone() == (row[0], "till")
    assert eyes.noted() == [("match", "eyes", True), ("code", "till", True)]
    assert open_requests(eyes.db) == []


def test_a_code_that_is_corrected_gives_the_visit_back(eyes: Eyes) -> None:
    member = eyes.shop.member("王丽华")
    eyes.show_code(member.subject)
    eyes.look()
    (visit,) = eyes.db.execute("SELECT id FROM visit").fetchone()
    assert ask(eyes.db, kind="wrong_person", visit=visit, actor="till", now=NOW)
    eyes.look()
    assert eyes.db.execute("SELECT subject, who FROM visit").fetchone() == (None, "visitor")
    assert eyes.noted()[-1] == ("wrong_person", "till", True)


def test_a_code_that_waited_while_the_eyes_were_away_opens_nothing_later(eyes: Eyes) -> None:
    eyes.show_code(eyes.shop.member("王丽华").subject)
    eyes.at = NOW + CODE_LIVES + timedelta(seconds=1)
    assert eyes.look() == 0
    assert open_requests(eyes.db) == []
    assert eyes.noted() == [("code", "till", False)]


def test_who_was_erased_after_the_code_was_taken_does_not_come_in(eyes: Eyes) -> None:
    member = eyes.shop.member("王丽华")
    eyes.show_code(member.subject)
    eyes.shop.erase(member)
    assert eyes.look() == 0
    assert eyes.db.table("visit").count == 0


def test_who_has_paid_ends_by_the_receipt(eyes: Eyes) -> None:
    eyes.show_code(eyes.shop.member("王丽华").subject)
    eyes.look()
    (visit,) = eyes.db.execute("SELECT id FROM visit").fetchone()
    assert ask(eyes.db, kind="paid", visit=visit, actor="till", now=NOW + timedelta(minutes=10))
    eyes.at = NOW + timedelta(minutes=12)
    eyes.look()
    closed = eyes.db.execute("SELECT closed_at, close_reason FROM visit").fetchone()
    assert closed == ("2026-11-22T03:10:00.000Z", "receipt")
    assert eyes.noted()[-1] == ("end", "till", True)


def test_who_has_left_ends_by_a_tap_at_the_moment_of_the_tap(eyes: Eyes) -> None:
    eyes.show_code(eyes.shop.member("王丽华").subject)
    eyes.look()
    (visit,) = eyes.db.execute("SELECT id FROM visit").fetchone()
    assert ask(eyes.db, kind="end", visit=visit, actor="phone", now=NOW)
    assert not ask(eyes.db, kind="end", visit=visit, actor="phone", now=NOW)
    eyes.at = NOW + timedelta(minutes=3)  # the eyes were away
    assert eyes.look() == 1
    closed = eyes.db.execute("SELECT closed_at, close_reason FROM visit").fetchone()
    assert closed == ("2026-11-22T03:00:00.000Z", "tap")
    assert not ask(eyes.db, kind="end", visit=visit, actor="phone", now=NOW)
    told = eyes.db.execute("SELECT event FROM outbox WHERE kind = 'visit_closed'").fetchall()
    assert len(told) == 1
    assert '"reason":"tap"' in told[0][0]
    assert eyes.noted()[-1] == ("end", "phone", True)
