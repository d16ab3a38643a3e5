"""The face network in int8: onnxruntime's static quantisation, by ranges that were measured before.

Called by faces.embedder at first use; calls onnxruntime's and onnx's tools.

Quantising needs to know between which numbers each layer's output lies. That takes faces, of which
a box has none that it may use. So the ranges were measured once, on LFW (names A to E), by
scripts/measure-ranges, and are shipped: a pair of numbers a layer in ranges.json, which says
nothing of anybody. They belong to the graph that convert.VERSION names.
"""

from __future__ import annotations

import json
import warnings
from importlib import resources
from typing import Any, Final

import numpy as np
import onnx
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.calibrate import CalibrationMethod, TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from edge.faces.dlib_file import FaceModelFault

RANGES: Final = "ranges.json"
# The last product and the mean before it stay in float: they cost 1 %, and all of the rounding
# there would be in the descriptor.
QUANTISED: Final = ("Conv", "Add", "Relu", "Pad", "MaxPool", "AveragePool")


def ranges() -> dict[str, tuple[float, float]]:
    """The lowest and highest value of each layer's output, by its name in the graph."""
    text = resources.files("edge.faces").joinpath(RANGES).read_text(encoding="ascii")
    return {name: (low, high) for name, (low, high) in json.loads(text).items()}


def to_int8(model: bytes) -> bytes:
    """The model that convert.to_onnx gives, with 8-bit activations and weights.

    Activations are unsigned, weights signed with a scale a channel; QuantizeLinear and
    DequantizeLinear stand around each operator (QDQ), which any onnxruntime reads. Raises
    FaceModelFault when the ranges are of another graph.
    """
    graph = onnx.load_from_string(model)
    made = {name for node in graph.graph.node for name in node.output}
    known = ranges()
    if missing := sorted(known.keys() - made):
        raise FaceModelFault(
            f"{RANGES}: expected ranges of this graph's layers, got {missing[0]}, which it does"
            " not have; reinstall menkou"
        )
    measured: dict[str, Any] = {
        name: (np.float32(low), np.float32(high)) for name, (low, high) in known.items()
    }
    quantiser = QDQQuantizer(
        graph,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=TensorsData(CalibrationMethod.MinMax, measured),
        nodes_to_quantize=[],
        nodes_to_exclude=[],
        op_types_to_quantize=list(QUANTISED),
        extra_options={},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tensors that need no range
        quantiser.quantize_model()
    return bytes(quantiser.model.model.SerializeToString(deterministic=True))
