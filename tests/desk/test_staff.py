"""Who works here, whose device is whose, and the PIN of a shared one."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from edge.core.codes import FAILURES_MAX, LOCKED_FOR
from edge.core.stay import Thresholds
from edge.desk.staff import StaffDesk
from edge.store.audit import Audit
from tests.web.shopbox import SHANGHAI, ShopBox

NOW = datetime(2026, 11, 22, 16, 25, 30, tzinfo=SHANGHAI)


@pytest.fixture
def box(tmp_path: Path) -> ShopBox:
    return ShopBox(tmp_path, now=NOW)


@pytest.fixture
def people(box: ShopBox) -> StaffDesk:
    desk = box.floor.people
    for name, pin in (("小林", "2468"), ("周敏", "")):
        assert desk.add(name, "consultant", pin, "local") is None
    return desk


def named(people: StaffDesk, name: str) -> str:
    (found,) = [one.id for one in people.everybody() if one.name == name]
    return found


def at(people: StaffDesk, device: str) -> str | None:
    person = people.me(device).person
    return person.name if person else None


def test_ones_own_device_is_chosen_by_a_tap(people: StaffDesk) -> None:
    assert people.me("phone").must_choose
    assert people.choose("phone", named(people, "周敏"), "") == "chosen"
    assert (at(people, "phone"), people.me("phone").must_choose) == ("周敏", False)
    assert people.choose("phone", named(people, "小林"), "") == "chosen"
    assert at(people, "phone") == "小林"
    people.leave("phone")
    assert at(people, "phone") is None


def test_a_shared_device_asks_for_the_persons_pin(people: StaffDesk) -> None:
    people.choose("tablet", named(people, "周敏"), "")
    people.share("tablet", shared=True, actor="local")
    assert at(people, "tablet") is None
    lin = named(people, "小林")
    assert people.choose("tablet", lin, "") == "pin_needed"
    assert people.choose("tablet", lin, "1111") == "pin_wrong"
    assert people.choose("tablet", named(people, "周敏"), "1111") == "pin_none"
    assert people.choose("tablet", lin, "2468") == "chosen"
    assert at(people, "tablet") == "小林"


def test_a_shared_device_that_nobody_uses_asks_again(box: ShopBox, people: StaffDesk) -> None:
    people.share("tablet", shared=True, actor="local")
    people.choose("tablet", named(people, "小林"), "2468")
    visit = box.visit().id
    box.fixed = NOW + timedelta(minutes=9)
    box.floor.guests.claim(visit, "tablet")
    box.fixed = NOW + timedelta(minutes=18)
    assert at(people, "tablet") == "小林", "she claimed a guest meanwhile"
    box.fixed = NOW + timedelta(minutes=20)
    assert at(people, "tablet") is None


def test_five_wrong_pins_lock_the_person_on_every_tablet(box: ShopBox, people: StaffDesk) -> None:
    lin = named(people, "小林")
    for tablet in ("tablet", "other"):
        people.share(tablet, shared=True, actor="local")
    for _ in range(FAILURES_MAX):
        assert people.choose("tablet", lin, "0000") == "pin_wrong"
    assert people.choose("other", lin, "2468") == "pin_locked"
    assert people.wait_minutes(lin) == LOCKED_FOR.total_seconds() / 60
    box.fixed = NOW + LOCKED_FOR
    assert people.choose("other", lin, "2468") == "chosen"
    box.fixed = NOW
    for _ in range(FAILURES_MAX):
        people.choose("tablet", lin, "0000")
    assert people.set_pin(lin, "1357", "local") is None
    assert people.choose("tablet", lin, "1357") == "chosen"


def test_a_pin_stands_nowhere_in_the_store(box: ShopBox, people: StaffDesk) -> None:
    (kept,) = box.db.execute("SELECT pin FROM staff WHERE name = '小林'").fetchone()
    assert b"2468" not in kept
    assert len(kept) == 48
    assert "2468" not in str(Audit(box.db).entries())


def test_who_works_here_no_more_is_chosen_by_nobody_and_claims_keep_the_name(
    box: ShopBox, people: StaffDesk
) -> None:
    lin, visit = named(people, "小林"), box.visit().id
    people.choose("phone", lin, "")
    box.floor.guests.claim(visit, "phone")
    people.end(lin, "local")
    assert [one.name for one in people.everybody()] == ["周敏"]
    assert people.choose("phone", lin, "") == "gone"
    assert at(people, "phone") is None
    assert people.set_pin(lin, "1357", "local") == "gone"
    assert box.desk.arrivals("phone").cards[0].served.by == "小林"


@pytest.mark.parametrize(
    ("name", "role", "pin", "refused"),
    [
        pytest.param(" \n ", "consultant", "", "name", id="no name"),
        pytest.param("小林", "boss", "", "role", id="no such role"),
        pytest.param("小林", "consultant", "123", "pin", id="three digits"),
        pytest.param("小林", "consultant", "123456789", "pin", id="nine digits"),
        pytest.param("小林", "consultant", "abcd", "pin", id="letters"),
    ],
)
def test_what_is_wrong_is_refused(
    people: StaffDesk, name: str, role: str, pin: str, refused: str
) -> None:
    assert people.add(name, role, pin, "local") == refused
    assert len(people.everybody()) == 2


def test_sound_and_vibration_are_set_for_each_device(people: StaffDesk) -> None:
    people.set_alerts("phone", sound=False, vibration=True)
    people.choose("phone", named(people, "小林"), "")
    setting = people.me("phone").setting
    assert (setting.sound, setting.vibration) == (False, True)
    assert people.me("tablet").setting.sound


@pytest.mark.parametrize(
    ("tea", "meal", "kept"),
    [
        pytest.param("15", "60", Thresholds(tea=15, meal=60), id="both"),
        pytest.param("", "６０", Thresholds(tea=None, meal=60), id="a Chinese keyboard"),
        pytest.param("15", "", Thresholds(tea=15, meal=None), id="no meals"),
        pytest.param("60", "60", None, id="the meal no later"),
        pytest.param("0", "60", None, id="at once"),
        pytest.param("15", "9999", None, id="never within a day"),
        pytest.param("soon", "", None, id="no number"),
    ],
)
def test_the_manager_sets_the_thresholds(
    people: StaffDesk, tea: str, meal: str, kept: Thresholds | None
) -> None:
    assert people.set_thresholds(tea, meal, "local") == (None if kept else "minutes")
    assert people.thresholds() == (kept or Thresholds())


def test_what_the_manager_does_is_in_the_log(box: ShopBox, people: StaffDesk) -> None:
    lin = named(people, "小林")
    people.choose("phone", lin, "")
    people.choose("phone", lin, "")
    people.share("phone", shared=True, actor="manager")
    people.set_thresholds("15", "60", "manager")
    entries = [e for e in Audit(box.db).entries() if e.what in ("staff", "stay")]
    assert [(e.actor, e.detail.get("how", e.detail.get("tea"))) for e in entries] == [
        *(("local", "added"), ("local", "added")),
        *(("phone", "uses"), ("manager", "shared"), ("manager", 15)),
    ]
