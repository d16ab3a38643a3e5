"""Turns face chips into descriptors that can be compared. Called by the face matching to come.

Calls onnxruntime; at first use, or when the cached model is damaged, faces.convert and dlib too.

The converted model is a cache: made from the installed package's .dat, checked against dlib, kept
in a folder of the box and made again whenever its sha256 is not the one beside it. That finds a
worn card's flipped bits; it does not stop somebody who can write to the folder.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.faces.dlib_file import NETWORK, FaceModelFault, model_path, parse, verified
from edge.faces.session import not_installed, session_of
from menkou.ownership import inherit_owner, make_folder

CHIP: Final = 150  # pixels, dlib's face network
DIMENSIONS: Final = 128
# The version in it is convert.VERSION, which is not imported here: onnx costs half a second.
CACHED: Final = "dlib-face-resnet-v1.1.onnx"
TOLERANCE: Final = 1e-5  # of a descriptor's numbers, against dlib; 4e-7 is usual
BATCH: Final = 16  # chips at once: the largest layer then holds 11 MB

Chips = NDArray[np.uint8]
Descriptors = NDArray[np.float32]


class ChipsUnusable(ValueError):
    """Chips that are not uint8 (N, 150, 150, 3)."""


class Embedder:
    """dlib's face descriptor, by onnxruntime. Safe to call from several threads."""

    def __init__(self, model: bytes, *, threads: int = 1) -> None:
        """`model` is what convert.to_onnx gives. Raises FaceModelFault when it cannot be run."""
        self._session = session_of(model, threads)

    @classmethod
    def open(cls, cache_dir: Path, *, threads: int = 1) -> Embedder:
        """The embedder on the model cached in `cache_dir`, which is made when it is not there.

        Making it takes about a second, reading it 0.1 s. `threads` are onnxruntime's own within one
        call. Raises FaceModelFault: the package's model is missing or damaged, the folder cannot be
        written, or the result differs from dlib's by more than TOLERANCE.
        """
        cached = cache_dir / CACHED
        model = _read(cached)
        if model is not None:
            return cls(model, threads=threads)
        source = model_path(NETWORK)
        model = _convert(source)
        embedder = cls(model, threads=threads)
        _compare(embedder, source)
        _keep(cached, model)
        return embedder

    def raw(self, chips: Chips) -> Descriptors:
        """dlib's descriptors, float32 (N, 128), of chips uint8 (N, 150, 150, 3), RGB.

        Their length is about 1.3. Raises ChipsUnusable.
        """
        expected = (CHIP, CHIP, 3)
        if chips.ndim != 4 or chips.shape[1:] != expected or chips.dtype != np.uint8:
            raise ChipsUnusable(
                f"chips: expected uint8 (N, {CHIP}, {CHIP}, 3), got {chips.dtype} {chips.shape}"
            )
        made = [np.zeros((0, DIMENSIONS), np.float32)]
        for start in range(0, len(chips), BATCH):
            part = np.ascontiguousarray(chips[start : start + BATCH])
            made.append(np.asarray(self._session.run(None, {"chips": part})[0], np.float32))
        return np.concatenate(made)

    def embed(self, chips: Chips) -> Descriptors:
        """Descriptors to compare, float32 (N, 128) of length 1; chips as in `raw`.

        Mean of the chip's and its mirror image's descriptor: on LFW the equal error rate falls from
        1.69 to 1.36 % (measured). Thresholds for `raw` do not apply. Raises ChipsUnusable.
        """
        both = self.raw(chips)
        both += self.raw(chips[:, :, ::-1])
        length = np.linalg.norm(both, axis=1, keepdims=True)
        return np.asarray(both / np.maximum(length, np.finfo(np.float32).tiny), np.float32)


def _convert(source: Path) -> bytes:
    data = verified(source)
    try:
        from edge.faces import convert
    except ImportError as exc:
        raise not_installed("onnx", exc) from exc
    return convert.to_onnx(parse(data, str(source)))


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
    """A chip without anybody on it: waves of several lengths, another in each colour."""
    y, x = np.mgrid[0:CHIP, 0:CHIP] / CHIP
    planes = [
        np.sin(9 * x + 3 * y + k) + np.sin(40 * x * y + 2 * k) + np.cos(90 * y - 70 * x * k)
        for k in (0.0, 1.1, 2.3)
    ]
    return np.asarray(np.stack(planes, axis=-1) * 42 + 128, np.uint8)


def _digest_path(cached: Path) -> Path:
    return cached.with_name(cached.name + ".sha256")


def _read(cached: Path) -> bytes | None:
    """The cached model, or None when it has to be made: absent, damaged or unreadable."""
    try:
        expected = _digest_path(cached).read_bytes().split()
        model = cached.read_bytes()
    except OSError:
        return None
    return model if expected[:1] == [_sha256(model)] else None


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()


def _keep(cached: Path, model: bytes) -> None:
    """Write the model, then its digest: after a power cut in between the two do not match."""
    try:
        make_folder(cached.parent)
        _replace(cached, model)
        # The form that `sha256sum --check` reads.
        _replace(_digest_path(cached), _sha256(model) + b"  " + cached.name.encode() + b"\n")
    except OSError as exc:
        raise FaceModelFault(
            f"{cached}: expected a folder that this user may write to, with 23 MB free, got {exc}"
        ) from exc


def _replace(path: Path, data: bytes) -> None:
    """Write the whole file or none of it; only the owner may read it (mkstemp gives 0600)."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        inherit_owner(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
