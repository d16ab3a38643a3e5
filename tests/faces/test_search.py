"""The search gives the answer of comparing with every template, however few it compares with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.faces import search
from edge.faces.search import DIMENSIONS, HEAD, Templates

Numbers = NDArray[np.float32]
Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]

MANY = 3_000


def unit(vectors: NDArray[np.float64]) -> Numbers:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def like_faces(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Around one direction, in fewer dimensions than there are, the first of them the longest."""
    drawn = np.zeros((count, DIMENSIONS))
    drawn[:, :77] = rng.normal(size=(count, 77)) * 0.9 ** np.arange(77)
    drawn[:, 0] += 4.0
    axes, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(DIMENSIONS, DIMENSIONS)))
    return np.asarray(drawn @ axes)


def in_all_directions(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    return rng.normal(size=(count, DIMENSIONS))


def of_a_few_families(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    kin = like_faces(rng, 5)
    return kin[rng.integers(0, 5, count)] + 1e-3 * rng.normal(size=(count, DIMENSIONS))


def of_ten_people(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    return like_faces(rng, 10)[rng.integers(0, 10, count)]


def templates_of(vectors: Numbers) -> Templates:
    templates = Templates()
    for row, vector in enumerate(vectors):
        templates.put(row, vector)
    templates.settle()
    return templates


def agrees(templates: Templates, probe: Numbers) -> bool:
    """Whether the search says what a comparison with all of them in float64 says."""
    apart = np.linalg.norm(templates.rows.astype(np.float64) - probe.astype(np.float64), axis=1)
    first, second = np.sort(apart)[:2]
    found = templates.nearest(probe)
    return bool(
        apart[found.row] == found.distance == pytest.approx(first, abs=1e-12)
        and found.second == pytest.approx(second, abs=1e-12)
    )


@pytest.fixture(params=["heads", "no heads"])
def _size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a gallery that is large enough for heads, and for one that is not."""
    monkeypatch.setattr(search, "HEADED_FROM", MANY // 2 if request.param == "heads" else 2 * MANY)


@pytest.mark.usefixtures("_size")
@pytest.mark.parametrize("draw", [like_faces, in_all_directions, of_a_few_families, of_ten_people])
def test_the_nearest_two_are_those_of_comparing_with_all(draw: Draw) -> None:
    rng = np.random.default_rng(7)
    vectors = unit(draw(rng, MANY))
    templates = templates_of(vectors)
    strangers = unit(draw(rng, 40))
    seen_again = unit(vectors[:40].astype(np.float64) + 0.02 * rng.normal(size=(40, DIMENSIONS)))
    for probe in (*strangers, *seen_again, *vectors[40:60]):
        assert agrees(templates, probe)


def test_of_many_faces_few_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "HEADED_FROM", MANY)
    rng = np.random.default_rng(7)
    templates = templates_of(unit(like_faces(rng, MANY)))
    compared = [templates.nearest(probe).compared for probe in unit(like_faces(rng, 50))]
    assert np.median(compared) < MANY / 20


def test_a_search_is_exact_while_templates_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "HEADED_FROM", 200)
    rng = np.random.default_rng(7)
    templates = templates_of(unit(like_faces(rng, 250)))
    probes = iter(unit(like_faces(rng, 1_000)))
    for vector in unit(in_all_directions(rng, 300)):  # not where the directions were learnt
        templates.put(len(templates), vector)
        assert agrees(templates, next(probes))
    for vector in unit(like_faces(rng, 100)):
        templates.put(int(rng.integers(len(templates))), vector)
        assert agrees(templates, next(probes))
    while len(templates) > 1:
        templates.take_out(int(rng.integers(len(templates))))
        if len(templates) > 1:
            assert agrees(templates, next(probes))


@pytest.mark.usefixtures("_size")
def test_one_template_is_the_nearest_and_there_is_no_second() -> None:
    (vector,) = unit(like_faces(np.random.default_rng(7), 1))
    found = templates_of(vector[None]).nearest(vector)
    assert (found.row, found.distance, found.second) == (0, 0.0, float("inf"))
    with pytest.raises(ValueError, match="expected one template or more, got none"):
        Templates().nearest(vector)


def test_heads_are_overwritten_with_their_templates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "HEADED_FROM", 60)
    templates = templates_of(unit(like_faces(np.random.default_rng(7), 64)))
    before = templates._heads
    assert before is not None
    assert before.any(axis=0).all()
    templates.take_out(3)
    assert not before[:, 63].any()
    templates.put(63, templates.rows[0])
    templates.put(64, templates.rows[1])  # outgrows its room
    assert not before.any()
    heads, directions = templates._heads, templates._directions
    assert heads is not None
    assert heads.shape == (HEAD, 128)
    templates.settle()
    assert not heads.any()
    heads = templates._heads
    assert heads is not None
    templates.wipe()
    assert not heads.any()
    assert not directions.any()
    assert len(templates) == 0
