"""Turns the face network's layers into an ONNX model, which runs 20 times faster than in dlib.

Called by faces.embedder at first use; calls onnx's own helper, and faces.dlib_file for the records.

What is folded away: each affine into the convolution before it, the input's mean and scale into the
first convolution (it has no padding, so that is exact). What is made explicit: the zeros with
which dlib's add_prev fills up the smaller input. Folding is done in float64 and rounded once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edge.faces.dlib_file import (
    INPUT,
    Affine,
    Convolution,
    Dense,
    FaceModelFault,
    Network,
    Node,
    Pool,
)

# Opset and format that every onnxruntime since 1.12 reads; newer ones bring nothing needed here.
OPSET: Final = 17
IR_VERSION: Final = 8
SCALE: Final = 256.0  # dlib input_rgb_image: (grey level - mean) / 256
VERSION: Final = 1  # raise it when the same .dat is to give another graph: it names the cached file


@dataclass(frozen=True, slots=True, kw_only=True)
class _Value:
    """A tensor in the graph: its name, and its channels and side in pixels."""

    name: str
    channels: int
    side: int


@dataclass(slots=True)
class _Graph:
    """The graph as it grows."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, name: str, values: NDArray[np.generic]) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name


def to_onnx(network: Network) -> bytes:
    """The network as a serialised ONNX model; the same network gives the same bytes.

    Input `chips`: uint8 (N, side, side, 3), RGB. Output `descriptors`: float32 (N, 128), what dlib
    computes, not normalised. N is free. Raises FaceModelFault for a network of another build than
    the face network's.
    """
    graph = _Graph()
    channels_first = graph.add("Transpose", ["chips"], perm=[0, 3, 1, 2])
    picture = _Value(
        name=graph.add("Cast", [channels_first], to=TensorProto.FLOAT),
        channels=3,
        side=network.side,
    )
    made: dict[int, _Value] = {INPUT: picture}
    for index, node in enumerate(network.nodes):
        made[index] = _translate(graph, network, index, node, made)
    last = made[len(network.nodes) - 1]
    graph.nodes[-1].output[0] = "descriptors"
    side = network.side
    chips = helper.make_tensor_value_info("chips", TensorProto.UINT8, ["N", side, side, 3])
    output = helper.make_tensor_value_info("descriptors", TensorProto.FLOAT, ["N", last.channels])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "face", [chips], [output], graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="menkou",
        producer_version=str(VERSION),
    )
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _translate(
    graph: _Graph, network: Network, index: int, node: Node, made: dict[int, _Value]
) -> _Value:
    layer, before = node.layer, made[node.sources[0]]
    following = network.nodes[index + 1].layer if index + 1 < len(network.nodes) else None
    if isinstance(layer, Convolution):
        affine = following if isinstance(following, Affine) else None
        first = node.sources[0] == INPUT
        return _convolve(graph, layer, affine, before, network.mean_rgb if first else None)
    if isinstance(layer, Affine):
        # Its work was done within the convolution that feeds it.
        if index == 0 or node.sources[0] != index - 1:
            raise _unlike(index, "an affine right after a convolution", "one elsewhere")
        if not isinstance(network.nodes[index - 1].layer, Convolution):
            raise _unlike(index, "an affine right after a convolution", "one after another layer")
        return before
    if isinstance(layer, Pool):
        return _pool(graph, layer, before)
    if isinstance(layer, Dense):
        return _multiply(graph, layer, before, index)
    if layer == "add_previous":
        return _sum(graph, before, made[node.sources[1]])
    return _Value(name=graph.add("Relu", [before.name]), channels=before.channels, side=before.side)


def _convolve(
    graph: _Graph,
    layer: Convolution,
    affine: Affine | None,
    before: _Value,
    mean_rgb: tuple[float, float, float] | None,
) -> _Value:
    weights, bias = layer.weights.astype(np.float64), layer.bias.astype(np.float64)
    rows = weights.shape[2]
    if weights.shape[1] != before.channels or rows != weights.shape[3]:
        raise FaceModelFault(
            f"{before.name}: expected square filters on {before.channels} channels,"
            f" got {weights.shape[1:]}"
        )
    if mean_rgb is not None:
        if layer.padding:
            # The zeros of a padding are grey levels here, but were means there.
            raise FaceModelFault("first convolution: expected no padding, got some")
        weights = weights / SCALE
        bias = bias - np.tensordot(weights.sum(axis=(2, 3)), np.array(mean_rgb), axes=1)
    if affine is not None:
        gamma, beta = affine.gamma.astype(np.float64), affine.beta.astype(np.float64)
        weights, bias = weights * gamma[:, None, None, None], bias * gamma + beta
    at = len(graph.nodes)
    name = graph.add(
        "Conv",
        [
            before.name,
            graph.constant(f"weights_{at}", weights.astype(np.float32)),
            graph.constant(f"bias_{at}", bias.astype(np.float32)),
        ],
        kernel_shape=[rows, rows],
        strides=[layer.stride] * 2,
        pads=[layer.padding] * 4,
    )
    side = (before.side + 2 * layer.padding - rows) // layer.stride + 1
    return _Value(name=name, channels=weights.shape[0], side=side)


def _pool(graph: _Graph, layer: Pool, before: _Value) -> _Value:
    if layer.window == 0:
        name = graph.add("GlobalAveragePool", [before.name])
        return _Value(name=name, channels=before.channels, side=1)
    name = graph.add(
        "MaxPool" if layer.largest else "AveragePool",
        [before.name],
        kernel_shape=[layer.window] * 2,
        strides=[layer.stride] * 2,
    )
    side = (before.side - layer.window) // layer.stride + 1
    return _Value(name=name, channels=before.channels, side=side)


def _sum(graph: _Graph, one: _Value, other: _Value) -> _Value:
    channels, side = max(one.channels, other.channels), max(one.side, other.side)
    filled = [_filled(graph, value, channels, side) for value in (one, other)]
    return _Value(name=graph.add("Add", filled), channels=channels, side=side)


def _filled(graph: _Graph, value: _Value, channels: int, side: int) -> str:
    """Zeros behind the channels, below and to the right: dlib's add_prev takes them as given."""
    more, wider = channels - value.channels, side - value.side
    if not more and not wider:
        return value.name
    ends = np.array([0, 0, 0, 0, 0, more, wider, wider], np.int64)
    pads = graph.constant(f"pads_{len(graph.nodes)}", ends)
    return graph.add("Pad", [value.name, pads], mode="constant")


def _multiply(graph: _Graph, layer: Dense, before: _Value, index: int) -> _Value:
    inputs, outputs = layer.weights.shape
    if (before.channels, before.side) != (inputs, 1):
        got = f"{before.channels} planes of side {before.side}"
        raise _unlike(index, f"{inputs} planes of one pixel", got)
    flat = graph.add("Flatten", [before.name])
    weights = graph.constant("descriptor_weights", layer.weights)
    return _Value(name=graph.add("MatMul", [flat, weights]), channels=outputs, side=1)


def _unlike(index: int, expected: str, got: str) -> FaceModelFault:
    return FaceModelFault(f"face network, layer {index}: expected {expected}, got {got}")
