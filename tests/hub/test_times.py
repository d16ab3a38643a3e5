"""A time beside what is usual, and which shops stand out; both pure."""

from cloud.figures.compare import Comparison
from cloud.figures.ranking import LISTED, Standing, deviation, rank
from cloud.figures.suppress import HIDDEN, Hidden
from cloud.figures.times import compare_times


def every_week(counts: dict[int, int]) -> dict[int, dict[int, int]]:
    """The same counts in each of the weeks before."""
    return dict.fromkeys(range(1, 9), counts)


def test_the_band_of_a_time_is_never_narrower_than_its_bin() -> None:
    # The third bin of waiting is from 20 to 30 s; every week the median was 25 s.
    same = {2: 100}
    compared = compare_times("wait", 0.5, same, every_week(same))
    assert compared == Comparison(
        value=25.0, week_ago=25.0, year_ago=None, low=20.0, high=30.0, verdict="usual"
    )


def test_a_time_that_is_far_outside_its_band_is_told() -> None:
    before = every_week({2: 100})
    assert compare_times("wait", 0.5, {9: 100}, before).verdict == "above"
    assert compare_times("wait", 0.5, {0: 100}, before).verdict == "below"


def test_a_time_of_few_people_is_hidden() -> None:
    before = every_week({2: 100})
    compared = compare_times("wait", 0.9, {2: 9}, before)
    assert compared.value is HIDDEN
    assert (compared.low, compared.high, compared.verdict) == (None, None, "unknown")
    assert compare_times("wait", 0.9, {}, before).value is None
    # Of the weeks before, those with few people say nothing.
    assert compare_times("wait", 0.9, {2: 50}, every_week({2: 9})).low is None


def standing(
    name: str,
    value: float | None,
    *,
    conversion: float | Hidden | None = None,
    basis: str = "crossings",
) -> Standing:
    """A shop that usually has 90 to 110 visitors."""
    return Standing(
        store_id=name,
        basis=basis,
        sums={},
        compare=Comparison(
            value=value, week_ago=None, year_ago=None, low=90.0, high=110.0, verdict="usual"
        ),
        conversion=conversion,
    )


def test_the_furthest_from_the_usual_stand_first() -> None:
    shops = [standing(name, value) for name, value in (("a", 80), ("b", 20), ("c", 109))]
    shops += [standing(name, value) for name, value in (("d", 200), ("e", 130), ("f", None))]
    shops.append(standing("h", 95))  # fewer than the middle, and as usual all the same
    found = rank("crossings", [*shops, standing("g", 0, basis="distinct")], lacking=())
    assert [one.store_id for one in found.below] == ["b", "a"]
    assert [one.store_id for one in found.above] == ["d", "e"]
    assert deviation(shops[0].compare) == -2.0
    assert deviation(shops[5].compare) is None


def test_shops_that_lack_data_are_not_ranked_and_counted() -> None:
    shops = [standing("a", 10, conversion=0.1), standing("b", 20, conversion=0.2)]
    found = rank("crossings", shops, lacking={"a", "elsewhere"})
    assert [one.store_id for one in found.below] == ["b"]
    assert (found.left_out, found.with_till) == (1, 1)


def test_the_best_and_the_least_never_overlap() -> None:
    for count in range(2 * LISTED + 3):
        shops = [standing(f"{n:02}", 100, conversion=n / 100) for n in range(count)]
        found = rank("crossings", [*shops, standing("x", 100, conversion=HIDDEN)], lacking=())
        best, least = ([one.store_id for one in some] for some in (found.best, found.least))
        assert len(best) == len(least) == min(LISTED, count // 2)
        assert not set(best) & set(least)
        assert best == sorted(best, reverse=True)
        assert least == sorted(least)
        assert found.with_till == count
