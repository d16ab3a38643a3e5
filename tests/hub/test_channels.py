"""Channels and bookings: a table worked by hand, currencies apart, few people hidden."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import Engine, insert

from cloud.accounts.scope import EVERYTHING, Scope
from cloud.db import reading, writing
from cloud.desired import _text
from cloud.figures.period import Period
from cloud.figures.suppress import HIDDEN
from cloud.figures.weekly import WEEKS
from cloud.pages.channels.board import ChannelBoard, Line, channel_board
from cloud.pages.channels.bookings import BookingBoard, booking_board
from cloud.queries import bookings, money
from cloud.queries.channels import Asked, called, channels_page
from cloud.tables import box, desired
from cloud.tally import tables
from cloud.tally.sums import sum_days
from edge.wire.orders import ConfigOrder
from tests.hub.conftest import on_sqlite
from tests.support import tallies

DAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)  # noon in Shanghai: the 21st is over
LAST = date(2026, 11, 21)
PERIOD = Period(first=date(2026, 11, 1), last=DAY)
OURS = Scope(shops=frozenset({"nj-001", "nj-002"}), names=True)


def _brought(store: str, channel: str, advert: str, *counts: int, on: date = DAY) -> dict[str, Any]:
    head = {"store": store, "day": on, "channel": channel, "advert": advert}
    return {**head, **dict(zip(("asked", "booked", "sales"), counts, strict=True))}


def _paid(store: str, channel: str, advert: str, currency: str, value: int) -> dict[str, Any]:
    head = {"store": store, "day": DAY, "channel": channel, "advert": advert}
    return {**head, "currency": currency, "value": value}


@pytest.fixture
def chain(engine: Engine) -> Engine:
    """Two shops of ours and one in Tokyo, on one day; what was a month before is not asked for.

    Worked by hand, of all three:

        channel       asked  booked  sales   CNY              JPY
        friend          100      40     50   1,500,000 fen    -
        dianping        200      30     40     900,000 fen    80,000 yen
          deal-99       120      20     25     600,000 fen    80,000 yen
          unknown        80      10     15     300,000 fen    -
        unknown          50      10     20     200,000 fen    -
    """
    with writing(engine) as connection:
        for name, asked in (("nj-001", 210), ("nj-002", 120), ("ty-001", 20)):
            tallies.day(
                connection,
                name,
                DAY,
                basis="distinct",
                visitors=900,
                desk_visitors=800,
                asked=asked,
            )
        old = DAY - timedelta(days=40)
        tallies.rows(
            connection,
            tables.channel_tally,
            _brought("nj-001", "friend", "", 60, 25, 30),
            _brought("nj-002", "friend", "", 40, 15, 20),
            _brought("nj-001", "dianping", "deal-99", 100, 15, 20),
            _brought("ty-001", "dianping", "deal-99", 20, 5, 5),
            _brought("nj-002", "dianping", "unknown", 80, 10, 15),
            _brought("nj-001", "unknown", "", 50, 10, 20),
            _brought("nj-001", "friend", "", 999, 999, 999, on=old),
        )
        tallies.rows(
            connection,
            tables.channel_money,
            _paid("nj-001", "friend", "", "CNY", 1_000_000),
            _paid("nj-002", "friend", "", "CNY", 500_000),
            _paid("nj-001", "dianping", "deal-99", "CNY", 600_000),
            _paid("ty-001", "dianping", "deal-99", "JPY", 80_000),
            _paid("nj-002", "dianping", "unknown", "CNY", 300_000),
            _paid("nj-001", "unknown", "", "CNY", 200_000),
        )
        tallies.rows(
            connection,
            tables.money_tally,
            {"store": "nj-001", "day": DAY, "currency": "CNY", "sales": 90, "value": 9, "back": 1},
            {"store": "ty-001", "day": DAY, "currency": "JPY", "sales": 12, "value": 9, "back": 0},
        )
        sum_days(connection)
        tallies.sum_chain(connection)
    return engine


def asked(engine: Engine, scope: Scope = EVERYTHING, shop: str | None = None) -> Asked:
    with reading(engine) as connection:
        found = channels_page(connection, scope, PERIOD, shop, NOW)
    assert found is not None
    return found


def _row(line: Line) -> tuple[Any, ...]:
    return line.channel, line.advert, line.asked, line.booked, line.sales, line.value


def test_the_table_is_the_one_worked_by_hand(chain: Engine) -> None:
    board = channel_board(asked(chain))
    assert [_row(line) for line in board.lines] == [
        ("friend", "", 100, 40, 50, (("CNY", 1_500_000),)),
        ("dianping", "", 200, 30, 40, (("CNY", 900_000), ("JPY", 80_000))),
        ("unknown", "", 50, 10, 20, (("CNY", 200_000),)),
    ]
    assert [_row(line)[1:] for line in board.lines[1].adverts] == [
        ("deal-99", 120, 20, 25, (("CNY", 600_000), ("JPY", 80_000))),
        ("unknown", 80, 10, 15, (("CNY", 300_000),)),
    ]
    assert board.total is not None
    total = ("", "", 350, 80, 110, (("CNY", 2_600_000), ("JPY", 80_000)))
    assert _row(board.total) == total


def test_conversion_is_told_at_each_step(chain: Engine) -> None:
    friend = channel_board(asked(chain)).lines[0]
    assert (friend.booked_share, friend.sales_share) == (0.4, 0.5)


def test_how_many_were_asked_of_all_visitors_is_said(chain: Engine) -> None:
    (part,) = channel_board(asked(chain)).parts
    assert (part.basis, part.visitors, part.asked, part.share) == (
        "distinct",
        2400,
        350,
        350 / 2400,
    )


def test_somebody_with_two_shops_sees_those_and_the_sums_of_those(chain: Engine) -> None:
    board = channel_board(asked(chain, OURS))
    assert board.lines[1].adverts[0].asked == 100
    assert board.currencies == ("CNY",)
    of_one = channel_board(asked(chain, EVERYTHING, "nj-002"))
    assert of_one.total is not None
    assert of_one.total.asked == 120


def test_a_shop_of_others_is_not_there(chain: Engine) -> None:
    with reading(chain) as connection:
        assert channels_page(connection, OURS, PERIOD, "ty-001", NOW) is None
        assert channels_page(connection, EVERYTHING, PERIOD, "nj-999", NOW) is None


def test_sums_of_the_chain_are_those_of_its_shops(chain: Engine) -> None:
    every = Scope(shops=frozenset({"nj-001", "nj-002", "ty-001"}), names=True)
    assert asked(chain, every).brought == asked(chain).brought
    assert asked(chain, every).takings == asked(chain).takings


def test_a_day_that_is_counted_anew_is_summed_anew(chain: Engine) -> None:
    before = asked(chain).brought
    with writing(chain) as connection:
        connection.execute(
            tables.channel_tally.update()
            .where(tables.channel_tally.c.store == "nj-002", tables.channel_tally.c.advert == "")
            .values(asked=140)
        )
        sum_days(connection, [DAY - timedelta(days=1)])
        sum_days(connection, [])
    assert asked(chain).brought == before
    with writing(chain) as connection:
        sum_days(connection, [DAY])
    assert asked(chain).brought["friend", ""].asked == before["friend", ""].asked + 100


def _with(found: Asked, **brought: tuple[int, int, int]) -> ChannelBoard:
    """Draw other channels, of which each guest who bought paid 1 yuan."""
    kinds = {
        (channel, ""): type(found.brought["friend", ""])(
            asked=counts[0], booked=counts[1], sales=counts[2], value={"CNY": 100 * counts[2]}
        )
        for channel, counts in brought.items()
    }
    return channel_board(_changed(found, brought=kinds))


def _changed(found: Asked, **changes: Any) -> Asked:
    return structs.replace(found, **changes)


@on_sqlite
def test_few_guests_are_hidden_and_so_is_what_they_paid(chain: Engine) -> None:
    board = _with(asked(chain), friend=(100, 40, 4), web=(90, 30, 30), app=(75, 21, 20))
    lines = {line.channel: line for line in board.lines}
    assert (lines["friend"].sales, lines["friend"].sales_share) == (HIDDEN, HIDDEN)
    assert lines["friend"].value is HIDDEN
    # The total less the others would be the four: the next smallest is hidden with them.
    assert (lines["app"].sales, lines["app"].value) == (HIDDEN, HIDDEN)
    assert lines["web"].sales == 30
    assert board.total is not None
    assert board.total.sales == 54


@on_sqlite
def test_a_hidden_channel_is_not_told_by_its_advertisements(chain: Engine) -> None:
    found = asked(chain)
    one = type(found.brought["friend", ""])
    told = {
        ("friend", ""): one(asked=100, booked=50, sales=4, value={}),
        ("app", "a"): one(asked=60, booked=30, sales=12, value={}),
        ("app", "b"): one(asked=60, booked=30, sales=13, value={}),
    }
    board = channel_board(_changed(found, brought=told))
    app = next(line for line in board.lines if line.channel == "app")
    assert app.sales is HIDDEN
    assert HIDDEN in [part.sales for part in app.adverts]


@on_sqlite
def test_a_currency_in_which_few_paid_is_not_shown(chain: Engine) -> None:
    found = asked(chain)
    few = {**found.takings, "JPY": money.Takings(sales=9, value=80_000, back=0)}
    board = channel_board(_changed(found, takings=few))
    assert board.currencies == ("CNY",)
    assert board.lines[1].value == (("CNY", 900_000),)


def test_amounts_of_different_currencies_are_never_added(chain: Engine) -> None:
    with reading(chain) as connection:
        found = money.takings(connection, EVERYTHING, PERIOD.first, PERIOD.last)
    assert list(found) == ["CNY", "JPY"]
    assert (found["CNY"].sales, found["JPY"].sales) == (90, 12)


def test_while_nobody_was_asked_there_is_no_table_of_zeros(engine: Engine) -> None:
    with writing(engine) as connection:
        tallies.day(connection, "nj-001", DAY, visitors=500)
    board = channel_board(asked(engine))
    assert (board.total, board.lines, board.parts) == (None, (), ())


@on_sqlite
def test_channels_are_called_as_head_office_calls_them(chain: Engine) -> None:
    def listed(version: int, name: str) -> dict[str, Any]:
        advert = {"id": "deal-99", "zh": "九九券", "en": "99 deal", "active": True}
        channel = {"id": "friend", "zh": name, "en": name, "active": True, "adverts": [advert]}
        others = ("name", "hours", "mode_at_most", "window_s_at_most", "since", "who", "wifi")
        nothing: dict[str, Any] = dict.fromkeys(others)
        wish = ConfigOrder(version=1, channels=[channel], **nothing)
        return {"store": f"nj-00{version}", "box": "", "version": version, "body": _text(wish)}

    with writing(chain) as connection:
        connection.execute(insert(desired), [listed(1, "旧名"), listed(2, "老友")])
    with reading(chain) as connection:
        names = called(connection, EVERYTHING)
        theirs = called(connection, EVERYTHING, ("nj-001",))
    assert names["friend", ""].zh == "老友"
    assert names["friend", "deal-99"].en == "99 deal"
    assert theirs["friend", ""].zh == "旧名"


def _weeks_of(engine: Engine, store: str, weekly: Sequence[int | None], *, zone: str = "") -> None:
    """Put nine weeks of bookings there, the oldest first; None: one of its days is not known."""
    with writing(engine) as connection:
        tallies.shop(connection, store, zone=zone or "Asia/Shanghai")
        for back, count in enumerate(reversed(weekly)):
            for day in range(7):
                on = LAST - timedelta(days=7 * back + day)
                known = count is not None or day != 3
                booked = {"booked": (count or 0) if day == 0 else 0} if known else {}
                tallies.day(connection, store, on, basis="distinct", **booked)


def _board(engine: Engine, shop: str | None = None) -> BookingBoard:
    return booking_board(asked(engine, EVERYTHING, shop))


def test_a_shop_with_40_percent_fewer_bookings_is_listed_and_one_with_5_is_not(
    engine: Engine,
) -> None:
    _weeks_of(engine, "nj-001", [100] * WEEKS + [60])
    _weeks_of(engine, "nj-002", [100] * WEEKS + [95])
    _weeks_of(engine, "nj-003", [3] * WEEKS + [0])
    _weeks_of(engine, "nj-004", [100] * WEEKS + [None])
    board = _board(engine)
    (shop,) = board.deviating
    assert (shop.store_id, shop.found.verdict, shop.booked, shop.found.usual) == (
        *("nj-001", "down", 60, 100),
    )
    assert shop.change == pytest.approx(-0.4)
    assert (board.deviate, board.compared, board.few, board.unknown) == (1, 2, 1, 1)


def test_the_last_week_ends_with_the_shops_own_yesterday(engine: Engine) -> None:
    _weeks_of(engine, "nj-001", [100] * (WEEKS + 1))
    _weeks_of(engine, "ho-001", [100] * (WEEKS + 1), zone="Pacific/Honolulu")
    with reading(engine) as connection:
        found = bookings.weeks(connection, EVERYTHING, NOW)
    # In Honolulu it is still the 21st, so that the 20th is the last whole day.
    assert (found["nj-001"].last, found["ho-001"].last) == (LAST, LAST - timedelta(days=1))
    assert found["nj-001"].booked == (100,) * (WEEKS + 1)


def test_a_week_with_a_day_that_is_not_known_is_not_known(engine: Engine) -> None:
    _weeks_of(engine, "nj-001", [40, None, *[40] * (WEEKS - 1)])
    with reading(engine) as connection:
        (found,) = bookings.weeks(connection, EVERYTHING, NOW).values()
    assert found.booked == (40, None, *[40] * (WEEKS - 1))


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ({"last_seen": NOW}, True),
        ({"last_seen": NOW - timedelta(hours=13)}, False),
        ({"last_seen": NOW, "backlog": 900, "oldest_unacked_at": NOW - timedelta(hours=20)}, False),
        ({"last_seen": NOW, "backlog": 900, "oldest_unacked_at": NOW - timedelta(hours=1)}, True),
    ],
    ids=["heard", "silent since yesterday", "behind since yesterday", "behind since today"],
)
def test_a_shop_that_has_not_told_all_of_the_week_is_not_said_to_have_fewer(
    engine: Engine, told: dict[str, Any], known: bool
) -> None:
    _weeks_of(engine, "nj-001", [100] * WEEKS + [50])
    with writing(engine) as connection:
        connection.execute(insert(box).values(store="nj-001", id="nj-001-a", cameras=[], **told))
    board = _board(engine)
    assert (board.deviate, board.unknown) == ((1, 0) if known else (0, 1))


def test_of_one_shop_its_weeks_are_drawn_whatever_they_say(engine: Engine) -> None:
    _weeks_of(engine, "nj-001", [30, None, *[30] * (WEEKS - 2), 29])
    one = _board(engine, "nj-001").one
    assert one is not None
    assert one.found.reason == "small_change"
    assert [bar.state for bar in one.bars] == ["known", "missing", *["known"] * 7]
    assert one.bars[-1].last == LAST
    assert one.bars[0].last == LAST - timedelta(weeks=WEEKS)


def test_a_week_of_few_bookings_is_not_told_to_the_last_one(engine: Engine) -> None:
    _weeks_of(engine, "nj-001", [40] * WEEKS + [3])
    (shop,) = _board(engine).deviating
    assert shop.booked is HIDDEN
    assert shop.bars[-1].booked is None
    assert shop.bars[-1].state == "few"
    assert shop.change == pytest.approx(9 / 40 - 1)


def test_one_week_before_is_not_told_by_the_mean_of_all(engine: Engine) -> None:
    _weeks_of(engine, "nj-001", [4, *range(21, 21 + WEEKS - 1), 30])
    one = _board(engine, "nj-001").one
    assert one is not None
    assert [bar.state for bar in one.bars] == ["hidden", "hidden", *["known"] * 7]
    assert [bar.booked for bar in one.bars][:3] == [None, None, 22]
    _weeks_of(engine, "nj-002", [21] * WEEKS + [4])
    other = _board(engine, "nj-002").one
    assert other is not None
    assert [bar.state for bar in other.bars] == [*["known"] * WEEKS, "few"]


def _ways(engine: Engine) -> None:
    head = {"store": "nj-001", "day": DAY}
    names = ("booked", "kept", "late", "no_show", "cancelled")
    with writing(engine) as connection:
        tallies.day(connection, "nj-001", DAY, booked=100)
        tallies.rows(
            connection,
            tables.booking_tally,
            *(
                {
                    "store": "nj-001",
                    "day": DAY,
                    "channel": way,
                    **dict(zip(names, counts, strict=True)),
                }
                for way, counts in (("app", (60, 45, 12, 15, 20)), ("phone", (40, 25, 15, 15, 10)))
            ),
        )
        tallies.rows(
            connection,
            tables.reason_tally,
            *(
                {**head, "reason": reason, "count": count}
                for reason, count in (("forgot", 15), ("no_time", 10), ("", 5))
            ),
        )
        sum_days(connection)


def test_what_became_of_appointments_is_told_by_how_they_were_booked(engine: Engine) -> None:
    _ways(engine)
    board = _board(engine)
    assert [way.channel for way in board.ways] == ["app", "phone"]
    app, phone = (way.figures for way in board.ways)
    assert (app["booked"], app["kept_share"], app["no_show_share"]) == (60, 45 / 60, 15 / 60)
    assert (phone["late_share"], phone["cancelled"]) == (15 / 25, 10)
    assert board.total is not None
    assert board.total.figures["kept_share"] == 70 / 100


def test_reasons_stand_by_their_number_and_what_nobody_said_at_the_end(engine: Engine) -> None:
    _ways(engine)
    reasons = _board(engine).reasons
    assert [one.reason for one in reasons] == ["forgot", "no_time", ""]
    # Five are hidden; with the thirty in all they could be worked out, so ten are, too.
    assert [one.count for one in reasons] == [15, HIDDEN, HIDDEN]
    assert (reasons[0].bar, reasons[0].share) == (1.0, 0.5)
