"""Notices of head office at the box: few, told once, gone when they are seen, over or old."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlite_utils import Database

from edge.store.notices import KEPT_FOR, MOST, open_notices, seen, take
from edge.wire.orders import NoticeOrder

NOW = datetime(2026, 11, 21, 4, 30, tzinfo=UTC)
DROP = NoticeOrder(
    id="01KAJ3V7Z0AAAAAAAAAAAAAAAA",
    what="drop",
    since=NOW - timedelta(hours=3),
    expected=412,
    got=230,
    ends=False,
)


def test_a_notice_stands_until_the_manager_has_seen_it(db: Database) -> None:
    take(db, DROP, NOW)
    (shown,) = open_notices(db, NOW)
    assert (shown.what, shown.since, shown.expected, shown.got) == ("drop", DROP.since, 412, 230)
    assert seen(db, DROP.id)
    assert open_notices(db, NOW) == ()
    assert not seen(db, DROP.id)


def test_a_notice_that_was_seen_does_not_come_back_when_it_is_told_again(db: Database) -> None:
    take(db, DROP, NOW)
    seen(db, DROP.id)
    take(db, DROP, NOW + timedelta(hours=1))
    assert open_notices(db, NOW + timedelta(hours=1)) == ()


def test_a_notice_is_gone_when_it_is_over_even_if_its_beginning_comes_later(db: Database) -> None:
    take(db, DROP, NOW)
    take(db, replace(DROP, ends=True), NOW)
    assert open_notices(db, NOW) == ()
    other = replace(DROP, id="01KAJ3V7Z0BBBBBBBBBBBBBBBB")
    take(db, replace(other, ends=True), NOW)
    take(db, other, NOW)
    assert open_notices(db, NOW) == ()


def test_a_notice_is_gone_after_a_week(db: Database) -> None:
    take(db, DROP, NOW)
    assert len(open_notices(db, NOW + KEPT_FOR)) == 1
    assert open_notices(db, NOW + KEPT_FOR + timedelta(seconds=1)) == ()


def test_only_the_newest_are_kept(db: Database) -> None:
    for number in range(MOST + 5):
        one = replace(DROP, id=f"01KAJ3V7Z0AAAAAAAAAAAAAA{number:02d}")
        take(db, one, NOW + timedelta(minutes=number))
    shown = open_notices(db, NOW + timedelta(hours=1))
    assert len(shown) == MOST
    assert shown[0].id.endswith(f"{MOST + 4:02d}")
    assert db.table("notice").count == MOST
