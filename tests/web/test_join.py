"""A guest joins on a screen of their own, decides on recognition, and has photos taken."""

import io
import json
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from edge.core.profile import read_profile
from edge.desk.join import ACTOR
from edge.store import joining
from edge.store.consents import history
from edge.store.people import Member, People, member_of
from tests.web.test_access import BASE, Shop, get, post, token

ADULT = {"age": "adult", "version": "2026-11", "language": "en"}
Send = Callable[..., TestResponse]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


class Guest:
    """A guest's phone, which was never paired."""

    def __init__(self, shop: Shop, address: str = "192.0.2.77") -> None:
        self.shop = shop
        self.phone: FlaskClient = shop.device(address)
        self.link = f"/join/{shop.box.join.link().token}"

    def send(self, path: str, **form: Any) -> TestResponse:
        return post(self.phone, path, csrf=token(self.phone, self.page), **form)

    @property
    def page(self) -> str:
        """A page with a form on it."""
        return "/pair"

    def join(self, called: str = "王女士", **more: str) -> TestResponse:
        get(self.phone, self.link)
        return self.send(self.link, called=called, **more)

    def photo(self, said: str) -> TestResponse:
        data = {"csrf": token(self.phone, self.page), "photo": (io.BytesIO(said.encode()), "p")}
        return self.phone.post(
            "/join/photo", base_url=BASE, data=data, headers={"Accept-Language": "en"}
        )

    def member(self) -> Member:
        (member,) = People(self.shop.box.db, self.shop.box.keys).everybody().members
        return member


@pytest.fixture
def guest(shop: Shop) -> Guest:
    return Guest(shop)


def test_the_shops_code_leads_an_unpaired_phone_to_joining(shop: Shop, guest: Guest) -> None:
    tablet = shop.paired("guest")
    poster = get(tablet, "/members/join").text
    assert "<svg" in poster
    assert f"{guest.link}?here=1" in poster
    assert "What shall we call you?" in get(guest.phone, guest.link).text
    answer = guest.join(phone="138 0013 8000", claimed_id="V-1001")
    assert (answer.status_code, answer.location) == (303, "/join/next")
    assert guest.member().profile.texts() == {
        "name": "王女士",
        "called": "王女士",
        "phone": "13800138000",
        "claimed_id": "V-1001",
    }
    assert shop.box.audited("enrol") == [(ACTOR, guest.member().subject)]
    assert "You are a member" in get(guest.phone, "/join/next").text


def test_two_taps_at_the_same_moment_make_one_member(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2)

    def slowly(texts: Any) -> Any:
        with suppress(threading.BrokenBarrierError):
            both.wait(0.5)  # for the other tap, if it is let in
        return read_profile(texts)

    monkeypatch.setattr("edge.desk.join.read_profile", slowly)
    screen, join = joining.new_screen(), shop.box.join.join
    taps = [threading.Thread(target=join, args=(screen, {"called": "王女士"})) for _ in range(2)]
    for tap in taps:
        tap.start()
    for tap in taps:
        tap.join()
    assert shop.box.db.table("member").count == 1


def test_a_form_that_is_sent_twice_makes_one_member(shop: Shop, guest: Guest) -> None:
    get(guest.phone, guest.link)
    for _ in range(2):
        assert guest.send(guest.link, called="王女士").status_code == 303
    assert shop.box.db.table("member").count == 1


def test_a_number_that_a_guest_gives_is_nobodys_until_a_consultant_confirms_it(
    shop: Shop, guest: Guest
) -> None:
    known = shop.box.member("王丽华", external_id="V-1001")
    answer = guest.join(called="骗子", claimed_id="V-1001")
    assert answer.status_code == 303  # nothing says that the number is somebody's
    people = People(shop.box.db, shop.box.keys)
    found = people.by_external_id("V-1001")
    assert found
    assert found.id == known.id
    (new,) = (one for one in people.everybody().members if one.id != known.id)
    consultant = shop.paired("consultant")
    path = f"/members/{new.id}"
    assert "The guest gave the number V-1001" in get(consultant, path).text
    taken = post(consultant, f"{path}/confirm", csrf=token(consultant, path))
    assert (taken.status_code, "Another member has this number" in taken.text) == (409, True)
    shop.box.erase(known)
    assert post(consultant, f"{path}/confirm", csrf=token(consultant, path)).status_code == 303
    assert people.by_id(new.id).profile.external_id == "V-1001"


def test_the_link_is_good_today_and_until_a_manager_changes_it(shop: Shop, guest: Guest) -> None:
    assert shop.box.fixed
    assert get(guest.phone, guest.link).status_code == 200
    for wrong in ("/join/x", "/join/" + "x" * 5000, "/join/é", "/join/%00"):
        assert get(guest.phone, wrong).status_code == 404
    manager = shop.paired("manager")
    post(manager, "/members/join/new", csrf=token(manager, "/members/join"))
    assert get(guest.phone, guest.link).status_code == 404
    assert guest.send(guest.link, called="王女士").status_code == 404
    fresh = Guest(shop)
    assert get(fresh.phone, fresh.link).status_code == 200
    shop.box.fixed += timedelta(days=1)
    assert get(fresh.phone, fresh.link).status_code == 404
    assert shop.box.db.table("member").count == 0


