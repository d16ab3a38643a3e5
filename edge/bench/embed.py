"""Measures the face descriptor: `menkou-edge bench embed`. Called by edge.bench.

One face after the other on one thread, in turns with dlib's own network as its wheel has it, so
that a machine that is busy for a while is as slow for both. It needs no recording: how long the
network takes does not depend on what it sees. The model is made in a temporary folder.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.faces.dlib_file import NETWORK, FaceModelFault, model_path
from edge.faces.embedder import CHIP, INPUT, Embedder
from edge.faces.precision import chosen
from menkou.bench import Result

_ROUNDS: Final = 15
_TIMES: Final = {"dlib": 1, "fp32": 8, "int8": 20, "face, fp32": 4, "face, int8": 8}
"""How often each is called in a round: all take about as long."""
_AT_MOST_S: Final = 30.0
_SEED: Final = 20261122
Work = Callable[[], object]


def cases() -> Iterator[Result | str]:
    """Yield how long a descriptor takes; a text says what could not be measured, and what runs."""
    with tempfile.TemporaryDirectory(prefix="menkou-bench-") as name:
        folder = Path(name)
        chance = np.random.default_rng(_SEED)
        inputs = chance.integers(0, 256, (1, INPUT, INPUT, 3)).astype(np.uint8)
        chips = chance.integers(0, 256, (1, CHIP, CHIP, 3)).astype(np.uint8)
        exact = Embedder.open(folder)
        works: dict[str, Work] = {
            "dlib": _dlib(inputs),
            "fp32": lambda: exact.raw(inputs),
            "face, fp32": lambda: exact.embed(chips),
        }
        try:
            quick = Embedder.open(folder, precision="int8")
        except FaceModelFault as exc:
            yield f"embed: int8: skipped, {exc}"
        else:
            works["int8"] = lambda: quick.raw(inputs)
            works["face, int8"] = lambda: quick.embed(chips)
        took = _took(works)
    yield from _against_dlib(took)
    if "int8" in took:
        yield _against_fp32(took)
        faster = "int8" if took["int8"] < took["fp32"] else "fp32"
        yield (
            f'embed: {faster} is faster here; [faces] precision = "auto" takes {chosen("auto")} on'
            " this processor"
        )


def _dlib(inputs: NDArray[np.uint8]) -> Work:
    import dlib

    network = dlib.face_recognition_model_v1(str(model_path(NETWORK)))
    return lambda: network.compute_face_descriptor(inputs[0])


def _took(works: Mapping[str, Work]) -> dict[str, float]:
    """Return the median of what each work takes, in ms."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    began = time.perf_counter()
    for _ in range(_ROUNDS):
        for name, work in works.items():
            for _ in range(_TIMES[name]):
                start = time.perf_counter()
                work()
                times[name].append((time.perf_counter() - start) * 1000)
        if time.perf_counter() - began > _AT_MOST_S:
            break
    return {name: median(each) for name, each in times.items()}


def _against_dlib(took: Mapping[str, float]) -> Iterator[Result]:
    for precision in ("fp32", "int8"):
        if precision in took:
            yield _result(f"{precision}, 1 thread", took[precision], "dlib", took["dlib"])


def _against_fp32(took: Mapping[str, float]) -> Result:
    """What a box does for each face that it looks up: two views, cut out and passed through."""
    case = "a face to search for, two views, int8, 1 thread"
    return _result(case, took["face, int8"], "the same in fp32", took["face, fp32"])


def _result(case: str, value: float, baseline: str, baseline_value: float) -> Result:
    return Result(
        bench="embed",
        case=case,
        value=round(value, 3),
        unit="ms",
        baseline=baseline,
        baseline_value=round(baseline_value, 3),
        ratio=round(baseline_value / value, 2),
    )
