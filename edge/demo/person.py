"""Cuts the demo clip's customer out of a photograph and gives her legs, a back and a gait.

Called by clip; calls nothing. The photograph is NASA's portrait of Eileen Collins (public domain)
as scikit-image ships it. Everything here is measured in the photograph's own pixels.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from menkou.errors import MenkouFault

Image = npt.NDArray[np.uint8]
Field = npt.NDArray[np.float32]

HEAD_TOP, SOLE = 14, 1220  # rows of the crown and of the soles in the finished figure
AXIS = 204  # column of the middle of the body
TALL_M = 1.68
PX_PER_M = (SOLE - HEAD_TOP) / TALL_M
PHASES = 12  # drawings per gait cycle of two steps
_SHAPE = (1248, 408)  # divisible by 8, twice the axis wide: it can be halved and mirrored
_HIP, _HEM, _CROTCH = 512, 640, 672
_SEED = 1995
_SUIT = np.array((42, 88, 205), np.float32)  # blue, green, red of the jacket in the photograph
_TROUSERS = (60.0, 50.0, 46.0)
_MIRROR_AXIS, _MIRROR_FROM, _SEAM = 195, 330, 276

# Her outline in the photograph, clockwise from the crown; the helmet on her arm is left out.
_OUTLINE = (
    (232, 15), (262, 20), (285, 40), (298, 65), (302, 90), (298, 110), (288, 122), (277, 131),
    (268, 138), (262, 152), (256, 167), (256, 177), (268, 184), (282, 197), (297, 216), (304, 236),
    (330, 250), (345, 268), (352, 290), (358, 315), (362, 340), (366, 352), (368, 512), (36, 512),
    (31, 490), (27, 470), (24, 440), (22, 420), (19, 400), (20, 375), (24, 350), (30, 330),
    (38, 310), (45, 290), (54, 270), (65, 250), (82, 236), (106, 217), (114, 206), (117, 190),
    (122, 174), (132, 161), (150, 151), (172, 148), (183, 150), (182, 140), (173, 126), (164, 114),
    (154, 95), (153, 72), (165, 50), (190, 32), (205, 20),
)  # fmt: skip


class DemoError(MenkouFault):
    """The demo clip cannot be made here; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One view of a person: a drawing for each phase of the gait, each at several sizes.

    `drawings[phase][level]` is (h, w, 4) premultiplied blue-green-red-alpha, halved per level.
    """

    drawings: tuple[tuple[Image, ...], ...]

    def at(self, phase: float, scale: float) -> tuple[Image, float]:
        """The drawing for a gait phase (cycles) to be shown at `scale`, and its own scale."""
        levels = self.drawings[int(phase * PHASES) % PHASES]
        level = 0
        while level + 1 < len(levels) and scale < 0.75 / 2**level:
            level += 1
        return levels[level], 0.5**level


def find_photo() -> Path:
    """Path of astronaut.png inside the installed scikit-image, which is not imported for it.

    Raises DemoError when scikit-image, or the photograph in it, is missing.
    """
    spec = importlib.util.find_spec("skimage")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        photo = Path(folder) / "data" / "astronaut.png"
        if photo.is_file():
            return photo
    raise DemoError(
        "the demo clip needs the photograph astronaut.png that scikit-image carries in its data "
        "folder; found none: pip install scikit-image"
    )


def load_figures() -> tuple[Figure, Figure]:
    """The person seen from the front and from behind; the same on every run."""
    path = find_photo()
    photo = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if photo is None or photo.shape != (512, 512, 3):
        raise DemoError(f"{path}: expected a picture of 512 x 512 pixels; reinstall scikit-image")
    picture = np.asarray(photo, np.uint8)
    alpha = _cut_out(picture)
    front, alpha = _second_arm(picture.astype(np.float32), alpha)
    cloth = _cloth((_SHAPE[0], 512))
    lower = [_over_legs(_legs(p / PHASES, cloth), _hips(cloth)) for p in range(PHASES)]
    return _figure(front, alpha, lower), _figure(_back(front, cloth), alpha, lower, mirrored=True)


def _cut_out(photo: Image) -> Field:
    """Alpha (512, 512), 0 to 1: grabCut decides only in a band along the outline drawn by hand."""
    outline = np.zeros(photo.shape[:2], np.uint8)
    cv2.fillPoly(outline, [np.array(_OUTLINE, np.int32)], 255)
    band = np.ones((15, 15), np.uint8)
    labels = np.where(outline > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[cv2.erode(outline, band, borderValue=255) > 0] = cv2.GC_FGD
    labels[cv2.dilate(outline, band) == 0] = cv2.GC_BGD
    cv2.setRNGSeed(_SEED)
    model = np.zeros((2, 65), np.float64)
    cv2.grabCut(photo, labels, (0, 0, 0, 0), model[:1], model[1:], 2, cv2.GC_INIT_WITH_MASK)
    kept = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    kept = np.asarray(cv2.morphologyEx(kept, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)), np.uint8)
    kept = np.asarray(cv2.erode(kept, np.ones((3, 3), np.uint8), borderValue=1), np.uint8)
    return np.asarray(cv2.GaussianBlur(kept.astype(np.float32), (0, 0), 1.3), np.float32)


def _second_arm(photo: Field, alpha: Field) -> tuple[Field, Field]:
    """Replace the arm that holds the helmet by the other one mirrored, cross-faded at its edges."""
    cols = np.clip(2 * _MIRROR_AXIS - np.arange(photo.shape[1]), 0, photo.shape[1] - 1)
    rows_in = np.clip((np.arange(512) - _MIRROR_FROM) / 14, 0, 1)[:, None]
    cols_in = np.clip((np.arange(512) - _SEAM) / 10, 0, 1)[None]
    share = (rows_in * cols_in).astype(np.float32)
    return photo + (photo[:, cols] - photo) * share[..., None], alpha + (
        alpha[:, cols] - alpha
    ) * share


def _cloth(shape: tuple[int, int]) -> Field:
    """Soft folds as brightness factors around 1."""
    rng = np.random.default_rng(_SEED)
    coarse = cv2.GaussianBlur(
        rng.standard_normal(shape, dtype=np.float32), (0, 0), sigmaX=16, sigmaY=26
    )
    fine = cv2.GaussianBlur(
        rng.standard_normal(shape, dtype=np.float32), (0, 0), sigmaX=9, sigmaY=3
    )
    return np.asarray(1 + 0.07 * coarse / coarse.std() + 0.035 * fine / fine.std(), np.float32)


def _round(width: float, sharp: float = 0.55) -> Field:
    """Brightness across a round body (512 columns): bright in the middle, dark at both sides."""
    u = (np.arange(512, dtype=np.float32) - AXIS) / width
    return np.asarray(1.06 - sharp * np.clip(u, -1, 1) ** 2, np.float32)


def _back(front: Field, cloth: Field) -> Field:
    """The same outline from behind: hair over the face, plain cloth over patches, straps, zip."""
    rows, cols = np.mgrid[0:512, 0:512].astype(np.float32)
    seam = 1 - 0.25 * np.exp(-(((cols - AXIS) / 7) ** 2))
    shade = (
        cloth[:512, :512]
        * _round(230)[None]
        * seam
        * (0.66 + 0.24 * np.clip((rows - 220) / 60, 0, 1))
    )
    back = _SUIT * shade[..., None]
    ring = np.hypot((cols - 208) / 98, (rows - 204) / 50)  # the neck ring lies flat on the back
    band = (
        34
        + 62 * np.exp(-(((ring - 0.93) / 0.05) ** 2))
        + 22 * np.exp(-(((ring - 0.74) / 0.04) ** 2))
    )
    dark = (ring < 1.03) | (rows < 200)
    back[dark] = (band[..., None] * np.array((1.0, 0.88, 0.92), np.float32))[dark]
    skin = (
        np.array((98, 128, 180), np.float32)
        * (0.95 - 0.5 * np.abs((cols - 222) / 44) ** 2)[..., None]
    )
    nape = (
        (np.abs(cols - 222) < 37) & (rows > 140) & (rows < 182 + 7 * (1 - ((cols - 222) / 37) ** 2))
    )
    hair = _hair_behind(front, rows, cols)
    below = 150 + 14 * np.sqrt(np.clip(1 - ((cols - 224) / 52) ** 2, 0, 1))
    for mask, paint in ((nape, skin), ((rows < below) & (np.abs(cols - 228) < 80), hair)):
        soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 2.0)[..., None]
        back = back + (paint - back) * soft
    return np.asarray(back, np.float32)


def _hair_behind(front: Field, rows: Field, cols: Field) -> Field:
    """Her own hair above the fringe, mirrored down over the face, darker towards the nape."""
    fringe = 66
    source = np.where(rows < fringe, rows, fringe - (rows - fringe) * 0.42)
    narrow = np.clip((rows - fringe) / 90, 0, 1) * 0.22
    across = (228 + (cols - 228) * (1 - narrow)).astype(np.float32)
    hair = cv2.remap(front, across, source.astype(np.float32), cv2.INTER_LINEAR)
    tone = 0.86 - 0.34 * np.clip((rows - 70) / 90, 0, 1) - 0.2 * ((cols - 228) / 76) ** 2
    return np.asarray(hair * tone[..., None], np.float32)


def _figure(torso: Field, alpha: Field, lower: list[Field], *, mirrored: bool = False) -> Figure:
    """Put the torso (512, 512) on each of the painted lower bodies, fading over at the waist."""
    fade = np.clip((_HIP - 4 - np.arange(512, dtype=np.float32)) / 30, 0, 1)
    cover = (alpha * fade[:, None])[:, : _SHAPE[1], None]
    top = np.dstack([torso[:, : _SHAPE[1]] * cover, cover * 255])
    drawings = []
    for body in lower:
        whole = body.copy()
        whole[:512] = top + whole[:512] * (1 - cover)
        drawings.append(_sizes(np.ascontiguousarray(whole[:, ::-1]) if mirrored else whole))
    return Figure(drawings=tuple(drawings))


def _over_legs(legs: Field, hips: Field) -> Field:
    """The hips in front of the legs, premultiplied, everything from 0 to 255."""
    over, under = hips[..., 3:], legs[..., 3:] * (1 - hips[..., 3:])
    return np.dstack([hips[..., :3] * over + legs[..., :3] * under, (over + under) * 255]).astype(
        np.float32
    )


def _hips(cloth: Field) -> Field:
    """The jacket from the waist to its hem, and both elbows, which the photograph cuts off."""
    alpha = np.zeros(_SHAPE, np.float32)
    side = ((362, 470), (366, 505), (352, 532), (326, 545), (320, _HEM))
    hull = [*side, *((2 * AXIS - x, y) for x, y in reversed(side))]
    cv2.fillPoly(alpha, [np.array(hull, np.int32)], 1.0, cv2.LINE_AA)
    alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), 2.0), np.float32)
    shade = (cloth * _round(215) * 0.92)[:, : _SHAPE[1]]
    drawn = np.dstack([_SUIT * shade[..., None]]).astype(np.float32)
    dark, steel = (23.0, 48.0, 113.0), (150.0, 152.0, 150.0)
    cv2.line(drawn, (AXIS, _HIP), (AXIS, _HEM), dark, 5, cv2.LINE_AA)  # the zip
    for x in (AXIS - 74, AXIS + 74):  # pockets
        cv2.line(drawn, (x - 26, 578), (x + 26, 584), dark, 4, cv2.LINE_AA)
    cv2.line(drawn, (0, _HEM - 20), (_SHAPE[1], _HEM - 20), dark, 4, cv2.LINE_AA)
    # The belt covers the place where the photograph ends and the painting begins.
    cv2.rectangle(drawn, (84, 520), (2 * AXIS - 84, 552), (40, 40, 46), -1)
    cv2.rectangle(drawn, (AXIS - 22, 518), (AXIS + 22, 554), steel, 5, cv2.LINE_AA)
    return np.dstack([cv2.GaussianBlur(drawn, (0, 0), 0.8), alpha]).astype(np.float32)


def _legs(phase: float, cloth: Field) -> Field:
    """Trousers and shoes at a gait phase in cycles; the swinging foot is lifted, and inwards."""
    picture = np.zeros((*_SHAPE, 3), np.float32)
    alpha = np.zeros(_SHAPE, np.float32)
    for side in sorted((-1, 1), key=lambda s: s * np.sin(2 * np.pi * phase)):
        swing = max(0.0, float(side * np.sin(2 * np.pi * phase)))
        stride = float(side * np.cos(2 * np.pi * phase))
        hip, knee = AXIS + side * 56, AXIS + side * (57 - 8 * swing)
        ankle_x, ankle_y = AXIS + side * (53 - 14 * swing), SOLE - 40 - 62 * swing + 12 * stride
        knee_y = 905 - 22 * swing + 6 * stride
        limb = [
            *((hip - 60, _HEM - 30), (hip + 60, _HEM - 30), (knee + 50, knee_y)),
            *((ankle_x + 42, ankle_y), (ankle_x - 42, ankle_y), (knee - 50, knee_y)),
        ]
        points = [np.round(limb).astype(np.int32)]
        tone = 1.0 - 0.28 * swing
        cv2.fillPoly(picture, points, tuple(c * tone for c in _TROUSERS), cv2.LINE_AA)
        cv2.fillPoly(alpha, points, 1.0, cv2.LINE_AA)
        shoe = ((ankle_x + side * 5, ankle_y + 14), (94.0, 60.0), 0.0)
        cv2.ellipse(picture, shoe, (30 * tone, 28 * tone, 30 * tone), -1, cv2.LINE_AA)
        cv2.ellipse(alpha, shoe, 1.0, -1, cv2.LINE_AA)
        for edge in (-40, 40):
            ends = [
                np.round(
                    [(hip + edge, _HEM), (knee + edge, knee_y), (ankle_x + edge * 0.8, ankle_y)]
                ).astype(np.int32)
            ]
            cv2.polylines(
                picture, ends, False, tuple(c * 0.72 * tone for c in _TROUSERS), 14, cv2.LINE_AA
            )
    picture[_CROTCH - 60 : _CROTCH + 30] *= 0.75
    picture = cv2.GaussianBlur(picture, (0, 0), 5) * cloth[:, : _SHAPE[1], None]
    return np.dstack([picture, cv2.GaussianBlur(alpha, (0, 0), 2.0)]).astype(np.float32)


def _sizes(drawing: Field) -> tuple[Image, ...]:
    """The drawing at full, half, quarter and eighth size."""
    sizes = [np.clip(drawing, 0, 255).astype(np.uint8)]
    for _ in range(3):
        h, w = sizes[-1].shape[:2]
        sizes.append(
            np.asarray(
                cv2.resize(sizes[-1], (w // 2, h // 2), interpolation=cv2.INTER_AREA), np.uint8
            )
        )
    return tuple(sizes)
