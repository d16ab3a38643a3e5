"""`menkou-hub bench`: what it prints. How fast it is no test says."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from cloud.cli import main

CASES = [
    "ingest, 50 events a message, SQLite",
    "ingest, one event from each of 2,100 shops, SQLite",
]


def test_each_case_is_a_line_of_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert main(["bench", "ingest", "--json", "--events", "400"]) == 0
    lines: list[dict[str, Any]] = [json.loads(one) for one in capsys.readouterr().out.splitlines()]
    assert [line["case"] for line in lines] == CASES
    for line in lines:
        assert list(line) == [
            *("bench", "case", "value", "unit", "baseline", "baseline_value", "ratio"),
        ]
        assert (line["bench"], line["unit"]) == ("ingest", "events/s")
        assert min(line["value"], line["baseline_value"], line["ratio"]) > 0
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def test_a_whole_hub_on_postgresql_is_measured_by_rate_and_by_processor_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert main(["bench", "postgres", "--json", "--events", "2000"]) == 0
    lines: list[dict[str, Any]] = [json.loads(one) for one in capsys.readouterr().out.splitlines()]
    assert [line["unit"] for line in lines] == ["events/s", "events per second of CPU"]
    for line in lines:
        assert line["case"].startswith("4 ingest processes, broker to commit")
        assert min(line["value"], line["baseline_value"], line["ratio"]) > 0


def test_people_are_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "ingest", "--events", "100"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{CASES[0]}: ")
    assert second.startswith(f"{CASES[1]}: ")
    assert "events/s" in first


@pytest.mark.parametrize("arguments", [["nothing"], ["--events", "0"], ["--events", "x"]])
def test_wrong_usage_of_bench_ends_with_two(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", *arguments])
    assert ended.value.code == 2


def test_the_pages_questions_are_measured_beside_their_baselines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("cloud.bench.pages._SHOPS", 3)
    monkeypatch.setattr("cloud.bench.pages._YEARS", 0.01)
    assert main(["bench", "pages", "--json"]) == 0
    lines = [json.loads(one) for one in capsys.readouterr().out.splitlines()]
    cases = [line["case"] for line in lines]
    assert cases[:3] == [
        f"change token, 3 shops, 12 days, SQLite, {s}" for s in ("p50", "p95", "max")
    ]
    assert {"first page", "first page served", "today's totals"} < {c.split(",")[0] for c in cases}
    for line in lines:
        assert (line["bench"], line["unit"]) == ("pages", "ms")
        assert min(line["value"], line["baseline_value"], line["ratio"]) >= 0
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_shops_cannot_be_measured(
    capsys: pytest.CaptureFixture[str], engine: Engine
) -> None:
    assert main(["bench", "pages", "--database", str(engine.url)]) == 1
    assert "run `menkou-hub simulate --years 1" in capsys.readouterr().err
