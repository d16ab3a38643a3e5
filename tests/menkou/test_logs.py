"""The log: JSON for collectors, text for people, priorities for the journal; never a secret."""

import io
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from menkou import logs
from menkou.logs import BURST, WINDOW_S, Repeats
from menkou.settings import SettingsFault
from tests.support.processes import free_port, our_command, until

PASSWORD = "hunter2-canary"


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[dict[str, str]], io.StringIO]]:
    """Begin to log as a fresh process does, into a text that is returned."""
    root = logging.getLogger()
    level, hooks = root.level, (sys.excepthook, threading.excepthook)

    def begin(environ: dict[str, str]) -> io.StringIO:
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        root.handlers.clear()  # pytest's own, which it takes away and sets anew by itself
        logs.begin("front", environ=environ)
        return stream

    yield begin
    root.handlers.clear()
    root.setLevel(level)
    logging.captureWarnings(False)
    sys.excepthook, threading.excepthook = hooks


Said = Callable[[dict[str, str]], io.StringIO]


def test_json_is_one_object_a_line_with_time_level_part_shop_and_own_fields(said: Said) -> None:
    stream = said({"MENKOU_LOG": "json"})
    logs.settle(None, environ={"MENKOU_LOG": "json"}, store="nj-001", box="nj-001-a")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("edge.front").exception("页面 failed", extra={"camera": "door"})
    (line,) = stream.getvalue().splitlines()
    told = json.loads(line)
    assert told["time"].endswith("+00:00")
    assert told["level"] == "ERROR"
    assert told["logger"] == "edge.front"
    assert told["part"] == "front"
    assert told["message"] == "页面 failed"
    assert (told["store"], told["box"], told["camera"]) == ("nj-001", "nj-001-a", "door")
    assert "ValueError: two\nlines" in told["exc_info"]


def test_the_environment_wins_over_the_settings(said: Said) -> None:
    stream = said({"MENKOU_LOG": "text"})
    logs.settle("json", environ={"MENKOU_LOG": "text"})
    logging.getLogger("x").info("plain")
    logs.settle("json", environ={})
    logging.getLogger("x").info("object")
    text, told = stream.getvalue().splitlines()
    assert text.endswith("INFO plain")
    assert json.loads(told)["message"] == "object"


def test_another_format_is_a_fault(said: Said) -> None:
    with pytest.raises(SettingsFault, match="MENKOU_LOG: expected json or text, got 'xml'"):
        said({"MENKOU_LOG": "xml"})


@pytest.mark.parametrize("shape", ["text", "json"])
def test_to_the_journal_every_line_carries_its_priority(tmp_path: Path, shape: str) -> None:
    log = tmp_path / "journal"
    with log.open("wb") as stream:
        place = os.fstat(stream.fileno())
        script = (
            "import logging; from menkou import logs\n"
            "logs.begin('eyes'); logs.complain('menkou-edge', 'no settings')\n"
            "logging.getLogger('a').warning('one\\ntwo'); logging.getLogger('a').info('three')\n"
        )
        environ = {
            **os.environ,
            "JOURNAL_STREAM": f"{place.st_dev}:{place.st_ino}",
            "MENKOU_LOG": shape,
        }
        subprocess.run([sys.executable, "-c", script], stderr=stream, env=environ, check=True)
    lines = log.read_text().splitlines()
    if shape == "text":
        assert lines == ["<3>no settings", "<4>one", "<4>two", "<6>three"]
    else:
        assert [line[:3] for line in lines] == ["<3>", "<4>", "<6>"]
        assert [json.loads(line[3:])["message"] for line in lines][1] == "one\ntwo"


def record(
    text: str, *arguments: Any, level: int = logging.WARNING, logger: str = "a"
) -> logging.LogRecord:
    return logging.LogRecord(logger, level, "", 0, text, arguments, None)


