"""Head office's first page: each figure worked by hand, and what is missing is no low figure."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, update

from cloud.accounts.scope import EVERYTHING, Scope
from cloud.anomalies.tables import anomaly, anomaly_ack
from cloud.app import create_app
from cloud.config import load
from cloud.db import writing
from cloud.figures.suppress import HIDDEN
from cloud.pages.overview.board import Board, Group, board_of
from cloud.pages.overview.cards import Card
from cloud.queries.morning import Mornings
from cloud.queries.morning_views import Answering, Asked
from cloud.tables import FIGURES, box, box_order, daily, epoch, member_change, meter
from cloud.tally.tables import bin_tally, day_tally
from tests.hub.conftest import on_sqlite
from tests.support import tallies

DAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
"""Ten o'clock of the next morning in Shanghai."""
WEEK = timedelta(weeks=1)


@contextmanager
def filling(engine: Engine) -> Iterator[Connection]:
    """A transaction in which tallies are put there; the chain's sums are made at its end."""
    with writing(engine) as connection:
        yield connection
        tallies.sum_chain(connection)


def a_box(connection: Connection, shop: str, name: str = "a", **changes: Any) -> None:
    """Put a box there that is well, but for `changes`."""
    tallies.shop(connection, shop)
    row = {
        "store": shop,
        "id": f"{shop}-{name}",
        "state": "online",
        "last_seen": NOW - timedelta(seconds=20),
        "mode": "count",
        "clock": "ok",
        "backlog": 0,
        "storage": "ok",
        "cameras": [["door", "ok"]],
    }
    connection.execute(insert(box), [{**row, **changes}])


def seen(engine: Engine, scope: Scope = EVERYTHING, now: datetime = NOW, **asked: Any) -> Board:
    """Return what the page shows of the last whole day."""
    return board_of(Mornings(engine).read(scope, Asked(**asked), now))


def group_of(board: Board, basis: str) -> Group:
    (found,) = [one for one in board.groups if one.basis == basis]
    return found


def card_of(board: Board, key: str, basis: str = "crossings") -> Card:
    group = group_of(board, basis)
    cards = (group.visitors, *group.cards, *board.people, *board.waiting)
    (found,) = [one for one in cards if one.key == key]
    return found


def test_shops_of_one_basis_are_added_and_those_of_two_never(engine: Engine) -> None:
    with filling(engine) as connection:
        tallies.day(connection, "a", DAY, visitors=100)
        tallies.day(connection, "b", DAY, visitors=30)
        tallies.day(connection, "c", DAY, basis="distinct", visitors=7)
    board = seen(engine)
    assert board.day == DAY
    assert [(one.basis, one.shops, one.visitors.compare.value) for one in board.groups] == [
        ("crossings", 2, 130),
        ("distinct", 1, 7),
    ]


def test_a_figure_stands_beside_the_same_weekday_a_week_and_52_weeks_ago(engine: Engine) -> None:
    with filling(engine) as connection:
        for on, visitors in ((DAY, 90), (DAY - WEEK, 120), (DAY - 52 * WEEK, 60)):
            tallies.day(connection, "a", on, visitors=visitors)
        tallies.day(connection, "a", DAY - timedelta(days=365), visitors=9_999)  # another weekday
    compared = card_of(seen(engine), "visitors").compare
    assert (compared.value, compared.week_ago, compared.year_ago) == (90, 120, 60)
    assert compared.verdict == "unknown"  # one week says nothing of what is usual


@pytest.mark.parametrize(
    ("visitors", "verdict"),
    [
        pytest.param(1_000, "usual", id="as ever"),
        pytest.param(700, "below", id="fewer"),
        pytest.param(1_300, "above", id="more"),
    ],
)
def test_what_is_usual_comes_of_the_eight_weeks_before(
    engine: Engine, visitors: int, verdict: str
) -> None:
    with filling(engine) as connection:
        tallies.day(connection, "a", DAY, visitors=visitors)
        for week in range(1, 9):
            tallies.day(connection, "a", DAY - week * WEEK, visitors=990 + 5 * (week % 4))
    compared = card_of(seen(engine), "visitors").compare
    assert compared.low is not None
    assert compared.high is not None
    assert compared.low < 995 < compared.high
    assert compared.verdict == verdict


