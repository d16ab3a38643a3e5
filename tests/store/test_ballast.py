"""The room that is reserved for turning faces off."""

import os
from pathlib import Path

import pytest

from edge.store.ballast import BYTES, FILE_NAME, give_up, lay_up


def test_the_room_is_really_taken_and_really_given_back(tmp_path: Path) -> None:
    assert lay_up(tmp_path)
    file = tmp_path / FILE_NAME
    assert file.stat().st_blocks * 512 >= BYTES
    assert lay_up(tmp_path)  # once more changes nothing
    assert give_up(tmp_path)
    assert not file.exists()
    assert not give_up(tmp_path)


def test_a_disk_that_is_nearly_full_is_not_made_fuller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.statvfs(tmp_path)
    few = os.statvfs_result([*real[:4], 100, *real[5:]])
    monkeypatch.setattr(os, "statvfs", lambda _: few)
    assert not lay_up(tmp_path)
    assert not (tmp_path / FILE_NAME).exists()
