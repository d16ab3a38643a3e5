"""Commands that open the store, after an update and before the box has run once."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from edge import pair_cli
from edge.cli import main
from edge.store.database import FILE_NAME, StoreLock
from edge.store.schema import migrations

SETTINGS = """\
[store]
id = "nj-001"
name = "n"
timezone = "Asia/Shanghai"
[box]
id = "nj-001-a"
data_dir = "data"
[console]
listen = "192.0.2.9:8780"
cert = "cert.pem"
key = "file:key.pem"
"""
COMMANDS = [
    *(("pair",), ("outbox",), ("sharing",), ("member", "list")),
    *(("audit", "list"), ("audit", "verify")),
]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # Its certificate is another test's matter (tests/web/test_listen.py).
    monkeypatch.setattr(pair_cli, "page_address", lambda _: "https://192.0.2.9:8780/")
    (tmp_path / "edge.toml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "data").mkdir()
    with closing(sqlite3.connect(tmp_path / "data" / FILE_NAME)) as old:
        migrations.apply(Database(old), stop_before="0003_people")
    return tmp_path / "edge.toml"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_brings_the_store_up_to_date(config: Path, command: tuple[str, ...]) -> None:
    assert main([*command, "--config", str(config)]) == 0


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_beside_a_box_of_before_it_says_what_to_do(
    config: Path, command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    lock = StoreLock(config.parent / "data")
    try:
        assert main([*command, "--config", str(config)]) == 1
    finally:
        lock.release()
    assert "another menkou-edge works in this data directory; stop it first" in (
        capsys.readouterr().err
    )
