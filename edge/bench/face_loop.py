"""The loop that the documentation of face_recognition shows, as a baseline for the benches.

Called by `edge.bench.detect` and `edge.bench.pipeline`. Written out with dlib, since the package
itself does not install any more: `face_locations` upsamples the RGB picture once,
`face_encodings` takes five landmarks and one descriptor of each face, in every frame
(examples/facerec_from_webcam.py), and a distance below 0.6 is a match.
"""

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.bench.films import Image
from edge.faces.dlib_file import LANDMARKS, NETWORK, model_path

TOLERANCE: Final = 0.6


class FaceLoop:
    """face_recognition's face_locations, face_encodings and compare_faces."""

    def __init__(self) -> None:
        import dlib

        self._detector: Any = dlib.get_frontal_face_detector()
        self._landmarks: Any = dlib.shape_predictor(str(model_path(LANDMARKS)))
        self._network: Any = dlib.face_recognition_model_v1(str(model_path(NETWORK)))

    def locations(self, rgb: Image) -> list[Any]:
        """Return the faces of an RGB picture."""
        return list(self._detector(rgb, 1))

    def encodings(self, rgb: Image) -> list[NDArray[np.float64]]:
        """Return a descriptor of each face of an RGB picture."""
        return [
            np.array(self._network.compute_face_descriptor(rgb, self._landmarks(rgb, face), 1))
            for face in self.locations(rgb)
        ]

    def named(self, image: Image, known: dict[str, NDArray[np.float64]]) -> set[str]:
        """Return who is in a BGR picture: of those near enough the nearest."""
        found = set()
        for encoding in self.encodings(rgb_of(image)):
            apart = {name: float(np.linalg.norm(one - encoding)) for name, one in known.items()}
            nearest = min(apart, key=apart.__getitem__)
            if apart[nearest] <= TOLERANCE:
                found.add(nearest)
        return found


def rgb_of(image: Image) -> Image:
    """Return a BGR picture as RGB."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