def test_shares_divide_what_the_same_shops_counted(engine: Engine) -> None:
    with filling(engine) as connection:
        tallies.day(
            connection, "a", DAY, basis="distinct", visitors=200, sales=30, till_visitors=200
        )
        tallies.day(  # no till: its visitors are in no conversion
            connection, "b", DAY, basis="distinct", visitors=1_000, faces_visitors=400, members=60
        )
        tallies.day(connection, "c", DAY, basis="distinct", visitors=10, passers=500, captured=40)
    board = seen(engine)
    of = {key: card_of(board, key, "distinct") for key in ("conversion", "member_share")}
    assert of["conversion"].compare.value == 30 / 200
    assert of["member_share"].compare.value == 60 / 400
    assert card_of(board, "capture_rate", "distinct").compare.value == 40 / 500
    assert [of[key].known for key in of] == [1, 1]
    assert of["conversion"].shops == 3
    assert card_of(board, "visitors", "distinct").known == 3


def test_people_are_counted_over_both_bases(engine: Engine) -> None:
    with filling(engine) as connection:
        for shop, basis in (("a", "crossings"), ("b", "distinct")):
            tallies.day(
                *(connection, shop, DAY),
                basis=basis,
                visitors=100,
                members_new=12,
                members_back=20,
                kept=30,
                no_show=10,
            )
            tallies.day(connection, shop, DAY - WEEK, basis=basis, visitors=100, members_new=11)
        tallies.day(connection, "c", DAY, visitors=5)
        tallies.day(connection, "d", DAY, basis=None, kept=20, no_show=0)  # nobody was counted
    board = seen(engine)
    assert card_of(board, "members_new").compare.value == 24
    assert card_of(board, "members_back").compare.value == 40
    assert card_of(board, "members_new").compare.week_ago == 22
    assert card_of(board, "kept_share").compare.value == 80 / 100
    assert (card_of(board, "members_new").known, card_of(board, "members_new").shops) == (2, 3)


def test_few_people_are_not_shown_and_few_visitors_are(engine: Engine) -> None:
    with filling(engine) as connection:
        tallies.day(connection, "a", DAY, visitors=9, members_new=9, members_back=0)
        tallies.day(connection, "b", DAY, visitors=9, till_visitors=9, sales=3)
    board = seen(engine)
    assert card_of(board, "visitors").compare.value == 18
    assert card_of(board, "members_new").compare.value is HIDDEN
    assert card_of(board, "members_back").compare.value == 0
    assert card_of(board, "conversion").compare.value is HIDDEN


def test_waiting_is_told_by_percentiles_of_all_shops_together(engine: Engine) -> None:
    def waits(connection: Connection, shop: str, on: date, *counts: int) -> None:
        told = [
            {"store": shop, "day": on, "measure": "wait", "bin": number, "count": count}
            for number, count in enumerate(counts)
        ]
        tallies.rows(connection, bin_tally, *told)
        other = {"store": shop, "day": on, "measure": "dwell", "bin": 0, "count": 1_000}
        tallies.rows(connection, bin_tally, other)

    with filling(engine) as connection:
        tallies.day(connection, "a", DAY, visitors=50, served=20)
        tallies.day(connection, "b", DAY, visitors=50)
        waits(connection, "a", DAY, 10, 0, 5)
        waits(connection, "b", DAY, 0, 0, 5)
        waits(connection, "a", DAY - WEEK, 20)
    board = seen(engine)
    # Of 20, half lie in the first bin (0 to 10 s), the others in the third (20 to 30 s).
    assert card_of(board, "wait_median").compare.value == 10.0
    assert card_of(board, "wait_p90").compare.value == 28.0
    assert card_of(board, "wait_median").compare.week_ago == 5.0
    assert (card_of(board, "wait_median").known, card_of(board, "wait_median").shops) == (1, 2)


