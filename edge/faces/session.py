"""Opens ONNX models with onnxruntime, as a box wants them run.

Called by `edge.faces.embedder` and `edge.faces.detector`; imports onnxruntime at the first call.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from edge.faces.dlib_file import FaceModelFault

if TYPE_CHECKING:
    import onnxruntime


def session_of(model: bytes, threads: int) -> onnxruntime.InferenceSession:
    """Return a model ready to run, with so many threads. Raises FaceModelFault."""
    # The wheels of 1.31 keep a device id and events below ~/.cache for Microsoft's collector; the
    # variable is read as the library is loaded, and later is too late.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as state
    except ImportError as exc:
        raise not_installed("onnxruntime", exc) from exc
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only; a missing GPU is no news on a box
    # A spinning worker would take a core from the cameras.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except (
        state.Fail,
        state.InvalidArgument,  # bytes without a graph
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.NotImplemented,
        UnicodeDecodeError,  # of a damaged name in the graph
    ) as exc:
        raise FaceModelFault(f"face model: expected an ONNX model to run, got {exc}") from exc


def not_installed(package: str, exc: ImportError) -> FaceModelFault:
    """Return the fault of a package that is missing."""
    return FaceModelFault(
        f"face models: expected the package {package}, got {exc}; pip install 'menkou[edge]'"
    )
