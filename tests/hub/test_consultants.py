"""Consultants: a table worked by hand, fair comparison within a shop, codes for some only."""

from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import Engine

from cloud.accounts.scope import EVERYTHING, Scope
from cloud.db import reading, writing
from cloud.desks.guests import GuestDesk
from cloud.figures.fair import Greetings, weigh
from cloud.figures.period import Period
from cloud.figures.suppress import HIDDEN
from cloud.pages.consultants.board import Board, codes_of, consultant_board
from cloud.queries.consultants import Colleagues, weighed
from cloud.tally import tables
from tests.hub.conftest import on_sqlite
from tests.support import tallies
from tests.support.accounts import HubOffice, cheaply

FIRST = date(2026, 11, 1)
PERIOD = Period(first=FIRST, last=FIRST + timedelta(days=9))
ANN, BO, CY = (f"01JD00000000000000000{name}" for name in ("0ANN1", "00BO2", "00CY3"))
AUDITOR = Scope(shops=None, names=False)
_COUNTS = ("greeted", "greeted_30s", "members", "sales", "wrong_person", "follow_ups")


def _row(store: str, day: int, staff: str, *counts: int) -> dict[str, Any]:
    head = {"store": store, "day": FIRST + timedelta(days=day), "staff": staff}
    return {**head, **dict(zip(_COUNTS, counts, strict=True))}


@pytest.fixture
def chain(engine: Engine) -> Engine:
    """Ten days of two shops; by hand, of nj-001:

            greeted  within 30 s  members  sold  wrong  follow-ups
        Ann     300          150      200   100     20          10
        Bo      300          240      180   100     20          20
        Cy      100           80       50    20     10          30

    Cy sold to 20 of 100, the others to a third of theirs: 33.3 were to be expected.
    """
    with writing(engine) as connection:
        for name in ("nj-001", "nj-002"):
            tallies.shop(connection, name, called=f"店 {name}")
        tallies.rows(
            connection,
            tables.staff_tally,
            *(_row("nj-001", day, ANN, 30, 15, 20, 10, 2, 1) for day in range(10)),
            *(_row("nj-001", day, BO, 30, 24, 18, 10, 2, 2) for day in range(10)),
            *(_row("nj-001", day, CY, 10, 8, 5, 2, 1, 3) for day in range(10)),
            *(_row("nj-002", day, ANN[:-1] + "9", 40, 20, 20, 15, 3, 4) for day in range(10)),
            _row("nj-001", 10, ANN, 999, 999, 999, 999, 999, 999),
        )
    return engine


def told(
    engine: Engine, scope: Scope = EVERYTHING, shop: str | None = None, page: int = 1
) -> Colleagues:
    found = GuestDesk(engine=engine, scope=lambda: scope).consultants(PERIOD, shop, page)
    assert found is not None
    return found


def board(engine: Engine, scope: Scope = EVERYTHING, shop: str | None = None) -> Board:
    return consultant_board(told(engine, scope, shop))


def test_each_colleagues_figures_are_the_table_worked_by_hand(chain: Engine) -> None:
    by_code = {one.code: one for one in board(chain, shop="nj-001").colleagues}
    assert by_code["ANN1"].figures == {
        "greeted": 300,
        "greeted_quick": 0.5,
        "greeted_sales": pytest.approx(1 / 3),
        "follow_ups": 10,
        "greeted_wrong": 20 / 220,
    }
    assert by_code["0CY3"].figures["follow_ups"] == 30


@on_sqlite
def test_a_shops_own_page_hides_what_the_list_of_shops_hides(engine: Engine) -> None:
    with writing(engine) as connection:
        for name, greeted in (("nj-001", 4), ("nj-002", 14), ("nj-003", 90)):
            tallies.shop(connection, name)
            row = _row(name, 0, ANN, greeted, 0, 0, 0, 0, 0)
            tallies.rows(connection, tables.staff_tally, row)
            tallies.day(connection, name, row["day"], visitors=200, served=greeted)
    listed = {line.store_id: line.figures["greeted"] for line in board(engine).lines}
    assert [listed[name] for name in ("nj-001", "nj-002")] == [HIDDEN, HIDDEN]
    for name, expected in listed.items():
        page = board(engine, shop=name)
        assert page.total is not None
        assert page.total["greeted"] == expected
        assert [one.figures["greeted"] for one in page.colleagues] == [expected]


def test_what_is_expected_is_of_the_others_of_the_same_shop(chain: Engine) -> None:
    by_code = {one.code: one for one in board(chain, shop="nj-001").colleagues}
    cy, ann = by_code["0CY3"], by_code["ANN1"]
    assert cy.fair is not None
    assert cy.fair.expected == pytest.approx(100 / 3)
    assert (cy.word, ann.word) == ("less", "expected")
    assert cy.dot is not None
    assert cy.dot.from_x < cy.dot.x < cy.dot.to_x < 50


def test_colleagues_stand_in_the_order_of_their_codes(chain: Engine) -> None:
    codes = [one.code for one in board(chain, shop="nj-001").colleagues]
    assert codes == sorted(codes) == ["0BO2", "0CY3", "ANN1"]