def test_without_a_desk_there_is_no_waiting(engine: Engine) -> None:
    with filling(engine) as connection:
        tallies.day(connection, "a", DAY, visitors=50)
    assert seen(engine).waiting == ()


def test_what_somebody_sees_is_of_the_own_shops_only(engine: Engine) -> None:
    with filling(engine) as connection:
        for shop, visitors in (("ours", 40), ("theirs", 500)):
            a_box(connection, shop, state="offline", mode="checkin")
            tallies.day(connection, shop, DAY, visitors=visitors, served=visitors, members_new=50)
            tallies.day(connection, shop, DAY - WEEK, visitors=visitors)
            wait = {"store": shop, "day": DAY, "measure": "wait", "bin": 1, "count": visitors}
            tallies.rows(connection, bin_tally, wait)
    mornings, own = Mornings(engine), Scope(shops=frozenset({"ours"}), names=False)
    # By one memory: what one was told is not told to the other.
    every, ours = (board_of(mornings.read(who, Asked(), NOW)) for who in (EVERYTHING, own))
    for board, visitors, shops in ((every, 540, 2), (ours, 40, 1)):
        assert card_of(board, "visitors").compare.value == visitors
        assert card_of(board, "visitors").compare.week_ago == visitors
        assert card_of(board, "members_new").compare.value == 50 * shops
        assert group_of(board, "crossings").shops == shops
        assert board.shops == len(board.grid.rows) == shops
        assert board.health.troubles == {"silent": shops}
        assert board.health.modes == {"checkin": shops}
    morning = mornings.read(own, Asked(), NOW)
    assert sum(morning.chain.waits.values()) == 40


def test_it_is_yesterday_where_most_shops_are(engine: Engine) -> None:
    with filling(engine) as connection:
        tallies.shop(connection, "paris", zone="Europe/Paris")
        tallies.day(connection, "a", DAY, visitors=1)
        tallies.day(connection, "b", DAY, visitors=1)
    evening = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)  # Sunday in Shanghai, Saturday in Paris
    assert seen(engine, now=evening).day == DAY
    paris = Scope(shops=frozenset({"paris"}), names=False)
    assert seen(engine, paris, now=evening).day == DAY - timedelta(days=1)


def test_today_so_far_is_each_shops_own_day_by_basis(engine: Engine) -> None:
    # In Shanghai it is Sunday already, in Paris still Saturday.
    evening = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)
    sunday = DAY + timedelta(days=1)
    told = (("a", DAY, 1_000), ("a", sunday, 5), ("b", sunday, 7), ("guests", sunday, 11))
    with filling(engine) as connection:
        tallies.shop(connection, "paris", zone="Europe/Paris")
        for shop, on, visitors in (*told, ("paris", DAY, 13), ("paris", sunday, 500)):
            tallies.shop(connection, shop)
            basis = "distinct" if shop == "guests" else "crossings"
            row = {"store": shop, "day": on, "basis": basis, **dict.fromkeys(FIGURES, 0)}
            connection.execute(insert(daily), [{**row, "visitors": visitors}])
    assert seen(engine, now=evening).today == {"crossings": 5 + 7 + 13, "distinct": 11}
    ours = Scope(shops=frozenset({"b", "guests"}), names=False)
    assert seen(engine, ours, now=evening).today == {"crossings": 7, "distinct": 11}


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(DAY + timedelta(days=1), id="not over"),
        pytest.param(date(2030, 1, 1), id="to come"),
        pytest.param(date(1900, 1, 1), id="long before"),
    ],
)
def test_a_day_that_cannot_be_shown_is_the_last_one(engine: Engine, asked: date) -> None:
    with filling(engine) as connection:
        tallies.shop(connection, "a")
    assert seen(engine, day=asked).day == DAY
    assert seen(engine, day=DAY - WEEK).day == DAY - WEEK


