"""Makes the demo clip: a shop door through which one person comes three times and leaves twice.

Called by the demo command and `python -m edge.demo.clip`; calls story, scene and person.
Everything is drawn on this machine from one public-domain photograph: no network, no
clock, no unseeded chance.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from edge.demo.person import AXIS, PX_PER_M, SOLE, TALL_M, DemoError, Figure, load_figures
from edge.demo.room import CAMERA_Y, DOOR_Z, Image, View
from edge.demo.scene import Scene, paint_scene
from edge.demo.story import Direction, Pose, door_openness, tell_story

_SEED = 20
_LINE_Y = 0.57  # the middle of a body is at 0.53 in the door, 0.66 before the camera
_ROOM_TINT = np.array((0.95, 0.985, 1.0), np.float32)


@dataclass(frozen=True, kw_only=True)
class ClipTruth:
    """What a counter should find in the clip.

    `line` is two (x, y) points as fractions of width and height, `inside` the inner side of it.
    `crossings` holds (seconds from the start, "in" or "out") of her middle crossing the line.
    """

    frames: int
    fps: int
    width: int
    height: int
    line: tuple[tuple[float, float], tuple[float, float]]
    inside: Literal["below"]
    crossings: tuple[tuple[float, Direction], ...]


def make_clip(
    path: Path,
    *,
    size: tuple[int, int] = (960, 540),
    fps: int = 15,
    progress: Callable[[float], None] | None = None,
) -> ClipTruth:
    """Write the demo clip as an mp4 of `size` (width, height) pixels at `fps` frames per second.

    The file appears at `path` only when it is complete. `progress` is called with 0 to 1.
    Raises DemoError without scikit-image's photograph or without a video encoder.
    """
    view = View(width=size[0], height=size[1])
    poses = tell_story(fps)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".clip-", dir=path.parent) as folder:
        unfinished = Path(folder) / "clip.mp4"
        writer = cv2.VideoWriter(str(unfinished), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
        if not writer.isOpened():
            raise DemoError(
                f"{path}: expected OpenCV to encode mp4v, got no encoder; use a wheel with FFmpeg"
            )
        try:
            for index, frame in enumerate(_frames(view, poses, fps)):
                writer.write(frame)
                if progress is not None:
                    progress((index + 1) / len(poses))
        finally:
            writer.release()
        os.replace(unfinished, path)  # noqa: PTH105
    return _truth(view, poses, fps)


def _truth(view: View, poses: list[Pose | None], fps: int) -> ClipTruth:
    crossings: list[tuple[float, Direction]] = []
    for index, (before, after) in enumerate(pairwise(poses), start=1):
        if before and after and _is_inside(view, before) != _is_inside(view, after):
            crossings.append((round(index / fps, 3), after.way))
    return ClipTruth(
        frames=len(poses),
        fps=fps,
        width=view.width,
        height=view.height,
        line=((0.0, _LINE_Y), (1.0, _LINE_Y)),
        inside="below",
        crossings=tuple(crossings),
    )


def _is_inside(view: View, pose: Pose) -> bool:
    """Whether the middle of what the picture shows of her is below the line."""
    crown, sole = (view.point(0, y, pose.z)[1] for y in (TALL_M, 0.0))
    return (crown + min(sole, view.height)) / 2 > _LINE_Y * view.height


def _frames(view: View, poses: list[Pose | None], fps: int) -> Iterator[Image]:
    scene = paint_scene(view)
    front, back = load_figures()
    rng = np.random.default_rng(_SEED)
    noise = _noise_bank(view, rng)
    for pose, openness in zip(poses, door_openness(poses, fps), strict=True):
        frame = scene.base.copy()
        outside = pose is not None and pose.z > DOOR_Z
        if pose is not None and outside:
            _draw_person(frame, scene, front if pose.way == "in" else back, pose)
        scene.draw_leaves(frame, float(openness))
        if pose is not None and not outside:
            _draw_shadow(frame, view, pose)
            _draw_person(frame, scene, front if pose.way == "in" else back, pose)
        sheet = noise[int(rng.integers(len(noise)))]
        dy, dx = (int(v) for v in rng.integers(0, 64, 2))
        part = sheet[dy : dy + view.height, dx : dx + view.width]
        yield np.asarray(cv2.add(frame, part, dtype=cv2.CV_8U), np.uint8)


def _noise_bank(view: View, rng: np.random.Generator) -> list[npt.NDArray[np.int16]]:
    """Sheets of sensor noise, 64 pixels larger than a frame so that a crop seldom repeats."""
    sheets = []
    for _ in range(4):
        shape = (view.height + 64, view.width + 64)
        luma = rng.standard_normal((*shape, 1), dtype=np.float32) * 2.6
        chroma = rng.standard_normal((*shape, 3), dtype=np.float32) * 1.3
        sheets.append(np.round(luma + chroma).astype(np.int16))
    return sheets


def _draw_person(frame: Image, scene: Scene, figure: Figure, pose: Pose) -> None:
    """Warp the figure to its place and lay it on `frame`; the street shows in the doorway only."""
    view, k = scene.view, scene.view.px_per_m(pose.z)
    foot = np.array(view.point(pose.x, pose.bob_m, pose.z))
    drawing, own = figure.at(pose.gait, k / PX_PER_M)
    zoom, lean = k / PX_PER_M / own, np.radians(pose.lean)
    turn = zoom * np.array(
        ((pose.squeeze * np.cos(lean), -np.sin(lean)), (pose.squeeze * np.sin(lean), np.cos(lean)))
    )
    h, w = drawing.shape[:2]
    corners = np.array(((0, 0), (w, 0), (w, h), (0, h))) @ turn.T
    shift = foot - turn @ (np.array((AXIS, SOLE)) * own)
    limits = scene.doorway if pose.z > DOOR_Z else (0, 0, view.width, view.height)
    x0, y0 = np.maximum(np.floor(corners.min(axis=0) + shift), limits[:2]).astype(int)
    x1, y1 = np.minimum(np.ceil(corners.max(axis=0) + shift), limits[2:]).astype(int)
    if x1 <= x0 or y1 <= y0:
        return
    matrix = np.column_stack([turn, shift - (x0, y0)])
    sprite = cv2.warpAffine(drawing, matrix, (int(x1 - x0), int(y1 - y0)), flags=cv2.INTER_LINEAR)
    light = float(np.interp(pose.z, (1.0, 3.5, DOOR_Z, 7.0), (0.98, 0.9, 0.8, 0.86)))
    haze = float(np.interp(pose.z, (3.5, DOOR_Z, 7.0), (0, 12, 46)))
    if pose.way == "out":
        light *= 0.88
    alpha = sprite[..., 3:].astype(np.float32) / 255
    part = frame[y0:y1, x0:x1]
    lit = sprite[..., :3] * (light * _ROOM_TINT) + haze * alpha
    part[:] = np.clip(part * (1 - alpha) + lit, 0, 255).astype(np.uint8)


def _draw_shadow(frame: Image, view: View, pose: Pose) -> None:
    """A soft patch under the feet, falling towards the camera because the street is the light."""
    centre, k = view.point(pose.x, 0, pose.z + 0.05), view.px_per_m(pose.z)
    half_w, half_h = 0.42 * k, 0.24 * CAMERA_Y * k / pose.z
    x0, y0 = max(0, int(centre[0] - half_w)), max(0, int(centre[1] - half_h))
    x1, y1 = min(view.width, int(centre[0] + half_w)), min(view.height, int(centre[1] + half_h))
    if x1 <= x0 or y1 <= y0:
        return
    rows, cols = np.ogrid[y0:y1, x0:x1]
    away = ((cols - centre[0]) / half_w) ** 2 + ((rows - centre[1]) / half_h) ** 2
    part = frame[y0:y1, x0:x1]
    part[:] = (part * (1 - 0.5 * np.clip(1 - away, 0, 1))[..., None]).astype(np.uint8)


def _bar(share: float) -> None:
    done = round(share * 30)
    end = "\n" if share >= 1 else ""
    sys.stderr.write(f"\rdrawing [{'#' * done}{'.' * (30 - done)}] {share:4.0%}{end}")
    sys.stderr.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """Make the clip from the command line; 0 done, 1 it failed, 2 wrong usage."""
    parser = argparse.ArgumentParser(
        prog="python -m edge.demo.clip",
        description="Draw the demo clip: one person comes in three times and leaves twice.",
        epilog="example: python -m edge.demo.clip --out door.mp4 --json",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the mp4 to write")
    parser.add_argument(
        "--json", action="store_true", help="print what a counter should find in it"
    )
    options = parser.parse_args(argv)
    try:
        truth = make_clip(options.out, progress=_bar if sys.stderr.isatty() else None)
    except (DemoError, OSError) as exc:
        sys.stderr.write(f"{parser.prog}: {exc}\n")
        return 1
    if options.json:
        sys.stdout.write(json.dumps(dataclasses.asdict(truth)) + "\n")
    else:
        sys.stderr.write(
            f"{options.out}: {truth.frames / truth.fps:.0f} s at {truth.fps} frames a second\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
