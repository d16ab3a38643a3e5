"""Enrolment photos to one template. Stores nothing and keeps nothing but the template.

Called by `member enroll` (`describe`) and by the console's enrolment, one photo after the other
(`Sitting`, in `edge.app.judge`); calls Pillow, OpenCV, and faces.reader and
embedder through what it is given. Photos come from anybody's phone, so they are hostile until
decoded: three formats only, the header's size is judged before a pixel is decoded, and of
everything that is not pixels (text, profiles, EXIF) only the orientation is looked at.

::

    PhotoRefused
    ├── PhotoUnreadable   no such file, or not a file
    ├── PhotoTooLarge     too many bytes or pixels
    ├── PhotoTooSmall     no room for a face in it
    ├── NotAPicture       not JPEG, PNG or WebP
    ├── PhotoDamaged      cut off, or broken inside
    ├── NoFace, SeveralFaces, FaceTooSmall, FaceBlurred
    ├── NotOnePerson      the photos of one enrolment show different people
    └── SamePhoto         a photo of this enrolment, sent again

Photos are named by their number, never by path: a path may hold a member's name.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from edge.core.threshold import SAME_MEMBER
from edge.faces.reader import Face
from edge.faces.watch import Reader
from edge.ports import Vector
from menkou.errors import MenkouFault

Pixels = NDArray[np.uint8]

FORMATS: Final = ("JPEG", "PNG", "WEBP")
MOST_PHOTOS: Final = 10
MOST_BYTES: Final = 30_000_000
MOST_PIXELS: Final = 50_000_000  # what good phones take; JPEG is decoded at a half or less
# What cannot be decoded small: 4 bytes a pixel, and more in the decoders (measured: below 200 MB).
MOST_WHOLE_PIXELS: Final = 24_000_000
MOST_WEBP_PIXELS: Final = 12_000_000  # libwebp's canvases and Pillow's copies: 16 bytes a pixel
LEAST_SIDE: Final = 80  # pixels; HOG's own window
WORKING_SIDE: Final = 2_048  # pixels of the longer side; more tells no more of a face
STRIP_PIXELS: Final = 1_000_000  # converted at once
LEAST_WIDTH_PX: Final = 70  # of the face; HOG's smallest, as wide as those that shops will see
# Laplacian of Gaussian (faces.reader): 2 % of LFW's press photos are below, a portrait blurred by
# 3 % of the face's width has 2.5, sharp ones of any size 10 to 20.
LEAST_SHARPNESS: Final = 4.0
# HOG's false alarms: weak, and beside a face that fills a portrait much narrower than it.
WEAK_SCORE: Final = 0.15
WEAK_WIDTH: Final = 0.5

_ORIENTATION: Final = 0x0112  # EXIF 2.32, table 4
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow's decoders and its EXIF reader raise on damaged or hostile files.
_BROKEN: Final = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    OverflowError,
    ZeroDivisionError,
    struct.error,
    zlib.error,
)


class Enrolling(Protocol):
    """What turns chips into templates: faces.embedder.Embedder."""

    def enrol(self, chips: Pixels) -> NDArray[np.float32]:
        """Return float32 (N, 128) of length 1 for chips uint8 (N, 170, 170, 3)."""
        ...


class PhotoRefused(MenkouFault):
    """A photo that no template can be made of."""


class PhotoUnreadable(PhotoRefused):
    """There is no such file, or it may not be read."""


class PhotoTooLarge(PhotoRefused):
    """More than MOST_BYTES, or more pixels than its format may have."""


class PhotoTooSmall(PhotoRefused):
    """A picture without room for a face."""


class NotAPicture(PhotoRefused):
    """Neither JPEG, PNG nor WebP."""


class PhotoDamaged(PhotoRefused):
    """A picture that is cut off, or broken inside."""


class NoFace(PhotoRefused):
    """A picture in which no face was found."""


class SeveralFaces(PhotoRefused):
    """A picture of more people than one."""


class FaceTooSmall(PhotoRefused):
    """A face of too few pixels."""


class FaceBlurred(PhotoRefused):
    """A face out of focus, or moved."""


class NotOnePerson(PhotoRefused):
    """Photos of one enrolment that show different people."""


class SamePhoto(PhotoRefused):
    """The very photo that was sent before."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PhotoTemplate:
    """A member's template: float32 (128,) of length 1, the mean of `photos` photos."""

    vector: Vector = field(repr=False)
    photos: int


