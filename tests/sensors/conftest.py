"""A video for the tests of the cameras."""

from pathlib import Path

import pytest

from tests.support.video import write_video


@pytest.fixture(scope="session")
def avi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seconds of JPEG pictures in an AVI file, 20 a second."""
    return write_video(tmp_path_factory.mktemp("video") / "door.avi", frames=100)
