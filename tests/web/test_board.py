"""What head office's page works out: a missing figure is never a low one."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs

from cloud.pages.board import Board, ShopRow, board_of
from cloud.views import BoxView, ChainToday, HourFigures, ShopDay

SHANGHAI = ZoneInfo("Asia/Shanghai")
MIDNIGHT = datetime(2026, 11, 21, tzinfo=SHANGHAI)
NOW = (MIDNIGHT + timedelta(hours=15, minutes=30)).astimezone(UTC)


def _box(box_id: str = "a", **changes: Any) -> BoxView:
    ordinary = BoxView(
        box_id=box_id,
        state="online",
        last_seen=NOW,
        version="0.1.0",
        mode="count",
        clock="ok",
        backlog=0,
        missing=0,
        cameras=(),
    )
    return structs.replace(ordinary, **changes)


def _shop(store_id: str = "s-1", **changes: Any) -> ShopDay:
    ordinary = ShopDay(
        store_id=store_id,
        name=store_id,
        timezone="Asia/Shanghai",
        day=MIDNIGHT.date(),
        basis="crossings",
        visitors=24,
        entered=30,
        left=20,
        hours=tuple(
            HourFigures(start=MIDNIGHT + timedelta(hours=h), visitors=1, entered=1, left=1)
            for h in range(24)
        ),
        last_fact_at=NOW,
        boxes=(_box(),),
    )
    return structs.replace(ordinary, **changes)


def _board(*shops: ShopDay, **changes: Any) -> Board:
    today = ChainToday(now=NOW, shops=shops, set_aside=0, ingest_seen_at=NOW)
    return board_of(dataclasses.replace(today, **changes))


def _row(shop: ShopDay) -> ShopRow:
    return _board(shop).groups[0].rows[0]


def _phases(row: ShopRow) -> list[str]:
    return [bar.phase for bar in row.bars]


def test_an_online_shop_is_known_up_to_this_hour() -> None:
    row = _row(_shop())
    assert row.health == "whole"
    assert _phases(row) == ["known"] * 15 + ["current"] + ["future"] * 8


def test_a_silent_shop_is_unknown_from_the_hour_of_its_silence() -> None:
    silent = _box(state="silent", last_seen=MIDNIGHT + timedelta(hours=12, minutes=20))
    row = _row(_shop(boxes=(silent,), last_fact_at=None))
    assert row.health == "silent"
    assert row.has_today
    assert _phases(row) == ["known"] * 12 + ["unknown"] * 4 + ["future"] * 8


def test_a_shop_silent_since_yesterday_has_no_figure_today() -> None:
    silent = _box(state="offline", last_seen=MIDNIGHT - timedelta(hours=3))
    board = _board(_shop(), _shop("s-2", boxes=(silent,), last_fact_at=None))
    assert not board.groups[0].rows[1].has_today
    assert board.groups[0].visitors == 24
    assert board.groups[0].incomplete == 1


def test_a_shop_never_heard_of_is_told_apart_from_a_silent_one() -> None:
    board = _board(_shop(boxes=(), last_fact_at=None))
    assert board.health == {"whole": 0, "partial": 0, "unsure": 0, "silent": 0, "never": 1}


def test_a_shop_that_is_catching_up_is_unknown_where_its_records_end() -> None:
    behind = _box(backlog=3000)
    row = _row(_shop(boxes=(behind,), last_fact_at=MIDNIGHT + timedelta(hours=9)))
    assert row.health == "partial"
    assert _phases(row)[8:11] == ["known", "unknown", "unknown"]


def test_hours_of_which_a_box_still_holds_records_back_are_unknown_though_newer_ones_came() -> None:
    behind = _box(backlog=500, oldest_unacked_at=MIDNIGHT + timedelta(hours=9))
    row = _row(_shop(boxes=(behind,), last_fact_at=NOW))
    assert _phases(row)[8:12] == ["known", "unknown", "unknown", "unknown"]


def test_days_by_the_hour_only_are_said_and_make_no_figure_of_today_low() -> None:
    row = _row(_shop(hourly_until=MIDNIGHT.date() - timedelta(days=9), boxes=(_box(storage="ok"),)))
    assert (row.health, row.faults) == ("whole", ())


@pytest.mark.parametrize(
    ("box", "code"),
    [
        pytest.param(_box(storage="refused"), "storage", id="a full store"),
        pytest.param(_box(missing=2), "missing", id="gaps"),
        pytest.param(_box(backlog=51), "backlog", id="backlog"),
        pytest.param(_box(cameras=(("door", "lost"),)), "camera_lost", id="camera"),
        pytest.param(_box("b", state="offline"), "box_silent", id="one of two boxes"),
        pytest.param(_box("b", state="offline", last_seen=None), "box_never", id="a new box"),
    ],
)
def test_each_doubt_is_named(box: BoxView, code: str) -> None:
    row = _row(_shop(boxes=(_box(), box)))
    assert [fault.code for fault in row.faults] == [code]
    assert row.health == "partial"


def test_a_clock_that_is_not_set_makes_hours_doubtful_but_no_figure_low() -> None:
    board = _board(_shop(boxes=(_box(clock="suspect"),)))
    (row,) = board.groups[0].rows
    assert [fault.code for fault in row.faults] == ["clock"]
    assert row.health == "unsure"
    assert board.groups[0].incomplete == 0


def test_a_hub_that_hears_nothing_calls_no_figure_complete() -> None:
    assert _board(_shop(), _shop("s-2")).groups[0].incomplete == 0
    deaf = _board(_shop(), _shop("s-2"), ingest_seen_at=NOW - timedelta(seconds=31))
    assert deaf.ingest_silent
    assert deaf.groups[0].incomplete == 2


def test_different_bases_are_never_added() -> None:
    board = _board(_shop(), _shop("s-2"), _shop("s-3", basis="distinct"))
    assert [(group.basis, group.visitors) for group in board.groups] == [
        ("crossings", 48),
        ("distinct", 24),
    ]


def test_all_shops_of_a_group_share_one_scale() -> None:
    busy = tuple(structs.replace(hour, visitors=90) for hour in _shop().hours)
    rows = _board(_shop(), _shop("s-2", hours=busy)).groups[0].rows
    assert rows[0].ticks == rows[1].ticks
    assert rows[1].bars[0].column.bar_height > 50 * rows[0].bars[0].column.bar_height


def test_times_are_those_of_the_zone_of_most_shops() -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    there = tuple(
        structs.replace(hour, start=hour.start.replace(tzinfo=tokyo)) for hour in _shop().hours
    )
    board = _board(_shop(), _shop("s-2"), _shop("s-3", timezone="Asia/Tokyo", hours=there))
    assert board.now.tzinfo == SHANGHAI
    assert [row.elsewhere for row in board.groups[0].rows] == [False, False, True]


def test_an_ingest_that_is_silent_for_two_minutes_is_told() -> None:
    assert not _board(_shop()).ingest_silent
    assert _board(_shop(), ingest_seen_at=NOW - timedelta(minutes=2)).ingest_silent
    assert _board(_shop(), ingest_seen_at=None).ingest_silent


def test_a_shop_without_hours_has_an_empty_drawing() -> None:
    row = _row(_shop(hours=()))
    assert (row.bars, row.peak, row.has_today) == ((), 0, True)


def test_a_day_of_23_or_25_hours_is_drawn_whole() -> None:
    row = _row(_shop(hours=_shop().hours[:23]))
    assert round(sum(bar.column.width for bar in row.bars)) == 100


def test_a_page_draws_its_own_shops_and_adds_up_all(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("cloud.views", "cloud.pages.board", "cloud.pages.shop_state"):
        monkeypatch.setattr(f"{module}.PAGE_SHOPS", 2)
    silent = _box(state="offline", last_seen=MIDNIGHT + timedelta(hours=9))
    shops = [_shop(f"s-{n}", hours=()) for n in range(2)]
    shops += [_shop("s-2"), _shop("s-3", basis="distinct"), _shop("s-4", hours=(), boxes=(silent,))]
    today = ChainToday(now=NOW, shops=tuple(shops), set_aside=0, ingest_seen_at=NOW)
    board = board_of(today, 2)
    assert (board.page, board.pages, board.first, board.last, board.shops) == (2, 3, 3, 4, 5)
    crossings, distinct = board.groups
    assert [row.shop.store_id for row in crossings.rows] == ["s-2"]
    assert [row.shop.store_id for row in distinct.rows] == ["s-3"]
    assert (crossings.shops, crossings.visitors, crossings.counted) == (4, 96, 4)
    assert [(state.shop.store_id, state.page) for state in board.silent] == [("s-4", 3)]
    assert board_of(today, 99).page == 3


def test_a_silent_shop_on_another_page_counts_only_if_it_was_heard_today() -> None:
    def silent(hours: float) -> ShopDay:
        heard = MIDNIGHT + timedelta(hours=hours)
        box = _box(state="offline", last_seen=heard)
        return _shop("s-9", hours=(), boxes=(box,), last_fact_at=None)

    assert _board(_shop(), silent(0)).groups[0].counted == 2
    assert _board(_shop(), silent(-0.1)).groups[0].counted == 1
