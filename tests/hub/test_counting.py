"""The audit of counting: hours drawn by chance, counted by people, put beside the cameras."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, Engine, delete, insert, select, update

from cloud.accounts.scope import EVERYTHING, Scope
from cloud.counting.checks import (
    WHY_DROPPED,
    CountingFault,
    Problem,
    Told,
    Who,
    draw_hour,
    drop,
    enter,
)
from cloud.counting.draw import STRATA, Way, draw, hours_between
from cloud.counting.tables import count_check
from cloud.db import reading, writing
from cloud.figures.accuracy import OLD_AFTER, accuracy
from cloud.queries.counting import (
    LOOKED_AT,
    accuracy_of,
    accuracy_of_all,
    cameras_checked,
    checks_of,
    dropped_of,
)
from cloud.rollup import rollup
from cloud.tables import box, crossing_minute, hour_summary, meter
from menkou.web.i18n import load_texts
from tests.hub.conftest import NOW, on_sqlite
from tests.support.accounts import HubOffice, cheaply, token_of
from tests.support.counted import counted, open_shop
from tests.support.tallies import day, sum_chain

HEAD = Who(actor="account:1", role="head_office", scope=EVERYTHING)
TEXT = Path(__file__).parents[2] / "cloud/pages/counting/text"
SHOP = "nj-001"
HOUR = timedelta(hours=1)


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """A shop with two cameras that was open for two weeks."""
    with writing(engine) as connection:
        open_shop(connection, SHOP, NOW, cameras=("door", "side"))
    return engine


def _draw(engine: Engine, way: Way = "video", seed: str = "", who: Who = HEAD) -> Any:
    with writing(engine) as connection:
        new = draw_hour(connection, who, SHOP, way, NOW, seed)
        return connection.execute(select(count_check).where(count_check.c.id == new)).one()


def _enter(engine: Engine, check: str, told: Told, now: datetime = NOW, who: Who = HEAD) -> Any:
    with writing(engine) as connection:
        enter(connection, who, check, told, now)
        return connection.execute(select(count_check).where(count_check.c.id == check)).one()


def _problem(call: Callable[[], Any]) -> str:
    with pytest.raises(CountingFault) as caught:
        call()
    return str(caught.value.problem)


def test_the_draw_is_kept_before_anybody_counts_and_is_the_same_again_from_its_seed(
    shop: Engine,
) -> None:
    row = _draw(shop)
    assert (row.state, row.drawn_by, row.drawn_at) == ("open", HEAD.actor, NOW)
    assert (row.entered_true, row.entered_counted, len(row.seed)) == (None, None, 32)
    assert NOW - timedelta(days=7) <= row.hour <= NOW - HOUR
    assert 10 <= row.hour.hour < 20
    with writing(shop) as connection:
        connection.execute(delete(count_check))
    again = _draw(shop, seed=row.seed)
    same = ("camera", "hour", "stratum", "among", "seed")
    assert [getattr(again, name) for name in same] == [getattr(row, name) for name in same]


def test_an_hour_in_which_the_camera_saw_nobody_can_be_drawn(shop: Engine) -> None:
    with writing(shop) as connection:
        lately = crossing_minute.c.minute >= NOW - timedelta(days=7)
        connection.execute(delete(crossing_minute).where(lately))
    row = _draw(shop)
    done = _enter(shop, row.id, Told(entered=40))
    assert (done.entered_true, done.entered_counted) == (40, 0)
    # Who left nobody counted: that is not known, on either side.
    assert (done.left_true, done.left_counted) == (None, None)


@on_sqlite
def test_cameras_and_busy_and_quiet_hours_come_by_turns(shop: Engine) -> None:
    seen = []
    for _ in range(8):
        row = _draw(shop)
        seen.append((row.camera, row.stratum))
        assert (row.stratum == "busy") == (row.hour.hour >= 15)
        _enter(shop, row.id, Told(entered=1))
    assert set(Counter(seen).values()) == {2}
    assert len(set(seen)) == 4


def test_of_each_camera_one_hour_is_open_at_a_time(shop: Engine) -> None:
    cameras = {_draw(shop).camera for _ in range(2)}
    assert cameras == {"door", "side"}
    assert _problem(lambda: _draw(shop)) == "all_open"


@on_sqlite
def test_an_hour_that_is_to_be_counted_at_the_door_is_still_to_come(shop: Engine) -> None:
    row = _draw(shop, "door")
    assert NOW + HOUR <= row.hour <= NOW + timedelta(days=7)
    assert _problem(lambda: _enter(shop, row.id, Told(entered=1))) == "not_over"


def test_each_hour_of_a_stratum_is_drawn_about_as_often() -> None:
    slots = hours_between(NOW.date(), NOW.date(), ZoneInfo("UTC"), 0, 1 << 40)
    usual = {slot: 100 if slot[1] >= 12 else 10 for slot in slots.values()}
    of: dict[Any, Any] = {("a", "door"): {"quiet": 1}}
    drawn = [draw(of, slots, usual, lambda *_: False, str(seed)) for seed in range(2_400)]
    found = Counter(one.hour for one in drawn if one)
    assert len(found) == 12
    # Of 200 each, four standard deviations (13.5) either way.
    assert all(146 <= count <= 254 for count in found.values()), found


def test_an_hour_is_drawn_once_and_none_in_which_the_shop_is_not_open() -> None:
    slots = hours_between(NOW.date(), NOW.date(), ZoneInfo("UTC"), 0, 1 << 40)
    usual = {slot: 10 * slot[1] if 10 <= slot[1] < 20 else 0 for slot in slots.values()}
    drawn: list[int] = []
    for _ in range(11):
        one = draw({("a", "door"): {}}, slots, usual, lambda _, hour: hour in drawn, "x")
        if one is not None:
            drawn.append(one.hour)
    assert sorted(slots[hour][1] for hour in drawn) == list(range(10, 20))
    assert draw({("a", "door"): {}}, slots, dict.fromkeys(usual, 0), lambda *_: False, "x") is None


def test_an_hour_that_is_not_whole_within_its_bounds_is_not_drawn() -> None:
    noon = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp())
    day = NOW.date()
    found = hours_between(day, day, ZoneInfo("UTC"), noon - 7200, noon + 3599)
    assert sorted(found) == [noon - 7200, noon - 3600]
    found = hours_between(day, day, ZoneInfo("UTC"), noon - 7199, noon + 3600)
    assert sorted(found) == [noon - 3600, noon]


@on_sqlite
def test_a_camera_that_saw_nobody_for_a_fortnight_is_not_drawn(shop: Engine) -> None:
    with writing(shop) as connection:
        later = NOW + timedelta(days=15)
        assert _problem(lambda: draw_hour(connection, HEAD, SHOP, "video", later)) == "no_camera"


def test_what_was_counted_is_kept_and_outlives_the_facts(shop: Engine) -> None:
    row = _draw(shop)
    with writing(shop) as connection:
        connection.execute(delete(crossing_minute).where(crossing_minute.c.minute == row.hour))
        connection.execute(
            delete(crossing_minute).where(
                crossing_minute.c.minute >= row.hour, crossing_minute.c.minute < row.hour + HOUR
            )
        )
        counted(connection, SHOP, row.hour, entered=90, left=80, camera=row.camera, closed=3)
        other = "side" if row.camera == "door" else "door"
        counted(connection, SHOP, row.hour, entered=500, left=500, camera=other)
        counted(connection, SHOP, row.hour + HOUR, entered=0, camera="elsewhere")
    done = _enter(shop, row.id, Told(entered=100, left=82))
    assert (done.entered_true, done.entered_counted) == (100, 93)
    assert (done.left_true, done.left_counted) == (82, 80)
    assert (done.state, done.done_by, done.done_as) == ("done", HEAD.actor, "head_office")
    with writing(shop) as connection:
        connection.execute(delete(crossing_minute))
    with reading(shop) as connection:
        found = accuracy_of(connection, EVERYTHING, NOW)[SHOP]
    assert (found.counted, found.true, found.hours, found.ratio) == (93, 100, 1, 0.93)


def test_an_hour_that_the_box_has_not_told_is_not_taken(shop: Engine) -> None:
    row = _draw(shop)
    for lacking in (
        {"last_seen": row.hour + HOUR / 2},
        {"last_seen": None},
        {"last_seen": NOW, "oldest_unacked_at": row.hour},
    ):
        with writing(shop) as connection:
            connection.execute(update(box).values(**lacking))
        assert _problem(lambda: _enter(shop, row.id, Told(entered=1))) == "not_told"
    with writing(shop) as connection:
        connection.execute(update(box).values(last_seen=NOW, oldest_unacked_at=row.hour + HOUR))
    assert _enter(shop, row.id, Told(entered=1)).state == "done"


def test_an_hour_that_is_known_as_a_whole_only_says_nothing_of_a_camera(shop: Engine) -> None:
    row = _draw(shop)
    with writing(shop) as connection:
        figures = dict.fromkeys([c.name for c in hour_summary.c], 0)
        its = {"store": SHOP, "box": row.box, "hour": row.hour, "basis": "crossings", "rev": 1}
        connection.execute(insert(hour_summary).values(**{**figures, **its}))
    assert _problem(lambda: _enter(shop, row.id, Told(entered=1))) == "facts_gone"


@on_sqlite
def test_an_hour_whose_facts_are_past_keeping_is_not_taken_as_one_in_which_nobody_came(
    shop: Engine,
) -> None:
    row = _draw(shop)
    with writing(shop) as connection:
        until = int((row.hour + HOUR).timestamp() * 1000)
        connection.execute(insert(meter).values(name="kept_from", value=until))
    assert _problem(lambda: _enter(shop, row.id, Told(entered=1))) == "facts_gone"


@on_sqlite
def test_an_hour_that_was_given_up_leaves_its_camera_the_turn(shop: Engine) -> None:
    first = _draw(shop, seed="the same")
    with writing(shop) as connection:
        drop(connection, HEAD, first.id, "not_there", NOW)
    again = _draw(shop, seed="the same")
    assert (again.camera, again.hour) == (first.camera, first.hour)
    _enter(shop, again.id, Told(entered=1))
    assert _draw(shop, seed="the same").camera != first.camera


@on_sqlite
def test_an_hour_is_entered_or_given_up_once(shop: Engine) -> None:
    first, second = _draw(shop), _draw(shop)
    _enter(shop, first.id, Told(entered=10))
    assert _problem(lambda: _enter(shop, first.id, Told(entered=11))) == "over"
    with writing(shop) as connection:
        drop(connection, HEAD, second.id, "no_video", NOW)
        assert dropped_of(connection, EVERYTHING, NOW) == 1
        row = connection.execute(select(count_check).where(count_check.c.id == second.id)).one()
    assert (row.state, row.why, row.done_by) == ("dropped", "no_video", HEAD.actor)
    assert _problem(lambda: _enter(shop, second.id, Told(entered=1))) == "over"
    assert _problem(lambda: _enter(shop, "nothing", Told(entered=1))) == "gone"
    assert _problem(lambda: _enter(shop, first.id, Told(entered=-1))) == "over"


@on_sqlite
def test_nobody_draws_or_enters_for_a_shop_that_they_do_not_see(shop: Engine) -> None:
    row = _draw(shop)
    other = Who(actor="account:2", role="shop", scope=Scope(shops=frozenset({"x"}), names=True))
    assert _problem(lambda: _draw(shop, who=other)) == "no_shop"
    assert _problem(lambda: _enter(shop, row.id, Told(entered=1), who=other)) == "gone"
    _enter(shop, row.id, Told(entered=1))
    with reading(shop) as connection:
        assert accuracy_of(connection, other.scope, NOW) == {}
        assert accuracy_of_all(connection, other.scope, NOW) is None
        assert cameras_checked(connection, other.scope, NOW) == []
        assert checks_of(connection, other.scope, "done") == []


@on_sqlite
def test_a_shop_whose_cameras_counted_nobody_has_nothing_to_draw(engine: Engine) -> None:
    with writing(engine) as connection:
        open_shop(connection, SHOP, NOW, days=0)
    assert _problem(lambda: _draw(engine)) == "no_camera"


def _checked(connection: Connection, number: int, true: int, seen: int, **changes: Any) -> None:
    same = {"store": SHOP, "box": "a", "camera": "door", "hour": NOW - HOUR, "way": "video"}
    same |= {"stratum": "busy", "seed": "0", "among": 9, "drawn_at": NOW, "drawn_by": "x"}
    same |= {"state": "done", "done_at": NOW, "done_by": "x", "done_as": "shop", "id": str(number)}
    row = {**same, "entered_true": true, "entered_counted": seen, **changes}
    connection.execute(insert(count_check).values(**row))


def test_the_accuracy_of_shops_and_cameras_is_summed_over_their_hours(engine: Engine) -> None:
    with writing(engine) as connection:
        open_shop(connection, SHOP, NOW, days=0)
        open_shop(connection, "sz-001", NOW, days=0)
        _checked(connection, 1, 200, 180, done_at=NOW - HOUR)
        _checked(connection, 2, 100, 110, left_true=50, left_counted=55)
        _checked(connection, 3, 300, 300, camera="side")
        _checked(connection, 4, 1000, 1, store="sz-001")
        _checked(connection, 5, 9999, 1, hour=NOW - LOOKED_AT - HOUR)
        _checked(connection, 6, 9999, 1, state="open", done_at=None)
    with reading(engine) as connection:
        shops = accuracy_of(connection, EVERYTHING, NOW)
        one = accuracy_of(connection, EVERYTHING, NOW, ["sz-001", "sz-999"])
        door, side, _ = cameras_checked(connection, EVERYTHING, NOW)
        whole = accuracy_of_all(connection, EVERYTHING, NOW)
    ours = shops[SHOP]
    assert (ours.counted, ours.true, ours.hours, ours.last_at) == (590, 600, 3, NOW)
    assert ours.off == 30 / 600
    assert ours.low is not None
    assert ours.high is not None
    assert ours.ratio is not None
    assert ours.low < ours.ratio < ours.high
    assert set(one) == {"sz-001"}
    assert (door.entered.counted, door.entered.true, side.left) == (290, 300, None)
    assert door.left is not None
    assert (door.left.counted, door.left.true, door.left.hours) == (55, 50, 1)
    assert whole is not None
    assert (whole.counted, whole.true) == (591, 1600)


@pytest.mark.parametrize(
    ("seen", "true", "word"),
    [
        (95, 100, "good"),
        (105, 100, "good"),
        (94, 100, "fair"),
        (110, 100, "fair"),
        (89, 100, "low"),
        (111, 100, "high"),
        (99, 99, "few"),
        (3, 0, "few"),
    ],
)
def test_a_plain_word_says_how_right_a_count_is(seen: int, true: int, word: str) -> None:
    found = accuracy(counted=seen, true=true, hours=1, off=0, last_at=NOW)
    assert found.word == word
    assert (found.ratio is None) == (true == 0)
    assert not found.is_old(NOW + OLD_AFTER)
    assert found.is_old(NOW + OLD_AFTER + HOUR)


def test_every_problem_and_reason_has_words() -> None:
    for texts in load_texts(TEXT).values():
        assert {p for p in get_args(Problem) if f"counting.problem_{p}" not in texts} == set()
        assert {w for w in WHY_DROPPED if f"counting.why_{w}" not in texts} == set()
        assert {s for s in STRATA if f"counting.stratum_{s}" not in texts} == set()


@on_sqlite
def test_a_clerk_draws_and_enters_on_the_page_and_an_auditor_only_looks(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cheaply(monkeypatch)
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with writing(engine) as connection:
        open_shop(connection, SHOP, now)
        connection.execute(update(box).values(last_seen=now + HOUR))
    rollup(engine)
    office = HubOffice(engine, tmp_path)
    clerk = office.sign_in(office.person("chen", "shop", SHOP))
    auditor = office.sign_in(office.person("wu", "auditor"))
    form = {"csrf": token_of(clerk.get("/counting")), "shop": SHOP, "way": "video"}
    assert clerk.post("/counting/draw", data={**form, "shop": "sz-9"}).status_code == 409
    assert clerk.post("/counting/draw", data=form).status_code == 303
    page = clerk.get("/counting").text
    check = re.findall(r'name="check" value="(\w{26})"', page)[0]
    assert "By the camera" not in page  # what it counted is not shown before
    sent = {"csrf": form["csrf"], "check": check, "entered": "120", "left": ""}
    for wrong in ("", "-1", "12.5", "9999999", "२"):
        assert clerk.post("/counting/enter", data={**sent, "entered": wrong}).status_code == 409
    assert clerk.post("/counting/enter", data={**sent, "left": "x"}).status_code == 409
    assert clerk.post("/counting/enter", data=sent).status_code == 303
    page = clerk.get("/counting").text
    assert "By the camera" in page
    assert "the shop" in page
    assert "Shown chen" not in page.split("<main")[1]
    assert "95% interval" in auditor.get("/counting").text
    assert 'action="/counting/draw"' not in auditor.get("/counting").text
    cameras = auditor.get("/counting?format=csv").text.splitlines()
    hours = auditor.get("/counting?format=csv&table=hours").text.splitlines()
    assert [line.split(",")[1] for line in cameras[1:]] == [SHOP]
    assert [line.split(",")[5] for line in hours[1:]] == ["120"]
    assert "/counting?format=csv&amp;table=hours" in page
    refused = auditor.post("/counting/draw", data={**form, "csrf": token_of(auditor.get("/me"))})
    assert refused.status_code == 403


@on_sqlite
def test_how_right_the_counting_is_stands_beside_footfall(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cheaply(monkeypatch)
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    with writing(engine) as connection:
        open_shop(connection, SHOP, datetime.now(UTC), days=0)
        for number in range(3):
            day(connection, SHOP, yesterday - timedelta(days=number), visitors=500)
        sum_chain(connection)
    office = HubOffice(engine, tmp_path)
    clerk = office.sign_in(office.person("chen", "shop", SHOP))
    assert "The counting was never checked" in clerk.get("/").text
    assert "97.5" not in clerk.get(f"/shops/{SHOP}").text
    with writing(engine) as connection:
        _checked(connection, 1, 400, 390, hour=datetime.now(UTC), done_at=datetime.now(UTC))
    assert "cameras counted 97.5 %" in clerk.get("/").text
    assert "97.5" in clerk.get(f"/shops/{SHOP}").text