@pytest.mark.parametrize(
    ("changes", "lacks", "trouble"),
    [
        pytest.param({}, 0, None, id="well"),
        pytest.param(
            {"state": "offline", "last_seen": datetime(2026, 11, 21, 15, 59, tzinfo=UTC)},
            1,
            "silent",
            id="silent since before the shop's midnight",
        ),
        pytest.param(
            {"state": "offline", "last_seen": datetime(2026, 11, 21, 16, 1, tzinfo=UTC)},
            0,
            "silent",
            id="silent since after it: the day is whole",
        ),
        pytest.param({"state": None, "last_seen": None}, 1, "never", id="never heard"),
        pytest.param(
            {"backlog": 60, "oldest_unacked_at": datetime(2026, 11, 21, 9, 0, tzinfo=UTC)},
            1,
            "lagging",
            id="holds back some of the day",
        ),
        pytest.param(
            {"backlog": 60, "oldest_unacked_at": NOW - timedelta(minutes=5)},
            0,
            "lagging",
            id="holds back what is new",
        ),
        pytest.param({"cameras": [["door", "lost"]]}, 0, "camera", id="blind now"),
        pytest.param({"clock": "suspect"}, 0, "clock", id="unsure of the time"),
    ],
)
def test_a_shop_whose_day_lacks_something_is_told(
    engine: Engine, changes: dict[str, Any], lacks: int, trouble: str | None
) -> None:
    with filling(engine) as connection:
        for shop in ("a", "b"):
            tallies.day(connection, shop, DAY, visitors=10)
        a_box(connection, "a", **changes)
        a_box(connection, "b")
    board = seen(engine)
    assert board.lacks == group_of(board, "crossings").lacks == lacks
    assert board.lacking == ("a",) * lacks
    assert board.health.troubles == ({trouble: 1} if trouble else {})


def test_numbers_that_were_asked_for_again_may_be_the_days(engine: Engine) -> None:
    with filling(engine) as connection:
        a_box(connection, "a")
        tallies.day(connection, "a", DAY, visitors=10)
        counts = {"through": 1, "top": 9, "declared": 9, "missing": 3, "lost": 0}
        row = {"store": "a", "box": "a-a", "epoch": "e" * 32, **counts}
        connection.execute(insert(epoch), [row])
    board = seen(engine)
    assert (board.lacks, board.health.troubles) == (1, {"missing": 1})


def test_a_shop_that_was_counted_a_week_before_and_not_now_lacks_the_day(engine: Engine) -> None:
    with filling(engine) as connection:
        for shop in ("a", "closed"):
            a_box(connection, shop)
            tallies.day(connection, shop, DAY - WEEK, visitors=100)
        tallies.day(connection, "a", DAY, visitors=100)
        a_box(connection, "new")
    board = seen(engine)
    assert board.lacking == ("closed",)
    assert group_of(board, "crossings").lacks == 1


def test_shops_stand_out_against_their_own_usual_among_their_basis(engine: Engine) -> None:
    visitors = {"steady": 1_000, "fallen": 400, "risen": 1_900, "silent": 100, "guests": 400}
    with filling(engine) as connection:
        for shop, count in visitors.items():
            basis = "distinct" if shop == "guests" else "crossings"
            since = timedelta(days=1) if shop == "silent" else timedelta(0)
            a_box(connection, shop, last_seen=NOW - since)
            tallies.day(connection, shop, DAY, basis=basis, visitors=count)
            for week in range(1, 9):
                on = DAY - week * WEEK
                tallies.day(connection, shop, on, basis=basis, visitors=990 + 5 * (week % 4))
    board = seen(engine)
    listing = group_of(board, "crossings").listing
    assert listing is not None
    assert [row.store_id for row in listing.below] == ["fallen"]
    assert [row.store_id for row in listing.above] == ["risen"]
    assert listing.left_out == 1
    assert 990 <= listing.below[0].usual <= 1_005
    guests = group_of(board, "distinct").listing
    assert guests is not None
    assert [row.store_id for row in guests.below] == ["guests"]


