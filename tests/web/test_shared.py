"""What twenty screens ask for at one moment is read, drawn and logged once, and never too old."""

import dataclasses
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlite_utils import Database

from edge.console.drawn import KEPT_S, DrawnCards, SamePage
from edge.console.shared import Shared
from edge.console.viewbook import ViewBook
from edge.store.arrivals import Shown, note_views
from edge.store.database import StoreFull
from edge.store.people import People
from menkou.web.i18n import TEXT, speak
from tests.desk.test_guests import works
from tests.web.shopbox import SHANGHAI, ShopBox

NOW = datetime(2026, 11, 21, 16, 25, 30, tzinfo=SHANGHAI)


def test_a_value_is_made_anew_when_there_is_news_and_after_a_second() -> None:
    news, seconds, made = 0, 0.0, list[int]()
    shared = Shared(lambda: made.append(1) or len(made), lambda: news, lambda: seconds)  # type: ignore[func-returns-value]
    assert [shared(), shared()] == [1, 1]
    news += 1
    assert [shared(), shared()] == [2, 2]
    seconds += 1.0
    assert shared() == 3


def test_news_that_come_while_a_value_is_read_are_read_as_well() -> None:
    news = [0]

    def read() -> int:
        before = news[0]
        news[0] = 1  # as if somebody came in right behind the reading
        return before

    shared = Shared(read, lambda: news[0])
    assert [shared(), shared()] == [0, 1]


def test_after_a_failure_nothing_from_before_is_shown() -> None:
    news, fails = [0], [False]

    def read() -> str:
        if fails[0]:
            raise StoreFull("no room")
        return "read"

    shared = Shared(read, lambda: news[0])
    assert shared() == "read"
    news[0], fails[0] = 1, True
    for _ in range(2):
        with pytest.raises(StoreFull):
            shared()


class Macro:
    """Stands for a macro of the templates; counts how often it draws."""

    name = "card"

    def __init__(self) -> None:
        self.drawn = 0

    def __call__(self, card: str) -> str:
        self.drawn += 1
        return f"<b>{card}</b>"


def test_a_card_is_drawn_once_for_all_that_it_depends_on_and_then_forgotten() -> None:
    app = Flask("small")
    speak(app, TEXT)
    seconds = 0.0
    cards, macro = DrawnCards(lambda: seconds), Macro()

    def draw(language: str, *beside: str) -> str:
        with app.test_request_context(f"/?lang={language}"):
            return cards(macro, "王女士", *beside)

    assert {draw("zh"), draw("zh")} == {"<b>王女士</b>"}
    assert macro.drawn == 1
    draw("en")
    draw("zh", "tomorrow")
    assert macro.drawn == 3
    for _ in range(2):
        seconds += KEPT_S
        draw("en")
    draw("zh")
    assert macro.drawn == 4
    assert "王女士" not in repr(cards)


def test_a_page_is_given_to_who_would_see_the_very_same() -> None:
    pages, drawn = SamePage[str](), list[str]()

    def draw() -> str:
        drawn.append("page")
        return f"page {len(drawn)}"

    assert [pages("zh", (1, "a"), draw), pages("zh", (1, "a"), draw)] == ["page 1"] * 2
    assert pages("en", (1, "a"), draw) == "page 2"
    assert pages("zh", (2, "a"), draw) == "page 3"


