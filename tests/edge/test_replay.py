"""`menkou-edge replay` and the other commands, as a person calls them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge.store.database import StoreLock

FILM = "video/one-by-one.mp4"
START = "2026-11-21T10:00:00+08:00"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "edge.toml"
    path.write_text(
        '[store]\nid = "nj-001"\nname = "南京东路店"\ntimezone = "Asia/Shanghai"\n'
        '[box]\nid = "nj-001-a"\ndata_dir = "data"\n'
        '[[camera]]\nname = "door"\nsource = "rtsp://192.0.2.10/stream"\n',
        encoding="utf-8",
    )
    return path


def menkou_edge(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def replay(config: Path, film: Path, *more: str) -> list[dict[str, Any]]:
    done = menkou_edge(
        *("replay", "--config", config, "--camera", f"door={film}"),
        *("--start", START, "--json", *more),
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_film_of_six_people_is_six_in_and_six_out(config: Path, recordings: Path) -> None:
    lines = replay(config, recordings / FILM)
    summary = lines[-1]
    assert {key: summary[key] for key in ("event", "in", "out", "visitors", "basis")} == {
        "event": "summary",
        "in": 6,
        "out": 6,
        "visitors": 6,
        "basis": "crossings",
    }
    assert (summary["frames"], summary["embeddings"], summary["probes"]) == (1394, 0, 0)
    assert summary["members"] == []
    entries = [line for line in lines if line["event"] == "entry"]
    assert [line["direction"] for line in entries] == ["in", "out"] * 6
    assert [line["at"] for line in entries] == sorted(line["at"] for line in entries)
    assert all(line["at"].startswith("2026-11-21T10:0") for line in entries)
    assert all(line["at"].endswith("+08:00") for line in entries)
    visits = [line for line in lines if line["event"] == "visit"]
    assert len({line["visit"] for line in visits}) == 6
    assert {(line["who"], line["member"], line["reentry"]) for line in visits} == {
        ("visitor", None, False)
    }


def test_a_count_loads_no_model(config: Path, recordings: Path) -> None:
    code = (
        "import sys\nfrom edge.cli import main\n"
        "assert main(sys.argv[1:]) == 0\n"
        "loaded = {m.split('.')[0] for m in sys.modules}\n"
        "assert 'cv2' in loaded\n"
        "print(sorted(loaded & {'dlib', 'onnxruntime', 'face_recognition_models'}))\n"
    )
    film = f"door={recordings / FILM}"
    done = subprocess.run(
        [sys.executable, "-c", code, "replay", "--config", str(config), "--camera", film],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_replay_counts_itself_only_and_nothing_of_it_waits_for_the_hub(
    config: Path, recordings: Path
) -> None:
    assert replay(config, recordings / FILM)[-1]["in"] == 6
    assert replay(config, recordings / FILM)[-1]["in"] == 6
    shown = menkou_edge("outbox", "--config", config)
    assert shown.stdout.startswith("0 events wait for the hub")


def test_a_reader_that_goes_away_ends_a_replay_without_a_traceback(
    config: Path, recordings: Path
) -> None:
    command = (
        f"{sys.executable} -m edge replay --config {config}"
        f" --camera door={recordings / FILM} --json | head -n 1"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["event"] == "entry"
    assert "Traceback" not in done.stderr


def test_crossings_outside_opening_hours_are_kept_apart(config: Path, recordings: Path) -> None:
    with config.open("a") as file:
        file.write('[hours]\nsat = ["10:01", "22:00"]\n')
    summary = replay(config, recordings / FILM)[-1]
    assert summary["in"] + summary["out"] + summary["outside_hours"] == 12
    assert 0 < summary["outside_hours"] < 12
    assert summary["visitors"] == summary["in"]


def test_people_read_a_table(config: Path, recordings: Path) -> None:
    film = f"door={recordings / FILM}"
    done = menkou_edge("replay", "--config", config, "--camera", film)
    assert done.returncode == 0
    assert "visitors           6" in done.stdout
    assert "{" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "expected at least one NAME=FILE or FILE to replay"),
        (["--camera", "door"], "expected NAME=FILE, got 'door'"),
        (["--camera", "till=x.mp4"], "expected one of the configured cameras (door), got 'till'"),
        (["--camera", "door=a.mp4", "--camera", "door=b.mp4"], "'door' was given twice"),
        (["--camera", "door=a.mp4", "--start", "10:00"], "expected a time with offset"),
        (["--camera", "door=a.mp4", "--start", "2026-11-21T10:00:00"], "expected a time with"),
        (["--camera", "door=a.mp4", "--start", "1999-12-31T10:00:00Z"], "expected a time with"),
        (["--camera", "door=a.mp4", "--start", "9999-12-31T23:59:59Z"], "expected a time with"),
        (["--camera", "door=a.mp4", "--publish"], "expected an [uplink] section"),
    ],
)
def test_a_wrong_call_is_explained_and_exits_with_2(
    config: Path, arguments: list[str], expected: str
) -> None:
    done = menkou_edge("replay", "--config", config, *arguments)
    assert done.returncode == 2
    assert expected in done.stderr
    assert done.stdout == ""


def test_a_file_that_cannot_be_read_exits_with_1_and_makes_no_store(config: Path) -> None:
    done = menkou_edge("replay", "--config", config, "--camera", "door=none.mp4")
    assert done.returncode == 1
    assert "none.mp4: expected a video file, found none" in done.stderr
    assert not (config.parent / "data").exists()


def test_a_second_process_on_the_same_data_directory_is_refused(
    config: Path, recordings: Path
) -> None:
    lock = StoreLock(config.parent / "data")
    film = f"door={recordings / FILM}"
    done = menkou_edge("replay", "--config", config, "--camera", film)
    lock.release()
    assert done.returncode == 1
    assert "another menkou-edge works in this data directory" in done.stderr


def test_settings_with_faults_exit_with_2_and_name_them(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text('[store]\nid = 1\n[box]\nidd = "x"\n')
    done = menkou_edge("check-config", "--config", path)
    assert done.returncode == 2
    assert "bad.toml:2: store.id: expected" in done.stderr
    assert "bad.toml:4: box.idd: unknown key; did you mean 'id'?" in done.stderr


def test_sound_settings_are_said_to_be_sound(config: Path) -> None:
    done = menkou_edge("check-config", "--config", config)
    assert (done.returncode, done.stderr) == (0, "")
    assert "no fault. Shop nj-001 (南京东路店), box nj-001-a, 1 camera, mode count" in done.stdout


def test_a_mode_that_this_version_cannot_run_is_said_to_be_lowered(config: Path) -> None:
    with config.open("a") as file:
        file.write('[privacy]\nmode = "checkin"\n')
    done = menkou_edge("check-config", "--config", config)
    assert done.returncode == 0
    assert "mode 'checkin' was asked for, 'count' is run" in done.stderr


def test_what_cannot_be_sent_says_that_it_waits(config: Path, recordings: Path) -> None:
    with config.open("a") as file:
        file.write('[uplink]\nbroker = "mqtt://127.0.0.1:1"\n')
    done = menkou_edge(
        *("replay", "--config", config, "--camera", f"door={recordings / FILM}"),
        *("--publish", "1"),
    )
    assert done.returncode == 1
    assert "were not acknowledged by the hub within 1 s; they wait in the outbox" in done.stderr
    assert "visitors           6" in done.stdout
    shown = menkou_edge("outbox", "--config", config)
    assert int(shown.stdout.split()[0]) >= 12


def test_certificates_that_are_not_there_are_a_warning_for_a_check_and_a_fault_for_a_run(
    config: Path,
) -> None:
    with config.open("a") as file:
        file.write('[uplink]\nbroker = "mqtts://hub.example.com"\nca = "ca.pem"\n')
    check = menkou_edge("check-config", "--config", config)
    assert check.returncode == 0
    assert "edge.toml:13: uplink.ca: expected a file that can be read, got 'ca.pem'" in check.stderr
    run = menkou_edge("run", "--config", config)
    assert run.returncode == 2
    assert "uplink.ca: expected a file that can be read" in run.stderr
