"""Few people are hidden, and so is whatever would give them away."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import product
from random import Random

import pytest

from cloud.figures.cells import LINKS, small
from cloud.figures.metric import METRICS, Sums, value_of
from cloud.figures.suppress import HIDDEN, LEAST, PEOPLE, Screen, shown, suppress_rows
from cloud.tally.tables import COUNTS, FOOTFALL, STREET

_FOOTFALL = {*FOOTFALL, *STREET, "faces_visitors", "desk_visitors", "till_visitors", "items"}


def _members(new: int, back: int) -> dict[str, int]:
    return {"members": new + back, "members_new": new, "members_back": back}


def test_every_count_is_either_of_people_or_of_footfall() -> None:
    assert set(COUNTS) - PEOPLE == _FOOTFALL
    for metric in METRICS.values():
        assert metric.people == PEOPLE.issuperset(metric.top), metric.key


@pytest.mark.parametrize(
    ("count", "hidden"),
    [(0, False), (1, True), (9, True), (10, False), (None, False)],
    ids=["nobody", "one", "nine", "ten", "not known"],
)
def test_a_count_of_one_to_nine_people_is_hidden(count: int | None, hidden: bool) -> None:
    assert small(count, LEAST) is hidden
    found = shown(METRICS["members"], {"members": count})
    assert found == (HIDDEN if hidden else count)


def test_footfall_is_shown_however_few() -> None:
    assert shown(METRICS["visitors"], {"visitors": 1}) == 1
    assert shown(METRICS["capture_rate"], {"captured": 1, "passers": 4}) == 0.25


@pytest.mark.parametrize(
    ("key", "sums", "expected"),
    [
        pytest.param("conversion", {"sales": 9, "till_visitors": 99}, HIDDEN, id="few bought"),
        pytest.param("conversion", {"sales": 10, "till_visitors": 12}, 10 / 12, id="footfall left"),
        pytest.param("conversion", {"sales": 0, "till_visitors": 5}, 0.0, id="nobody bought"),
        pytest.param("greeted_share", {"greeted_30s": 91, "served": 100}, HIDDEN, id="few not"),
        pytest.param("greeted_share", {"greeted_30s": 100, "served": 100}, 1.0, id="all of them"),
        pytest.param("greeted_share", {"greeted_30s": 0, "served": 9}, HIDDEN, id="of few"),
        pytest.param("kept_share", {"kept": 50, "no_show": 3}, HIDDEN, id="few did not come"),
        pytest.param("kept_share", {"kept": 50, "no_show": 10}, 50 / 60, id="ten did not"),
        pytest.param("kept_share", {"kept": 50, "no_show": None}, None, id="not known"),
    ],
)
def test_a_share_is_hidden_with_its_people_and_with_those_it_leaves(
    key: str, sums: Sums, expected: object
) -> None:
    assert shown(METRICS[key], sums) == expected


def test_the_smallest_other_is_hidden_beside_a_single_small_one() -> None:
    rows = {name: {"sales": n} for name, n in zip("abcde", (3, 40, 12, 80, 0), strict=True)}
    screen = suppress_rows(rows)
    sales = METRICS["sales"]
    assert [screen.shown(sales, row) for row in rows] == [HIDDEN, 40, HIDDEN, 80, 0]
    assert screen.total(sales) == 135


def test_two_small_ones_whose_sum_gives_them_away_take_a_third_one_with_them() -> None:
    screen = suppress_rows({"a": {"sales": 1}, "b": {"sales": 1}, "c": {"sales": 70}})
    assert all(screen.hides(row, "sales") for row in "abc")
    assert screen.total(METRICS["sales"]) == 72
    alone = suppress_rows({"a": {"sales": 4}, "b": {"sales": 6}, "c": {"sales": 70}})
    assert [alone.hides(row, "sales") for row in "abc"] == [True, True, False]


def test_where_nothing_else_can_be_hidden_the_total_is() -> None:
    screen = suppress_rows({"a": {"sales": 4}, "b": {"sales": 0}})
    assert screen.total(METRICS["sales"]) is HIDDEN
    several = suppress_rows({str(n): {"sales": 1} for n in range(12)})
    assert several.total(METRICS["sales"]) is HIDDEN  # each is 1, or they could not sum to 12


def test_equal_ones_are_hidden_together() -> None:
    rows = {"a": {"sales": 3}, "b": {"sales": 15}, "c": {"sales": 15}, "d": {"sales": 16}}
    screen = suppress_rows(rows)
    assert [screen.hides(row, "sales") for row in rows] == [True, True, True, False]


def test_what_adds_up_within_a_row_does_not_give_a_count_away() -> None:
    rows = {name: _members(*told) for name, told in (("a", (3, 42)), ("b", (50, 60)))}
    screen = suppress_rows(rows)
    for row in rows:
        seen = [name for name in rows["a"] if not screen.hides(row, name)]
        assert len(seen) != 2, row
    assert screen.hides("a", "members_new")
    assert screen.shown(METRICS["back_share"], "a") is HIDDEN


def test_a_count_is_hidden_that_leaves_few_of_another() -> None:
    rows = {name: {"served": 100, "greeted_30s": n} for name, n in (("a", 95), ("b", 60))}
    screen = suppress_rows(rows)
    assert screen.hides("a", "greeted_30s")
    assert screen.shown(METRICS["greeted_share"], "b") is HIDDEN  # or the total would tell of a
    assert screen.shown(METRICS["served"], "a") == 100


@pytest.mark.parametrize(
    ("whole", "part"),
    [
        ("members_due", "members_returned"),
        ("served", "greeted_30s"),
        ("served", "served_members"),
        ("queued", "queue_gone"),
        ("kept", "late"),
        ("sales", "sales_members"),
    ],
)
def test_of_each_whole_a_part_that_leaves_few_is_hidden(whole: str, part: str) -> None:
    rows = {name: {whole: 100, part: n} for name, n in (("a", 95), ("b", 60))}
    screen = suppress_rows(rows)
    assert screen.hides("a", part) or screen.hides("a", whole)
    # Of as many as are shown, nothing is.
    plain = suppress_rows({name: {whole: 100, part: 60} for name in "ab"})
    assert not any(plain.hides(row, name) for row in "ab" for name in (whole, part))


def test_who_kept_an_appointment_and_who_did_not_add_up_to_who_was_booked() -> None:
    rows = {
        name: {"booked": kept + no_show, "kept": kept, "no_show": no_show}
        for name, kept, no_show in (("a", 40, 3), ("b", 50, 60))
    }
    screen = suppress_rows(rows)
    assert screen.hides("a", "no_show")
    assert screen.hides("a", "kept") or screen.hides("a", "booked")


def test_of_two_parts_beside_a_hidden_whole_the_smaller_is_hidden() -> None:
    rows = {name: _members(*told) for name, told in (("a", (30, 60)), ("b", (50, 80)))}
    screen = suppress_rows(rows, hidden=[("a", "members")])
    assert screen.hides("a", "members_new")
    assert not screen.hides("a", "members_back")


def test_a_count_that_nobody_knows_is_none_and_hides_nothing() -> None:
    sales = METRICS["sales"]
    screen = suppress_rows({"a": {"sales": None}, "b": {"sales": 30}, "c": {"sales": None}})
    assert [screen.shown(sales, row) for row in "abc"] == [None, 30, None]
    assert screen.total(sales) == 30
    assert suppress_rows({"a": {"sales": None}, "b": {"sales": None}}).total(sales) is None


def test_what_another_page_hides_is_hidden_and_cannot_be_summed() -> None:
    rows = {day: {"sales": 20 + day} for day in range(5)}
    screen = suppress_rows(rows, hidden=[(None, "sales")])
    assert screen.total(METRICS["sales"]) is HIDDEN
    assert [screen.hides(day, "sales") for day in rows] == [True, False, False, False, False]


def test_the_sum_of_some_rows_is_hidden_where_it_would_give_a_row_away() -> None:
    rows = {"a": {"sales": 3}, "b": {"sales": 12}, "c": {"sales": 40}, "d": {"sales": 80}}
    screen = suppress_rows(rows)
    sales = METRICS["sales"]
    assert screen.total_of(sales, ["a", "c"], {"sales": 43}) is HIDDEN
    assert screen.total_of(sales, ["c", "d"], {"sales": 120}) == 120
    assert screen.total_of(sales, list(rows), {"sales": 135}) == 135


def test_the_least_is_settable() -> None:
    assert suppress_rows({"a": {"sales": 7}, "b": {"sales": 30}}, least=5).hides("a", "sales") is (
        False
    )
    assert shown(METRICS["sales"], {"sales": 15}, 20) is HIDDEN


def _views(tables: Iterable[Mapping[int, Sums]], least: int) -> dict[object, list[list[int]]]:
    """Return by what is seen of it every table that looks so."""
    found: dict[object, list[list[int]]] = defaultdict(list)
    for rows in tables:
        screen = suppress_rows(rows, least=least)
        names = list(rows[0])
        cells = [(row, name) for row in rows for name in names]
        seen = (
            tuple(screen.count(*cell) for cell in cells),
            tuple(HIDDEN if n in screen.totals_hidden else screen.totals[n] for n in names),
        )
        found[seen].append([rows[row][name] or 0 for row, name in cells])
    return found


def _given_away(tables: Iterable[Mapping[int, Sums]], least: int) -> list[object]:
    """Return what is seen of tables of which a hidden cell can have one value only."""
    return [
        seen
        for seen, alike in _views(tables, least).items()
        for place, cell in enumerate(seen[0])  # type: ignore[index]
        if cell is HIDDEN and len({cells[place] for cells in alike}) == 1
    ]


@pytest.mark.parametrize(
    ("rows", "most", "least"),
    [(3, 14, 5), (4, 11, 5), (4, 9, 4), (5, 7, 4)],
    ids=["3 rows", "4 rows", "4 rows, 4 hidden", "5 rows"],
)
def test_whoever_knows_the_rule_works_no_hidden_count_out(rows: int, most: int, least: int) -> None:
    tables = (
        {row: {"sales": count} for row, count in enumerate(counts)}
        for counts in product(range(most + 1), repeat=rows)
    )
    assert _given_away(tables, least) == []


def test_whoever_knows_the_rule_works_nothing_out_from_what_adds_up() -> None:
    tables = [
        {0: _members(*counts[:2]), 1: _members(*counts[2:])}
        for counts in product(range(13), repeat=4)
        if sum(counts) <= 12
    ]
    assert _given_away(tables, 5) == []


def _alone(screen: Screen[int], rows: Mapping[int, Sums]) -> list[str]:
    """Return the equations of a table in which one hidden count stands alone."""
    names = [name for name in PEOPLE if name in rows[0]]
    told = [
        name
        for name in names
        if sum(screen.hides(row, name) for row in rows) + (name in screen.totals_hidden) == 1
    ]
    for link in LINKS:
        of = (link.whole, *link.parts)
        if set(of) <= set(names):
            told += [
                link.whole
                for row in rows
                if sum(screen.hides(row, name) for name in of) == 1
                and not any(rows[row][name] == 0 for name in of)
            ]
    return told


@pytest.mark.parametrize("seed", range(8))
def test_no_hidden_count_of_a_chain_stands_alone_and_none_small_is_seen(seed: int) -> None:
    chance = Random(seed)
    for _ in range(40):
        rows: dict[int, Sums] = {}
        for shop in range(chance.randint(1, 30)):
            most = chance.choice((3, 12, 60, 900))
            served, kept = chance.randint(0, most), chance.randint(0, most)
            rows[shop] = {
                **_members(chance.randint(0, most), chance.randint(0, most)),
                **{"served": served, "greeted_30s": chance.randint(0, served)},
                **{"kept": kept, "no_show": (missed := chance.randint(0, most))},
                **{"booked": kept + missed, "late": chance.randint(0, kept)},
                "sales": chance.choice((None, chance.randint(0, most))),
                "visitors": 5,
            }
        screen = suppress_rows(rows)
        assert _alone(screen, rows) == []
        for row, sums in rows.items():
            assert screen.count(row, "visitors") == 5
            for name, count in sums.items():
                if name in PEOPLE and small(count, LEAST):
                    assert screen.hides(row, name)
                if count == 0:
                    assert not screen.hides(row, name)
            for metric in METRICS.values():
                found = screen.shown(metric, row)
                assert found is HIDDEN or found == value_of(metric, sums)
        for name in PEOPLE & set(rows[0]):
            hidden = [rows[row][name] or 0 for row in rows if screen.hides(row, name)]
            if hidden and name not in screen.totals_hidden:
                assert sum(hidden) - (len(hidden) - 1) >= LEAST - 1
