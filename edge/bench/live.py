"""Cameras that play files as if live, watched by a process of their own for `edge.bench.pipeline`.

    python -m edge.bench.live SPEC.json

Prints a line when it begins, then one JSON object: what was counted how late, what was searched,
and when alerts were kept.
"""

import dataclasses
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.bench.shop import BenchShop, detector_named
from edge.clock import SystemClock
from edge.ports import CameraStateCode
from edge.sensors.camera import LiveCamera
from edge.sensors.mailbox import Mailbox
from edge.threads import one_thread


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What to play: files by camera, which faces to read, for how long, on how many cores.

    With `passes` the one camera plays its file so often, each time in a new shop; `face_s` is when
    the member's face is to be seen in it.
    """

    folder: str
    models: str
    cameras: dict[str, str]
    read: list[str]
    detector: str
    seconds: float
    cores: int
    passes: int = 0
    face_s: float = 0.0


@dataclass(slots=True, kw_only=True)
class Seen:
    """What came of it. `late_s` is how long after its arrival each frame had been counted."""

    frames: int = 0
    dropped: int = 0
    late_s: list[float] = dataclasses.field(default_factory=list)
    searches: int = 0
    looks: int = 0
    alerts_s: list[float | None] = dataclasses.field(default_factory=list)
    named: list[str] = dataclasses.field(default_factory=list)
    cpu_s: float = 0.0


class Live:
    """The eyes' loop over live cameras, with a note of when each frame was counted."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._clock = SystemClock()
        self.seen = Seen()
        self._mailbox = Mailbox()
        self._shop = BenchShop(
            folder=Path(spec.folder),
            models=Path(spec.models),
            cameras=list(spec.cameras),
            read=spec.read,
            detector=detector_named(spec.detector),
            clock=self._clock,
        )
        self._states: dict[str, CameraStateCode] = {}

    def _camera(self, name: str, loop: bool) -> LiveCamera:
        def changed(camera: str, state: CameraStateCode, why: str) -> None:
            self._states[camera] = state

        return LiveCamera(
            name=name,
            source=self._spec.cameras[name],
            loop=loop,
            clock=self._clock,
            mailbox=self._mailbox,
            on_state=changed,
        )

    def run(self) -> Seen:
        """Play everything; return what came of it."""
        began_cpu = time.process_time()
        if self._spec.passes:
            for _ in range(self._spec.passes):
                self._pass()
        else:
            self._together()
        self.seen.cpu_s = time.process_time() - began_cpu
        self.seen.searches = self._shop.detector.searches
        self.seen.named = sorted({name for _, name in self._shop.told})
        return self.seen

    def _together(self) -> None:
        cameras = [self._camera(name, loop=True) for name in self._spec.cameras]
        for camera in cameras:
            camera.start()
        end = time.monotonic() + self._spec.seconds
        began = {camera.name: camera.began for camera in cameras}
        while time.monotonic() < end:
            self._step(began)
        self.seen.dropped = sum(camera.report().dropped for camera in cameras)
        for camera in cameras:
            camera.close()

    def _pass(self) -> None:
        """Play one camera's file once; note how long after the face the alert was kept."""
        (name,) = self._spec.cameras
        self._shop.anew()
        self._shop.told.clear()
        self._mailbox = Mailbox()  # what the last pass left is of another day
        camera = self._camera(name, loop=False)
        face_s = self._clock.mono() + self._spec.face_s
        camera.start()
        began = {name: camera.began}
        while not self._shop.told and (self._step(began) or self._states.get(name) != "ended"):
            pass
        camera.close()
        self.seen.dropped += camera.report().dropped
        self._states.clear()
        self.seen.alerts_s.append(self._shop.told[0][0] - face_s if self._shop.told else None)

    def _step(self, began: dict[str, float]) -> bool:
        """One round of the eyes' loop; return whether there was anything to do."""
        counting = self._shop.counting
        frames = self._mailbox.take(0.0 if counting.unseen else 0.2)
        for frame in frames:
            self._shop.keep(counting.count(frame))
            self.seen.frames += 1
            self.seen.late_s.append(self._clock.mono() - began[frame.camera] - frame.elapsed_s)
        looks = counting.unseen
        self._shop.keep(counting.look())
        self.seen.looks += looks
        return bool(frames) or looks


def main(path: str) -> None:
    """Play what a file describes; print what came of it."""
    raw: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    spec = Spec(**raw)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: spec.cores])
    one_thread()
    live = Live(spec)
    print("ready", flush=True)
    seen = live.run()
    print(json.dumps(dataclasses.asdict(seen)))


if __name__ == "__main__":
    main(sys.argv[1])