def test_screens_that_ask_at_one_moment_are_noted_in_one_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = ShopBox(tmp_path, now=NOW)
    book, real, batches = ViewBook(box.db_of_thread, box.now), note_views, list[int]()
    all_wait = threading.Event()

    def slow(db: object, shown: list[object], **named: object) -> None:
        batches.append(len(shown))
        if len(batches) == 1:  # the first: the others gather meanwhile
            all_wait.wait(5)
        real(db, shown, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("edge.console.viewbook.note_views", slow)
    screens = [threading.Thread(target=book.note, args=(f"D{n}", {"V1": "S"})) for n in range(6)]
    for screen in screens:
        screen.start()
    for _ in range(500):
        if len(book._waiting) == 5:
            break
        threading.Event().wait(0.01)
    all_wait.set()
    for screen in screens:
        screen.join()
    assert batches == [1, 5]
    assert sorted(actor for actor, _ in box.audited("view")) == [f"D{n}" for n in range(6)]


def test_cards_that_cannot_be_noted_are_refused_to_every_screen_that_waited(
    tmp_path: Path,
) -> None:
    box = ShopBox(tmp_path, now=NOW)
    book = ViewBook(box.db_of_thread, box.now)
    box.fill_up()
    for device in ("D1", "D2"):
        with pytest.raises(StoreFull):
            book.note(device, {"V1": "S"})


def test_a_screen_that_was_noted_asks_the_store_for_new_cards_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box, noted = ShopBox(tmp_path, now=NOW), list[list[str]]()
    book, real = ViewBook(box.db_of_thread, box.now), note_views

    def heard(db: Database, shown: list[Shown], **named: Any) -> None:
        noted.extend(sorted(one.cards) for one in shown)
        real(db, shown, **named)

    monkeypatch.setattr("edge.console.viewbook.note_views", heard)
    for cards in ({"V1": "S"}, {"V1": "S"}, {"V1": "S", "V2": "T"}, {"V1": "T"}, {"V1": "S"}):
        book.note("D1", cards)
    assert noted == [["V1"], ["V2"], ["V1"], ["V1"]], "a visit of another member is another card"
    ViewBook(box.db_of_thread, box.now).note("D1", {"V1": "S"})
    assert len(noted) == 4, "what was noted before a restart is known"
    assert len(box.audited("view")) == 3


def test_a_page_that_many_ask_for_at_once_is_drawn_by_one_of_them() -> None:
    pages, drawn, drawing = SamePage[str](), list[str](), threading.Event()

    def draw() -> str:
        drawn.append("page")
        drawing.wait(5)
        return "page"

    asking = [threading.Thread(target=pages, args=("zh", 1, draw)) for _ in range(6)]
    for one in asking:
        one.start()
    drawing.set()
    for one in asking:
        one.join()
    assert drawn == ["page"]


def test_a_profile_is_opened_again_when_it_has_changed_and_gone_when_it_was_erased(
    tmp_path: Path,
) -> None:
    box = ShopBox(tmp_path, now=NOW)
    member, other = box.member("王丽华"), box.member("张伟")
    people, subjects = People(box.db, box.keys), {member.subject, other.subject}
    first = people.by_subjects(subjects, {})
    assert people.by_subjects(subjects, first)[member.subject] is first[member.subject]
    box.register.change(member.id, dataclasses.replace(member.profile, called="王女士"), NOW)
    box.erase(other)
    second = people.by_subjects(subjects, first)
    found = second[member.subject].member
    assert found
    assert found.profile.called == "王女士"
    assert other.subject not in second
    box.db.execute("UPDATE member SET profile = zeroblob(60)")
    damaged = people.by_subjects(subjects, second)[member.subject]
    assert damaged.member is None
    assert "damaged" in damaged.fault
    assert "王" not in repr(damaged)


def test_two_devices_share_what_they_show_and_each_knows_its_own_claims(tmp_path: Path) -> None:
    box = ShopBox(tmp_path, now=NOW)
    mine, free = box.visit(), box.visit()
    box.floor.guests.claim(mine.id, "phone-1")
    sheet = box.desk._list().sheet
    (_, one), (_, two), (_, three) = (
        box.floor.counter(sheet, device, "consultant")
        for device in ("phone-1", "phone-2", "phone-3")
    )
    assert two is three
    assert [one.served[mine.id].mine, two.served[mine.id].mine] == [True, False]
    assert not one.served[free.id].claimed


def test_screens_of_two_people_do_not_share_who_is_asked_and_whose_a_guest_is(
    tmp_path: Path,
) -> None:
    box = ShopBox(tmp_path, now=NOW)
    works(box, "小林", "phone-1")
    works(box, "周敏", "phone-2")
    asked, taken = box.visit(box.member("王丽华", consultant="小林")), box.visit()
    box.announce(asked)
    box.floor.guests.claim(taken.id, "phone-2")
    sheet = box.desk._list().sheet
    (lin, own), (_, other), (_, manager) = (
        box.floor.counter(sheet, device, role)
        for device, role in (("phone-1", "consultant"), ("phone-2", "consultant"), ("x", "manager"))
    )
    assert lin.person
    assert lin.person.name == "小林"
    assert own.served[asked.id].asked_for_s is not None
    assert [one.served[taken.id].mine for one in (own, other, manager)] == [False, True, False]
    again = box.floor.counter(sheet, "phone-1", "consultant")[1]
    assert again is own
