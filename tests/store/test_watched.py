"""How long the doors were watched, as the eyes note it."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from edge.store.database import connect, migrate
from edge.store.watched import KEPT, Watched, quarter_of, watched_share
from tests.support.people import NOW


@pytest.fixture
def db(tmp_path: Path) -> Database:
    found = connect(tmp_path)
    migrate(found)
    return found


def look(watched: Watched, start_s: int, end_s: int, *, works: bool = True) -> None:
    """Look each second from one to another, after NOW, which is the start of a quarter."""
    for second in range(start_s, end_s + 1):
        watched.note(works=works, at=NOW + timedelta(seconds=second), mono=float(second))


def test_an_hour_that_was_watched_is_whole_but_for_seconds(db: Database) -> None:
    look(Watched(db), 0, 3660)
    share = watched_share(db, NOW, NOW + timedelta(hours=1))
    assert 0.98 < share <= 1.0


def test_a_camera_that_was_away_is_missing_and_so_is_a_box_that_was_off(db: Database) -> None:
    watched = Watched(db)
    look(watched, 0, 900)
    look(watched, 901, 1799, works=False)
    look(watched, 1800, 2700)
    assert watched_share(db, NOW, NOW + timedelta(minutes=45)) == pytest.approx(2 / 3, abs=0.03)
    look(Watched(db), 9000, 9960)  # a new start: what lay between was not watched
    between = NOW + timedelta(seconds=2700), NOW + timedelta(seconds=9000)
    assert watched_share(db, *between) == pytest.approx(0, abs=0.01)


def test_who_was_not_asked_for_minutes_does_not_know(db: Database) -> None:
    watched = Watched(db)
    look(watched, 0, 100)
    look(watched, 700, 960)  # a driver hung, and nobody looked meanwhile
    share = watched_share(db, NOW, NOW + timedelta(minutes=15))
    assert share == pytest.approx((100 + 200) / 900, abs=0.02)


def test_half_a_quarter_counts_for_no_more_than_it_lasts(db: Database) -> None:
    look(Watched(db), 0, 960)
    half = NOW + timedelta(minutes=7, seconds=30)
    assert watched_share(db, NOW, half) == 1.0


def test_what_nobody_asks_for_any_more_goes(db: Database) -> None:
    old = quarter_of(NOW - KEPT - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    db.execute("INSERT INTO watched VALUES (?, 900)", [old])
    look(Watched(db), 0, 120)
    assert db.execute("SELECT count(*) FROM watched WHERE quarter = ?", [old]).fetchone() == (0,)
