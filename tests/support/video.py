"""Videos that the tests make: small, with known pictures."""

from pathlib import Path

import cv2
import numpy as np


def write_video(
    path: Path, *, frames: int, fps: float = 20, fourcc: str = "MJPG", noise: bool = True
) -> Path:
    """Write grey pictures of 160x120 with noise (or without), each with its number as a bar."""
    code = cv2.VideoWriter.fourcc(*fourcc)
    writer = cv2.VideoWriter(str(path), code, fps, (160, 120))
    assert writer.isOpened()
    chance = np.random.default_rng(7)
    for number in range(frames):
        image = np.full((120, 160, 3), 90, np.uint8)
        if noise:
            image += chance.integers(0, 12, image.shape, np.uint8)
            image[:8, : 1 + number % 160] = 255
        writer.write(image)
    writer.release()
    return path
