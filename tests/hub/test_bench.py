"""`menkou-hub bench`: what it prints. How fast it is no test says."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

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


def test_a_whole_hub_on_postgresql_is_measured_by_rate_and_by_processor_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert main(["bench", "postgres", "--json", "--events", "2000"]) == 0
    told = lines(capsys)
    assert [line["unit"] for line in told] == ["events/s", "events per second of CPU"]
    for line in told:
        assert line["case"].startswith("4 ingest processes, broker to commit")
        assert min(line["value"], line["baseline_value"], line["ratio"]) > 0


def test_without_a_broker_its_cases_are_named_as_skipped(
    capsys: pytest.CaptureFixture[str], no_broker: None
) -> None:
    assert main(["bench", "ingest", "--json", "--events", "100"]) == 0
    told = lines(capsys)
    assert [line["case"] for line in told] == DIRECT + THROUGH_A_BROKER
    for line in told[2:]:
        assert line["skipped"] == "mosquitto is not installed"


def test_people_are_told_in_words(capsys: pytest.CaptureFixture[str], no_broker: None) -> None:
    assert main(["bench", "ingest", "--events", "100"]) == 0
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


def test_the_pages_questions_are_measured_beside_their_baselines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("cloud.bench.pages.SHOPS", 3)
    monkeypatch.setattr("cloud.bench.pages._YEARS", 0.01)
    assert main(["bench", "pages", "--json"]) == 0
    told = lines(capsys)
    cases = [line["case"] for line in told]
    assert cases[:3] == [
        f"change token, 3 shops, 12 days, SQLite, {s}" for s in ("p50", "p95", "max")
    ]
    assert {"first page", "first page served", "today's totals"} < {c.split(",")[0] for c in cases}
    for line in told:
        assert (line["bench"], line["unit"]) == ("pages", "ms")
        assert min(line["value"], line["baseline_value"], line["ratio"]) >= 0
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_shops_cannot_be_measured(
    capsys: pytest.CaptureFixture[str], engine: Engine
) -> None:
    assert main(["bench", "pages", "--database", str(engine.url)]) == 1
    hint = f"run `menkou-hub simulate --years 1 --database {engine.url}` first"
    assert hint in capsys.readouterr().err
