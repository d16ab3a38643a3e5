"""The tables of the counting audit as files: cameras, and hours that were counted. Pure."""

from collections.abc import Sequence
from typing import Final

from cloud.figures.accuracy import Accuracy
from cloud.pages.export import Cell, Column
from cloud.queries.counting import CameraAccuracy, Check

_PLACE: Final = (Column(key="shop"), Column(key="shop_id"), Column(key="box"), Column(key="camera"))
CAMERAS: Final = (
    *_PLACE,
    *(
        Column(key=f"{way}_{name}", kind="share" if name in ("ratio", "low", "high") else "count")
        for way in ("entered", "left")
        for name in ("ratio", "low", "high", "counted", "true", "hours")
    ),
)
CHECKS: Final = (
    Column(key="hour", kind="moment"),
    *_PLACE,
    *(
        Column(key=name, kind="count")
        for name in ("entered_true", "entered_counted", "left_true", "left_counted")
    ),
    *(Column(key="way"), Column(key="stratum"), Column(key="done_as")),
    Column(key="done_at", kind="moment"),
)


def camera_rows(cameras: Sequence[CameraAccuracy]) -> list[tuple[Cell, ...]]:
    """Return how right each camera counts, in the page's order."""
    return [
        (one.name, one.store_id, one.box_id, one.camera, *_right(one.entered), *_right(one.left))
        for one in cameras
    ]


def check_rows(checks: Sequence[Check]) -> list[tuple[Cell, ...]]:
    """Return the hours that people counted, in the page's order."""
    return [
        (
            *(one.hour, one.name, one.store_id, one.box_id, one.camera),
            *(one.entered_true, one.entered_counted, one.left_true, one.left_counted),
            *(one.way, one.stratum, one.done_as, one.done_at),
        )
        for one in checks
    ]


def _right(one: Accuracy | None) -> tuple[Cell, ...]:
    if one is None:
        return (None,) * 6
    return one.ratio, one.low, one.high, one.counted, one.true, one.hours
