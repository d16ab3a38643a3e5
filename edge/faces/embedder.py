"""Turns face chips into descriptors that can be compared. Called by faces.watch and faces.photo.

Calls onnxruntime; at first use, or when a cached model is damaged, faces.convert, faces.quantise
and dlib too.

A converted model is a cache: made from the installed package's .dat, checked against dlib (int8:
against fp32), and kept in a folder of the box (faces.model_cache).

::

    .dat -> convert -> fp32, equal to dlib's -> quantise -> int8, 2.6 times as fast
    chip -> wide and near view, each also mirrored -> network -> mean -> descriptor of length 1
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.faces import model_cache
from edge.faces.dlib_file import NETWORK, FaceModelFault, model_path, parse, verified
from edge.faces.precision import Precision
from edge.faces.session import not_installed, session_of

INPUT: Final = 150  # pixels, dlib's face network
CHIP: Final = 170  # pixels of a face chip: INPUT at the same scale, and 10 on each side
DIMENSIONS: Final = 128
# The version in them is convert.VERSION, which is not imported here: onnx costs half a second.
CACHED: Final[dict[Precision, str]] = {
    "fp32": "dlib-face-resnet-v1.1.onnx",
    "int8": "dlib-face-resnet-v1.1-int8.onnx",
}
FAMILY: Final = "dlib-face-resnet-v1"
"""Descriptors of any model whose name begins so can be compared with each other (ADR 16)."""
DESCRIPTOR: Final[dict[Precision, str]] = {
    "fp32": f"{FAMILY}.2",
    "int8": f"{FAMILY}.2-int8",
}
"""What a template's `model` says. .1: one view and its mirror image; .2: the views below."""
TOLERANCE: Final = 1e-5  # of a descriptor's numbers, against dlib; 4e-7 is usual
# Between the unit descriptors in fp32 and int8: 0.016 to 0.032 on LFW's faces, and a member and a
# stranger lie 0.3 apart. The test chip, which is no face, gives 0.029.
INT8_TOLERANCE: Final = 0.06
BATCH: Final = 16  # chips at once: the largest layer then holds 11 MB
# How much nearer a view is than the network was trained on. The mean of both misses fewer members
# than one view at 1.0: 5.8 instead of 6.3 % (165 by 3 photos), 20 instead of 23 % (300 by 1), FPIR
# 1 %, LFW; shifted and turned views add nothing to that (docs/adr/0016).
WIDE: Final = 0.9
NEAR: Final = 1.1

Chips = NDArray[np.uint8]
Descriptors = NDArray[np.float32]


class ChipsUnusable(ValueError):
    """Chips of another type or shape."""


class Embedder:
    """dlib's face descriptor, by onnxruntime. Safe to call from several threads."""

    def __init__(self, model: bytes, *, precision: Precision = "fp32", threads: int = 1) -> None:
        """`model` is what convert.to_onnx or quantise.to_int8 gives.

        Raises FaceModelFault when it cannot be run.
        """
        self.precision = precision
        self._session = session_of(model, threads)

    @classmethod
    def open(cls, cache_dir: Path, *, precision: Precision = "fp32", threads: int = 1) -> Embedder:
        """The embedder on the model cached in `cache_dir`, which is made when it is not there.

        Making it takes about a second, reading it 0.1 s. `threads` are onnxruntime's own within one
        call. Raises FaceModelFault: the package's model is missing or damaged, the folder cannot be
        written, or the result differs from dlib's by more than TOLERANCE (int8: from fp32's by more
        than INT8_TOLERANCE).
        """
        cached = cache_dir / CACHED[precision]
        model = model_cache.read(cached)
        if model is not None:
            return cls(model, precision=precision, threads=threads)
        if precision == "int8":
            exact = cls.open(cache_dir)
            model = _quantise(cache_dir)
            embedder = cls(model, precision=precision, threads=threads)
            _compare_int8(embedder, exact)
        else:
            source = model_path(NETWORK)
            model = _convert(source)
            embedder = cls(model, threads=threads)
            _compare(embedder, source)
        model_cache.keep(cached, model)
        return embedder

    @property
    def descriptor(self) -> str:
        """What a template made by this embedder says of its origin."""
        return DESCRIPTOR[self.precision]

    def raw(self, inputs: Chips) -> Descriptors:
        """dlib's descriptors, float32 (N, 128), of faces uint8 (N, 150, 150, 3), RGB.

        Their length is about 1.3. Raises ChipsUnusable.
        """
        _check(inputs, INPUT)
        made = [np.zeros((0, DIMENSIONS), np.float32)]
        for start in range(0, len(inputs), BATCH):
            part = np.ascontiguousarray(inputs[start : start + BATCH])
            made.append(np.asarray(self._session.run(None, {"chips": part})[0], np.float32))
        return np.concatenate(made)

    def embed(self, chips: Chips, *, mirrored: bool = False) -> Descriptors:
        """Descriptors to search for, float32 (N, 128) of length 1; chips uint8 (N, 170, 170, 3).

        Mean of a wide view and of a near one, mirrored: two passes of the network a face. With
        `mirrored` the wide one is; whoever averages some of each kind has what `enrol` gives.
        Thresholds for `raw` do not apply. Raises ChipsUnusable.
        """
        _check(chips, CHIP)
        wide, near = view(chips, WIDE), view(chips, NEAR)
        turned = (wide[:, :, ::-1], near) if mirrored else (wide, near[:, :, ::-1])
        return _unit(self.raw(turned[0]) + self.raw(turned[1]))

    def enrol(self, chips: Chips) -> Descriptors:
        """Descriptors for templates, in form as `embed`; twice as thorough, and twice the work.

        Both views and both their mirror images: a face and its mirror image have one descriptor.
        Raises ChipsUnusable.
        """
        _check(chips, CHIP)
        views = [view(chips, scale) for scale in (WIDE, NEAR)]
        whole = [self.raw(one) + self.raw(one[:, :, ::-1]) for one in views]
        return _unit(whole[0] + whole[1])


