"""`menkou-hub bench`: what it prints. How fast it is no test says."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from cloud.bench.addresses import Page, app_of, pages_of
from cloud.bench.served import opened
from cloud.cli import main
from cloud.db import writing
from cloud.errors import HubFault
from cloud.tables import FIGURES, daily
from tests.support import tallies

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
    assert {f"page today, 3 shops, 12 days, SQLite, {s}" for s in ("p50", "p95", "max")} < set(
        cases
    )
    for line in told:
        assert (line["bench"], line["unit"]) == ("pages", "ms")
        assert min(line["value"], line["baseline_value"], line["ratio"]) >= 0
    assert list(tmp_path.iterdir()) == []


def test_pages_are_measured_as_many_people_use_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("cloud.bench.pages.SHOPS", 3)
    monkeypatch.setattr("cloud.bench.pages._YEARS", 0.01)
    users = ("--users", "4", "--every", "1s", "--for", "4s", "--after", "1s")
    assert main(["bench", "pages", "--json", *users]) == 0
    told = lines(capsys)
    assert [line["case"] for line in told[:3]] == [
        f"all pages, 4 users, each every 1 s, 3 shops, 12 days, SQLite, {of}"
        for of in ("p50", "p95", "max")
    ]
    for line in told:
        assert list(line) == KEYS
        assert line["baseline"] == "reading all shops' days raw"
        assert min(line["value"], line["baseline_value"]) > 0
    assert list(tmp_path.iterdir()) == [], "the server has ended, and nothing is left behind"


def test_a_page_that_is_not_served_is_told_and_no_time_of_it(
    engine: Engine, tmp_path: Path
) -> None:
    page = Page(name="nowhere", path="/nowhere", days=28, last=date(2026, 11, 21))
    client = app_of(engine, tmp_path).test_client()
    with pytest.raises(HubFault, match="/nowhere: expected 200, got 404"):
        opened(client, page)


def test_a_place_of_head_office_is_measured_for_a_month_and_for_a_year(
    engine: Engine, tmp_path: Path
) -> None:
    with writing(engine) as connection:
        tallies.shop(connection, "sh-1")
        figures = dict.fromkeys(FIGURES, 3)
        row = {"store": "sh-1", "day": date(2026, 11, 21), "basis": "crossings", **figures}
        tallies.rows(connection, daily, row)
    app = app_of(engine, tmp_path)
    paths = {page.name: page.path for page in pages_of(app, engine)}
    assert paths["funnel, 28 days"] == "/funnel?from=2026-10-25&to=2026-11-21"
    assert paths["funnel, 365 days"] == "/funnel?from=2025-11-22&to=2026-11-21"
    assert paths["a shop, 28 days"].startswith("/shops/sh-1?")
    assert "today" in paths, "it has no period"


def test_how_often_users_come_is_said_with_how_many_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["bench", "pages", "--every", "5s"]) == 2
    assert "--every, --for, --after: expected --users as well" in capsys.readouterr().err


def test_a_database_without_shops_cannot_be_measured(
    capsys: pytest.CaptureFixture[str], engine: Engine
) -> None:
    assert main(["bench", "pages", "--database", str(engine.url)]) == 1
    hint = f"run `menkou-hub simulate --years 1 --database {engine.url}` first"
    assert hint in capsys.readouterr().err
