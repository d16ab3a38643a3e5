"""The funnel: worked out by hand, and the same sums on each page down from the chain to a shop."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import Engine

from cloud.accounts.scope import EVERYTHING, Scope
from cloud.db import reading, writing
from cloud.figures.metric import Sums
from cloud.figures.period import Period
from cloud.pages.channels.board import channel_board
from cloud.pages.funnel.board import FunnelBoard, Shops, channel_steps, funnel_board
from cloud.pages.shops.board import shop_board
from cloud.queries.channels import channels_page
from cloud.queries.funnel import (
    COUNTED,
    due_of,
    funnel_of_shops,
    funnel_sums,
    screens_of,
    shops_knowing,
)
from cloud.queries.shop import shop_period
from cloud.queries.shops import found
from cloud.tally.sums import sum_days
from cloud.tally.tables import channel_tally
from cloud.views import PAGE_SHOPS
from tests.hub.conftest import on_sqlite
from tests.support import tallies

TODAY = date(2026, 11, 21)
DAY = timedelta(days=1)
WEEK = Period(first=TODAY - 7 * DAY, last=TODAY - DAY)
DUE = due_of(WEEK, TODAY)
NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)


def _board(
    engine: Engine, page: int = 1, one: str | None = None, scope: Scope = EVERYTHING
) -> FunnelBoard:
    with reading(engine) as connection:
        every = [shop for shop in found(connection, scope) if one in (None, shop.store_id)]
        here = every[(page - 1) * PAGE_SHOPS : page * PAGE_SHOPS]
        ids = [shop.store_id for shop in here]
        narrowed = None if one is None else (one,)
        _, knowing = shops_knowing(connection, scope, WEEK, narrowed)
        return funnel_board(
            WEEK,
            funnel_sums(connection, scope, WEEK, DUE, narrowed),
            funnel_of_shops(connection, scope, WEEK, DUE, ids),
            Shops(every=every, here=here, number=page, alone=one is not None),
            knowing,
            screens_of(connection, scope, WEEK, DUE),
        )


def test_each_step_is_a_share_of_the_step_before_where_both_are_known(engine: Engine) -> None:
    with writing(engine) as connection:
        # All is known.
        tallies.day(connection, "a", WEEK.last, visitors=100, passers=800, captured=100,
                    faces_visitors=100, members=20, desk_visitors=100, served=60,
                    till_visitors=100, sales=25)  # fmt: skip
        # Counts only: in no share but in the visitors.
        tallies.day(connection, "b", WEEK.last, visitors=300)
        # A till without a desk.
        tallies.day(connection, "c", WEEK.last, visitors=100, till_visitors=100, sales=11)
        # Who came back is known of a day that is long enough ago.
        tallies.day(connection, "a", DUE.last, visitors=77, members_due=40, members_returned=14)
        # Of another basis, which is not added.
        tallies.day(connection, "z", WEEK.last, basis="distinct", visitors=9999, passers=10)
        tallies.sum_chain(connection)
    crossings, distinct = _board(engine).groups
    assert (crossings.basis, distinct.basis) == ("crossings", "distinct")
    said = {step.key: step for step in crossings.all.steps}
    assert {key: step.count for key, step in said.items()} == {
        "passers": 800,
        "visitors": 500,
        "identified": 20,
        "served": 60,
        "purchase": 36,
        "returned": 14,
    }
    shares = {key: step.share.value for key, step in said.items() if step.share}
    assert shares == {
        "visitors": 0.125,
        "identified": 0.2,
        "served": 0.6,
        "purchase": 0.18,
        "returned": 0.35,
    }
    assert crossings.shops == 3
    assert {key: step.knowing for key, step in said.items()} == {
        **dict.fromkeys(("passers", "visitors", "identified", "served"), 1),
        "purchase": 2,
        "returned": 0,
    }


def test_who_came_back_is_of_the_latest_days_of_which_that_can_be_known() -> None:
    assert DUE.length == WEEK.length
    assert DUE.first.weekday() == WEEK.first.weekday()
    assert timedelta(91) <= TODAY - DUE.last < timedelta(98)
    long_ago = Period(first=date(2026, 1, 1), last=date(2026, 1, 31))
    assert due_of(long_ago, TODAY) == long_ago


def _made_up(engine: Engine, random: Random, shops: int) -> None:
    """Put days of shops there that know this and that, some by one basis and then by the other."""
    with writing(engine) as connection:
        for number in range(shops):
            name = f"s-{number:03}"
            tallies.shop(connection, name)
            lacks = {kind for kind in ("wifi", "faces", "desk", "till") if random.random() < 0.4}
            for on in (*WEEK.days(), *DUE.days()):
                if random.random() < 0.1:
                    continue
                visitors = random.randrange(80)
                counts = {"visitors": visitors, "passers": visitors * 7, "captured": visitors}
                counts |= {"faces_visitors": visitors, "members": visitors // 3}
                counts |= {"members_due": visitors // 3, "members_returned": visitors // 9}
                counts |= {"desk_visitors": visitors, "served": visitors // 2}
                counts |= {"till_visitors": visitors, "sales": visitors // 8}
                gone = {
                    "wifi": ("passers", "captured"),
                    "faces": ("faces_visitors", "members", "members_due", "members_returned"),
                    "desk": ("desk_visitors", "served"),
                    "till": ("till_visitors", "sales"),
                }
                known = {
                    key: value
                    for key, value in counts.items()
                    if not any(key in gone[one] for one in lacks)
                }
                basis = random.choice(["crossings"] * 5 + ["distinct"])
                tallies.day(connection, name, on, basis=basis, **known)
        tallies.sum_chain(connection)


def _added(rows: list[Sums]) -> Mapping[str, int]:
    return {name: sum(row[name] or 0 for row in rows) for name in COUNTED}


@pytest.mark.parametrize("seed", range(4))
@on_sqlite
def test_the_chains_funnel_is_the_sum_of_its_shops_and_theirs_that_of_their_pages(
    engine: Engine, seed: int
) -> None:
    random = Random(seed)
    _made_up(engine, random, 60)
    with reading(engine) as connection:
        chain = funnel_sums(connection, EVERYTHING, WEEK, DUE)
        ids = [shop.store_id for shop in found(connection, EVERYTHING)]
        pages = [
            funnel_of_shops(connection, EVERYTHING, WEEK, DUE, ids[start : start + PAGE_SHOPS])
            for start in range(0, len(ids), PAGE_SHOPS)
        ]
        every = {key: one.sums for page in pages for key, one in page.items()}
        for basis, sums in chain.items():
            rows = [row for (_, by), row in every.items() if by == basis]
            assert _added(rows) == _added([sums])
        for name in random.sample(ids, 20):
            own = funnel_sums(connection, EVERYTHING, WEEK, DUE, (name,))
            assert own == {by: row for (of, by), row in every.items() if of == name}
            period = shop_period(connection, EVERYTHING, name, WEEK, TODAY, DUE)
            assert period is not None
            page = shop_board(period, NOW)
            if page.basis:
                assert {one: page.sums[one] for one in COUNTED} == own[page.basis]


@pytest.mark.parametrize("seed", range(4))
@on_sqlite
def test_what_a_page_and_its_totals_show_adds_up(engine: Engine, seed: int) -> None:
    _made_up(engine, Random(seed), 12)
    for group in _board(engine).groups:
        for place, step in enumerate(group.all.steps):
            shown = [row.steps[place] for row in group.rows]
            if step.count is None:
                continue
            hidden = [one for one in shown if one.why == "few"]
            assert len(hidden) != 1, "what one alone hides is the total less the others"
            seen = sum(one.count or 0 for one in shown)
            assert seen == step.count if not hidden else seen < step.count


@on_sqlite
def test_few_people_are_hidden_and_footfall_is_not(engine: Engine) -> None:
    with writing(engine) as connection:
        for name, came, sales in (("a", 5, 3), ("b", 700, 80), ("c", 600, 50)):
            tallies.day(connection, name, WEEK.last, visitors=came, till_visitors=came, sales=sales)
        tallies.sum_chain(connection)
    (group,) = _board(engine).groups
    steps = [{step.key: step for step in row.steps} for row in group.rows]
    assert [one["visitors"].count for one in steps] == [5, 700, 600]
    assert [one["purchase"].count for one in steps] == [None, 80, None]
    assert [one["purchase"].why for one in steps] == ["few", "", "few"]
    shares = [one["purchase"].share for one in steps]
    assert [share.why for share in shares if share] == ["few", "", "few"]
    top = {step.key: step.count for step in group.all.steps}
    assert top["purchase"] == 133


@on_sqlite
def test_a_funnel_is_of_the_shops_that_one_sees(engine: Engine) -> None:
    with writing(engine) as connection:
        for name in ("a", "b"):
            tallies.day(connection, name, WEEK.last, visitors=20)
        tallies.sum_chain(connection)
    ours = Scope(shops=frozenset({"a"}), names=False)
    (group,) = _board(engine, scope=ours).groups
    assert group.all.steps[1].count == 20
    assert [row.shop.store_id for row in group.rows if row.shop] == ["a"]
    assert group.shops == 1


@on_sqlite
def test_a_step_that_no_shop_knows_says_why(engine: Engine) -> None:
    with writing(engine) as connection:
        tallies.day(connection, "a", WEEK.last, visitors=20, faces_visitors=20, members=12)
        tallies.sum_chain(connection)
    (group,) = _board(engine).groups
    assert {step.key: step.why for step in group.all.steps} == {
        "passers": "no_wifi",
        "visitors": "",
        "identified": "",
        "served": "no_desk",
        "purchase": "no_till",
        "returned": "no_faces",
    }
    with writing(engine) as connection:
        tallies.day(connection, "a", DUE.last, visitors=20, members_due=0, members_returned=0)
        tallies.sum_chain(connection)
    (group,) = _board(engine).groups
    assert group.all.steps[-1].why == "not_due"


def test_a_channel_shows_whom_it_brought_and_who_of_them_bought(engine: Engine) -> None:
    def told(of: str, channel: str, asked: int, sales: int, advert: str = "") -> dict[str, object]:
        counts = {"asked": asked, "booked": 0, "sales": sales}
        return {"store": of, "day": WEEK.last, "channel": channel, "advert": advert, **counts}

    with writing(engine) as connection:
        for of in ("a", "b"):
            tallies.shop(connection, of)
        tallies.rows(
            connection,
            channel_tally,
            told("a", "friend", 40, 10),
            told("a", "friend", 20, 10, "spring"),
            told("b", "friend", 40, 20),
            told("b", "street", 50, 25),
            told("b", "web", 4, 0),
        )
        sum_days(connection)
    with reading(engine) as connection:
        lines = {
            shop: channel_board(asked).lines
            for shop in (None, "a")
            if (asked := channels_page(connection, EVERYTHING, WEEK, shop, NOW))
        }
    chain = {one: channel_steps(one, lines[None]) for one in ("friend", "web")}
    assert (chain["friend"].asked, chain["friend"].sales) == (100, 40)
    assert chain["friend"].share == 0.4
    assert (chain["web"].asked, chain["web"].why) == (None, "few")
    assert channel_steps("poster", lines[None]).why == "no_channel"
    own = channel_steps("friend", lines["a"])
    assert (own.asked, own.sales) == (60, 20)
