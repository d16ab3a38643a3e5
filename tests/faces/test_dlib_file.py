"""dlib's file becomes layers, or a message that says where it is not what it should be."""

from __future__ import annotations

import importlib.util
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge.faces.dlib_file import (
    INPUT,
    LANDMARKS,
    NETWORK,
    Affine,
    Convolution,
    Dense,
    FaceModelFault,
    Network,
    Pool,
    model_path,
    parse,
    verified,
)

HEADER = 0x150  # bytes before the first layer


@pytest.fixture(scope="module")
def data() -> bytes:
    return verified(model_path(NETWORK))


@pytest.fixture(scope="module")
def network(data: bytes) -> Network:
    return parse(data)


def test_the_published_file_is_a_29_layer_residual_network(network: Network) -> None:
    convolutions = [n.layer for n in network.nodes if isinstance(n.layer, Convolution)]
    assert len(convolutions) == 29
    assert convolutions[0].weights.shape == (32, 3, 7, 7)
    assert [n.layer for n in network.nodes].count("add_previous") == 14
    last = network.nodes[-1].layer
    assert isinstance(last, Dense)
    assert last.weights.shape == (256, 128)
    weights = last.weights.size + sum(c.weights.size + c.bias.size for c in convolutions)
    affines = [n.layer for n in network.nodes if isinstance(n.layer, Affine)]
    assert weights + sum(2 * a.gamma.size for a in affines) == 5_614_592
    assert network.side == 150
    assert network.mean_rgb == pytest.approx((122.782, 117.001, 104.298), abs=1e-5)


def test_a_residual_block_adds_what_went_into_it(network: Network) -> None:
    # con affine relu con affine add: the other source is what fed the first convolution
    assert network.nodes[0].sources == (INPUT,)
    assert network.nodes[9].layer == "add_previous"
    assert network.nodes[9].sources == (8, 3)
    assert network.nodes[4].sources == (3,)


def test_a_shrinking_block_pools_its_input_and_adds_its_output(network: Network) -> None:
    pools = [
        (index, node)
        for index, node in enumerate(network.nodes)
        if isinstance(node.layer, Pool) and not node.layer.largest and node.layer.window
    ]
    assert len(pools) == 4
    for index, pool in pools:
        first = index - 5  # con affine relu con affine pool
        assert pool.layer == Pool(largest=False, window=2, stride=2)
        assert pool.sources == network.nodes[first].sources
        assert network.nodes[index + 1].sources == (index, index - 1)


def test_layers_cannot_be_written_to(network: Network) -> None:
    first = network.nodes[0].layer
    assert isinstance(first, Convolution)
    with pytest.raises(ValueError, match="read-only"):
        first.weights[0, 0, 0, 0] = 1.0


@pytest.mark.parametrize("part", [0.0, 1e-5, 0.001, 0.3, 0.77, 0.999, 0.9999999])
def test_a_truncated_file_is_refused_with_the_place(data: bytes, part: float) -> None:
    short = data[: int(len(data) * part)]
    with pytest.raises(FaceModelFault, match=r"short\.dat: byte \d+, .*the file's end"):
        parse(short, "short.dat")


def test_bytes_after_the_end_are_refused(data: bytes) -> None:
    with pytest.raises(FaceModelFault, match="expected the file's end, got 3 bytes more"):
        parse(data + b"abc")


def test_a_flipped_bit_in_the_form_is_a_fault_and_no_other_error(data: bytes) -> None:
    chance = random.Random(20260101)
    places = [*range(0, HEADER, 2), *range(19296, 19420, 4), *range(len(data) - 140, len(data), 15)]
    unnoticed = []
    for place in places:
        damaged = bytearray(data)
        damaged[place] ^= 1 << chance.randrange(8)
        try:
            parse(bytes(damaged))
        except FaceModelFault:
            continue
        unnoticed.append(place)
    # Means, margins, rates and weights are numbers: another number has the same form.
    assert len(unnoticed) < len(places) * 0.25


def test_a_weight_that_no_training_gives_is_refused(data: bytes) -> None:
    for nonsense in (np.float32("nan"), np.float32("inf"), np.float32(1e30)):
        damaged = bytearray(data)
        damaged[352:356] = nonsense.tobytes()
        with pytest.raises(FaceModelFault, match="byte 352, convolution: expected weights below"):
            parse(bytes(damaged))


@pytest.mark.parametrize(
    "place", [12, 1_000_000, 22_000_000], ids=["form", "a weight", "a late weight"]
)
def test_one_flipped_bit_anywhere_breaks_the_digest(
    data: bytes, tmp_path: Path, place: int
) -> None:
    damaged = bytearray(data)
    damaged[place] ^= 1
    path = tmp_path / NETWORK
    path.write_bytes(damaged)
    with pytest.raises(FaceModelFault, match=r"expected sha256 55533b28.*, got .*reinstall"):
        verified(path)


@pytest.mark.parametrize(
    "foreign",
    [b"", b"\0" * 4096, b"\x89PNG\r\n\x1a\n" + b"x" * 500, b"\x01\x01\x01\x0dloss_metric_9"],
    ids=["empty", "zeros", "picture", "other loss"],
)
def test_a_foreign_file_is_refused(foreign: bytes) -> None:
    with pytest.raises(FaceModelFault, match=r"byte \d+, .*expected .*, got "):
        parse(foreign)


def test_another_model_under_the_networks_name_is_refused(tmp_path: Path) -> None:
    shutil.copy(model_path(LANDMARKS), tmp_path / NETWORK)
    with pytest.raises(FaceModelFault, match="expected sha256 55533b28"):
        verified(tmp_path / NETWORK)
    with pytest.raises(FaceModelFault):
        parse((tmp_path / NETWORK).read_bytes())


def test_a_missing_file_and_an_unknown_name_are_named(tmp_path: Path) -> None:
    with pytest.raises(FaceModelFault, match="expected a readable model file"):
        verified(tmp_path / NETWORK)
    (tmp_path / "other.dat").write_bytes(b"x")
    with pytest.raises(FaceModelFault, match="of a known model file"):
        verified(tmp_path / "other.dat")


def test_without_the_models_package_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(FaceModelFault, match=r"nothing\.dat.*a package without it"):
        model_path("nothing.dat")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FaceModelFault, match=r"no such package; pip install 'menkou\[edge\]'"):
        model_path(NETWORK)


def test_importing_the_modules_loads_no_model_library() -> None:
    script = (
        "import sys, edge.faces, edge.faces.dlib_file, edge.faces.embedder, edge.faces.reader\n"
        "wanted = {'dlib', 'onnx', 'onnxruntime', 'face_recognition_models', 'pkg_resources'}\n"
        "print(sorted(wanted & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
