"""Rates are what they are by hand, and a split keeps members, probes and strangers apart."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.core.rates import Searched, candidates, mean_of, search, split_of
from edge.core.threshold import threshold

PEOPLE = {f"p{number:02}": tuple(range(4 * number, 4 * number + 4)) for number in range(20)} | {
    f"s{number:02}": (80 + number,) for number in range(30)
}


def searched(probes: list[float], strangers: list[float], wrong: int = 0) -> Searched:
    right = np.ones(len(probes), bool)
    right[:wrong] = False
    return Searched(
        right=right, probes=np.array(probes), strangers=np.array(strangers), shipped=0.3
    )


def test_a_member_who_is_found_to_be_another_is_missed() -> None:
    one = searched([0.1, 0.2, 0.4, 0.2], [0.5], wrong=1)
    assert one.fnir(0.3) == 0.5
    assert list(one.found(0.3)) == [False, True, False, True]


def test_at_a_rate_no_more_than_that_part_of_the_strangers_is_taken() -> None:
    one = searched([0.1], [number / 100 for number in range(100)])
    for part in (0.0, 0.01, 0.05, 0.5):
        assert one.fpir(one.distance_at(part)) == pytest.approx(part)
        assert one.fpir(one.distance_at(part) + 0.001) > part


def test_where_all_strangers_are_refused_any_distance_will_do() -> None:
    one = searched([0.1, 0.5], [np.inf] * 3)
    assert one.distance_at(0.01) == 2.0
    assert one.fnir(one.distance_at(0.01)) == 0.0


def test_an_interval_is_that_of_the_mean() -> None:
    mean = mean_of([0.1, 0.2, 0.3, 0.4])
    assert mean.value == pytest.approx(0.25)
    assert mean.half == pytest.approx(1.96 * 0.1291 / 2, abs=1e-4)
    assert mean_of([0.4]).half == 0.0
    with pytest.raises(ValueError, match="expected one value or more"):
        mean_of([])


def test_nobody_is_member_and_stranger_or_template_and_probe() -> None:
    split = split_of(PEOPLE, 3, seed=4)
    assert len(candidates(PEOPLE, 3)) == 20
    assert len(split.templates) == len(split.probes) == 20
    used = [picture for template in split.templates for picture in template]
    assert len(used) == 60
    assert not set(used) & set(split.probes)
    assert set(split.strangers) == set(range(80, 110))
    owner_of = {picture: name for name, rows in PEOPLE.items() for picture in rows}
    for probe, owner in zip(split.probes, split.owners, strict=True):
        assert {owner_of[picture] for picture in split.templates[owner]} == {owner_of[probe]}
    assert split_of(PEOPLE, 3, seed=4) == split
    assert split_of(PEOPLE, 3, seed=5) != split


def test_where_everybody_could_be_a_member_some_are_strangers() -> None:
    able = {name: rows for name, rows in PEOPLE.items() if len(rows) > 1}
    split = split_of(able, 1, seed=1)
    assert (len(split.templates), len(split.strangers)) == (14, 6)
    assert len(split_of(able, 1, seed=1, most=5).templates) == 5


@pytest.mark.parametrize(
    "people", [{"a": (0,), "b": (1,)}, {"a": (0, 1)}], ids=["one picture each", "one person"]
)
def test_a_folder_that_shows_nothing_is_refused(people: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="expected somebody with more than 1 usable pictures"):
        split_of(people, 1, seed=1)


def directions(seed: int, count: int, spread: float) -> NDArray[np.float32]:
    """Four pictures of each of 20 people, `spread` about them, and 30 strangers."""
    chance = np.random.default_rng(seed)
    own = np.repeat(chance.normal(size=(20, 128)), 4, axis=0)
    rows = np.concatenate([own + spread * chance.normal(size=own.shape), np.zeros((count, 128))])
    rows[80:] = chance.normal(size=(count, 128))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def test_searching_finds_who_is_near_and_takes_no_stranger() -> None:
    vectors = directions(1, 30, 0.1)
    found = search(split_of(PEOPLE, 3, seed=1), vectors, vectors, 0.01)
    assert found.shipped == pytest.approx(threshold(20, 3, 1, 0.01))
    assert found.fnir(found.shipped) == 0.0
    assert found.fpir(found.shipped) == 0.0


def test_who_is_as_near_to_a_second_member_is_nobodys() -> None:
    vectors = directions(1, 30, 0.1)
    split = split_of(PEOPLE, 3, seed=1)
    one, other = (split.probes[place] for place in (0, 1))
    for picture in (*split.templates[0], *split.templates[1], other):
        vectors[picture] = vectors[one]  # twins: the second is as near as the first
    found = search(split, vectors, vectors, 0.01)
    assert list(np.isinf(found.probes)) == [True, True] + [False] * 18
    assert found.fnir(2.0) == pytest.approx(2 / 20)
