"""The commands: what they print, how they end, and a hub that really runs."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from werkzeug.security import check_password_hash

from cloud.cli import main
from tests.hub.conftest import FakeBox
from tests.support.processes import Mosquitto, free_port, until

ROOT = Path(__file__).resolve().parents[2]


class Running:
    """A `menkou-hub` of its own, with what it said on stderr."""

    def __init__(self, *arguments: str, environ: dict[str, str], said: Path) -> None:
        self._said = said
        with said.open("wb") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cloud.cli", *arguments],
                cwd=ROOT,
                env={**os.environ, **environ},
                stdout=subprocess.DEVNULL,
                stderr=sink,
            )

    def said(self) -> str:
        return self._said.read_text(encoding="utf-8")

    def says(self, words: str) -> None:
        until(
            lambda: words in self.said() or self.process.poll() is not None, within_s=30, what=words
        )
        assert words in self.said(), self.said()

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Running] = []

    def run(*arguments: str, **environ: str) -> Running:
        said = tmp_path / f"said-{len(started)}"
        base = {"MENKOU_DATA_DIR": str(tmp_path / "data"), "MENKOU_LISTEN": "127.0.0.1:0"}
        started.append(Running(*arguments, environ={**base, **environ}, said=said))
        return started[-1]

    yield run
    for one in started:
        one.process.kill()
        one.process.wait()


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.loads(answer.read())


def publish(port: int, box: FakeBox) -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for topic, payload, _ in (box.hello((1, 1)), box.batch(box.opened())):
        client.publish(topic, payload, qos=1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["serve", "--port", "1"],
        ["key"],
        ["key", "revoke"],
        ["key", "revoke", "nj-001-a"],
        ["key", "revoke", "nj-001/a/b"],
        ["key", "restore", "nj 001/a"],
    ],
)
def test_wrong_usage_ends_with_two(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


@pytest.mark.parametrize("command", ["serve", "ingest", "migrate", "check-config"])
def test_faulty_settings_are_listed_and_end_with_two(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "hub.toml"
    path.write_text('[hub]\nlisten = 1\n[broker]\nurl = "mqtt://198.51.100.7"\n', encoding="utf-8")
    assert main([command, "--config", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    first, second = captured.err.splitlines()
    assert first.startswith("menkou-hub: hub.toml:2: hub.listen: expected text")
    assert second.startswith(
        "menkou-hub: hub.toml:4: broker.url: mqtt://198.51.100.7 would send in"
    )


def test_a_settings_file_that_is_not_there_ends_with_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["migrate", "--config", str(tmp_path / "absent.toml")]) == 2
    assert "absent.toml: cannot be read" in capsys.readouterr().err


def test_ingest_on_a_database_that_is_not_migrated_says_what_to_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENKOU_DATA_DIR", str(tmp_path))
    assert main(["ingest"]) == 1
    assert "run `menkou-hub migrate`" in capsys.readouterr().err
    assert main(["migrate"]) == 0
    assert "up to date" in capsys.readouterr().err


def test_a_key_is_revoked_listed_and_restored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENKOU_DATA_DIR", str(tmp_path))
    assert main(["key", "list"]) == 1
    assert "run `menkou-hub migrate`" in capsys.readouterr().err
    assert main(["migrate"]) == 0
    assert main(["key", "revoke", "nj-001/nj-001-a"]) == 0
    assert "never asked for one: is the name right?" in capsys.readouterr().err
    assert main(["key", "revoke", "nj-001/nj-001-a"]) == 0
    assert "never asked" not in capsys.readouterr().err
    assert main(["key", "list"]) == 0
    listed = capsys.readouterr()
    box, state, first, last, revoked = listed.out.strip().split("\t")
    assert len(listed.err.split("\t")) == 5
    assert (box, state, first, last) == ("nj-001/nj-001-a", "revoked", "-", "-")
    assert datetime.fromisoformat(revoked).tzinfo is not None
    assert main(["key", "restore", "nj-001/nj-001-a"]) == 0
    assert main(["key", "restore", "nj-001/nj-001-a"]) == 1
    assert "expected a revoked box" in capsys.readouterr().err


def test_a_password_is_hashed_from_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for text, code in (("correct horse battery\n", 0), ("short\n", 1)):
        (tmp_path / "in").write_text(text, encoding="utf-8")
        with (tmp_path / "in").open(encoding="utf-8") as stream:
            monkeypatch.setattr(sys, "stdin", stream)
            assert main(["hash-password"]) == code
        captured = capsys.readouterr()
        assert text.strip() not in captured.out + captured.err
        if code == 0:
            assert check_password_hash(captured.out.strip(), "correct horse battery")


def test_one_process_serves_a_shop_with_the_embedded_broker(start: Start) -> None:
    port = free_port()
    hub = start(
        "serve",
        MENKOU_BROKER_EMBEDDED="true",
        MENKOU_BROKER_URL=f"mqtt://127.0.0.1:{port}",
    )
    hub.says("connected")
    hub.says("pages: http://127.0.0.1:")
    address = hub.said().split("pages: ")[1].split()[0]
    publish(port, FakeBox())

    def shown() -> bool:
        shops = get(f"{address}api/v1/shops")["shops"]
        return bool(shops) and shops[0]["boxes"][0]["last_seen"] is not None

    until(shown, what="the shop is shown")
    assert get(f"{address}api/v1/health")["state"] == "ok"
    assert hub.end() == 0
    assert "Traceback" not in hub.said()


def test_pages_and_ingest_may_be_two_processes(start: Start, mosquitto: Mosquitto) -> None:
    url = f"mqtt://127.0.0.1:{mosquitto.port}"
    pages = start("serve", MENKOU_BROKER_URL=url)
    pages.says("pages: ")
    address = pages.said().split("pages: ")[1].split()[0]
    assert get(f"{address}api/v1/health")["state"] == "ingest_silent"
    ingest = start("ingest", MENKOU_BROKER_URL=url)
    ingest.says("connected")
    publish(mosquitto.port, FakeBox())
    until(lambda: bool(get(f"{address}api/v1/shops")["shops"]), what="the shop is shown")
    until(lambda: get(f"{address}api/v1/health")["state"] == "ok", what="ingest is seen")
    assert ingest.end() == 0
    assert pages.end() == 0
    assert "Traceback" not in ingest.said() + pages.said()


def test_a_broker_port_that_is_taken_ends_with_one_and_says_so(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        hub = start(
            "serve",
            MENKOU_BROKER_EMBEDDED="true",
            MENKOU_BROKER_URL=f"mqtt://127.0.0.1:{port}",
        )
        assert hub.process.wait(30) == 1
    assert f"cannot listen on 127.0.0.1:{port}" in hub.said()
    assert "Traceback" not in hub.said()


def test_settings_are_wished_shown_and_listed_by_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENKOU_DATA_DIR", str(tmp_path))
    assert main(["migrate"]) == 0
    desired = tmp_path / "desired.toml"
    desired.write_text('[privacy]\nmode_at_most = "count"\n')
    capsys.readouterr()
    assert main(["config", "set", "nj-001", "--file", str(desired)]) == 0
    told = capsys.readouterr()
    assert told.out.strip().isdecimal()
    assert told.err.splitlines() == [
        "nj-001: 0 boxes ordered",
        "menkou-hub: warning: nj-001: this hub never heard of it: is the name right?",
    ]
    assert main(["config", "show", "nj-001/nj-001-a"]) == 0
    assert '"mode_at_most": "count"' in capsys.readouterr().out
    assert main(["config", "show", "sh-002"]) == 1
    assert "menkou-hub: sh-002: nothing is desired" in capsys.readouterr().err
    assert main(["config", "list"]) == 0
    listed = capsys.readouterr()
    assert listed.out == "", "stdout holds the rows only"
    assert listed.err == "box\tdesired\treported\tstate\tcode\tsince\n"


def test_an_erasure_has_to_be_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENKOU_DATA_DIR", str(tmp_path))
    assert main(["migrate"]) == 0
    erase = ["member", "erase", "01ARZ3NDEKTSV4RRFFQ69G5FAV"]
    capsys.readouterr()
    assert main(erase) == 2
    assert capsys.readouterr().err.startswith("menkou-hub: --yes: expected it")
    assert main([*erase, "--yes"]) == 0
    assert "0 boxes ordered to do the same" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["member", "erase", "王芳", "--yes"])
    assert "王芳" not in capsys.readouterr().err


def test_a_page_whose_port_is_taken_names_the_setting(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = f"127.0.0.1:{listener.getsockname()[1]}"
        hub = start("serve", MENKOU_LISTEN=place)
        assert hub.process.wait(30) == 1
    assert f"menkou-hub: [hub] listen {place}: cannot be listened on" in hub.said()
    assert "Traceback" not in hub.said()


def test_certificates_of_the_broker_that_are_none_end_ingest_with_a_word(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    assert main(["migrate", "--database", f"sqlite:///{tmp_path}/data/hub.db"]) == 0
    hub = start(
        "ingest",
        MENKOU_BROKER_URL="mqtts://127.0.0.1:1",
        MENKOU_BROKER_CA=str(tmp_path / "ca.pem"),
    )
    assert hub.process.wait(30) == 1
    assert f"ca {tmp_path}/ca.pem, cert None, key None: expected PEM files" in hub.said()
    assert "Traceback" not in hub.said()
