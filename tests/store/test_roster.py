"""Members are found by a part of what is sealed, and what was erased is found no more."""

from datetime import timedelta
from pathlib import Path

import pytest

from edge.core.profile import Profile
from edge.store.register import Register
from edge.store.roster import Found, Roster
from tests.support.people import NOW
from tests.web.shopbox import ShopBox


@pytest.fixture
def box(tmp_path: Path) -> ShopBox:
    return ShopBox(tmp_path, now=NOW)


def names(found: Found) -> list[str]:
    return [line.name for line in found.lines]


def test_every_word_is_to_be_found_and_the_number_that_fits_exactly_comes_first(
    box: ShopBox,
) -> None:
    box.member("王丽华", external_id="C-10")
    box.member("王丽", external_id="C-1", phone="+8613800138000")
    box.member("李雷", called="老李")
    roster = Roster()

    def found(words: str, most: int = 9) -> Found:
        return roster.find(box.db, box.keys, words, most=most)

    assert names(found("ｃ-1")) == ["王丽", "王丽华"]
    assert names(found("老 李雷")) == ["李雷"]
    assert names(found("+86 138-0013")) == ["王丽"]
    assert names(found("王 李")) == []
    assert (len(found("", 2).lines), found("", 2).more, found("").members) == (2, 1, 3)
    assert "王丽" not in repr(found("王丽"))


def test_changes_and_erasures_are_seen_at_the_next_question(box: ShopBox) -> None:
    member, other = box.member("王丽华"), box.member("李雷")
    roster = Roster()
    roster.find(box.db, box.keys, "", most=9)
    later = box.now() + timedelta(seconds=1)
    box.register.change(member.id, Profile(name="王芳"), later)
    assert names(roster.find(box.db, box.keys, "王", most=9)) == ["王芳"]
    box.erase(member)
    assert names(roster.find(box.db, box.keys, "", most=9)) == ["李雷"]
    box.db.execute("UPDATE member SET profile = x'00', changed_at = 'later' WHERE 1")
    assert names(roster.find(box.db, box.keys, other.id.lower(), most=9)) == [""]


def test_a_question_opens_no_more_than_its_time_allows_and_the_next_goes_on(box: ShopBox) -> None:
    writer: Register = box.register
    writer.take_over([{"name": f"会员{n}"} for n in range(300)], box.now())
    seconds = iter(range(1000))
    roster = Roster(clock=lambda: float(next(seconds)), budget_s=1.5)
    first = roster.find(box.db, box.keys, "会员", most=500)
    assert 0 < first.unopened < 300
    assert len(first.lines) == 300 - first.unopened
    for _ in range(5):
        found = roster.find(box.db, box.keys, "会员", most=500)
    assert (len(found.lines), found.unopened) == (300, 0)


def test_what_nobody_asks_for_is_forgotten(box: ShopBox) -> None:
    box.member("王丽华")
    now = [0.0]
    roster = Roster(clock=lambda: now[0])
    roster.find(box.db, box.keys, "", most=9)
    roster._sweep()  # its timer, at once
    assert roster._held
    now[0] = 601.0
    roster._sweep()
    assert not roster._held
