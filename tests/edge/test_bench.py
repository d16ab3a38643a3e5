"""The box's benchmark says what it measured; how fast or how little is nobody's test."""

import json

import pytest

from edge import cli
from edge.bench import outbox

FIELDS = {"bench", "case", "value", "unit", "baseline", "baseline_value", "ratio"}


def test_the_outbox_bench_prints_one_json_object_a_case(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_VISITORS", 60)
    monkeypatch.setattr(outbox, "_WAITING", 4_000)
    assert cli.main(["bench", "outbox", "--json"]) == 0
    said = capsys.readouterr()
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [line.keys() for line in lines] == [FIELDS] * len(lines)
    assert {line["bench"] for line in lines} == {"outbox"}
    assert any("100,000" in line["case"] for line in lines)
    day = [line for line in lines if line["unit"] == "MB"]
    # Where temporary files lie in memory nothing is written, which the bench then says.
    assert day or "bytes of a day: skipped" in said.err
    for line in day:
        assert line["ratio"] == pytest.approx(line["baseline_value"] / line["value"], rel=0.02)


def test_people_read_words_and_an_unknown_name_is_a_wrong_use(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_VISITORS", 20)
    monkeypatch.setattr(outbox, "_WAITING", 4_000)
    assert cli.main(["bench", "outbox"]) == 0
    assert "ratio" in capsys.readouterr().out
    assert cli.main(["bench", "nothing"]) == 2
    assert "got 'nothing'" in capsys.readouterr().err
