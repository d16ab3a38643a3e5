"""The list of shops and a shop's page: figures worked out by hand from counted days."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Connection, Engine, insert

from cloud.accounts.scope import EVERYTHING, Scope
from cloud.app import create_app
from cloud.config import load
from cloud.db import reading, writing
from cloud.figures.period import Period
from cloud.hours import day_bounds
from cloud.memo import Memo
from cloud.pages.shops.board import ShopBoard, shop_board
from cloud.pages.shops.listing import ListBoard, list_board
from cloud.pages.shops.staff import short_codes
from cloud.queries.funnel import due_of
from cloud.queries.shop import shop_period
from cloud.queries.shops import ShopList, Wanted, listed
from cloud.tables import FIGURES, hourly, presence_daily
from cloud.tally.tables import bin_tally, hour_tally, staff_tally
from tests.hub.conftest import on_sqlite
from tests.support import tallies

TODAY = date(2026, 11, 21)  # a Saturday
WEEK = Period(first=date(2026, 11, 14), last=date(2026, 11, 20))
NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)  # 16:00 in Shanghai
SHANGHAI = "Asia/Shanghai"
DAY = timedelta(days=1)
YEAR = timedelta(weeks=52)


def _wanted(period: Period = WEEK, **more: Any) -> Wanted:
    return Wanted(period=period, today=TODAY, **more)


def _list(engine: Engine, scope: Scope = EVERYTHING, **more: Any) -> ShopList:
    with reading(engine) as connection:
        return listed(connection, scope, _wanted(**more), NOW, Memo())


def _ids(found: ShopList) -> list[str]:
    return [line.shop.store_id for line in found.lines]


def _hour(connection: Connection, of: str, on: date, hour: int, visitors: int, **more: Any) -> None:
    """Put visitors of a local hour there."""
    zone = ZoneInfo(more.pop("zone", SHANGHAI))
    start = day_bounds(on, zone)[0] + 3600 * hour
    row = {**dict.fromkeys(FIGURES, 0), "visitors": visitors, "basis": "crossings", **more}
    connection.execute(insert(hourly).values(store=of, hour=start, **row))


def _board(
    engine: Engine,
    of: str = "s1",
    *,
    period: Period = WEEK,
    day: date = TODAY,
    known_until: datetime | None = None,
) -> ShopBoard:
    with reading(engine) as connection:
        found = shop_period(connection, EVERYTHING, of, period, day, due_of(period, TODAY))
    assert found is not None
    return shop_board(found, NOW, known_until)


def test_shops_are_found_by_their_name_or_id_and_paged_by_fifty(engine: Engine) -> None:
    with writing(engine) as connection:
        for number in range(120):
            tallies.shop(connection, f"s-{number:03}", called=f"店 {number % 7}")
        tallies.shop(connection, "x-1", called="100% 黄金")
    assert _ids(_list(engine, text="X-1")) == ["x-1"]
    assert _ids(_list(engine, text="黄金")) == ["x-1"]
    assert _ids(_list(engine, text="%")) == ["x-1"]
    assert _list(engine, text="店 3").shops == 17
    every = [_list(engine, page=page) for page in (1, 2, 3)]
    assert [len(one.lines) for one in every] == [50, 50, 21]
    assert len({name for one in every for name in _ids(one)}) == 121
    assert (every[2].first, every[2].last, every[2].pages) == (101, 121, 3)
    assert _list(engine, page=99).page == 3


def test_nobody_finds_a_shop_that_they_do_not_see(engine: Engine) -> None:
    with writing(engine) as connection:
        for name in ("s1", "s2"):
            tallies.day(connection, name, WEEK.last, visitors=20)
    ours = Scope(shops=frozenset({"s1"}), names=False)
    for sort in ("name", "visitors", "change"):
        assert _ids(_list(engine, ours, sort=sort)) == ["s1"]
    with reading(engine) as connection:
        due = due_of(WEEK, TODAY)
        assert shop_period(connection, ours, "s2", WEEK, TODAY, due) is None
        assert shop_period(connection, ours, "s1", WEEK, TODAY, due) is not None


def test_shops_are_ranked_among_those_of_their_basis_only(engine: Engine) -> None:
    with writing(engine) as connection:
        for name, basis, visitors in (
            *(("a", "crossings", 10), ("b", "distinct", 99), ("c", "crossings", 70)),
            *(("d", "distinct", 5), ("e", "crossings", 40)),
        ):
            tallies.day(connection, name, WEEK.last, basis=basis, visitors=visitors)
        tallies.shop(connection, "silent")
    assert _ids(_list(engine, sort="visitors", down=True)) == ["c", "e", "a", "b", "d", "silent"]
    assert _ids(_list(engine, sort="visitors")) == ["a", "e", "c", "d", "b", "silent"]


def test_a_shop_that_was_counted_in_two_ways_has_a_row_of_each(engine: Engine) -> None:
    with writing(engine) as connection:
        tallies.day(connection, "s1", WEEK.first, visitors=30)
        tallies.day(connection, "s1", WEEK.last, basis="distinct", visitors=20)
    for sort in ("name", "visitors"):
        found = [(one.basis, one.now.sums["visitors"]) for one in _list(engine, sort=sort).lines]
        assert found == [("crossings", 30), ("distinct", 20)]


@on_sqlite
def test_a_figure_that_is_hidden_has_no_place_in_the_order(engine: Engine) -> None:
    with writing(engine) as connection:
        for name, sales in (("a", 9), ("b", 30), ("c", 3), ("d", 12)):
            tallies.day(connection, name, WEEK.last, visitors=100, till_visitors=100, sales=sales)
    assert _ids(_list(engine, sort="conversion", down=True)) == ["b", "d", "a", "c"]
    assert _ids(_list(engine, sort="conversion")) == ["d", "b", "a", "c"]


@on_sqlite
def test_the_order_is_asked_of_all_shops_once_and_the_figures_each_time(engine: Engine) -> None:
    orders = Memo()

    def asked() -> list[tuple[str, int | None]]:
        with reading(engine) as connection:
            wanted = _wanted(sort="visitors", down=True)
            found = listed(connection, EVERYTHING, wanted, NOW, orders)
        return [(line.shop.store_id, line.now.sums["visitors"]) for line in found.lines]

    with writing(engine) as connection:
        tallies.day(connection, "a", WEEK.first, visitors=10)
        tallies.day(connection, "b", WEEK.first, visitors=20)
    assert asked() == [("b", 20), ("a", 10)]
    with writing(engine) as connection:
        tallies.day(connection, "a", WEEK.last, visitors=90)
        tallies.sum_chain(connection)
    assert asked() == [("b", 20), ("a", 100)]


def _listing(engine: Engine, **more: Any) -> ListBoard:
    return list_board(_list(engine, **more), _wanted(**more), {})


@on_sqlite
def test_a_shop_without_a_till_has_no_conversion_and_says_why(engine: Engine) -> None:
    with writing(engine) as connection:
        tallies.day(connection, "a", WEEK.last, visitors=100, till_visitors=80, sales=20)
        tallies.day(connection, "b", WEEK.last, visitors=100)
        tallies.day(connection, "c", WEEK.last, visitors=100, till_visitors=80, sales=4)
        tallies.day(connection, "d", WEEK.last, visitors=100, till_visitors=80, sales=9)
    (group,) = _listing(engine).groups
    conversion = [
        (one.value, one.why) for row in group.rows for one in row.figures if one.key == "conversion"
    ]
    assert conversion == [(0.25, ""), (None, "no_till"), *[(None, "few")] * 2]
    assert group.without == (("member_share", "no_faces"), ("capture_rate", "no_wifi"))


@on_sqlite
def test_the_change_is_visitors_per_counted_day_of_days_that_are_over(engine: Engine) -> None:
    period = Period(first=TODAY - 3 * DAY, last=TODAY)
    with writing(engine) as connection:
        # Two of three days are counted, and today has only begun.
        for back, visitors in ((3, 110), (1, 130), (0, 2)):
            tallies.day(connection, "a", TODAY - back * DAY, visitors=visitors)
        for back in (3, 2, 1):
            tallies.day(connection, "a", TODAY - back * DAY - YEAR, visitors=100)
        tallies.day(connection, "b", TODAY - DAY, visitors=50)
        tallies.day(connection, "b", TODAY - DAY - YEAR, basis="distinct", visitors=50)
        tallies.day(connection, "c", TODAY - DAY, visitors=50)
        for back in (3, 2, 1):
            tallies.day(connection, "c", TODAY - back * DAY - YEAR, visitors=100)
    (group,) = _listing(engine, period=period).groups
    said = {row.line.shop.store_id: (row.change, row.why) for row in group.rows}
    assert said["a"] == (0.2, "")
    assert said["b"] == (None, "no_year")
    assert said["c"] == (None, "few_days")
    assert _ids(_list(engine, period=period, sort="change", down=True))[0] == "a"
    board = _board(engine, "a", period=period)
    assert (board.change, board.days) == (0.2, 3)
    assert _board(engine, "b", period=period).change_why == "no_year"


def test_the_hours_are_those_of_the_shops_own_zone(engine: Engine) -> None:
    kolkata, monday = "Asia/Kolkata", date(2026, 11, 16)
    with writing(engine) as connection:
        tallies.shop(connection, "s1", zone=kolkata)
        for on in (monday, monday - 7 * DAY):
            tallies.day(connection, "s1", on, visitors=60)
        _hour(connection, "s1", monday, 10, 40, zone=kolkata)
        _hour(connection, "s1", monday - 7 * DAY, 10, 20, zone=kolkata)
        _hour(connection, "s1", monday, 12, 6, zone=kolkata)
        # Of another way of counting, and of a day that is not in the figures.
        _hour(connection, "s1", monday, 11, 500, zone=kolkata, basis="distinct")
        _hour(connection, "s1", monday + DAY, 10, 500, zone=kolkata)
    heat = _board(engine, period=Period(first=monday - 7 * DAY, last=TODAY)).heat
    assert heat is not None
    assert heat.days == (2, 0, 0, 0, 0, 0, 0)
    assert [(hour, cells[0].value, cells[0].step) for hour, cells in heat.hours] == [
        *((10, 30.0, 5), (11, 0.0, 0), (12, 3.0, 1))
    ]
    assert {cell.value for _, cells in heat.hours for cell in cells[1:]} == {None}


@on_sqlite
def test_a_day_stands_beside_the_same_weekday_of_eight_weeks(engine: Engine) -> None:
    with writing(engine) as connection:
        for week, visitors in enumerate((10, 12, 14, 16, 18, 20, 22, 24), start=1):
            on = TODAY - timedelta(weeks=week)
            tallies.day(connection, "s1", on, visitors=visitors)
            _hour(connection, "s1", on, 15, visitors)
        _hour(connection, "s1", TODAY - timedelta(weeks=1), 18, 9)
        tallies.day(connection, "s1", TODAY, visitors=31)
        _hour(connection, "s1", TODAY, 15, 31)
    period = Period(first=TODAY, last=TODAY)
    curve = _board(engine, period=period).curve
    assert curve is not None
    hours = {hour.hour: hour for hour in curve.hours}
    assert curve.weeks == 8
    assert (hours[15].visitors, hours[15].usual) == (31, 17.0)
    low, high = hours[15].low, hours[15].high
    assert low is not None
    assert high is not None
    assert low < 17 < high
    assert hours[18].usual == 0.0
    assert hours[16].current
    assert (hours[17].visitors, hours[17].missing) == (None, False)  # still to come


@on_sqlite
def test_three_weeks_do_not_say_what_is_usual(engine: Engine) -> None:
    with writing(engine) as connection:
        for week in (1, 2, 3):
            tallies.day(connection, "s1", TODAY - timedelta(weeks=week), visitors=9)
            _hour(connection, "s1", TODAY - timedelta(weeks=week), 15, 9)
        tallies.day(connection, "s1", TODAY - timedelta(weeks=4), basis="distinct", visitors=9)
        tallies.day(connection, "s1", TODAY, visitors=9)
    curve = _board(engine, period=Period(first=TODAY, last=TODAY)).curve
    assert curve is not None
    assert (curve.weeks, curve.usual, curve.band) == (3, None, "")


@on_sqlite
def test_hours_after_a_shop_fell_silent_are_missing_and_not_empty(engine: Engine) -> None:
    with writing(engine) as connection:
        tallies.day(connection, "s1", TODAY, visitors=31)
        _hour(connection, "s1", TODAY, 10, 31)
        tallies.day(connection, "s1", TODAY - timedelta(weeks=1), visitors=31)
        _hour(connection, "s1", TODAY - timedelta(weeks=1), 20, 31)
    period = Period(first=TODAY, last=TODAY)
    board = _board(engine, period=period, known_until=NOW - timedelta(hours=4))  # 12:00
    assert board.curve is not None
    assert {hour.hour for hour in board.curve.hours if hour.missing} == {13, 14, 15, 16}
    assert {hour.hour for hour in board.curve.hours if hour.visitors is not None} == {10, 11, 12}


@on_sqlite
def test_days_without_data_are_gaps_and_not_zero(engine: Engine) -> None:
    with writing(engine) as connection:
        for on, visitors in ((WEEK.first, 0), (WEEK.first + 3 * DAY, 40)):
            tallies.day(connection, "s1", on, visitors=visitors)
        tallies.day(connection, "s1", WEEK.first + 4 * DAY, basis=None, booked=11)
    board = _board(engine)
    assert board.line is not None
    assert (board.line.gaps, board.line.top, board.days) == (5, 40, 2)
    assert [round(width) for _, width in board.line.drawn.missing] == [29, 43]


@on_sqlite
def test_a_shop_counted_in_two_ways_is_drawn_by_its_last_and_says_so(engine: Engine) -> None:
    with writing(engine) as connection:
        tallies.day(connection, "s1", WEEK.first, visitors=400)
        tallies.day(connection, "s1", WEEK.last, basis="distinct", visitors=20, reentries=5)
    board = _board(engine)
    assert (board.basis, board.figures["visitors"].value) == ("distinct", 20)
    assert (board.days, board.otherwise) == (1, 1)
    assert board.reentry_share == 0.2
    assert board.line is not None
    assert board.line.gaps == 5
    assert len(board.line.otherwise) == 1


@on_sqlite
def test_times_have_a_median_and_a_ninetieth_percentile(engine: Engine) -> None:
    def binned(measure: str, **counts: int) -> list[dict[str, Any]]:
        return [
            {"store": "s1", "day": WEEK.last, "measure": measure, "bin": int(n[1:]), "count": count}
            for n, count in counts.items()
        ]

    with writing(engine) as connection:
        tallies.day(connection, "s1", WEEK.last, visitors=200)
        # Dwell: 60 from 300 to 420 s, 30 from 420 to 600 s, 10 from 600 to 900 s, 4 later.
        tallies.rows(connection, bin_tally, *binned("dwell", b4=60, b5=30, b6=10, b8=4))
        tallies.rows(connection, bin_tally, *binned("queue", b1=9))
    board = _board(engine)
    dwell, queue = board.times["dwell"], board.times["queue"]
    assert dwell is not None
    assert dwell.median == pytest.approx(300 + 120 * 52 / 60)
    assert dwell.p90 == pytest.approx(600 + 300 * (93.6 - 90) / 10)
    assert [(bar.low, bar.count) for bar in dwell.bars if bar.count != 0] == [
        *((300, 60), (420, 30), (600, 10), (1200, None))
    ]
    assert queue is not None
    assert (queue.few, queue.median, queue.bars) == (True, None, ())
    assert board.times["wait"] is None


@on_sqlite
def test_a_few_times_are_drawn_alike_however_few_they_are(engine: Engine) -> None:
    heights = []
    for number, few in enumerate((1, 9)):
        name = f"t{number}"
        with writing(engine) as connection:
            tallies.day(connection, name, WEEK.last, visitors=200)
            common = {"store": name, "day": WEEK.last, "measure": "dwell"}
            told = ({"bin": 3, "count": 100}, {"bin": 7, "count": few})
            tallies.rows(connection, bin_tally, *({**common, **one} for one in told))
        dwell = _board(engine, name).times["dwell"]
        assert dwell is not None
        heights.append(dwell.bars[7].column.bar_height)
    assert heights[0] == heights[1] > 0


@on_sqlite
def test_traffic_stands_beside_staff_on_the_days_that_know_both(engine: Engine) -> None:
    first = WEEK.first
    zone = ZoneInfo(SHANGHAI)
    with writing(engine) as connection:
        for place in (0, 1):
            tallies.day(connection, "s1", first + place * DAY, visitors=90, served=20)
            _hour(connection, "s1", first + place * DAY, 10, 30)
            _hour(connection, "s1", first + place * DAY, 12, 8)
        tallies.day(connection, "s1", first + 2 * DAY, visitors=999)  # the desk was away
        _hour(connection, "s1", first + 2 * DAY, 10, 999)
        for place, on_duty in ((0, 3), (1, 1), (2, 50)):
            start = day_bounds(first + place * DAY, zone)[0] + 36_000
            told = {"served": 9, "sales": 2, "on_duty": on_duty}
            tallies.rows(connection, hour_tally, {"store": "s1", "hour": start, **told})
    duty = _board(engine).duty
    assert duty is not None
    assert duty.days == 2
    assert [(hour.hour, hour.visitors, hour.on_duty, hour.each) for hour in duty.hours] == [
        *((10, 30.0, 2.0, 15.0), (11, 0.0, 0.0, None), (12, 8.0, 0.0, None))
    ]
    assert duty.busiest is not None
    assert duty.busiest.hour == 10


@on_sqlite
def test_what_the_list_hides_is_told_by_neither_times_nor_who_served(engine: Engine) -> None:
    rest = dict.fromkeys(("greeted_30s", "members", "sales", "wrong_person", "follow_ups"), 0)
    with writing(engine) as connection:
        # Of s1 few were served; s2 is hidden beside it, or the sum of all would tell.
        for name, served in (("s1", 4), ("s2", 12), ("s3", 60)):
            counts = {"visitors": 200, "served": served, "queued": 90, "queue_back": served}
            tallies.day(connection, name, WEEK.last, basis="crossings", **counts)
            of = {"store": name, "day": WEEK.last}
            for measure in ("wait", "queue"):
                one = {**of, "measure": measure, "bin": 2, "count": served}
                tallies.rows(connection, bin_tally, one)
            tallies.rows(connection, staff_tally, {**of, "staff": "A", "greeted": served, **rest})
    for name, few, greeted in (("s2", True, None), ("s3", False, 60)):
        board = _board(engine, name)
        assert [found.few for key in ("wait", "queue") if (found := board.times[key])] == [few] * 2
        assert [one.greeted for one in board.staff] == [greeted]


@on_sqlite
def test_whoever_may_not_name_members_sees_no_single_colleague(engine: Engine) -> None:
    counts = dict.fromkeys(("greeted_30s", "members", "sales", "wrong_person", "follow_ups"), 0)
    with writing(engine) as connection:
        tallies.day(connection, "s1", WEEK.last, visitors=200, served=77)
        told = {"store": "s1", "day": WEEK.last, "staff": "A", "greeted": 77, **counts}
        tallies.rows(connection, staff_tally, told)
    for names in (False, True):
        with reading(engine) as connection:
            scope = Scope(shops=None, names=names)
            found = shop_period(connection, scope, "s1", WEEK, TODAY, due_of(WEEK, TODAY))
        assert found is not None
        board = shop_board(found, NOW)
        assert len(board.staff) == int(names)
        assert (("by_whom", "not_single") in board.missing) is not names


@on_sqlite
def test_who_greeted_few_guests_is_hidden_and_so_is_one_beside(engine: Engine) -> None:
    def did(staff: str, greeted: int, members: int, sales: int) -> dict[str, Any]:
        counts = {"greeted": greeted, "members": members, "sales": sales}
        rest = dict.fromkeys(("greeted_30s", "wrong_person", "follow_ups"), 0)
        return {"store": "s1", "day": WEEK.last, "staff": staff, **counts, **rest}

    with writing(engine) as connection:
        tallies.day(connection, "s1", WEEK.last, visitors=200, served=77)
        ids = [f"01ARZ3NDEKTSV4RRFFQ69G5{end}" for end in ("AAA", "BBB", "CCC")]
        counts = ((40, 20, 15), (33, 0, 11), (4, 12, 2))
        told = (did(one, *counted) for one, counted in zip(ids, counts, strict=True))
        tallies.rows(connection, staff_tally, *told)
    staff = _board(engine).staff
    assert [one.code for one in staff] == ["5AAA", "5BBB", "5CCC"]
    assert [one.greeted for one in staff] == [40, None, None]
    assert [one.members for one in staff] == [20, 0, 12]
    assert [one.sales for one in staff] == [15, None, None]


def test_random_ids_that_end_alike_get_longer_codes() -> None:
    assert short_codes(("AAAA1234", "BBBB1234")) == {"AAAA1234": "A1234", "BBBB1234": "B1234"}


@on_sqlite
def test_the_capture_rate_says_how_far_it_may_be_off(engine: Engine) -> None:
    common = {"store": "s1", "minutes": 600, "footfall": 1, "peak": 1, "probes": 1}
    common |= {"basis": "crossings", "learnt": 20, "needed": 20}
    with writing(engine) as connection:
        tallies.day(connection, "s1", WEEK.last, visitors=90, passers=1000, captured=90)
        for on, passers, captured, error in (
            *((WEEK.first, 600, 60, 10), (WEEK.last, 400, 30, 35)),
            (WEEK.last - DAY, 500, None, 10),
        ):
            told = {**common, "day": on, "passers": passers, "captured": captured, "error": error}
            connection.execute(insert(presence_daily).values(told))
    street = _board(engine).street
    assert street is not None
    assert (street.passers, street.captured, street.days) == (1000, 90, 2)
    assert (street.rate, street.error) == (0.09, 20)
    assert street.low == pytest.approx(0.075)
    assert street.high == pytest.approx(0.1125)


@on_sqlite
def test_what_a_shop_lacks_is_said_once_with_why(engine: Engine) -> None:
    with writing(engine) as connection:
        tallies.day(connection, "s1", WEEK.last, visitors=20)
    board = _board(engine)
    assert dict(board.missing) == {
        "duty": "no_desk",
        "dwell": "no_dwell",
        "waits": "no_times",
        "by_whom": "no_desk",
        "street": "no_wifi",
    }
    assert {board.figures[key].why for key in ("member_share", "return_rate")} == {"no_faces"}


@pytest.fixture
def client(engine: Engine, tmp_path: Path) -> FlaskClient:
    app = create_app(load(None, {"MENKOU_DATA_DIR": str(tmp_path)}), engine)
    made = app.test_client()
    made.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    return made


@on_sqlite
def test_a_day_at_the_end_of_the_calendar_is_none_to_draw(
    engine: Engine, client: FlaskClient
) -> None:
    with writing(engine) as connection:
        tallies.day(connection, "s1", WEEK.last, visitors=1234)
    for day in ("0001-01-01", "9999-12-31", "x", "2026-11-20"):
        assert client.get(f"/shops/s1?day={day}").status_code == 200, day


@on_sqlite
def test_the_pages_say_a_missing_figure_with_its_why_and_never_zero(
    engine: Engine, client: FlaskClient
) -> None:
    with writing(engine) as connection:
        tallies.day(connection, "s1", WEEK.last, visitors=1234)
    address = f"from={WEEK.first}&to={WEEK.last}"
    page = client.get(f"/shops?{address}").text
    assert "1,234" in page
    assert f'href="/shops/s1?{address.replace("&", "&amp;")}"' in page
    shop = client.get(f"/shops/s1?{address}")
    assert "no till" in shop.text
    assert "no Wi-Fi sensing" in shop.text
    assert client.get("/shops/nobody").status_code == 404


@on_sqlite
def test_a_period_that_cannot_be_read_is_said_and_the_usual_one_shown(
    engine: Engine, client: FlaskClient
) -> None:
    with writing(engine) as connection:
        tallies.day(connection, "s1", WEEK.last, visitors=20)
    for path in ("/shops", "/shops/s1", "/funnel"):
        for wrong, said in (
            ("from=yesterday", "Write a day like 2026-11-21."),
            ("days=0", "A number of days is from 1 to 732."),
            ("from=2026-11-20&to=2026-11-01", "It ends before it begins."),
        ):
            page = client.get(f"{path}?{wrong}")
            assert page.status_code == 200
            assert said in page.text


@on_sqlite
def test_the_list_is_a_file_of_all_its_pages_hidden_where_it_hides(
    engine: Engine, client: FlaskClient
) -> None:
    with writing(engine) as connection:
        for number in range(53):
            sales, name = 4 if number < 4 else 30, f"s-{number:02}"
            tallies.day(connection, name, WEEK.last, visitors=100, till_visitors=100, sales=sales)
        tallies.sum_chain(connection)
    address = f"from={WEEK.first}&to={WEEK.last}&format=csv"
    rows = client.get(f"/shops?{address}").text.splitlines()
    assert len(rows) == 54
    assert rows[1].startswith("s-00,s-00,crossings,1,100,,hidden: few people,,,")
    assert rows[-1].startswith("s-52,s-52,crossings,1,100,,0.3,,,")
    assert len(client.get(f"/shops?{address}&page=2").text.splitlines()) == 4
    assert len(client.get(f"/funnel?{address}").text.splitlines()) == 55
    shop = client.get(f"/shops/s-00?{address}").text.splitlines()
    assert shop[1] == f"{WEEK.last},crossings,100,,,"
