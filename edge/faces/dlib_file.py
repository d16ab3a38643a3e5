"""Reads dlib's face network from its .dat file into plain layer records, with NumPy alone.

Called by faces.convert, faces.embedder and faces.reader; calls nothing of the box.

The format is dlib's own serialisation (King, dlib/dnn), read front to back, no byte left out::

    version, loss details; version number of every layer, output first; input details;
    every layer, input first: name, details, three flags, three empty tensors

    integer  = size byte (bit 7: negative), that many bytes, little-endian
    real     = mantissa integer, exponent integer: mantissa * 2**exponent
    text     = length integer, bytes
    tensor   = version 2, four integers (samples, channels, rows, columns), float32 little-endian
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from menkou.errors import MenkouFault

NETWORK: Final = "dlib_face_recognition_resnet_model_v1.dat"
LANDMARKS: Final = "shape_predictor_5_face_landmarks.dat"
# sha256 in face_recognition_models 0.3.0 (King, public domain): tells a flipped bit in a weight.
PUBLISHED: Final = {
    NETWORK: "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    LANDMARKS: "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
}
INPUT: Final = -1  # the source of a node that takes the picture itself
TAG, FIRST = 1, 3  # version numbers of a tag or skip, and of the layer that stands on the input

Weights = NDArray[np.float32]


class FaceModelFault(MenkouFault):
    """A face model is missing, damaged, not the one expected, or cannot be run."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Convolution:
    """`weights` (out, in, rows, columns), `bias` (out,); `stride` and `padding` in pixels."""

    weights: Weights
    bias: Weights
    stride: int
    padding: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Affine:
    """Per channel x * `gamma` + `beta`, both (channels,): a batch normalisation at rest."""

    gamma: Weights
    beta: Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Largest or mean value of a square `window` in pixels; window 0 is the whole plane."""

    largest: bool
    window: int
    stride: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dense:
    """x @ `weights`, (in, out), without bias."""

    weights: Weights


# relu is max(x, 0); add_previous sums two inputs, the smaller one filled up with zeros: in
# channels, below and to the right.
Layer = Convolution | Affine | Pool | Dense | Literal["relu", "add_previous"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Node:
    """A layer and the indices of the nodes that feed it; INPUT is the picture."""

    layer: Layer
    sources: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Network:
    """Nodes in order of work; the last one gives the descriptor.

    The picture is RGB, `side` pixels square; `mean_rgb`, in grey levels, is taken from it and the
    rest divided by 256 (dlib's input_rgb_image_sized).
    """

    side: int
    mean_rgb: tuple[float, float, float]
    nodes: tuple[Node, ...]


def model_path(name: str) -> Path:
    """Where the installed package face_recognition_models keeps the file `name`.

    Its code needs pkg_resources, which setuptools has dropped, so it is not imported. Raises
    FaceModelFault when the package or the file is missing.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    for folder in (spec and spec.submodule_search_locations) or ():
        if (path := Path(folder) / "models" / name).is_file():
            return path
    raise FaceModelFault(
        f"face model {name}: expected it in the package face_recognition_models,"
        f" got {'a package without it' if spec else 'no such package'}; pip install 'menkou[edge]'"
    )


def verified(path: Path) -> bytes:
    """The bytes of a published model file. Raises FaceModelFault when they are any others."""
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise FaceModelFault(f"{path}: expected a readable model file, got {exc}") from exc
    expected, got = PUBLISHED.get(path.name), hashlib.sha256(data).hexdigest()
    if got != expected:
        raise FaceModelFault(
            f"{path}: expected sha256 {expected or 'of a known model file'}, got {got}"
            f" ({len(data)} bytes); reinstall face_recognition_models 0.3"
        )
    return data


def parse(data: bytes, name: str = NETWORK) -> Network:
    """The network in a .dat file's bytes; `name` is for messages. Raises FaceModelFault."""
    file = _Bytes(data, name)
    file.expect("version of the loss layer", 1)
    file.text("loss layer", "loss_metric_2")
    file.real("margin")
    file.real("distance threshold")
    skeleton = _skeleton(file)
    file.text("input layer", "input_rgb_image_sized")
    red, green, blue = (file.real(f"mean of the input's {c}") for c in ("red", "green", "blue"))
    side = file.pair("rows and columns of the input", 1)
    nodes: list[Node] = []
    source, tagged = INPUT, INPUT
    for marks in skeleton:
        if marks == 1:  # tag1: a residual block begins here
            tagged = source
        elif marks == 2:  # tag2 ends the block, skip1 goes on from where it began
            source, tagged = tagged, source
        layer = _layer(file)
        if not nodes:
            file.expect("pictures a sample", 1)  # only the layer on the input keeps this
        sources = (source, tagged) if layer == "add_previous" else (source,)
        nodes.append(Node(layer=layer, sources=sources))
        source = len(nodes) - 1
    if file.at != len(data):
        raise file.fault("end", "the file's end", f"{len(data) - file.at} bytes more")
    return Network(side=side, mean_rgb=(red, green, blue), nodes=tuple(nodes))


class _Bytes:
    """The file's bytes with a finger on the next one; every disagreement is a FaceModelFault."""

    def __init__(self, data: bytes, name: str) -> None:
        self._data, self._name, self.at = data, name, 0

    def fault(self, what: str, expected: object, got: object, at: int = -1) -> FaceModelFault:
        at = self.at if at < 0 else at
        return FaceModelFault(f"{self._name}: byte {at}, {what}: expected {expected}, got {got}")

    def take(self, count: int, what: str) -> bytes:
        part = self._data[self.at : self.at + count]
        if len(part) < count:
            raise self.fault(what, f"{count} bytes", f"{len(part)}, then the file's end")
        self.at += count
        return part

    def integer(self, what: str, least: int = 0, most: int = 4096) -> int:
        at, head = self.at, self.take(1, what)[0]
        if head & 0x70 or head & 0x0F > 8:
            raise self.fault(what, "an integer's size byte", f"0x{head:02x}", at)
        value = int.from_bytes(self.take(head & 0x0F, what), "little")
        value = -value if head & 0x80 else value
        if not least <= value <= most:
            raise self.fault(what, least if least == most else f"{least} to {most}", value, at)
        return value

    def expect(self, what: str, *integers: int) -> None:
        for value in integers:
            self.integer(what, value, value)

    def pair(self, what: str, least: int = 0) -> int:
        self.expect(what, value := self.integer(what, least))
        return value

    def real(self, what: str) -> float:
        mantissa = self.integer(what, -(2**53), 2**53)
        return math.ldexp(mantissa, self.integer(what, -512, 512))

    def text(self, what: str, *expected: str) -> str:
        at = self.at
        got = self.take(self.integer(what, 1, 64), what).decode("latin-1")
        if got not in expected:
            raise self.fault(what, " or ".join(expected), repr(got), at)
        return got

    def parameters(self, what: str) -> Weights:
        self.expect(f"{what}, version of the tensor", 2)
        count = self.integer(f"{what}, rows of the tensor", 1, 2**24)
        size = count * self.integer(f"{what}, channels of the tensor", 1)
        self.expect(f"{what}, plane of the tensor", 1, 1)
        at, values = self.at, np.frombuffer(self.take(4 * size, what), "<f4")  # cannot be written
        if not bool((np.abs(values) < 1e6).all()):  # so that NaN fails as well
            raise self.fault(what, "weights below 1e6", "others", at)
        return values


def _skeleton(file: _Bytes) -> list[int]:
    """For every layer, input first, how many tags and skips stand before it."""
    marks: list[int] = []
    while True:
        version = file.integer("version of a layer", TAG, FIRST)
        if version != TAG:
            marks.append(0)
        elif not marks or marks[-1] == 2:
            raise file.fault("version of a layer", "a layer, or two tags on one", "a tag")
        else:
            marks[-1] += 1
        if version == FIRST:
            return marks[::-1]


def _layer(file: _Bytes) -> Layer:
    name = file.text("name of a layer", *_READERS)
    layer = _READERS[name](file)
    if not set(flags := file.take(3, f"flags of {name}")) <= set(b"01"):
        raise file.fault(f"flags of {name}", "'0' or '1' thrice", flags)
    for _ in ("gradient", "output", "gradient of the parameters"):
        file.expect(f"empty tensor of {name}", 2, 0, 0, 0, 0)
    return layer


def _convolution(file: _Bytes) -> Convolution:
    values = file.parameters("convolution")
    count, rows, columns = (file.integer("filters", 1) for _ in range(3))
    stride, padding = file.pair("stride", 1), file.pair("padding")
    channels = (values.size - count) // (count * rows * columns)
    if channels < 1 or values.size != count * (channels * rows * columns + 1):
        raise file.fault("filters", f"shapes for {values.size} weights", (count, rows, columns))
    file.expect("shape of the filters", 1, count, channels, rows, columns)
    file.expect("shape of the biases", 1, 1, count, 1, 1)
    for _ in range(4):
        file.real("learning rate or weight decay")
    weights = values[:-count].reshape(count, channels, rows, columns)
    return Convolution(weights=weights, bias=values[-count:], stride=stride, padding=padding)


def _affine(file: _Bytes) -> Affine:
    if (values := file.parameters("affine")).size % 2:
        raise file.fault("affine", "an even number of weights", values.size)
    channels = values.size // 2
    file.expect("shapes of the affine", *(1, 1, channels, 1, 1) * 2)
    file.expect("mode of the affine", 0)  # 0: one pair a channel, as after a convolution
    return Affine(gamma=values[:channels], beta=values[channels:])


def _pool(file: _Bytes, *, largest: bool) -> Pool:
    pool = Pool(largest=largest, window=file.pair("window"), stride=file.pair("stride", 1))
    file.expect("padding of the pool", 0, 0)
    return pool


def _dense(file: _Bytes) -> Dense:
    outputs, inputs = file.integer("outputs", 1), file.integer("inputs", 1)
    if (values := file.parameters("dense")).size != inputs * outputs:
        raise file.fault("dense", f"{inputs} x {outputs} weights", values.size)
    file.expect("shape of the dense", 1, inputs, outputs, 1, 1)
    file.expect("bias of the dense", 1, 0, 0, 0, 0, 1)  # an empty view, and mode 1: no bias
    for _ in range(4):
        file.real("learning rate or weight decay")
    return Dense(weights=values.reshape(inputs, outputs))


_READERS: Final[dict[str, Callable[[_Bytes], Layer]]] = {
    "con_4": _convolution,
    "affine_": _affine,
    "relu_": lambda _: "relu",
    "max_pool_2": lambda file: _pool(file, largest=True),
    "avg_pool_2": lambda file: _pool(file, largest=False),
    "add_prev_": lambda _: "add_previous",
    "fc_2": _dense,
}
