"""The ranges of the face network's layers on a folder of people, for faces.quantise.

Called by scripts/measure-ranges. Every third picture, in both views, is enough: more widen no range
by more than a few per cent, and what lies outside is cut off at the edge.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from edge.faces.embedder import CACHED, NEAR, WIDE, Embedder, view
from edge.faces.quantise import QUANTISED
from edge.faces.reader import FaceReader

EVERY: Final = 3
DIGITS: Final = 4


def ranges(model: bytes, inputs: NDArray[np.uint8]) -> dict[str, tuple[float, float]]:
    """Return the lowest and highest output of each layer, 0 included, by its name."""
    graph = onnx.load_from_string(model)
    kinds = (*QUANTISED, "Cast")
    names = [name for node in graph.graph.node if node.op_type in kinds for name in node.output]
    known = {output.name for output in graph.graph.output}
    for name in names:
        if name not in known:
            info = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
            graph.graph.output.append(info)
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    low, high = np.zeros(len(names)), np.zeros(len(names))
    for start in range(0, len(inputs), 8):
        made = session.run(names, {"chips": inputs[start : start + 8]})
        low = np.minimum(low, [float(one.min()) for one in made])
        high = np.maximum(high, [float(one.max()) for one in made])
    rounded = zip(low, high, strict=True)
    found = [(float(f"{a:.{DIGITS}g}"), float(f"{b:.{DIGITS}g}")) for a, b in rounded]
    return dict(zip(names, found, strict=True)) | {"cast_1": (0.0, 255.0)}


def main(folder: Path) -> None:
    """Print the ranges of a folder's pictures as JSON."""
    reader, chips = FaceReader(), []
    for path in sorted(folder.rglob("*.jpg"))[::EVERY]:
        picture = cv2.imread(str(path))
        if picture is not None:
            chips += [face.chip for face in reader.read(np.asarray(picture, np.uint8))[:1]]
    with tempfile.TemporaryDirectory() as name:
        Embedder.open(Path(name))
        model = (Path(name) / CACHED["fp32"]).read_bytes()
    views = [view(np.stack(chips), scale) for scale in (WIDE, NEAR)]
    found = ranges(model, np.concatenate(views))
    lines = [f" {json.dumps(name)}: {json.dumps(pair)}" for name, pair in found.items()]
    sys.stdout.write("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
