"""Passers-by on the pages of both sides: what is not known is never zero, and bases stay apart."""

import dataclasses
import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cloud.pages import create_pages, create_street
from cloud.pages.glossary import create_glossary
from cloud.pages.street import street_board, street_shop
from cloud.views import StreetMinutes
from edge.console.page import shop_page
from menkou.listen import Listen
from menkou.rates import capture_rate
from menkou.web.app import dress
from menkou.web.chart import minutes
from tests.browser.conftest import chain_today, shop_view
from tests.support.street import (
    NOW,
    SHANGHAI,
    learning,
    shop_street,
    street_minutes,
    street_today,
    street_view,
    without,
)


@pytest.fixture
def office(tmp_path: Any) -> FlaskClient:
    app = Flask("cloud", static_folder=None)
    app.register_blueprint(create_pages(lambda _page: chain_today()))
    app.register_blueprint(create_glossary(10))  # the names of figures lead there
    shops = {shop.store_id: shop for shop in street_today().shops}

    def of(store_id: str) -> Any:
        return street_minutes(shops[store_id]) if store_id in shops else None

    app.register_blueprint(create_street(lambda _page: street_today(), of))
    dress(app, Listen(host="127.0.0.1", port=8700), secret_file=tmp_path / "secret")
    return app.test_client()


def text_of(client: FlaskClient, path: str, language: str = "en") -> str:
    answer = client.get(f"{path}?lang={language}", headers={"Host": "127.0.0.1:8700"})
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)))


def test_rates_of_two_bases_are_never_added_up() -> None:
    board = street_board(street_today())
    by_basis = {group.basis: group for group in board.groups}
    assert set(by_basis) == {"crossings", "distinct"}
    assert (by_basis["crossings"].passers, by_basis["crossings"].captured) == (2000, 155)
    assert by_basis["crossings"].known == 1, "who learns and who is silent is in no total"
    assert by_basis["crossings"].rate == capture_rate(155, 2000) == 78


@pytest.mark.parametrize(
    ("shop", "state"),
    [
        (shop_street("a", "a"), "known"),
        (learning("a", "a"), "learning"),
        (shop_street("a", "a", passers=None, captured=None, error=None), "waiting"),
        (without("a", "a", NOW.date()), "silent"),
    ],
    ids=["known", "learning", "waiting", "silent"],
)
def test_each_shop_says_how_much_it_knows(shop: Any, state: str) -> None:
    (group,) = street_board(street_today(shop)).groups
    assert [row.state for row in group.rows] == [state]
    if state != "known":
        assert (group.rows[0].rate, group.rate) == (None, None)


def test_a_shop_without_wi_fi_is_named_and_has_no_row() -> None:
    board = street_board(street_today())
    assert [shop.name for shop in board.without] == ["苏州观前街店"]
    assert "sz-001" not in {row.shop.store_id for group in board.groups for row in group.rows}


def test_an_hour_that_was_not_heard_is_hatched_and_not_empty() -> None:
    (group,) = street_board(street_today(shop_street("a", "a"))).groups
    phases = [bar.phase for bar in group.rows[0].bars]
    assert phases[10:18] == [*["known"] * 3, "unknown", "known", "known", "unknown", "future"]


def test_many_shops_are_shown_fifty_at_a_time() -> None:
    shops = [shop_street(f"s-{number:03}", "店") for number in range(120)]
    board = street_board(street_today(*shops), 3)
    assert (board.page, board.pages, len(board.groups[0].rows)) == (3, 3, 20)
    assert board.groups[0].passers == 120 * 2000
    assert street_board(street_today(*shops), 99).page == 3


def test_a_shops_busyness_is_that_of_its_last_minute_beside_its_busiest() -> None:
    found = street_minutes(shop_street("a", "a"))
    page = street_shop(found)
    known = [value for value in found.minutes if value is not None]
    assert page.level == round(100 * known[-1] / max(known))
    assert page.heard_at == NOW.replace(second=0) - timedelta(minutes=1)
    assert page.observed == len(known)
    assert len(page.drawn.missing) == 2, "the night, and half an hour after one"
    silent = street_shop(street_minutes(without("b", "b")))
    assert (silent.level, silent.heard_at) == (None, None)


