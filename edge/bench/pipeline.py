"""The whole way from picture to alert: `menkou-edge bench pipeline`. Called by `edge.bench`.

Recordings through the real counting, recognition and store; live cameras in a process of their own
(`edge.bench.live`), once with two cores and ten cameras, once free and once held to the share of a
Raspberry Pi 4.
"""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from edge.bench import films
from edge.bench.face_loop import FaceLoop
from edge.bench.quota import Quota
from edge.bench.shop import BenchShop, detector_named, opening
from edge.ports import Frame
from edge.replay import RecordingClock
from menkou.bench import Result
from menkou.errors import MenkouFault

BASELINE_EVERY: Final = 17
"""The baseline sees every seventeenth frame: it takes a tenth of a second for each."""
LIVE_S: Final = 8.0
CAMERAS: Final = 10
WITH_FACES: Final = 3
PI4_SHARE: Final = 0.15
"""Of one core of this machine: about what a Raspberry Pi 4 has for one camera."""
PASSES: Final = 4
LATE_S: Final = 0.5
ALERT_S: Final = 0.7
PI4_ALERT_S: Final = 2.0
_LEAD: Final = 20
"""Frames before the member turns to the camera, in the clip for alerts."""


class NoResult(MenkouFault):
    """A process that plays cameras gave no result."""


def cases() -> Iterator[Result | str]:
    """Measure."""
    if words := films.missing(films.TWO_FACES, films.ONE_BY_ONE, films.YUNET):
        yield f"pipeline: {words}"
        return
    with tempfile.TemporaryDirectory(prefix="menkou-bench-") as name:
        folder = Path(name)
        yield from _through(folder)
        yield from _alerts(folder)
        yield _ten_cameras(folder)


def _through(folder: Path) -> Iterator[Result]:
    """One recording through everything, on one core, against the documented loop."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        theirs, them = _documented()
        for detector, film in (("yunet-s", films.TWO_FACES.name), ("hog", "the same film")):
            ours, us = _ours(folder, detector)
            yield Result(
                bench="pipeline",
                case=f"{film}, 1 core, by processor time, {detector}: {_names(us)} found",
                value=round(ours, 1),
                unit="frames/s",
                baseline=f"face_recognition's loop, every frame ({_names(them)} found)",
                baseline_value=round(theirs, 2),
                ratio=round(ours / theirs, 1),
            )
    finally:
        cv2.setNumThreads(threads)
        os.sched_setaffinity(0, cores)


def _names(found: set[str]) -> str:
    return ", ".join(sorted(name.partition(".")[0] for name in found)) or "nobody"


def _documented() -> tuple[float, set[str]]:
    """(frames a second, who was found) of face_recognition's loop."""
    loop = FaceLoop()
    known = {name: _encoding(loop, name) for name in films.PHOTOS}
    seen: set[str] = set()
    looked, took_s = 0, 0.0
    began = time.process_time()
    for number, image in enumerate(films.frames(films.data() / films.TWO_FACES)):
        if number % BASELINE_EVERY == 0:
            seen |= loop.named(image, known)
            looked += 1
            took_s += time.process_time() - began  # decoding this frame is part of it
        began = time.process_time()
    return looked / took_s, seen