def test_a_warning_that_repeats_is_held_back_and_counted_until_its_time_is_over() -> None:
    now = 0.0
    repeats = Repeats(clock=lambda: now)
    held = [repeats.holds_back(record("lost %d of %s", n, "door")) for n in range(BURST + 3)]
    assert held == [False] * BURST + [True] * 3
    assert not repeats.holds_back(record("lost %d of %s", 1, "back"))
    assert repeats.overdue() == []
    now = WINDOW_S
    ((last, number),) = repeats.overdue()
    assert (last.getMessage(), number) == (f"lost {BURST + 2} of door", 3)
    assert not repeats.holds_back(record("lost %d of %s", 9, "door"))


def test_what_is_no_warning_is_never_held_back_and_memory_is_bounded() -> None:
    repeats = Repeats(clock=lambda: 0.0)
    words = [repeats.holds_back(record("connected", level=logging.INFO)) for _ in range(50)]
    assert not any(words)
    for number in range(5000):
        assert not repeats.holds_back(record("file %s", f"name-{number}"))
        repeats.overdue()
    assert len(repeats._known) < 300


def test_what_was_held_back_is_told_at_the_end(said: Said) -> None:
    stream = said({})
    for _ in range(BURST + 2):
        logging.getLogger("a").warning("no room")
    (handler,) = logging.getLogger().handlers
    handler.close()
    assert stream.getvalue().count("no room") == BURST + 1
    assert stream.getvalue().endswith("no room (the last of 2 alike)\n")


def test_a_box_that_logs_json_says_nothing_else_and_no_password(tmp_path: Path) -> None:
    secret = tmp_path / "door.url"
    secret.write_text(f"rtsp://door:{PASSWORD}@127.0.0.1:{free_port()}/stream")
    config = tmp_path / "edge.toml"
    config.write_text(
        '[store]\nid = "nj-001"\nname = "店"\ntimezone = "Asia/Shanghai"\n'
        '[box]\nid = "nj-001-a"\ndata_dir = "data"\nclock = "host"\n'
        f'[[camera]]\nname = "door"\nsource = "file:{secret}"\n'
        f'[console]\nlisten = "127.0.0.1:{free_port()}"\n[log]\nformat = "json"\n'
    )
    box = our_command("edge", "run", "--config", str(config), log=tmp_path / "log").start()
    until(lambda: '"part": "eyes"' in box.log() and "camera door" in box.log(), what="the eyes")
    until(lambda: '"part": "front"' in box.log(), what="the front")
    assert box.stop() == 0
    told = [json.loads(line) for line in box.log().splitlines()]
    assert {one["part"] for one in told} >= {"eyes", "front"}
    assert all(one["store"] == "nj-001" and one["box"] == "nj-001-a" for one in told)
    assert PASSWORD not in box.log()


def test_a_hub_that_logs_json_says_nothing_else_and_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENKOU_LOG", "json")
    url = f"mqtt://hub:{PASSWORD}@127.0.0.1:{free_port()}"
    config = tmp_path / "hub.toml"
    config.write_text(f'[hub]\ndata_dir = "{tmp_path}/hub"\n[broker]\nurl = "{url}"\n')
    named = ("--config", str(config))
    assert our_command("cloud.cli", "migrate", *named, log=tmp_path / "m").start().wait() == 0
    hub = our_command("cloud.cli", "ingest", *named, log=tmp_path / "log").start()
    until(lambda: "no connection" in hub.log(), what="the word on the broker")
    assert hub.stop() == 0
    config.write_text(f'[hub]\ndata_dir = "{tmp_path}/hub"\n[broker]\nurl = "tcp://x:{PASSWORD}@"')
    refused = our_command("cloud.cli", "ingest", *named, log=tmp_path / "log").start()
    assert refused.wait() == 2
    told = [json.loads(line) for line in hub.log().splitlines()]
    assert {one["part"] for one in told} == {"ingest"}
    assert [one["message"] for one in told if one["level"] == "ERROR"][-1].startswith("hub.toml:4")
    assert PASSWORD not in hub.log()
