"""The box's benchmark says what it measured; how fast or how little is nobody's test."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge import cli
from edge.bench import console, detect, embed, match, memory, outbox, pipeline, probes
from edge.bench.quota import Quota, used_s
from edge.faces import search
from tests.support.air import own_network, require_air

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


def test_the_probes_bench_counts_what_it_sent_beside_scapy(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, recordings: Path
) -> None:
    monkeypatch.setenv("MENKOU_DATA", str(recordings))
    monkeypatch.setattr(probes, "RATE", 1_000)
    monkeypatch.setattr(probes, "_SECONDS", 1.0)
    monkeypatch.setattr(probes, "_SCAPY_SECONDS", 0.3)
    require_air()
    with own_network():
        assert cli.main(["bench", "probes", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.keys() for line in lines] == [FIELDS] * 3
    assert all("probes" in line["case"] for line in lines)
    assert "1,000 sent, 0 lost" in lines[-1]["case"]


def test_without_root_the_probes_bench_says_that_it_is_skipped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert cli.main(["bench", "probes", "--json"]) == 0
    said = capsys.readouterr()
    assert not said.out
    assert "only root" in said.err


def test_people_read_words_and_an_unknown_name_is_a_wrong_use(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_VISITORS", 20)
    monkeypatch.setattr(outbox, "_WAITING", 4_000)
    assert cli.main(["bench", "outbox"]) == 0
    assert "ratio" in capsys.readouterr().out
    assert cli.main(["bench", "nothing"]) == 2
    assert "got 'nothing'" in capsys.readouterr().err


def test_the_detect_bench_names_whom_looking_where_it_moves_finds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, recordings: Path
) -> None:
    monkeypatch.setenv("MENKOU_DATA", str(recordings))
    monkeypatch.setattr(detect, "_DETECTORS", ("yunet-s",))
    assert cli.main(["bench", "detect", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.keys() for line in lines] == [FIELDS] * 3
    found, there = re.findall(r"(\d+) of the (\d+) people", lines[-1]["case"])[0]
    assert int(found) == int(there) > 0  # by whole frames and where it moves the same people


def test_the_pipeline_bench_finds_the_member_and_counts_every_frame(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, recordings: Path
) -> None:
    monkeypatch.setenv("MENKOU_DATA", str(recordings))
    for name, value in {
        "BASELINE_EVERY": 90,
        "CAMERAS": 2,
        "WITH_FACES": 1,
        "LIVE_S": 2.0,
        "PASSES": 1,
        "PI4_SHARE": 0.9,
    }.items():
        monkeypatch.setattr(pipeline, name, value)
    assert cli.main(["bench", "pipeline", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.keys() for line in lines] == [FIELDS] * 5
    films = [line for line in lines if "two-faces.mp4" in line["case"]]
    assert all("lin-manuel-miranda found" in line["case"] for line in films)
    alerts = [line for line in lines if "alert" in line["case"]]
    assert all(0 < line["value"] < 100 for line in alerts)
    assert " 0 dropped" in lines[-1]["case"]


def test_a_pass_without_an_alert_is_said_and_has_no_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("edge.bench.films.cut", lambda *_args, **_named: tmp_path)
    monkeypatch.setattr(pipeline, "_live", lambda *_args, **_named: {"alerts_s": [0.3, None]})
    said = list(pipeline._alerts(tmp_path))
    assert len(said) == 2
    assert all(isinstance(one, str) and "of 2 passes, got 1" in one for one in said)


@pytest.mark.parametrize("name", ["detect", "match", "memory", "pipeline"])
def test_a_case_without_its_recording_is_named_as_skipped(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MENKOU_DATA", str(tmp_path))
    assert cli.main(["bench", name, "--json"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{name}: skipped, expected" in err


def test_the_match_bench_compares_every_search_with_an_exact_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, recordings: Path
) -> None:
    monkeypatch.setenv("MENKOU_DATA", str(recordings))
    monkeypatch.setattr(match, "PEOPLE", 8)
    monkeypatch.setattr(match, "SEARCHES", 60)
    monkeypatch.setattr(search, "HEADED_FROM", 2_000)
    sizes = ["--members", "1000", "--members", "2000"]
    assert cli.main(["bench", "match", *sizes, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.keys() for line in lines] == [FIELDS] * 4
    assert {line["baseline"] for line in lines} == {"a list of float64", "one float32 product"}
    few, _, many, _ = [line["case"] for line in lines]
    assert few == "1,000 members, 1 thread: 60 of 60 as by exact search, 1,000 compared"
    assert many.startswith("2,000 members, 1 thread: 60 of 60 as by exact search, ")
    compared = int(many.rpartition(", ")[2].split()[0].replace(",", ""))
    assert 0 < compared < 1_000


def test_only_the_match_bench_takes_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "embed", "--members", "1000"]) == 2
    assert cli.main(["bench", "match", "--members", "1"]) == 2
    assert "--members: expected 2 or more" in capsys.readouterr().err


def test_the_memory_bench_measures_a_box_that_has_recognised_its_member(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, recordings: Path
) -> None:
    monkeypatch.setenv("MENKOU_DATA", str(recordings))
    monkeypatch.setattr(memory, "MEMBERS", 40)
    monkeypatch.setattr(memory, "PATIENCE_S", 90.0)
    monkeypatch.setattr(memory, "STEADY_S", 0.0)
    assert cli.main(["bench", "memory", "--json"]) == 0
    out, err = capsys.readouterr()
    assert "not recognised" not in err
    together, apart = [json.loads(line) for line in out.splitlines()]
    assert together.keys() == apart.keys() == FIELDS
    assert "entrance, 40 members" in together["case"]
    parts = re.findall(r"PSS \(([\d, ]+) of its", together["case"])[0].split(", ")
    assert len(parts) == 3
    assert 50 < together["value"] < apart["value"]


def test_a_quota_holds_a_process_to_its_share_of_a_core() -> None:
    command = [sys.executable, "-c", "while True: pass"]
    with subprocess.Popen(command, text=True) as process:
        try:
            Quota(process, 0.15).start()
            began_s, before_s = time.monotonic(), used_s(process.pid)
            time.sleep(2)
            share = (used_s(process.pid) - before_s) / (time.monotonic() - began_s)
        finally:
            process.kill()
    assert 0.0 < share < 0.25


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


def test_the_console_bench_sees_every_card_on_every_screen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"SCREENS": 2, "SECONDS": 0.5, "MEMBERS": 5, "FILLED": 5}.items():
        monkeypatch.setattr(console, name, value)
    assert cli.main(["bench", "console", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.keys() for line in lines] == [FIELDS] * 3
    late, cpu, threads = lines
    assert "2 screens, 10 arrivals a second" in late["case"]
    assert 0 < late["value"] < late["baseline_value"]
    assert cpu["unit"] == "% of a core"
    assert threads["value"] > 1