def _encoding(loop: FaceLoop, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    (encoding, *_) = loop.encodings(
        np.asarray(cv2.cvtColor(films.photo(name), cv2.COLOR_BGR2RGB), np.uint8)
    )
    return encoding


def _ours(folder: Path, detector: str) -> tuple[float, set[str]]:
    """(frames a second, who was found) of the box's own way, decoding and store included."""
    clock = RecordingClock(opening())
    store = folder / f"store-{detector}"
    store.mkdir()
    shop = BenchShop(
        folder=store,
        models=folder / "models",
        cameras=["door"],
        read=["door"],
        detector=detector_named(detector),
        clock=clock,
    )
    took = []
    for most in (100, None):  # the first time warms up
        counting = shop.anew()
        shop.told.clear()
        began, number = time.process_time(), 0  # models are loaded, as the baseline's are
        film = films.frames(films.data() / films.TWO_FACES)
        for number, image in enumerate(itertools.islice(film, most), 1):
            elapsed_s = number / 30
            at = opening() + timedelta(seconds=elapsed_s)
            clock.advance(at)
            frame = Frame(camera="door", at=at, elapsed_s=elapsed_s, image=image)
            shop.recorder.add(counting.take(frame))
        shop.recorder.add(counting.finish())
        shop.recorder.flush()  # a replay commits every half a second; this takes no longer
        took.append((time.process_time() - began) / number)
    return 1 / took[-1], {name for _, name in shop.told}


def _alerts(folder: Path) -> Iterator[Result | str]:
    """From a member's first usable picture to the committed alert, free and on a Pi's share."""
    start = films.MEMBER_FROM - _LEAD
    clip = films.cut(
        films.data() / films.TWO_FACES,
        folder / "member.mp4",
        start=start,
        end=films.MEMBER_TO,
        every=2,
    )
    face_s = _LEAD / 30
    for share, limit_s in ((1.0, ALERT_S), (PI4_SHARE, PI4_ALERT_S)):
        seen = _live(
            folder,
            {"door": clip},
            read=["door"],
            cores=1,
            share=share,
            passes=PASSES,
            face_s=face_s,
        )
        told = [late for late in seen["alerts_s"] if late is not None]
        held = "" if share == 1.0 else f", held to {share:.0%} of one core"
        if len(told) < len(seen["alerts_s"]):
            passes = len(seen["alerts_s"])
            yield f"pipeline: 1 camera{held}: expected an alert of {passes} passes, got {len(told)}"
            continue
        worst = max(told)
        yield Result(
            bench="pipeline",
            case=f"1280x720, 15 a second, 1 camera{held}: from a usable face to the alert's row,"
            f" the latest of {len(told)}",
            value=round(worst, 3),
            unit="s",
            baseline="what it may take at most (p95)",
            baseline_value=limit_s,
            ratio=round(limit_s / worst, 2),
        )


def _ten_cameras(folder: Path) -> Result:
    """Ten live cameras on two cores: whether every frame is counted in time."""
    faces = films.cut(
        films.data() / films.TWO_FACES, folder / "faces.mp4", start=0, end=275, every=2
    )
    bodies = films.cut(
        films.data() / films.ONE_BY_ONE, folder / "bodies.mp4", start=60, end=210, every=1
    )
    cameras = {f"c{n}": faces if n < WITH_FACES else bodies for n in range(CAMERAS)}
    read = list(cameras)[:WITH_FACES]
    seen = _live(folder, cameras, read=read, cores=2, share=1.0, seconds=LIVE_S)
    late = sorted(seen["late_s"])
    due = CAMERAS * films.FRAMES_PER_S * LIVE_S
    in_time = sum(each <= LATE_S for each in late)
    return Result(
        bench="pipeline",
        case=f"{CAMERAS} cameras at 1280x720, 15 a second, 2 cores, {WITH_FACES} with faces:"
        f" {in_time} of the {seen['frames']} frames that came ({due:.0f} in {LIVE_S:g} s, less what"
        f" opening took) counted within {LATE_S} s, {seen['dropped']} dropped,"
        f" {seen['searches'] / LIVE_S:.1f} detections a second,"
        f" {seen['cpu_s'] / LIVE_S:.2f} cores; p99 of how late",
        value=round(late[int(0.99 * (len(late) - 1))], 3),
        unit="s",
        baseline="what it may take at most",
        baseline_value=LATE_S,
        ratio=round(LATE_S / max(1e-3, late[int(0.99 * (len(late) - 1))]), 1),
    )


def _live(
    folder: Path,
    cameras: dict[str, Path],
    *,
    read: list[str],
    cores: int,
    share: float,
    seconds: float = 0.0,
    passes: int = 0,
    face_s: float = 0.0,
) -> dict[str, Any]:
    """Play cameras in a process of their own; return what came of it. Raises NoResult."""
    store = Path(tempfile.mkdtemp(dir=folder))
    spec = store / "spec.json"
    spec.write_text(
        json.dumps(
            {
                "folder": str(store),
                "models": str(folder / "models"),
                "cameras": {name: str(path) for name, path in cameras.items()},
                "read": read,
                "detector": "yunet-s",
                "seconds": seconds,
                "cores": cores,
                "passes": passes,
                "face_s": face_s,
            }
        ),
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "edge.bench.live", str(spec)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it is ready: loading the models is not what is measured
        if share < 1.0:
            Quota(process, share).start()
        printed = process.stdout.read()
    if process.returncode != 0:
        raise NoResult(f"expected a result of {' '.join(command)}, got exit {process.returncode}")
    result: dict[str, Any] = json.loads(printed)
    return result
