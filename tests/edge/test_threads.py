"""The eyes and a replay do their arithmetic in one thread, whatever the machine has."""

import subprocess
import sys
from pathlib import Path

_PROBE = """
import sys
from pathlib import Path

import cv2
import numpy
from threadpoolctl import threadpool_info, threadpool_limits

from edge.app.eyes import Handed, run_eyes
from edge.app.replay import ReplayRequest, run_replay
from edge.config import load
from menkou.errors import MenkouFault

config = load(Path(sys.argv[1]))
request = ReplayRequest(cameras={"door": Path("none.mp4")}, start=None, emit=print)
for begin in (
    lambda: run_eyes(config, "epoch", Handed()),
    lambda: run_replay(config, request),
):
    cv2.setNumThreads(2)
    threadpool_limits(2)
    try:
        begin()
    except MenkouFault:  # no store, no recording: that comes after what is looked at here
        pass
    blas = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    print(cv2.getNumThreads(), *blas)
"""
_SETTINGS = """
[store]
id = "nj-001"
name = "Nanjing Road"
timezone = "Asia/Shanghai"
[box]
id = "nj-001-a"
data_dir = "data"
"""


def test_pictures_and_products_take_no_thread_from_the_cameras(tmp_path: Path) -> None:
    settings = tmp_path / "edge.toml"
    settings.write_text(_SETTINGS, encoding="utf-8")
    told = subprocess.run(
        [sys.executable, "-c", _PROBE, settings], capture_output=True, text=True, check=True
    )
    eyes, replay = (line.split() for line in told.stdout.splitlines())
    assert set(eyes) == {"1"} == set(replay)
    assert len(eyes) > 1  # there is a BLAS to be asked