def test_a_screen_that_is_nobodys_reads_and_does_nothing(shop: Shop, guest: Guest) -> None:
    shop.box.member("王丽华")
    for path in ("/join/next", "/members", "/arrivals", "/"):
        answer = get(guest.phone, path)
        assert answer.status_code in (303, 404)
        assert "王丽华" not in answer.text
    assert guest.send("/join/consent", **ADULT).location == "/join/next"
    assert guest.photo("ok").location == "/join/next"
    assert guest.send("/join/mine", screen="x" * 43).status_code == 404
    assert shop.box.db.table("consent").count == shop.box.db.table("template").count == 0
    assert shop.box.posing.seen == []
    assert post(guest.phone, guest.link, called="王女士").status_code == 400  # no form token


def test_one_address_asks_only_so_often(shop: Shop, guest: Guest) -> None:
    answers = [get(guest.phone, "/join/wrong").status_code for _ in range(61)]
    assert answers == [404] * 60 + [429]
    assert get(Guest(shop, "192.0.2.78").phone, guest.link).status_code == 200
    shop.seconds += 61
    assert get(guest.phone, guest.link).status_code == 200


def test_of_one_day_only_so_many_join_by_the_link(
    shop: Shop, guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.desk.join.JOINED_A_DAY", 2)
    answers = [guest.join(f"客人{n}").status_code for n in range(3)]
    assert answers == [303, 303, 409]
    assert shop.box.db.table("member").count == 2


def test_who_agrees_and_has_three_good_photos_taken_is_recognised_from_then_on(
    shop: Shop, guest: Guest
) -> None:
    guest.join()
    asked = get(guest.phone, "/join/next").text
    assert "Would you like us to recognise you" in asked
    text = get(guest.phone, "/join/consent").text
    assert "示例珠宝公司" in text
    assert "privacy@example.com" in text
    assert "Consent to face recognition" in text
    assert "2027-11-21" in text
    assert guest.send("/join/consent", **ADULT).location == "/join/next"
    guest.send("/join/consent", **ADULT)
    subject = guest.member().subject
    (row,) = history(shop.box.db, subject)
    assert (row.kind, row.means, row.scope, row.text_version, row.language, row.adult) == (
        *("given", "screen", "store", "2026-11", "en", True),
    )
    assert get(guest.phone, "/join/next").location == "/join/photos"
    for said, told in (
        ("blurred", "The photo is blurred"),
        ("ok", "Good: 1 of 3"),
        ("not_one_person", "start again"),
        ("ok", "Good: 2 of 3"),
        ("<script>", "cannot be opened"),
    ):
        assert told in guest.photo(said).text
    assert shop.box.db.table("template").count == 0
    assert guest.photo("ok").location == "/join/next"
    assert shop.box.db.table("template").count == 1
    assert "Would you like" not in get(guest.phone, "/join/next").text
    assert guest.photo("ok").location == "/join/next"  # no fourth
    assert shop.box.db.table("template").count == 1
    everything = b"".join(p.read_bytes() for p in shop.box.folder.rglob("*") if p.is_file())
    assert b"not_one_person" not in everything  # what stands for a photo here


def test_who_says_no_is_a_member_like_any_other(shop: Shop, guest: Guest) -> None:
    guest.join()
    assert "Thank you" in guest.send("/join/leave").text
    assert get(guest.phone, "/join/next").status_code == 404
    assert shop.box.db.table("consent").count == 0
    assert shop.box.db.table("joining").count == 0
    assert guest.member().profile.called == "王女士"


GUARDED = {**ADULT, "age": "guarded", "guardian": "王芳", "relation": "母亲"}
REFUSED: tuple[tuple[dict[str, str], str], ...] = (
    ({**ADULT, "age": "child"}, "Under 14"),
    ({**ADULT, "age": ""}, "Under 14"),
    (GUARDED, "guardian"),
    ({**GUARDED, "guardian_agrees": "yes", "guardian": ""}, "guardian"),
    ({**GUARDED, "guardian_agrees": "yes", "relation": "\u202e"}, "guardian"),
)


def test_under_14_nothing_is_agreed_to_and_under_18_only_with_a_guardian(
    shop: Shop, guest: Guest
) -> None:
    guest.join()
    for form, told in REFUSED:
        answer = guest.send("/join/consent", **form)
        assert (answer.status_code, told in answer.text) == (409, True), form
    for form in ({**ADULT, "version": "2020-01"}, {**ADULT, "language": "xx"}):
        assert guest.send("/join/consent", **form).location == "/join/next"
    assert shop.box.db.table("consent").count == 0
    assert guest.send("/join/consent", **GUARDED, guardian_agrees="yes").status_code == 303
    (row,) = history(shop.box.db, guest.member().subject)
    assert (row.adult, row.sealed is not None) == (False, True)


def test_where_no_face_may_be_read_nobody_is_asked(shop: Shop, guest: Guest) -> None:
    guest.join()
    responsible, shop.box.responsible = shop.box.responsible, None
    assert "Would you like" not in get(guest.phone, "/join/next").text
    assert guest.send("/join/consent", **ADULT).location == "/join/next"
    shop.box.responsible, shop.box.hands.word = responsible, "suspect"
    assert guest.send("/join/consent", **ADULT).location == "/join/next"
    assert shop.box.db.table("consent").count == 0
    shop.box.hands.word = "ok"
    assert guest.send("/join/consent", **ADULT).location == "/join/next"
    assert shop.box.db.table("consent").count == 1


def test_a_screen_forgets_who_it_was_after_half_an_hour_and_sends_only_so_many_photos(
    shop: Shop, guest: Guest
) -> None:
    assert shop.box.fixed
    guest.join()
    guest.send("/join/consent", **ADULT)
    shop.seconds += 61
    for _ in range(joining.PHOTOS_MAX):
        shop.seconds += 2
        assert guest.photo("blurred").status_code == 200
    assert guest.photo("ok").status_code == 429
    shop.box.posing.full = True
    shop.box.fixed += timedelta(minutes=31)
    shop.seconds += 61
    assert get(guest.phone, "/join/next").status_code == 404
    assert guest.photo("ok").location == "/join/next"
    assert shop.box.db.table("template").count == 0


def test_while_too_many_have_photos_taken_the_next_is_told_to_wait(
    shop: Shop, guest: Guest
) -> None:
    guest.join()
    guest.send("/join/consent", **ADULT)
    shop.box.posing.full = True
    assert "Photos cannot be looked at just now" in guest.photo("ok").text


def test_who_takes_consent_back_between_two_photos_leaves_no_face(shop: Shop, guest: Guest) -> None:
    guest.join()
    guest.send("/join/consent", **ADULT)
    for _ in range(2):
        guest.photo("ok")
    shop.box.members.withdraw(guest.member().id, "local")
    assert guest.photo("ok").location == "/join/next"
    assert shop.box.db.table("template").count == 0


def test_a_member_of_before_decides_on_a_screen_that_a_consultant_opened(
    shop: Shop, guest: Guest
) -> None:
    member = shop.box.member("王丽华", external_id="V-1001")
    consultant = shop.paired("consultant")
    page = post(
        consultant, f"/members/{member.id}/screen", csrf=token(consultant, "/members/new")
    ).text
    assert "Good for 30 minutes" not in page or "<svg" in page
    screen = shop.box.members.own_screen(member.id, "local")
    assert screen
    looked = get(guest.phone, f"/join/mine/{screen}").text
    assert "王丽华" not in looked
    assert get(guest.phone, "/join/next").status_code == 404  # to look binds nothing
    assert guest.send("/join/mine", screen=screen).location == "/join/next"
    guest.send("/join/consent", **ADULT)
    for _ in range(3):
        guest.photo("ok")
    row = shop.box.db.execute("SELECT subject FROM template").fetchone()
    assert member_of(shop.box.db, row[0]) == member.id
    shop.box.erase(member)
    assert get(guest.phone, "/join/next").status_code == 404
    assert shop.box.db.table("joining").count == 0


def test_the_next_guest_at_a_shops_screen_does_not_act_for_the_one_before(
    shop: Shop, guest: Guest
) -> None:
    guest.join("第一位")
    get(guest.phone, f"{guest.link}?here=1")
    assert get(guest.phone, "/join/next").status_code == 404
    assert guest.send("/join/consent", **ADULT).location == "/join/next"
    assert shop.box.db.table("consent").count == 0
    get(guest.phone, f"{guest.link}?here=1")
    guest.send(guest.link, called="第二位")
    assert "Next guest" in guest.send("/join/leave").text


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_whole_consent_text_is_on_the_page(shop: Shop, guest: Guest, language: str) -> None:
    guest.join()
    page = guest.phone.get(
        f"/join/consent?lang={language}", base_url=BASE, headers={"Accept": "text/html"}
    ).text
    text = (Path("edge/consent") / f"2026-11.{language}.md").read_text(encoding="utf-8")
    shown = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)).replace("&#39;", "'")
    for line in text.splitlines():
        assert line.lstrip("#- ").strip() in shown


def test_what_is_sent_as_consent_is_what_the_command_would_take(shop: Shop, guest: Guest) -> None:
    guest.join()
    guest.send("/join/consent", **GUARDED, guardian_agrees="yes")
    member = guest.member()
    exported = shop.box.members.exported(member.id, "local")
    assert isinstance(exported, dict)
    assert exported["consents"][0]["personal"]["guardian"] == "王芳"
    assert len(exported["screens"]) == 1
    assert json.dumps(exported)
