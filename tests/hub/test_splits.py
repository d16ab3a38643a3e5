"""What is told in parts whose sum stands on another page: neither page gives the other away."""

from collections import defaultdict
from itertools import product

import pytest

from cloud.figures.metric import METRICS
from cloud.figures.splits import split_rows
from cloud.figures.staff import SUMS, screen_of_shops, screen_of_staff, screen_of_sums
from cloud.figures.suppress import HIDDEN, suppress_rows

SALES = METRICS["sales"]


def _rows(*sales: int) -> dict[int, dict[str, int]]:
    return {number: {"sales": count} for number, count in enumerate(sales)}


def test_what_is_hidden_as_a_whole_is_hidden_in_all_its_parts() -> None:
    screen = split_rows(_rows(40, 0, 12), {"sales": True})
    assert [screen.shown(SALES, row) for row in range(3)] == [HIDDEN] * 3
    assert screen.total(SALES) is HIDDEN


def test_parts_are_told_beside_a_sum_that_is_shown() -> None:
    screen = split_rows(_rows(40, 0, 12), {"sales": False})
    assert [screen.shown(SALES, row) for row in range(3)] == [40, 0, 12]
    assert screen.total(SALES) == 52


def test_a_sum_that_another_page_shows_is_not_hidden_and_no_part_is_told_instead() -> None:
    rows = _rows(2, 8, 0)
    assert split_rows(_rows(4, 6, 50), {"sales": False}).hides(2, "sales") is False
    alone = suppress_rows({row: {"sales": 1} for row in range(12)})
    assert alone.total(SALES) is HIDDEN, "without another page it is the sum that goes"
    beside = split_rows({row: {"sales": 1} for row in range(12)}, {"sales": False})
    assert beside.total(SALES) == 12
    assert all(beside.hides(row, "sales") for row in range(12))
    assert not split_rows(rows, {}).totals_hidden or all(
        split_rows(rows, {"sales": False}).hides(row, "sales") for row in rows
    )


def test_what_has_become_small_since_it_was_decided_is_hidden() -> None:
    screen = split_rows(_rows(4, 0), {"sales": False})
    assert screen.total(SALES) is HIDDEN
    assert screen.hides(1, "sales")


def test_a_cell_that_another_page_hides_is_hidden_and_cannot_be_summed() -> None:
    screen = split_rows(_rows(40, 30, 12), {"sales": False}, hidden=[(0, "sales")])
    assert [screen.hides(row, "sales") for row in range(3)] == [True, False, True]


@pytest.mark.parametrize("hidden", [False, True])
def test_no_part_follows_from_what_is_told_here_and_of_the_sum_elsewhere(hidden: bool) -> None:
    """All small tables, grouped by what is seen: no hidden part has one possible value."""
    least, views = 5, defaultdict(list)
    for counts in product(range(12), repeat=3):
        rows = _rows(*counts)
        total = sum(counts)
        if 1 <= total < least and not hidden:
            continue  # it would not be shown elsewhere
        screen = split_rows(rows, {"sales": hidden}, least)
        seen = tuple(screen.count(row, "sales") for row in rows)
        views[seen, None if hidden else total].append(counts)
    for (seen, _), tables in views.items():
        for row, cell in enumerate(seen):
            small = {table[row] for table in tables if 1 <= table[row] < least}
            assert cell is not HIDDEN or not small or len({table[row] for table in tables}) > 1


def _staff(*told: tuple[int, int, int, int]) -> dict[str, dict[str, int]]:
    names = ("greeted", "greeted_30s", "members", "sales")
    rest = {"wrong_person": 0, "follow_ups": 0}
    return {
        f"s{number}": {**dict(zip(names, one, strict=True)), **rest}
        for number, one in enumerate(told)
    }


def test_of_what_a_shops_page_tells_of_colleagues_the_page_of_consultants_hides_the_same() -> None:
    staff = _staff((90, 60, 40, 3), (80, 44, 30, 25), (4, 2, 1, 0), (70, 70, 0, 62))
    wholes = dict.fromkeys(("wrong_person", "follow_ups", "sales", *SUMS), False)
    own, both = (ask(staff, wholes, 10) for ask in (screen_of_sums, screen_of_staff))
    for name in SUMS:
        assert own.hidden.get(name, set()) == both.hidden.get(name, set())
    assert both.hides("s0", "sales")
    assert any(both.hides(one, "sales") for one in ("s1", "s3")), "or the sum would tell"


def test_the_list_of_shops_hides_of_their_guests_what_the_shops_pages_hide() -> None:
    shops = _staff((90, 60, 40, 3), (80, 44, 30, 25), (300, 200, 100, 60))
    # One of each basis, say: together they are no table, and none is hidden for the other.
    screen = screen_of_shops(shops, [("s1", "greeted")], 10)
    assert screen.hidden["greeted"] == {"s1"}
    assert not screen.hidden.get("members")
    assert screen.hides("s0", "sales")
