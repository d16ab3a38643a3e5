"""Models come over HTTP whole and right, or not at all. Real servers, good and bad."""

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from edge import cli
from edge.models.fetch import CannotFetch, WrongModel, fetch
from edge.models.manifest import Model, content, read_manifest, state_of
from tests.support.processes import free_port

HALF = 28 * 4096  # bytes; about half of the model
Answer = Callable[["Server", BaseHTTPRequestHandler, bytes, int], None]


class Server:
    """Serves a folder over HTTP, in one of several ways; remembers the ranges asked for."""

    def __init__(self, folder: Path, answer: Answer) -> None:
        self.asked: list[int] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = folder / self.path.lstrip("/")
                start = int(self.headers.get("Range", "bytes=0-")[len("bytes=") : -1])
                server.asked.append(start)
                if not path.is_file():
                    self.send_error(404)
                    return
                answer(server, self, path.read_bytes(), start)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def send(to: BaseHTTPRequestHandler, data: bytes, start: int, announced: int | None = None) -> None:
    to.send_response(206 if start else 200)
    to.send_header("Content-Length", str(len(data) - start if announced is None else announced))
    to.end_headers()
    to.wfile.write(data[start:])


def good(server: Server, to: BaseHTTPRequestHandler, data: bytes, start: int) -> None:
    send(to, data, start)


def drops_half_way_once(
    server: Server, to: BaseHTTPRequestHandler, data: bytes, start: int
) -> None:
    whole = data if len(server.asked) > 1 else data[:HALF]
    send(to, whole, start, announced=len(data) - start)


def always_drops(server: Server, to: BaseHTTPRequestHandler, data: bytes, start: int) -> None:
    send(to, data[: start + 5 * 4096], start, announced=len(data) - start)


def ignores_ranges_and_drops_once(
    server: Server, to: BaseHTTPRequestHandler, data: bytes, start: int
) -> None:
    send(to, data[:HALF] if len(server.asked) == 1 else data, 0, announced=len(data))


def a_byte_different(server: Server, to: BaseHTTPRequestHandler, data: bytes, start: int) -> None:
    send(to, data[:1000] + bytes([data[1000] ^ 1]) + data[1001:], start)


def longer(server: Server, to: BaseHTTPRequestHandler, data: bytes, start: int) -> None:
    send(to, data + b"more", start)


def busy_once(server: Server, to: BaseHTTPRequestHandler, data: bytes, start: int) -> None:
    if len(server.asked) == 1:
        to.send_error(503)
    else:
        send(to, data, start)


@pytest.fixture
def serve(recordings: Path) -> Iterator[Callable[[Answer], Server]]:
    servers: list[Server] = []

    def start(answer: Answer) -> Server:
        servers.append(Server(recordings / "models", answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def yunet() -> Model:
    return read_manifest().of("yunet-s")


def bring(model: Model, folder: Path, url: str) -> bool:
    return fetch(model, folder, mirror=url, pause_s=0.01)


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        (good, [0]),
        (drops_half_way_once, [0, HALF]),
        (ignores_ranges_and_drops_once, [0, HALF]),
        (busy_once, [0, 0]),
    ],
    ids=["at once", "after a drop, resumed", "after a drop, from the start", "after a 503"],
)
def test_a_model_arrives_whole(
    serve: Callable[[Answer], Server],
    yunet: Model,
    tmp_path: Path,
    answer: Answer,
    asked: list[int],
) -> None:
    server = serve(answer)
    assert bring(yunet, tmp_path / "models", server.url)
    assert server.asked == asked
    assert len(content(yunet, tmp_path / "models")) == yunet.bytes
    assert [p.name for p in (tmp_path / "models").iterdir()] == [yunet.file]
    assert not bring(yunet, tmp_path / "models", "http://127.0.0.1:1")  # it is there: nobody asked


def test_what_came_before_the_line_was_cut_is_kept_for_the_next_fetch(
    serve: Callable[[Answer], Server], yunet: Model, tmp_path: Path
) -> None:
    cut = serve(always_drops)
    with pytest.raises(CannotFetch, match=r"got 81920 of 237823 bytes.*--from"):
        bring(yunet, tmp_path, cut.url)
    assert state_of(yunet, tmp_path) == "not fetched"
    whole = serve(good)
    assert bring(yunet, tmp_path, whole.url)
    assert whole.asked == [20 * 4096]