def test_conversion_is_ranked_where_it_may_be_shown(engine: Engine) -> None:
    # Of `c` few were sold; `b`, the next, is hidden with it, or their sum would tell.
    sold = {"a": (30, 100), "b": (20, 100), "c": (9, 10), "d": (0, 100), "e": (40, 100)}
    with filling(engine) as connection:
        for shop, (sales, of) in {**sold, "f": (50, 100)}.items():
            a_box(connection, shop)
            tallies.day(connection, shop, DAY, visitors=of, sales=sales, till_visitors=of)
        a_box(connection, "no-till")
        tallies.day(connection, "no-till", DAY, visitors=500)
    listing = group_of(seen(engine), "crossings").listing
    assert listing is not None
    assert [row.store_id for row in listing.best] == ["f", "e"]
    assert [row.store_id for row in listing.least] == ["d", "a"]
    assert [row.standing.conversion for row in listing.best] == [0.5, 0.4]
    assert listing.with_till == 4


def test_a_sum_that_would_give_few_people_away_is_hidden_also_of_weeks_before(
    engine: Engine,
) -> None:
    with filling(engine) as connection:
        for on, few in ((DAY, 5), (DAY - WEEK, 50), (DAY - 52 * WEEK, 5)):
            tallies.day(connection, "few", on, visitors=100, members_new=few, members_back=40)
            tallies.day(connection, "many", on, visitors=100, members_new=200, members_back=40)
    of_all = card_of(seen(engine), "members_new").compare
    assert (of_all.value, of_all.week_ago, of_all.year_ago) == (205, 250, 205)
    # Beside the chain's 205, the 200 of the other shop would tell of the 5.
    many = Scope(shops=frozenset({"many"}), names=False)
    of_many = card_of(seen(engine, many), "members_new").compare
    assert (of_many.value, of_many.week_ago, of_many.year_ago) == (HIDDEN, 200, HIDDEN)
    assert (of_many.low, of_many.verdict) == (None, "unknown")


def test_the_grid_has_28_days_with_gaps_where_nothing_is_known(engine: Engine) -> None:
    with filling(engine) as connection:
        tallies.shop(connection, "b", called="新街口店")
        for back, visitors in ((0, 5), (2, 0), (27, 9), (28, 99)):
            tallies.day(connection, "a", DAY - timedelta(days=back), visitors=visitors)
        tallies.day(connection, "a", DAY - timedelta(days=3), basis="distinct", visitors=4)
    board = seen(engine)
    first, second = board.grid.rows
    assert (first.store_id, first.basis, len(first.days)) == ("a", "crossings", 28)
    assert first.days[-3:] == (0, None, 5)
    assert first.days[0] == 9
    assert first.days[-4] is None  # counted by another basis
    assert second.days == (None,) * 28
    assert [one.store_id for one in seen(engine, find="街口").grid.rows] == ["b"]
    assert [one.store_id for one in seen(engine, find="A").grid.rows] == ["a"]
    assert seen(engine, find="%").grid.rows == ()