def describe(
    photos: Sequence[Path], reader: Callable[[], Reader], embedder: Enrolling
) -> PhotoTemplate:
    """Make the template of the one person whom all `photos` show.

    `reader` makes what finds faces, called once when every photo could be decoded. Raises
    PhotoRefused, one of its kinds for each cause; ValueError for no photos or more than 10.
    """
    if not 1 <= len(photos) <= MOST_PHOTOS:
        raise ValueError(f"photos: expected 1 to {MOST_PHOTOS}, got {len(photos)}")
    names = [f"photo {number} of {len(photos)}" for number in range(1, len(photos) + 1)]
    pictures = [load(path, name) for path, name in zip(photos, names, strict=True)]
    finder = reader()
    faces = [_only_face(finder, *pair) for pair in zip(pictures, names, strict=True)]
    descriptors = embedder.enrol(np.stack([face.chip for face in faces]))
    _agree(descriptors, names)
    return _mean(descriptors)


def _mean(descriptors: NDArray[np.float32]) -> PhotoTemplate:
    mean = descriptors.mean(axis=0, dtype=np.float64)
    return PhotoTemplate(
        vector=np.asarray(mean / np.linalg.norm(mean), np.float32), photos=len(descriptors)
    )


class Sitting:
    """The photos of one guest, each judged as it comes. Holds numbers only, no photo.

    Args:
        finder: finds faces.
        embedder: makes descriptors.
    """

    def __init__(self, finder: Reader, embedder: Enrolling) -> None:
        self._finder = finder
        self._embedder = embedder
        self._good: list[NDArray[np.float32]] = []
        self._seen: set[bytes] = set()

    @property
    def good(self) -> int:
        """How many photos were good."""
        return len(self._good)

    def add(self, data: bytes) -> None:
        """Judge a photo, and count it if it is good.

        Raises:
            PhotoRefused: one of its kinds for each cause. After NotOnePerson no photo counts any
                more: nobody can tell which of them is the member's.
        """
        name = f"photo {self.good + 1}"
        mark = sha256(data).digest()
        if mark in self._seen:
            raise SamePhoto(f"{name}: expected another photo, got one that was sent before")
        face = _only_face(self._finder, decode(data, name), name)
        made = self._embedder.enrol(face.chip[None])
        together = [*self._good, made[0]]
        try:
            _agree(np.stack(together), [f"photo {n}" for n in range(1, len(together) + 1)])
        except NotOnePerson:
            self._good.clear()
            self._seen.clear()
            raise
        self._good.append(made[0])
        self._seen.add(mark)

    def template(self) -> PhotoTemplate:
        """Return the template of the good photos. Raises ValueError: there are none."""
        if not self._good:
            raise ValueError("photos: expected at least one, got none")
        return _mean(np.stack(self._good))


def load(path: Path, name: str) -> Pixels:
    """A photo's pixels, upright, BGR uint8 (height, width, 3), at most WORKING_SIDE long.

    `name` is what messages call it. Raises PhotoUnreadable, PhotoTooLarge, PhotoTooSmall,
    NotAPicture, PhotoDamaged.
    """
    return decode(_read(path, name), name)


def decode(data: bytes, name: str) -> Pixels:
    """A photo's pixels, as `load` returns them, of what a file holds. Raises as `load`."""
    if len(data) > MOST_BYTES:
        raise _too_many_bytes(name)
    try:
        with warnings.catch_warnings():
            # Damaged EXIF is not worth a word, nothing of it is used; Pillow's warning of too many
            # pixels comes late, above our own limit.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                _judge_size(picture, name)
                return _pixels(picture)
    except Image.DecompressionBombError as exc:
        raise _too_many_pixels(name, MOST_PIXELS) from exc
    except UnidentifiedImageError as exc:
        raise NotAPicture(
            f"{name}: expected a JPEG, PNG or WebP picture, got something else;"
            " save the photo as JPEG"
        ) from exc
    except _BROKEN as exc:
        raise PhotoDamaged(
            f"{name}: expected a whole picture, got one that is cut off or damaged;"
            " copy or take it again"
        ) from exc


def _read(path: Path, name: str) -> bytes:
    try:
        if not path.is_file():  # a pipe or a device would be read for ever
            raise PhotoUnreadable(f"{name}: expected a file, found none there; check the path")
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as exc:
        raise PhotoUnreadable(
            f"{name}: expected a file that can be read, got {exc.strerror}; check its permissions"
        ) from exc
    return data


def _too_many_bytes(name: str) -> PhotoTooLarge:
    return PhotoTooLarge(
        f"{name}: expected at most {MOST_BYTES // 1_000_000} MB, got more; save it smaller"
    )


def _judge_size(picture: Image.Image, name: str) -> None:
    wide, high = picture.size
    most = _most_pixels(picture)
    if wide * high > most:
        raise _too_many_pixels(name, most)
    if min(wide, high) < LEAST_SIDE:
        raise PhotoTooSmall(
            f"{name}: expected {LEAST_SIDE} pixels or more each way, got {wide} x {high};"
            " use the original, not a thumbnail"
        )