def test_codes_are_as_long_as_it_takes_to_tell_colleagues_apart() -> None:
    assert codes_of([ANN, BO]) == {ANN: "ANN1", BO: "0BO2"}
    assert sorted(codes_of(["AAAAXYZW1", "AAABXYZW1"]).values()) == ["AXYZW1", "BXYZW1"]


def test_the_chain_is_shown_by_shop_and_the_sums_are_theirs(chain: Engine) -> None:
    found = board(chain)
    assert found.total is not None
    assert found.total["greeted"] == 1_100
    assert found.total["greeted_sales"] == 370 / 1_100
    assert [(line.store_id, line.figures["greeted"]) for line in found.lines] == [
        ("nj-001", 700),
        ("nj-002", 400),
    ]
    assert found.lines[0].words == {"expected": 2, "less": 1}
    assert found.lines[1].words == {"alone": 1}
    assert found.colleagues == ()


def test_whoever_may_name_nobody_sees_totals_and_no_code(chain: Engine) -> None:
    found = told(chain, AUDITOR, "nj-001")
    assert (found.staff, found.fair) == ({}, {})
    drawn = consultant_board(found)
    assert drawn.colleagues == ()
    assert drawn.total is not None
    assert drawn.total["greeted"] == 700
    assert [line.words for line in board(chain, AUDITOR).lines] == [None, None]


def test_a_shop_of_others_is_not_there(chain: Engine) -> None:
    ours = Scope(shops=frozenset({"nj-001"}), names=True)
    assert GuestDesk(engine=chain, scope=lambda: ours).consultants(PERIOD, "nj-002", 1) is None
    assert list(told(chain, ours).shops) == ["nj-001"]


def test_while_nobody_greeted_nothing_is_told(engine: Engine) -> None:
    assert board(engine).total is None
    assert board(engine).lines == ()


@on_sqlite
def test_few_guests_are_hidden_and_so_is_the_dot_that_would_tell_them(chain: Engine) -> None:
    found = told(chain, shop="nj-001")
    staff = {**found.staff, CY: {**found.staff[CY], "sales": 9}}
    by_code = {
        one.code: one for one in consultant_board(structs.replace(found, staff=staff)).colleagues
    }
    cy = by_code["0CY3"]
    assert (cy.sales, cy.figures["greeted_sales"], cy.word) == (HIDDEN, HIDDEN, "hidden")
    assert (cy.fair, cy.dot) == (None, None)
    assert by_code["0CY3"].figures["greeted"] == 100


@on_sqlite
def test_a_page_lists_so_many_shops_and_compares_those_only(
    chain: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.views.PAGE_SHOPS", 1)
    monkeypatch.setattr("cloud.pages.consultants.board.PAGE_SHOPS", 1)
    found = told(chain, page=2)
    assert list(found.fair) == ["nj-002"]
    drawn = consultant_board(found)
    assert [line.store_id for line in drawn.lines] == ["nj-002"]
    assert (drawn.page, drawn.pages, drawn.shops) == (2, 2, 2)
    assert drawn.total is not None
    assert drawn.total["greeted"] == 1_100


@on_sqlite
def test_an_auditors_page_has_no_code_on_it(
    chain: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cheaply(monkeypatch)
    office = HubOffice(chain, tmp_path)
    dates = f"from={PERIOD.first}&to={PERIOD.last}&shop=nj-001"
    auditor = office.sign_in(office.person("audit", "auditor"))
    clerk = office.sign_in(office.person("chen", "shop", "nj-001"))
    page = auditor.get(f"/consultants?{dates}")
    assert page.status_code == 200
    assert "ANN1" not in page.text
    assert "700" in page.text
    assert "ANN1" in clerk.get(f"/consultants?{dates}").text
    assert clerk.get(f"/consultants?{dates.replace('nj-001', 'nj-002')}").status_code == 404
    assert "nj-002" not in clerk.get(f"/consultants?from={PERIOD.first}&to={PERIOD.last}").text


def test_the_database_weighs_days_as_the_definition_does(engine: Engine, random: Random) -> None:
    days: dict[str, dict[date, dict[str, Greetings]]] = {}
    with writing(engine) as connection:
        for shop in ("nj-001", "nj-002"):
            tallies.shop(connection, shop)
            for back in range(20):
                on = FIRST + timedelta(days=back)
                for who in random.sample([ANN, BO, CY], random.randint(0, 3)):
                    greeted = random.randint(0, 9)
                    one = Greetings(greeted=greeted, sales=random.randint(0, greeted))
                    days.setdefault(shop, {}).setdefault(on, {})[who] = one
                    row = _row(shop, back, who, greeted, 0, 0, one.sales, 0, 0)
                    tallies.rows(connection, tables.staff_tally, row)
    with reading(engine) as connection:
        last = FIRST + timedelta(days=19)
        found = weighed(connection, EVERYTHING, FIRST, last)
        some = weighed(connection, EVERYTHING, FIRST, last, ["nj-002"])
    for shop, of in days.items():
        expected = weigh(of)
        assert found[shop].keys() == expected.keys()
        for who, sums in expected.items():
            assert asdict(found[shop][who]) == pytest.approx(asdict(sums))
    assert some.keys() == {"nj-002"}
    assert some["nj-002"].keys() == found["nj-002"].keys()