def test_the_grid_is_turned_over(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("views", "queries.overview", "pages.overview.board"):
        monkeypatch.setattr(f"cloud.{module}.PAGE_SHOPS", 2)
    with filling(engine) as connection:
        for shop in "abcde":
            tallies.shop(connection, shop)
    pages = {number: seen(engine, page=number) for number in (1, 3, 9)}
    assert [one.store_id for one in pages[1].grid.rows] == ["a", "b"]
    assert [one.store_id for one in pages[9].grid.rows] == ["e"]
    assert (pages[3].first, pages[3].last, pages[3].shops, pages[3].pages) == (5, 5, 5, 3)


def test_consents_are_those_that_nothing_ended(engine: Engine) -> None:
    told = {
        "lives": ["consent_given", "template_stored"],
        "again": ["consent_given", "consent_withdrawn", "consent_given"],
        "withdrawn": ["consent_given", "template_stored", "consent_withdrawn"],
        "expired": ["consent_given", "consent_expired"],
        "faceless": ["consent_given", "template_stored", "template_removed"],
        "joined": ["joined"],
        "erased": ["consent_given", "template_stored", "erased"],
    }
    with filling(engine) as connection:
        tallies.shop(connection, "a")
        told_by = {"through": 0, "top": 0, "declared": 0, "missing": 0, "lost": 0}
        row = {"store": "a", "box": "a-a", "epoch": "e" * 32, **told_by}
        (pk,) = connection.execute(insert(epoch).returning(epoch.c.pk), [row]).one()
        rows = [
            {
                "epoch_pk": pk,
                "seq": 1_000 * place + number,
                "store": "a",
                "at": NOW - timedelta(days=20 - number),
                "change": change,
                "subject": f"{subject}-{copy:02}",
            }
            for copy in range(10)
            for place, (subject, changes) in enumerate(told.items(), start=10 * copy)
            for number, change in enumerate(changes)
        ]
        connection.execute(insert(member_change), rows)
    privacy = seen(engine).privacy
    assert (privacy.consents, privacy.templates) == (30, 10)
    (untold,) = privacy.filings
    assert (untold.controller, untold.shops, untold.templates) == ("", 1, 10)
    assert (untold.share, untold.state) == (10 / 100_000, "ok")
    with writing(engine) as connection:
        few = member_change.c.subject.not_like("%-00")
        connection.execute(member_change.delete().where(few))
    privacy = seen(engine).privacy
    assert (privacy.consents, privacy.templates) == (HIDDEN, HIDDEN)


def stores_faces(connection: Connection, shop: str, members: int) -> None:
    """Have a shop's boxes tell of members whose faces are stored."""
    told_by = {"through": 0, "top": 0, "declared": 0, "missing": 0, "lost": 0}
    row = {"store": shop, "box": f"{shop}-a", "epoch": shop * 32, **told_by}
    (pk,) = connection.execute(insert(epoch).returning(epoch.c.pk), [row]).one()
    rows = [
        {
            "epoch_pk": pk,
            "seq": number,
            "store": shop,
            "at": NOW - timedelta(days=9),
            "change": "template_stored",
            "subject": f"{shop}-{number:06}",
        }
        for number in range(members)
    ]
    connection.execute(insert(member_change), rows)


def test_stored_faces_are_told_by_who_answers_for_them(engine: Engine) -> None:
    with filling(engine) as connection:
        a_box(connection, "a", controller="示例 珠宝")
        a_box(connection, "b", controller="示例  珠宝 ")
        a_box(connection, "c", controller="Franchise Ltd")
        a_box(connection, "d")
        for shop, members in (("a", 30), ("b", 20), ("c", 40), ("d", 15)):
            stores_faces(connection, shop, members)
    privacy = seen(engine).privacy
    found = [(one.controller, one.shops, one.templates) for one in privacy.filings]
    assert found == [("示例 珠宝", 2, 50), ("Franchise Ltd", 1, 40), ("", 1, 15)]
    own = seen(engine, Scope(shops=frozenset({"c"}), names=True)).privacy
    assert [one.controller for one in own.filings] == ["Franchise Ltd"]


def test_a_controller_of_few_faces_cannot_be_worked_out_of_the_others(engine: Engine) -> None:
    with filling(engine) as connection:
        for shop, members in (("a", 300), ("b", 40), ("c", 4)):
            a_box(connection, shop, controller=f"Company {shop}")
            stores_faces(connection, shop, members)
    privacy = seen(engine).privacy
    assert privacy.templates == 344
    assert [one.templates for one in privacy.filings] == [300, HIDDEN, HIDDEN]


@pytest.mark.parametrize(
    ("stored", "state"), [(79_999, "ok"), (80_000, "near"), (99_999, "near"), (100_000, "reached")]
)
@on_sqlite
def test_a_controller_at_the_threshold_is_told_to_file(
    engine: Engine, stored: int, state: str
) -> None:
    with filling(engine) as connection:
        tallies.shop(connection, "a")
    morning = Mornings(engine).read(EVERYTHING, Asked(), NOW)
    answering = (Answering(controller="Company", shops=900, templates=stored),)
    told = replace(morning.consents, templates=stored, answering=answering)
    (filing,) = board_of(replace(morning, consents=told)).privacy.filings
    assert (filing.state, filing.share) == (state, stored / 100_000)


def test_an_erasure_is_under_way_until_every_box_has_confirmed_it(engine: Engine) -> None:
    def order(seq: int, of: str, kind: str, hash_: str, **more: Any) -> dict[str, Any]:
        then = NOW - timedelta(hours=seq)
        row = {"store": of, "box": f"{of}-a", "epoch": "e" * 32, "seq": seq, "kind": kind}
        return {**row, "object": hash_, "at": then, "acked_at": None, **more}

    with filling(engine) as connection:
        for shop in ("a", "b"):
            a_box(connection, shop)
        connection.execute(
            insert(box_order),
            [
                order(1, "a", "erase", "one"),
                order(2, "b", "erase", "one"),
                order(3, "b", "withdraw", "two"),
                order(4, "b", "erase", "three", acked_at=NOW),
                order(5, "a", "member", "four"),
            ],
        )
    endings = seen(engine).privacy.endings
    assert (endings.members, endings.boxes, endings.oldest) == (2, 2, NOW - timedelta(hours=3))


def test_what_is_kept_is_never_older_than_what_was_counted(engine: Engine) -> None:
    mornings = Mornings(engine)

    def shown() -> tuple[object, ...]:
        board = board_of(mornings.read(EVERYTHING, Asked(), NOW))
        listing = group_of(board, "crossings").listing
        assert listing is not None
        visitors = card_of(board, "visitors")
        return visitors.compare.value, visitors.known, [row.store_id for row in listing.below]

    with filling(engine) as connection:
        for shop in ("a", "b"):
            a_box(connection, shop)
            tallies.day(connection, shop, DAY, visitors=1_000)
            for week in range(1, 9):
                tallies.day(connection, shop, DAY - week * WEEK, visitors=1_000)
    assert shown() == (2_000, 2, [])
    with filling(engine) as connection:  # what came late, or was corrected
        of = day_tally.c
        late = update(day_tally).where(of.store == "b", of.day == DAY)
        connection.execute(late.values(visitors=300))
    assert shown() == (1_300, 2, ["b"])
    with filling(engine) as connection:
        earlier = update(day_tally).where(of.store == "b", of.day != DAY)
        connection.execute(earlier.values(visitors=300))
    assert shown() == (1_300, 2, [])


@on_sqlite
def test_what_no_sum_shows_to_have_changed_is_seen_within_ten_minutes(engine: Engine) -> None:
    mornings = Mornings(engine)

    def known(after: timedelta) -> int:
        board = board_of(mornings.read(EVERYTHING, Asked(), NOW + after))
        return card_of(board, "conversion").known

    with filling(engine) as connection:
        tallies.day(connection, "a", DAY, visitors=100, till_visitors=100, sales=20)
        tallies.day(connection, "b", DAY, visitors=100)
    assert known(timedelta()) == 1
    with filling(engine) as connection:  # it has a till, which sold nothing to nobody that day
        late = update(day_tally).where(day_tally.c.store == "b")
        connection.execute(late.values(till_visitors=0, sales=0))
    assert known(timedelta(minutes=11)) == 2


def test_the_page_says_what_is_missing_and_why(engine: Engine, tmp_path: Path) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    with filling(engine) as connection:
        tallies.shop(connection, "a", called="<b>老店</b>", zone="UTC")
        tallies.day(connection, "a", yesterday, visitors=1_234, till_visitors=1_234, sales=3)
        a_box(connection, "a", state="offline", last_seen=NOW - timedelta(days=900))
        order = {"store": "a", "box": "a-a", "epoch": "e" * 32, "seq": 1, "kind": "erase"}
        then = datetime.now(UTC) - timedelta(hours=5)
        connection.execute(insert(box_order), [{**order, "object": "x", "at": then}])
        cleared = datetime(2026, 3, 1, tzinfo=UTC)
        kept = {"name": "kept_from", "value": int(cleared.timestamp() * 1000)}
        connection.execute(insert(meter), [kept])
    client = create_app(load(None, {"MENKOU_DATA_DIR": str(tmp_path)}), engine).test_client()
    page = client.get("/?lang=en").text
    assert ">1,234<" in page
    assert "Data missing from 1 of 1 shops" in page
    assert "data missing from 1 shop<" in page
    assert "No shop recognises members" in page
    assert "Not shown: too few people" in page
    assert "&lt;b&gt;老店&lt;/b&gt;" in page
    assert "1 member; boxes still to confirm: 1; 5 hours ago" in page
    assert "What was told before 1 March" in page
    assert "That day cannot be shown" not in page
    for asked in ("2999-01-01", "nonsense"):
        assert "That day cannot be shown" in client.get(f"/?lang=en&day={asked}").text
    other = (yesterday - timedelta(days=3)).isoformat()
    empty = client.get(f"/?lang=en&day={other}&q=nobody&page=x").text
    assert "Nothing was counted" in empty
    assert "No shop is called “nobody”." in empty
    assert f"day={(yesterday - timedelta(days=2)).isoformat()}" in empty
    assert client.get("/").text.count("<h1") == 1


def test_anomalies_that_nobody_took_on_are_told_to_whoever_sees_the_shop(
    engine: Engine, tmp_path: Path
) -> None:
    now = datetime.now(UTC)

    def told(place: int, shop: str, kind: str = "drop", reason: str = "fewer") -> dict[str, Any]:
        row = {"id": f"{place:026}", "store": shop, "kind": kind, "reason": reason, "since": now}
        counts = {"expected": 100.0, "low": 80, "high": 120, "got": 10, "shops": None}
        return {**row, "opened_at": now - timedelta(minutes=place), "closed_at": None, **counts}

    with writing(engine) as connection:
        for shop in ("open-shop", "taken", "over"):
            tallies.shop(connection, shop, called=f"the {shop}")
        rows = [told(1, "open-shop"), told(2, "taken"), {**told(3, "over"), "closed_at": now}]
        rows += [told(10 + place, "open-shop", "surge", "more") for place in range(5)]
        connection.execute(insert(anomaly), rows)
        ack = {"anomaly": f"{2:026}", "at": now, "actor": "local", "reason": "event"}
        connection.execute(insert(anomaly_ack), [ack])
    app = create_app(load(None, {"MENKOU_DATA_DIR": str(tmp_path)}), engine)
    page = app.test_client().get("/?lang=en").text
    strip = page.split('id="h-alarms"')[1].split("</section>")[0]
    assert "6 anomalies that nobody has taken on" in strip
    assert strip.count("the open-shop") == 5
    assert "Fewer visitors than expected" in strip
    assert "the taken" not in strip
    assert "the over" not in strip
    assert 'href="/anomalies"' in strip
    client = app.test_client()
    first = f"/anomalies/{1:026}/ack"
    token = client.get("/").text.split('name="csrf" value="')[1].split('"')[0]
    answer = client.post(first, data={"csrf": token, "reason": "event", "to": "overview"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert "5 anomalies that nobody has taken on" in client.get("/?lang=en").text
    with writing(engine) as connection:
        connection.execute(update(anomaly).values(closed_at=now))
    assert 'id="h-alarms"' not in app.test_client().get("/?lang=en").text


@on_sqlite
def test_the_first_pages_tables_are_files_of_what_is_drawn(engine: Engine, tmp_path: Path) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    with filling(engine) as connection:
        tallies.day(connection, "a", yesterday, visitors=130, till_visitors=130, sales=4)
        tallies.day(connection, "b", yesterday, visitors=70, till_visitors=70, sales=3)
    client = create_app(load(None, {"MENKOU_DATA_DIR": str(tmp_path)}), engine).test_client()
    address = f"/?lang=en&day={yesterday}&format=csv"
    page = client.get(f"/?lang=en&day={yesterday}").text
    assert all(f"table={table}" in page for table in ("figures", "ranked", "grid"))
    figures = client.get(address).text.splitlines()
    assert figures[1].startswith("crossings,visitors,200,,,,,unknown,2,2")
    (conversion,) = [row for row in figures if row.startswith("crossings,conversion,")]
    assert conversion.startswith("crossings,conversion,hidden: few people,")
    grid = client.get(address + "&table=grid").text.splitlines()
    assert grid[0].endswith(yesterday.isoformat())
    assert [row.split(",")[0] for row in grid[1:]] == ["a", "b"]
    assert grid[1].endswith(",130")
    assert client.get(address + "&table=x").status_code == 400
