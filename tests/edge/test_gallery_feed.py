"""The gallery as the store has it: opened, brought up to date, and who is new in it."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sqlite_utils import Database

from edge.app.faces import GalleryFeed, pause_keeper
from edge.faces.gallery import MemberGallery
from edge.keys.templates import TemplateOpener
from edge.ports import Vector
from edge.store.audit import Audit
from edge.store.database import connect, migrate
from edge.store.endings import withdraw
from edge.store.people import subject_of
from edge.store.register import Register
from tests.support.people import (
    NOW,
    TEMPLATE_ROOT,
    joined,
    profile_keys,
    template,
    vector,
    visited,
)


class Eyes:
    """A gallery kept by a feed over a real store."""

    def __init__(self, db: Database, most: int = 20_000) -> None:
        self.gallery = MemberGallery()
        self.feed = GalleryFeed(db, TemplateOpener(TEMPLATE_ROOT), self.gallery, most)

    def knows(self, seed: int) -> bool:
        match = self.gallery.match(np.asarray(vector(seed)), 5)
        return match is not None


@pytest.fixture
def db(tmp_path: Path) -> Database:
    database = connect(tmp_path)
    migrate(database)
    return database


@pytest.fixture
def register(db: Database) -> Register:
    return Register(db, profile_keys(), actor="local", tell=lambda *_: None)


def test_who_was_enrolled_before_the_start_is_no_news(db: Database, register: Register) -> None:
    # Else a restart would give strangers of the window to members whom they resemble a little.
    joined(register, "Anna", seed=1)
    eyes = Eyes(db)
    assert eyes.feed(NOW) == []
    assert eyes.knows(1)
    joined(register, "Ben", seed=2)
    (news,) = eyes.feed(NOW)
    assert np.allclose(news[1], vector(2), atol=1e-6)
    assert eyes.feed(NOW) == []
    assert eyes.knows(2)


def test_a_large_gallery_is_opened_in_pieces_and_is_no_news_until_whole(
    db: Database, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.app.faces.OPENED_AT_ONCE", 2)
    for seed in range(1, 6):
        joined(register, f"Member {seed}", seed=seed)
    eyes = Eyes(db)
    told = [eyes.feed(NOW) for _ in range(3)]
    assert told == [[], [], []]
    assert [eyes.knows(seed) for seed in range(1, 6)] == [True] * 5
    assert eyes.feed.waiting == 0
    joined(register, "Late", seed=9)
    assert len(eyes.feed(NOW)) == 1


def test_who_withdraws_or_runs_out_leaves_the_gallery(db: Database, register: Register) -> None:
    anna, _ben = (joined(register, name, seed=seed) for seed, name in ((1, "Anna"), (2, "Ben")))
    eyes = Eyes(db)
    eyes.feed(NOW)
    assert subject_of(db, anna)
    withdraw(db, anna, NOW, actor="local", tell=lambda *_: None)
    eyes.feed(NOW)
    assert (eyes.knows(1), eyes.knows(2)) == (False, True)
    eyes.feed(NOW + timedelta(days=400))  # nothing was written, but the consent is over
    assert not eyes.knows(2)
    eyes.feed(NOW)
    assert eyes.knows(2)


def test_of_more_members_than_it_may_hold_the_others_are_not_opened(
    db: Database, register: Register
) -> None:
    ids = [joined(register, f"Member {seed}", seed=seed) for seed in range(1, 6)]
    eyes = Eyes(db, most=3)
    opened: list[str] = []
    real = eyes.feed._opener.open

    def noting(key: bytes, vector: bytes, *, subject: str) -> Vector:
        opened.append(subject)
        return real(key, vector, subject=subject)

    eyes.feed._opener = SimpleNamespace(open=noting)  # type: ignore[assignment]
    eyes.feed(NOW)
    assert [eyes.knows(seed) for seed in range(1, 6)] == [False, False, True, True, True]
    assert sorted(opened) == sorted(subject_of(db, one) for one in ids[2:])
    # Whoever comes by a code was here last; the one who makes room is overwritten.
    first = subject_of(db, ids[0])
    visited(db, first, NOW + timedelta(days=1))
    assert eyes.feed(NOW + timedelta(days=1)) == []  # enrolled before: no news
    assert [eyes.knows(seed) for seed in range(1, 6)] == [True, False, False, True, True]
    assert len(eyes.gallery) == 3
    # Whoever is enrolled anew is news.
    register.enrol(ids[1], NOW + timedelta(days=2), template=template(subject_of(db, ids[1]), 9))
    (news,) = eyes.feed(NOW + timedelta(days=2))
    assert news[0] == subject_of(db, ids[1])
    assert [eyes.knows(seed) for seed in (9, 1, 4, 5)] == [True, True, False, True]


def test_who_only_makes_use_of_room_is_no_news(db: Database, register: Register) -> None:
    ids = [joined(register, f"Member {seed}", seed=seed) for seed in (1, 2, 3)]
    eyes = Eyes(db, most=2)
    eyes.feed(NOW)
    assert not eyes.knows(1)
    withdraw(db, ids[2], NOW, actor="local", tell=lambda *_: None)
    assert eyes.feed(NOW) == []
    assert eyes.knows(1)


@pytest.mark.parametrize(
    "damage", ["sealed = zeroblob(40)", "model = CAST(X'FF' AS TEXT)", "sealed_key = X''"]
)
def test_a_damaged_template_is_passed_over(
    db: Database, register: Register, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    for seed, name in ((1, "Anna"), (2, "Ben")):
        joined(register, name, seed=seed)
    db.execute(f"UPDATE template SET {damage} WHERE rowid = 1")
    (damaged,) = db.execute("SELECT subject FROM template WHERE rowid = 1").fetchone()
    eyes = Eyes(db)
    eyes.feed(NOW)
    assert sorted((eyes.knows(1), eyes.knows(2))) == [False, True]
    (said,) = caplog.messages
    assert said.startswith(f"the template of {damaged} is passed over: ")
    assert said.endswith("; enrol the member again")
    caplog.clear()
    eyes.feed(NOW + timedelta(minutes=1))
    assert not caplog.messages  # said once


def test_a_template_of_another_network_is_passed_over_with_a_word(
    db: Database, register: Register, caplog: pytest.LogCaptureFixture
) -> None:
    for seed, name in ((1, "Anna"), (2, "Ben"), (3, "Cara")):
        joined(register, name, seed=seed)
    marks = [("dlib-face-resnet-v1.1", 1), ("dlib-face-resnet-v1.2-int8", 2), ("arcface-r50", 3)]
    order = [row[0] for row in db.execute("SELECT subject FROM template ORDER BY mark").fetchall()]
    for model, place in marks:
        subject = order[place - 1]
        db.execute("UPDATE template SET model = ? WHERE subject = ?", [model, subject])
    db.conn.commit()
    eyes = Eyes(db)
    eyes.feed(NOW)
    assert [eyes.knows(seed) for seed in (1, 2, 3)] == [True, True, False]
    assert "expected one by dlib-face-resnet-v1, got one by arcface-r50" in caplog.text


def test_that_check_in_pauses_is_audited_without_whom(db: Database) -> None:
    pause_keeper(db)("desk", NOW, 60.0)
    entry = Audit(db).last("pause")
    assert entry is not None
    assert (entry.at, entry.actor, entry.subject) == (NOW, "eyes", None)
    assert entry.detail == {"camera": "desk", "seconds": 60}


def test_while_nothing_can_be_written_check_in_pauses_all_the_same(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    db.execute("PRAGMA query_only = ON")
    pause_keeper(db)("desk", NOW, 60.0)
    assert "cannot be kept" in caplog.text
