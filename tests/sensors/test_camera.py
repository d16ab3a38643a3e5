"""Live cameras: newest frame wins, reconnects, lost and frozen are told. With real RTSP."""

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.clock import SystemClock
from edge.ports import CameraStateCode, Frame
from edge.sensors.camera import LiveCamera, shown_source
from edge.sensors.mailbox import BACKLOG, Mailbox
from tests.support.processes import free_port, until
from tests.support.video import write_video

CLOCK = SystemClock()
Watch = Callable[..., tuple[LiveCamera, Mailbox, list[CameraStateCode]]]


def gather(mailbox: Mailbox, frames: list[Frame], count: int) -> None:
    """Take frames until there are so many."""

    def enough() -> bool:
        frames.extend(mailbox.take(0.5))
        return len(frames) >= count

    until(enough)


@pytest.fixture
def watch() -> Iterator[Watch]:
    cameras = []

    def start(source: str, **options: Any) -> tuple[LiveCamera, Mailbox, list[CameraStateCode]]:
        mailbox, states = Mailbox(), list[CameraStateCode]()
        camera = LiveCamera(
            name="door",
            source=source,
            loop=options.pop("loop", False),
            clock=CLOCK,
            mailbox=mailbox,
            on_state=lambda _, state, why: states.append(state),
            **options,
        )
        cameras.append(camera)
        camera.start()
        return camera, mailbox, states

    yield start
    for camera in cameras:
        camera.close()