def _most_pixels(picture: Image.Image) -> int:
    """Return how many pixels a Pi's memory takes of a picture, by the way it is decoded."""
    if picture.format == "WEBP":
        return MOST_WEBP_PIXELS
    if isinstance(picture, JpegImageFile) and not picture.info.get("progressive"):
        return MOST_PIXELS
    return MOST_WHOLE_PIXELS  # of a progressive JPEG, too: all its coefficients are held at once


def _too_many_pixels(name: str, most: int) -> PhotoTooLarge:
    return PhotoTooLarge(
        f"{name}: expected at most {most // 1_000_000} million pixels of a picture in this format,"
        " got more; save it smaller, as JPEG"
    )


def _pixels(picture: Image.Image) -> Pixels:
    # JPEG can be decoded at a half, a quarter or an eighth; others ignore it.
    share = WORKING_SIDE / max(picture.size)
    wide, high = (max(1, int(side * share)) for side in picture.size)
    picture.draft("RGB", (wide, high))
    picture.load()
    flat = _reduced(picture)
    flat.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.LANCZOS)
    turn = _UPRIGHT.get(_orientation(picture))
    upright = flat if turn is None else flat.transpose(turn)
    return np.ascontiguousarray(np.asarray(upright, np.uint8)[:, :, ::-1])


def _reduced(picture: Image.Image) -> Image.Image:
    """RGB, by a whole factor smaller where there is more than WORKING_SIDE of it twice over.

    Strip by strip, so that no second picture of the full size is ever in memory.
    """
    wide, high = picture.size
    factor = max(1, max(wide, high) // WORKING_SIDE)
    whole = Image.new("RGB", (-(-wide // factor), -(-high // factor)))
    rows = factor * max(1, STRIP_PIXELS // (wide * factor))
    for top in range(0, high, rows):
        strip = _eight_bits(picture.crop((0, top, wide, min(high, top + rows))))
        whole.paste(strip.reduce(factor), (0, top // factor))
    return whole


def _eight_bits(picture: Image.Image) -> Image.Image:
    """RGB; what is transparent is white, as viewers show it."""
    if picture.mode.startswith("I"):  # 16 bits grey: convert() would cut them off at 255
        grey = np.asarray(picture) >> 8
        return Image.fromarray(np.asarray(np.clip(grey, 0, 255), np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        coloured = picture.convert("RGBA")
        white = Image.new("RGBA", coloured.size, "white")
        return Image.alpha_composite(white, coloured).convert("RGB")
    return picture.convert("RGB")


def _orientation(picture: Image.Image) -> int:
    try:
        found = picture.getexif().get(_ORIENTATION, 1)
    except _BROKEN:
        return 1  # damaged EXIF; the picture itself was decoded
    return found if isinstance(found, int) else 1


def _only_face(reader: Reader, picture: Pixels, name: str) -> Face:
    found, enlarged = reader.read(picture), 1
    if not found:
        # HOG sees nothing below 60 pixels or so: "too small" helps more than "no face".
        found, enlarged = reader.read(_twice(picture)), 2
    faces = [
        face
        for face in found
        if face.score >= WEAK_SCORE or face.width_px >= WEAK_WIDTH * found[0].width_px
    ]
    if not faces:
        raise NoFace(
            f"{name}: expected a face, found none; take it from the front, upright, in good light"
        )
    if len(faces) > 1:
        raise SeveralFaces(
            f"{name}: expected one face, found {len(faces)}; cut out the member's or take it alone"
        )
    face = faces[0]
    if face.width_px < LEAST_WIDTH_PX * enlarged:
        raise FaceTooSmall(
            f"{name}: expected a face {LEAST_WIDTH_PX} pixels wide or more,"
            f" got {face.width_px // enlarged}; go nearer or use the original"
        )
    if face.sharpness < LEAST_SHARPNESS:
        raise FaceBlurred(
            f"{name}: expected a sharp face, got one that is out of focus or moved"
            f" ({face.sharpness:.1f} of {LEAST_SHARPNESS:g}); take it again"
        )
    return face


def _twice(picture: Pixels) -> Pixels:
    size = (2 * picture.shape[1], 2 * picture.shape[0])
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def _agree(descriptors: NDArray[np.float32], names: Sequence[str]) -> None:
    """Raise NotOnePerson when a photo is on average too far from the others."""
    if len(names) == 1:
        return
    apart = np.linalg.norm(descriptors[:, None] - descriptors[None], axis=2)
    mean = apart.sum(axis=1) / (len(names) - 1)
    worst = int(mean.argmax())
    if mean[worst] > SAME_MEMBER:
        raise NotOnePerson(
            f"{names[worst]}: expected the person of the other photos, got somebody else, or the"
            " same one hardly to be recognised; use photos of one person"
        )