def _check(chips: Chips, side: int) -> None:
    if chips.ndim != 4 or chips.shape[1:] != (side, side, 3) or chips.dtype != np.uint8:
        raise ChipsUnusable(
            f"chips: expected uint8 (N, {side}, {side}, 3), got {chips.dtype} {chips.shape}"
        )


def view(chips: Chips, scale: float) -> Chips:
    """The middle of chips (N, 170, 170, 3), `scale` times as large: uint8 (N, 150, 150, 3)."""
    centre = (CHIP - 1) / 2 - (INPUT - 1) / 2 / scale
    inverse = np.array([[1 / scale, 0.0, centre], [0.0, 1 / scale, centre]])
    views = np.empty((len(chips), INPUT, INPUT, 3), np.uint8)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for made, chip in zip(views, chips, strict=True):
        made[:] = cv2.warpAffine(np.ascontiguousarray(chip), inverse, (INPUT, INPUT), flags=flags)
    return views


def _unit(descriptors: Descriptors) -> Descriptors:
    length = np.linalg.norm(descriptors, axis=1, keepdims=True)
    return np.asarray(descriptors / np.maximum(length, np.finfo(np.float32).tiny), np.float32)


def _convert(source: Path) -> bytes:
    data = verified(source)
    try:
        from edge.faces import convert
    except ImportError as exc:
        raise not_installed("onnx", exc) from exc
    return convert.to_onnx(parse(data, str(source)))


def _quantise(cache_dir: Path) -> bytes:
    """The int8 model, of the fp32 model that is cached; raises FaceModelFault."""
    exact = model_cache.read(cache_dir / CACHED["fp32"])
    if exact is None:
        raise FaceModelFault(
            f"{cache_dir / CACHED['fp32']}: expected the model that was just made, got none;"
            " check the disk"
        )
    try:
        from edge.faces import quantise
    except ImportError as exc:
        raise not_installed("onnx", exc) from exc
    return quantise.to_int8(exact)


def _compare_int8(embedder: Embedder, exact: Embedder) -> None:
    """Raise FaceModelFault when int8 is not the fp32 descriptor: instructions that overflow."""
    chip = _test_chip()[None]
    one, other = _unit(embedder.raw(chip)), _unit(exact.raw(chip))
    apart = float(np.linalg.norm(one - other))
    if not apart <= INT8_TOLERANCE:
        raise FaceModelFault(
            f"face model in int8: expected descriptors within {INT8_TOLERANCE:g} of fp32's on this"
            f' processor, got {apart:.3g}; set [faces] precision = "fp32"'
        )


def _compare(embedder: Embedder, source: Path) -> None:
    """Raise FaceModelFault when dlib says something else about the test chip."""
    try:
        import dlib

        chip = _test_chip()
        theirs = np.array(dlib.face_recognition_model_v1(str(source)).compute_face_descriptor(chip))
    except ImportError as exc:
        raise not_installed("dlib-bin", exc) from exc
    except RuntimeError as exc:  # what dlib's serialization_error becomes in Python
        raise FaceModelFault(f"{source}: expected a model that dlib can run, got {exc}") from exc
    difference = float(np.abs(embedder.raw(chip[None])[0] - theirs).max())
    if not difference <= TOLERANCE:
        raise FaceModelFault(
            f"{source}: expected the converted model to differ from dlib by at most {TOLERANCE:g},"
            f" got {difference:g} on the test chip; report this with the versions of dlib-bin,"
            " onnx and onnxruntime"
        )


def _test_chip() -> Chips:
    """An input without anybody on it: waves of several lengths, another in each colour."""
    y, x = np.mgrid[0:INPUT, 0:INPUT] / INPUT
    planes = [
        np.sin(9 * x + 3 * y + k) + np.sin(40 * x * y + 2 * k) + np.cos(90 * y - 70 * x * k)
        for k in (0.0, 1.1, 2.3)
    ]
    return np.asarray(np.stack(planes, axis=-1) * 42 + 128, np.uint8)
