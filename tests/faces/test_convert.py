"""The converted network says what dlib says."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import cv2
import dlib
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from edge.faces.convert import to_onnx
from edge.faces.dlib_file import (
    NETWORK,
    Convolution,
    Dense,
    FaceModelFault,
    Network,
    Node,
    model_path,
    parse,
    verified,
)
from edge.faces.reader import FaceReader

CHIPS = 24
COLOURED = ("lin-manuel-miranda.png", "alex-lacamoire.png", "obama.jpg", "biden.jpg")
Chips = NDArray[np.uint8]
Descriptors = NDArray[np.float32]


@pytest.fixture(scope="module")
def network() -> Network:
    return parse(verified(model_path(NETWORK)))


@pytest.fixture(scope="module")
def model(network: Network) -> bytes:
    return to_onnx(network)


@pytest.fixture(scope="module")
def chips(recordings: Path) -> Chips:
    """Faces of as many people: a few in colour first, then grey ones spread over the folder."""
    reader, chips = FaceReader(), []
    faces = recordings / "faces"
    coloured = [faces / "pairs" / name for name in COLOURED]
    folders = sorted((faces / "lfw-part").iterdir())[::40]
    for path in [*coloured, *(next(folder.glob("*.jpg")) for folder in folders)]:
        picture = cv2.imread(str(path))
        assert picture is not None
        chips += [
            face.chip[10:-10, 10:-10] for face in reader.read(np.asarray(picture, np.uint8))[:1]
        ]
    assert len(chips) >= CHIPS
    return np.stack(chips[:CHIPS])


@pytest.fixture(scope="module")
def theirs(chips: Chips) -> Descriptors:
    dlibs = dlib.face_recognition_model_v1(str(model_path(NETWORK)))
    return np.array([dlibs.compute_face_descriptor(chip) for chip in chips], np.float32)


def ours(model: bytes, chips: Chips) -> Descriptors:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"chips": chips})[0], np.float32)


def test_real_faces_get_dlibs_descriptor(model: bytes, chips: Chips, theirs: Descriptors) -> None:
    descriptors = ours(model, chips)
    assert descriptors.shape == (CHIPS, 128)
    assert float(np.abs(descriptors - theirs).max()) <= 1e-5
    # so that the comparison could fail: other people's descriptors are far away
    assert float(np.linalg.norm(descriptors - np.roll(theirs, 1, axis=0), axis=1).min()) > 0.4


@pytest.mark.parametrize("grey", [0, 128, 255], ids=["black", "grey", "white"])
def test_a_plain_chip_gets_dlibs_descriptor(model: bytes, grey: int) -> None:
    chip = np.full((150, 150, 3), grey, np.uint8)
    dlibs = dlib.face_recognition_model_v1(str(model_path(NETWORK)))
    expected = np.array(dlibs.compute_face_descriptor(chip))
    assert float(np.abs(ours(model, chip[None])[0] - expected).max()) <= 1e-5


def test_the_batch_does_not_change_a_descriptor(model: bytes, chips: Chips) -> None:
    together = ours(model, chips[:5])
    for index in range(5):
        alone = ours(model, chips[index : index + 1])[0]
        assert together[index] == pytest.approx(alone, abs=1e-6)


def test_the_model_takes_any_number_of_rgb_chips(model: bytes) -> None:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (chips,), (descriptors,) = session.get_inputs(), session.get_outputs()
    assert (chips.name, chips.type, chips.shape) == ("chips", "tensor(uint8)", ["N", 150, 150, 3])
    assert (descriptors.name, descriptors.shape) == ("descriptors", ["N", 128])


def test_red_is_the_first_colour(model: bytes, chips: Chips, theirs: Descriptors) -> None:
    turned = ours(model, np.ascontiguousarray(chips[:4, :, :, ::-1]))
    assert float(np.abs(turned - theirs[:4]).max()) > 0.01


def test_the_same_file_gives_the_same_bytes_in_another_process(model: bytes) -> None:
    script = (
        "import hashlib, edge.faces.convert as c, edge.faces.dlib_file as f\n"
        "data = f.verified(f.model_path(f.NETWORK))\n"
        "print(hashlib.sha256(c.to_onnx(f.parse(data))).hexdigest())\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == hashlib.sha256(model).hexdigest()


def replaced(network: Network, index: int, node: Node) -> Network:
    nodes = (*network.nodes[:index], node, *network.nodes[index + 1 :])
    return dataclasses.replace(network, nodes=nodes)


def test_a_padded_first_convolution_is_refused(network: Network) -> None:
    first = network.nodes[0]
    assert isinstance(first.layer, Convolution)
    padded = dataclasses.replace(first, layer=dataclasses.replace(first.layer, padding=1))
    with pytest.raises(FaceModelFault, match="expected no padding"):
        to_onnx(replaced(network, 0, padded))


def test_an_affine_elsewhere_than_after_a_convolution_is_refused(network: Network) -> None:
    with pytest.raises(FaceModelFault, match="layer 2: expected an affine right after"):
        to_onnx(replaced(network, 2, Node(layer=network.nodes[1].layer, sources=(1,))))


def test_a_descriptor_layer_of_another_size_is_refused(network: Network) -> None:
    wrong = Dense(weights=np.zeros((64, 128), np.float32))
    index = len(network.nodes) - 1
    with pytest.raises(FaceModelFault, match="expected 64 planes of one pixel, got 256 planes"):
        to_onnx(replaced(network, index, Node(layer=wrong, sources=(index - 1,))))