class RtspServer:
    """A real RTSP server in a process of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.port = free_port()
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/door"

    def start(self) -> None:
        script = Path(__file__).with_name("rtsp_server.py")
        self._process = subprocess.Popen(
            ["/usr/bin/python3", str(script), str(self._path), str(self.port)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n", "needs gir1.2-gst-rtsp-server-1.0"

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


@pytest.fixture
def rtsp(tmp_path: Path) -> Iterator[RtspServer]:
    server = RtspServer(write_video(tmp_path / "door.avi", frames=1200))
    yield server
    server.kill()


def test_an_rtsp_camera_is_lost_and_comes_back_by_itself(rtsp: RtspServer, watch: Watch) -> None:
    rtsp.start()
    camera, mailbox, states = watch(rtsp.url)
    frames: list[Frame] = []
    gather(mailbox, frames, 10)
    assert frames[0].image.shape == (120, 160, 3)
    assert camera.report().state == "ok"
    rtsp.kill()
    until(lambda: camera.report().state == "lost")
    rtsp.start()
    until(lambda: camera.report().state == "ok", within_s=40)
    assert states == ["ok", "lost", "ok"]


def test_a_camera_that_is_not_there_is_lost_and_tried_again(rtsp: RtspServer, watch: Watch) -> None:
    camera, mailbox, states = watch(rtsp.url)
    until(lambda: camera.report().state == "lost")
    rtsp.start()
    until(lambda: bool(mailbox.take(0.5)), within_s=40)
    assert states == ["lost", "ok"]


def test_a_missing_device_is_lost(watch: Watch) -> None:
    camera, _, _ = watch("63")
    until(lambda: camera.report().state == "lost")


def test_a_file_plays_at_its_own_pace_and_ends(watch: Watch, avi: Path) -> None:
    began = time.monotonic()
    camera, mailbox, states = watch(str(avi))
    seen = 0
    while camera.report().state != "ended":
        seen += len(mailbox.take(0.5))
    assert time.monotonic() - began == pytest.approx(4.95, abs=1.0)
    assert seen + camera.report().dropped >= 99
    assert states == ["ok", "ended"]


def test_a_file_that_loops_begins_again(watch: Watch, tmp_path: Path) -> None:
    short = write_video(tmp_path / "short.avi", frames=10)
    camera, mailbox, _ = watch(str(short), loop=True)
    seen: list[Frame] = []
    gather(mailbox, seen, 25)
    assert camera.report().state == "ok"
    assert all(a.elapsed_s < b.elapsed_s for a, b in pairwise(seen))


def test_a_truncated_file_is_played_once_and_has_then_ended(
    watch: Watch, avi: Path, tmp_path: Path
) -> None:
    short = tmp_path / "short.avi"
    short.write_bytes(avi.read_bytes()[: avi.stat().st_size // 3])
    camera, mailbox, states = watch(str(short))
    until(lambda: not mailbox.take(0.1) and camera.report().state == "ended")
    assert states == ["ok", "ended"]


def test_a_truncated_file_that_loops_is_said_once_and_goes_on(
    watch: Watch, avi: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    short = tmp_path / "short.avi"
    short.write_bytes(avi.read_bytes()[: avi.stat().st_size // 10])
    _, mailbox, states = watch(str(short), loop=True)
    gather(mailbox, [], 25)  # it holds about nine
    assert caplog.text.count("truncated or damaged from there on") == 1
    assert states == ["ok"]


def test_one_picture_over_and_over_leaves_the_processor_to_others(
    watch: Watch, tmp_path: Path
) -> None:
    _, mailbox, _ = watch(str(write_video(tmp_path / "one.avi", frames=1)), loop=True)
    seen: list[Frame] = []
    gather(mailbox, seen, 3)
    assert all(b.elapsed_s - a.elapsed_s > 0.9 for a, b in pairwise(seen))


def test_a_file_that_is_no_video_is_unreadable(watch: Watch, tmp_path: Path) -> None:
    junk = tmp_path / "junk.mp4"
    junk.write_bytes(b"x" * 5000)
    camera, _, states = watch(str(junk))
    until(lambda: camera.report().state == "unreadable")
    assert states == ["unreadable"]


def test_a_camera_that_repeats_one_picture_is_frozen(watch: Watch, tmp_path: Path) -> None:
    still = write_video(tmp_path / "still.avi", frames=60, noise=False)
    camera, mailbox, states = watch(str(still), loop=True, frozen_s=1.0)
    until(lambda: bool(mailbox.take(0.2)) and camera.report().state == "frozen")
    assert states == ["ok", "frozen"]


def test_a_camera_that_comes_back_to_the_same_picture_is_not_lost_any_more() -> None:
    camera = LiveCamera(
        name="door",
        source="rtsp://192.0.2.1/",
        loop=False,
        clock=CLOCK,
        mailbox=Mailbox(),
        on_state=lambda *_: None,
    )
    night = np.zeros((120, 160, 3), np.uint8)
    camera._deliver(night)
    camera._enter("lost", "the stream ended")
    camera._deliver(night)
    assert camera.report().state == "ok"


def test_the_newest_frame_is_whole_those_behind_it_small_and_what_is_too_much_is_counted() -> None:
    mailbox = Mailbox()
    frames = [
        Frame(
            camera="door",
            at=CLOCK.now(),
            elapsed_s=float(n),
            image=np.zeros((720, 1280, 3), np.uint8),
        )
        for n in range(BACKLOG + 3)
    ]
    dropped = [mailbox.put(frame) for frame in frames]
    assert dropped == [False] * (BACKLOG + 1) + [True, True]
    *older, newest = mailbox.take(0)
    assert [frame.elapsed_s for frame in (*older, newest)] == [float(n) for n in range(2, 10)]
    assert newest is frames[-1]
    assert {(frame.image.shape, frame.whole) for frame in older} == {((180, 320, 3), False)}
    assert mailbox.take(0) == []


def test_a_waiting_reader_is_woken_by_closing() -> None:
    mailbox = Mailbox()
    threading.Timer(0.1, mailbox.close).start()
    began = time.monotonic()
    assert mailbox.take(5.0) == []
    assert time.monotonic() - began < 4


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("rtsp://admin:geheim@192.0.2.10:554/stream?token=geheim", "rtsp://192.0.2.10/..."),
        ("rtsp://192.0.2.10/user=admin&password=geheim&channel=1", "rtsp://192.0.2.10/..."),
        ("rtsp://admin:ge#heim@192.0.2.10/stream", "rtsp://admin/..."),
        ("rtsp://[geheim", "rtsp://.../..."),
        ("0", "0"),
        ("/var/lib/door.mp4", "/var/lib/door.mp4"),
    ],
)
def test_an_address_is_shown_without_its_secrets(source: str, shown: str) -> None:
    assert shown_source(source) == shown


class MjpegServer:
    """A camera that sends JPEG pictures over HTTP, as cheap ones do."""

    def __init__(self) -> None:
        picture = np.random.default_rng(3).integers(0, 255, (120, 160, 3), dtype=np.uint8)
        jpeg = cv2.imencode(".jpg", picture)[1].tobytes()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                with contextlib.suppress(OSError):
                    while True:
                        self.wfile.write(head.encode() + jpeg + b"\r\n")
                        time.sleep(0.05)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_port}/video"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


def test_a_camera_that_sends_jpeg_over_http_is_watched(watch: Watch) -> None:
    server = MjpegServer()
    try:
        camera, mailbox, states = watch(server.url)
        frames: list[Frame] = []
        gather(mailbox, frames, 5)
        assert frames[0].image.shape == (120, 160, 3)
        assert (camera.report().state, states) == ("ok", ["ok"])
    finally:
        camera.close()
        server.close()


def test_a_decoder_of_the_machine_that_gives_nothing_is_done_without(
    rtsp: RtspServer, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    real = cv2.VideoCapture

    class Broken:
        def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
            return True

        def read(self) -> tuple[bool, None]:
            return False, None

        def release(self) -> None:
            """There is nothing to let go of."""

    def opened(source: str, backend: int, options: list[int]) -> object:
        asked.append(cv2.CAP_PROP_HW_ACCELERATION in options[::2])
        return Broken() if asked[-1] else real(source, backend, options)

    monkeypatch.setattr("edge.sensors.camera.cv2.VideoCapture", opened)
    rtsp.start()
    camera, mailbox, _ = watch(rtsp.url)
    gather(mailbox, [], 3)
    assert asked == [True, False]
    assert camera.report().state == "ok"
