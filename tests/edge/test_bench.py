"""The box's benchmark says what it measured; how fast or how little is nobody's test."""

import json

import pytest

from edge import cli
from edge.bench import embed, outbox

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


def test_the_embed_bench_measures_both_precisions_against_dlib(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embed, "_ROUNDS", 1)
    assert cli.main(["bench", "embed", "--json"]) == 0
    said = capsys.readouterr()
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [line.keys() for line in lines] == [FIELDS] * len(lines)
    assert [(line["case"], line["baseline"]) for line in lines] == [
        ("fp32, 1 thread", "dlib"),
        ("int8, 1 thread", "dlib"),
        ("a face to search for, two views, int8, 1 thread", "the same in fp32"),
    ]
    for line in lines:
        assert line["ratio"] == pytest.approx(line["baseline_value"] / line["value"], rel=0.02)
    assert "is faster here" in said.err
