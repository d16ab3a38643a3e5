"""`menkou-hub bench`: what it prints. How fast it is no test says."""

import json
from pathlib import Path
from typing import Any

import pytest

from cloud.cli import main

DIRECT = [
    "ingest, 50 events a message, SQLite",
    "ingest, one event from each of 2,100 shops, SQLite",
]
THROUGH_A_BROKER = [
    "broker to commit, 50 events a message, SQLite",
    "broker to commit, one event from each of 2,100 shops, SQLite",
    "backlog, late batches of 2,100 shops while live events come, SQLite",
]
AGES = [
    f"backlog, age of live events at their acknowledgement, SQLite, {of}"
    for of in ("p50", "p95", "max")
]
KEYS = ["bench", "case", "value", "unit", "baseline", "baseline_value", "ratio"]


@pytest.fixture
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(one) for one in capsys.readouterr().out.splitlines()]


def test_each_case_is_a_line_of_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert main(["bench", "ingest", "--json", "--events", "400"]) == 0
    told = lines(capsys)
    assert [line["case"] for line in told] == DIRECT + THROUGH_A_BROKER + AGES
    for line in told:
        assert list(line) == KEYS
        unit = "ms" if line["case"] in AGES else "events/s"
        assert (line["bench"], line["unit"]) == ("ingest", unit)
        assert min(line["value"], line["baseline_value"], line["ratio"]) > 0
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def test_without_a_broker_its_cases_are_named_as_skipped(
    capsys: pytest.CaptureFixture[str], no_broker: None
) -> None:
    assert main(["bench", "ingest", "--json", "--events", "100"]) == 0
    told = lines(capsys)
    assert [line["case"] for line in told] == DIRECT + THROUGH_A_BROKER
    for line in told[2:]:
        assert line["skipped"] == "mosquitto is not installed"


def test_people_are_told_in_words(capsys: pytest.CaptureFixture[str], no_broker: None) -> None:
    assert main(["bench", "--events", "100"]) == 0
    first, second, third, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{DIRECT[0]}: ")
    assert second.startswith(f"{DIRECT[1]}: ")
    assert "events/s" in first
    assert third == f"{THROUGH_A_BROKER[0]}: skipped, mosquitto is not installed"


@pytest.mark.parametrize("arguments", [["nothing"], ["--events", "0"], ["--events", "x"]])
def test_wrong_usage_of_bench_ends_with_two(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", *arguments])
    assert ended.value.code == 2