def test_a_byte_that_differs_is_refused_and_nothing_is_kept(
    serve: Callable[[Answer], Server], yunet: Model, tmp_path: Path
) -> None:
    with pytest.raises(WrongModel, match=r"expected the sha256 daede24.*got [0-9a-f]{64};"):
        bring(yunet, tmp_path, serve(a_byte_different).url)
    assert state_of(yunet, tmp_path) == "not fetched"
    assert [p.stat().st_size for p in tmp_path.iterdir()] == [0]


def test_a_file_that_is_too_long_is_refused(
    serve: Callable[[Answer], Server], yunet: Model, tmp_path: Path
) -> None:
    with pytest.raises(WrongModel, match="expected 237823 bytes, got more"):
        bring(yunet, tmp_path, serve(longer).url)
    assert state_of(yunet, tmp_path) == "not fetched"


def test_the_rest_of_another_file_is_thrown_away_and_fetched_anew(
    serve: Callable[[Answer], Server], yunet: Model, tmp_path: Path
) -> None:
    (tmp_path / f".{yunet.file}.part").write_bytes(b"x" * 5000)
    server = serve(good)
    assert bring(yunet, tmp_path, server.url)
    assert server.asked == [5000, 0]


def test_a_damaged_model_is_replaced(
    serve: Callable[[Answer], Server], yunet: Model, tmp_path: Path
) -> None:
    place = tmp_path / str(yunet.file)
    place.write_bytes(b"x" * 237_823)
    assert state_of(yunet, tmp_path) == "damaged"
    assert bring(yunet, tmp_path, serve(good).url)
    assert state_of(yunet, tmp_path) == "fetched"


def test_without_a_network_it_says_what_to_do(yunet: Model, tmp_path: Path) -> None:
    with pytest.raises(CannotFetch, match=r"no connection.*got 0 of 237823.*--from"):
        bring(yunet, tmp_path, f"http://127.0.0.1:{free_port()}")


@pytest.mark.parametrize("place", ["127.0.0.1:{port}/{token}", "[::1", "127.0.0.1:{port}:x"])
def test_a_mirrors_password_is_in_no_message(yunet: Model, tmp_path: Path, place: str) -> None:
    at = place.format(port=free_port(), token="models?key=geheim#geheim")
    with pytest.raises(CannotFetch, match="yunet-s") as caught:
        bring(yunet, tmp_path, f"http://company:geheim@{at}")
    assert "geheim" not in str(caught.value)


def test_a_file_that_the_server_does_not_have_is_not_asked_for_again(
    serve: Callable[[Answer], Server], yunet: Model, tmp_path: Path
) -> None:
    server = serve(good)
    with pytest.raises(CannotFetch, match="HTTP 404"):
        bring(replace(yunet, file="other.onnx"), tmp_path, server.url)
    assert server.asked == [0]


def test_a_link_in_the_folder_leads_to_no_other_file(
    serve: Callable[[Answer], Server], yunet: Model, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"of somebody else")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / f".{yunet.file}.part").symlink_to(other)
    with pytest.raises(CannotFetch, match="symbolic links"):
        bring(yunet, tmp_path / "models", serve(good).url)
    assert other.read_bytes() == b"of somebody else"


def test_a_folder_that_cannot_be_written_is_named(yunet: Model, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("in the way")
    with pytest.raises(CannotFetch, match="expected a folder that this user may write to"):
        bring(yunet, tmp_path / "models", "http://127.0.0.1:1")


def test_one_model_that_does_not_come_keeps_none_of_the_others_away(
    serve: Callable[[Answer], Server],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    recordings: Path,
) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    shutil.copy(recordings / "models" / "yunet_n_dynamic.onnx", mirror)
    server = Server(mirror, good)
    folder = ["--dir", str(tmp_path / "models")]
    try:
        assert cli.main(["models", "fetch", "--from", server.url, *folder]) == 1
    finally:
        server.close()
    out, err = capsys.readouterr()
    assert out.startswith("yunet-n: fetched: ")
    assert "model yunet-s" in err
    assert "HTTP 404" in err
    assert cli.main(["models", "verify", *folder]) == 0
    assert "yunet-n: right\n" in capsys.readouterr().out
    assert cli.main(["models", "verify", "yunet-s", *folder]) == 1
    (tmp_path / "models" / "yunet_n_dynamic.onnx").write_bytes(b"junk")
    assert cli.main(["models", "verify", *folder]) == 1
    assert "yunet-n: damaged: " in capsys.readouterr().out
    assert cli.main(["models", "fetch", "nothing", *folder]) == 2
    assert cli.main(["models", "fetch", "--from", "ftp://x", *folder]) == 2
