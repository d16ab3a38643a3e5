"""The curve of misses against false positives, as a PNG. Called by the command; calls Pillow.

Words are Chinese and English where the machine has a Chinese font (Debian: fonts-noto-cjk), else
English.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from edge.core.rates import mean_of
from edge.evaluate import Measured

WIDE, HIGH = 960, 640
LEFT, TOP, RIGHT, BOTTOM = 110, 70, 930, 550
LEAST_POWER: Final = -3
LEAST_FPIR, MOST_FPIR = 10.0**LEAST_POWER, 1.0  # of the x axis, which is logarithmic
LEGEND: Final = LEFT + 80
POINTS: Final = 60
COLOURS: Final = ((31, 90, 160), (190, 80, 20), (60, 130, 60), (120, 60, 140))
DASHES: Final = ((1, 0), (14, 8), (4, 6), (24, 6))  # strokes and gaps in pixels: colour is no sign
CORNERS: Final = (0, 4, 3, 5)  # of the marks
GREY, LIGHT = (90, 90, 90), (225, 225, 225)
FONTS: Final = (
    "opentype/noto/NotoSansCJK-Regular.ttc",
    "truetype/wqy/wqy-microhei.ttc",
    "truetype/wqy/wqy-zenhei.ttc",
    "truetype/droid/DroidSansFallbackFull.ttf",
)
FONT_DIR: Final = Path("/usr/share/fonts")

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Point = tuple[float, float]


def png(measured: Sequence[Measured], font_dir: Path = FONT_DIR) -> bytes:
    """The PNG file's bytes: a curve for each way to enrol, and the box's threshold on it."""
    font, chinese = _font(font_dir)
    image = Image.new("RGB", (WIDE, HIGH), "white")
    draw = ImageDraw.Draw(image)
    rates = [float(rate) for rate in np.geomspace(LEAST_FPIR, MOST_FPIR, POINTS)]
    curves = [[one.fnir_at(rate) for rate in rates] for one in measured]
    top = min(1.0, 1.1 * max(0.05, *(mean.value + mean.half for curve in curves for mean in curve)))
    _axes(draw, font, top, chinese=chinese)
    for number, (one, curve) in enumerate(zip(measured, curves, strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        line = [_at(rate, mean.value, top) for rate, mean in zip(rates, curve, strict=True)]
        for sign in (-1, 1):
            edge = [
                _at(rate, mean.value + sign * mean.half, top)
                for rate, mean in zip(rates, curve, strict=True)
            ]
            draw.line(edge, fill=_pale(colour), width=1)
        dash = DASHES[number % len(DASHES)]
        _dashed(draw, line, colour, dash)
        fpir = mean_of([s.fpir(s.shipped) for s in one.searched]).value
        fnir = mean_of([s.fnir(s.shipped) for s in one.searched]).value
        corners = CORNERS[number % len(CORNERS)]
        _mark(draw, _at(fpir, fnir, top), corners, colour)
        words = _legend(one, fpir, fnir, chinese=chinese)
        y = TOP + 22 + 26 * number
        sample = [(LEGEND + step, y) for step in range(0, 71, 2)]
        _dashed(draw, [(float(x), float(y)) for x, y in sample], colour, dash)
        _mark(draw, (LEGEND + 88.0, float(y)), corners, colour)
        draw.text((LEGEND + 104, y), words, fill="black", font=font, anchor="lm")
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _legend(one: Measured, fpir: float, fnir: float, *, chinese: bool) -> str:
    members = len(one.splits[0].templates)
    photos = "1 photo" if one.photos == 1 else f"{one.photos} photos"
    english = f"{members} members by {photos}; at the box's threshold {fpir:.1%}, {fnir:.1%}"
    return f"{members} 位会员，各 {one.photos} 张照片 · {english}" if chinese else english


def _dashed(
    draw: ImageDraw.ImageDraw,
    line: Sequence[Point],
    colour: tuple[int, int, int],
    dash: tuple[int, int],
) -> None:
    """Draw a line of strokes and gaps, in pixels along it; a gap of 0 is none."""
    stroke, gap = dash
    gone = 0.0
    for one, other in pairwise(line):
        length = math.dist(one, other)
        pieces = max(1, math.ceil(length))
        for piece in range(pieces):
            if gone % (stroke + gap) < stroke:
                ends = [
                    tuple(a + (b - a) * part / pieces for a, b in zip(one, other, strict=True))
                    for part in (piece, piece + 1)
                ]
                draw.line([(x, y) for x, y in ends], fill=colour, width=3)
            gone += length / pieces


def _mark(draw: ImageDraw.ImageDraw, at: Point, corners: int, colour: tuple[int, int, int]) -> None:
    """Draw where a box's threshold stands: a shape with so many corners, round for 0."""
    x, y = at
    if corners:
        draw.regular_polygon((x, y, 9), corners, fill="white", outline=colour, width=3)
    else:
        draw.ellipse((x - 7, y - 7, x + 7, y + 7), fill="white", outline=colour, width=3)


def _axes(draw: ImageDraw.ImageDraw, font: Font, top: float, *, chinese: bool) -> None:
    for power in range(LEAST_POWER, 1):
        x, _ = _at(10.0**power, 0.0, top)
        draw.line([(x, TOP), (x, BOTTOM)], fill=LIGHT)
        least = "≤ " if power == LEAST_POWER else ""
        words = f"{least}{100 * 10.0**power:g} %"
        draw.text((x, BOTTOM + 8), words, fill=GREY, font=font, anchor="ma")
    step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2) if top / step <= 10.0)
    for number in range(math.floor(top / step) + 1):
        _, y = _at(1.0, number * step, top)
        draw.line([(LEFT, y), (RIGHT, y)], fill=LIGHT)
        draw.text((LEFT - 8, y), f"{100 * number * step:g} %", fill=GREY, font=font, anchor="rm")
    draw.rectangle((LEFT, TOP, RIGHT, BOTTOM), outline=GREY)
    across = "FPIR: strangers taken for a member"
    upward = "FNIR: members not found"
    if chinese:
        across, upward = (
            f"误识率（陌生人被认作会员） · {across}",
            f"漏识率（会员未被认出） · {upward}",
        )
    draw.text(((LEFT + RIGHT) / 2, BOTTOM + 48), across, fill="black", font=font, anchor="ma")
    draw.text((LEFT, TOP - 36), upward, fill="black", font=font)


def _at(fpir: float, fnir: float, top: float) -> Point:
    span = math.log10(MOST_FPIR / LEAST_FPIR)
    part = math.log10(max(fpir, LEAST_FPIR) / LEAST_FPIR) / span
    high = min(max(fnir / top, 0.0), 1.0)
    return LEFT + part * (RIGHT - LEFT), BOTTOM - high * (BOTTOM - TOP)


def _pale(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    red, green, blue = (255 - (255 - part) // 3 for part in colour)
    return red, green, blue


def _font(font_dir: Path) -> tuple[Font, bool]:
    """A font, and whether it has Chinese."""
    for name in FONTS:
        try:
            return ImageFont.truetype(str(font_dir / name), 15), True
        except OSError:
            continue  # not installed: the next one
    return ImageFont.load_default(15), False
