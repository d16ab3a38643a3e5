"""Outlines of one and of two people, drawn as masks."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from edge.sensors.silhouette import cuts_between_heads

HIGH, WIDE = 108, 160
Mask = npt.NDArray[np.bool_]


def outline(*people: tuple[int, int, int], extra: tuple[int, int, int, int] | None = None) -> Mask:
    """People as (middle x, top y, height), cut to what they cover; `extra` is a rectangle more."""
    picture = np.zeros((HIGH, WIDE), np.uint8)
    for x, top, high in people:
        head, across = round(0.15 * high), round(0.3 * high)
        middle = (x, top + head // 2)
        cv2.ellipse(picture, middle, (round(0.07 * high), head // 2), 0, 0, 360, 1, -1)
        picture[top + head - 2 : top + high, x - across // 2 : x + across // 2] = 1
    if extra is not None:
        left, upper, right, lower = extra
        picture[upper:lower, left:right] = 1
    rows, columns = np.flatnonzero(picture.any(axis=1)), np.flatnonzero(picture.any(axis=0))
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] > 0


@pytest.mark.parametrize(
    ("body", "people"),
    [
        pytest.param(outline((60, 10, 80)), 1, id="one"),
        pytest.param(outline((60, 10, 80), (82, 10, 80)), 2, id="two abreast"),
        pytest.param(outline((60, 10, 80), (78, 16, 76)), 2, id="one shorter and half covered"),
        pytest.param(outline((40, 10, 80), (62, 12, 80), (84, 10, 80)), 3, id="three abreast"),
        pytest.param(outline((60, 40, 110), (90, 38, 110)), 2, id="cut off below"),
        pytest.param(
            outline((60, 10, 80), extra=(74, 12, 78, 50)), 1, id="a hand raised beside the head"
        ),
        pytest.param(outline((60, 10, 80), extra=(60, 60, 95, 85)), 1, id="a leg that strides out"),
        pytest.param(outline((60, 10, 80), extra=(72, 45, 92, 90)), 1, id="a large bag"),
        pytest.param(outline((60, 10, 80), (82, 50, 40)), 1, id="a child by the hand"),
        pytest.param(outline((60, 84, 60), (78, 84, 60)), 1, id="hair of one who comes in below"),
        pytest.param(outline((60, 10, 16), (65, 10, 16)), 1, id="too far away to tell"),
    ],
)
def test_as_many_people_as_heads(body: Mask, people: int) -> None:
    assert len(cuts_between_heads(body, HIGH)) == people - 1


def test_the_cut_is_between_the_heads() -> None:
    body = outline((60, 10, 80), (84, 10, 80))
    (cut,) = cuts_between_heads(body, HIGH)
    assert cut == pytest.approx(24, abs=2)