def test_a_minute_of_long_ago_says_nothing_of_now() -> None:
    found = street_minutes(shop_street("a", "a"))
    past = NOW.hour * 60 + NOW.minute
    quiet = (*found.minutes[: past - 10], *[None] * (len(found.minutes) - past + 10))
    page = street_shop(dataclasses.replace(found, minutes=quiet))
    assert (page.level, page.heard_at) == (None, None)


def test_head_office_reads_what_is_known_and_what_is_not(office: FlaskClient) -> None:
    text = text_of(office, "/street")
    for words in (
        "7.8 %",
        "155 of 2,000",
        "Give or take 14 %",
        "Not yet: 12 of 20 hours learnt",
        "Last heard on 18 November",
        "1 shop without Wi-Fi sensing",
        "Capture rates of the two counts are not compared",
    ):
        assert words in text
    text = text_of(office, "/street/nj-002")
    assert "Not known yet" in text
    assert "Not yet: 12 of 20 hours learnt" in text
    text = text_of(office, "/street/sz-001", "zh")
    assert "不是零" in text
    assert "0 %" not in text
    answer = office.get("/street/nobody", headers={"Host": "127.0.0.1:8700"})
    assert answer.status_code == 404


def test_the_boxs_page_shows_busyness_and_what_it_has_learnt() -> None:
    page = shop_page(shop_view(street=street_view()))
    assert page.street is not None
    assert (page.street.state, page.street.rate) == ("known", 78)
    assert page.street.level is not None
    learns = street_view(passers=None, captured=None, error=None, learnt=12)
    page = shop_page(shop_view(street=learns))
    assert page.street is not None
    assert (page.street.state, page.street.rate) == ("learning", None)
    assert shop_page(shop_view()).street is None, "a shop without Wi-Fi has no card at all"


def test_wi_fi_that_fell_silent_is_unknown_now() -> None:
    minutes_known = [*street_view().minutes]
    past = NOW.hour * 60 + NOW.minute
    minutes_known[past - 10 :] = [None] * (len(minutes_known) - past + 10)
    page = shop_page(shop_view(street=street_view(minutes=tuple(minutes_known))))
    assert page.street is not None
    assert page.street.level is None
    assert len(page.street.drawn.missing) == 2
    assert page.street.ticks[0] == (10, 0.0)
    assert page.now.tzinfo == SHANGHAI


def test_a_day_of_25_hours_has_its_minutes_where_they_were() -> None:
    london = ZoneInfo("Europe/London")
    midnight = datetime(2026, 10, 25, tzinfo=london)
    noon = datetime(2026, 10, 25, 12, 0, 30, tzinfo=london)  # 13 hours after midnight
    known = tuple(7 if minute == 13 * 60 - 1 else None for minute in range(25 * 60))
    view = street_view(start=midnight, minutes=known, hours=())
    hours = shop_view().hours
    moved = tuple(dataclasses.replace(h, start=h.start.astimezone(london)) for h in hours)
    page = shop_page(shop_view(street=view, now=noon, hours=moved))
    assert page.street is not None
    assert page.street.level == 100
    assert page.street.ticks[0] == (11, 0.0)
    shop = shop_street("a", "a", timezone="Europe/London", hours=())
    found = StreetMinutes(shop=shop, now=noon, start=midnight, minutes=known)
    office = street_shop(found)
    assert office.level == 100
    assert office.heard_at == datetime(2026, 10, 25, 11, 59, tzinfo=london)


def test_minutes_are_drawn_as_steps_with_gaps_where_nothing_is_known() -> None:
    drawn = minutes([1, None], 1, head=0)
    assert drawn.path == "M0 100V0H50V100Z"
    assert drawn.missing == ((50.0, 50.0),)
    assert minutes([], 1).path == ""
    assert minutes([0, 2], 2, head=0).path == "M0 100V100H50V0H100V100Z"
