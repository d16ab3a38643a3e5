"""`menkou-edge wifi` and `replay --probes`: what is learnt by hand, and a walk with a telephone."""

import io
import json
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from edge.app.survey import live_walk
from edge.cli import main
from edge.config import load
from edge.core.footfall import HOURS_NEEDED
from edge.core.survey import Heard, Sample, heard_of, own_phone, suggest
from tests.support.air import HT, RATES, on_the_air, probe, write_pcap

TEN = 1_795_226_400  # 2026-11-21, 10:00 in Shanghai
OTHER = RATES + HT[:-2] + b"\x01\x01"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "edge.toml"
    path.write_text(
        '[store]\nid = "nj-001"\nname = "南京东路店"\ntimezone = "Asia/Shanghai"\n'
        '[box]\nid = "nj-001-a"\ndata_dir = "data"\nclock = "host"\n',
        encoding="utf-8",
    )
    return path


def hour(path: Path, phones: int, *, start: int = TEN, minutes: int = 60) -> Path:
    """Each of so many phones, of as many models, is heard once a minute."""
    return write_pcap(
        path,
        sorted(
            (
                start + 60 * minute + number / 100,
                probe(f"02:00:00:00:{minute:02x}:{number:02x}", elements=RATES + model(number)),
            )
            for minute in range(minutes)
            for number in range(phones)
        ),
    )


def model(number: int) -> bytes:
    return b"\x2d\x1a" + bytes([number, 1]) + HT[4:]


def called(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    try:
        code = main([str(one) for one in arguments])
    except SystemExit as ended:
        code = int(ended.code or 0)
    said = capsys.readouterr()
    return code, said.out, said.err


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_replay_prints_each_minute_of_wifi_and_counts_the_probe_requests(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    low = hour(tmp_path / "ch1.pcap", 2, minutes=3)
    high = write_pcap(
        tmp_path / "ch6.pcap",
        [(TEN + 61.0, probe("02:aa:00:00:00:01", elements=OTHER, signal=-75))],
    )
    code, out, err = called(capsys, "replay", "--config", config, "--probes", low, high, "--json")
    assert code == 0, err
    *minutes, summary = lines(out)
    assert [line["event"] for line in minutes] == ["presence"] * 3
    assert [line["minute"] for line in minutes] == [
        f"2026-11-21T10:0{number}:00.000+08:00" for number in range(3)
    ]
    assert [(line["classes"], line["near"], line["far"]) for line in minutes] == [
        (2, 2, 0),
        (3, 2, 1),
        (2, 2, 0),
    ]
    assert minutes[0]["at"] == minutes[1]["minute"]
    assert (summary["probes"], summary["devices_estimate"], summary["frames"]) == (7, None, 0)


def test_a_replay_from_a_start_moves_the_recordings_clock(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = hour(tmp_path / "a.pcap", 1, minutes=2)
    start = "2026-12-01T18:00:00+08:00"
    code, out, _ = called(
        *(capsys, "replay", "--config", config, "--probes", film, "--start", start, "--json")
    )
    assert code == 0
    assert lines(out)[0]["minute"] == "2026-12-01T18:00:00.000+08:00"


def test_a_recording_that_is_cut_off_is_played_as_far_as_it_goes_and_then_said(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = hour(tmp_path / "a.pcap", 1, minutes=2)
    film.write_bytes(film.read_bytes()[:-5])
    code, out, err = called(capsys, "replay", "--config", config, "--probes", film, "--json")
    assert code == 1
    assert lines(out)[-1]["probes"] == 1
    assert "the file ends within it" in err


def test_no_address_and_no_pseudonym_of_a_replay_is_in_any_file(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = hour(tmp_path / "a.pcap", 2, minutes=3)
    assert called(capsys, "replay", "--config", config, "--probes", film)[0] == 0
    written = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*.db*"))
    assert b"presence_minute" in written
    for minute in range(3):
        address = bytes([2, 0, 0, 0, minute, 1])
        assert address not in written
        assert address.hex().encode() not in written
        assert ":".join(f"{byte:02x}" for byte in address).encode() not in written


def test_hours_known_by_hand_are_what_a_replay_estimates_by(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said: dict[str, Any] = {}
    for number in range(HOURS_NEEDED):
        film = hour(tmp_path / "a.pcap", 6 + number % 2, start=TEN + 86_400 * number)
        known = ("--probes", film, "--visitors", 30 + 5 * (number % 2), "--json")
        code, out, err = called(capsys, "wifi", "calibrate", "--config", config, *known)
        assert code == 0, err
        said = json.loads(out)
        assert said["hours"] == number + 1
        if number + 1 < HOURS_NEEDED:
            assert said["estimate"] is said["error_percent"] is None
    assert said["estimate"] == pytest.approx(35, rel=0.2)
    assert said["error_percent"] is not None
    film = hour(tmp_path / "b.pcap", 6)
    out = called(capsys, "replay", "--config", config, "--probes", film, "--json")[1]
    assert lines(out)[-1]["devices_estimate"] == pytest.approx(30, rel=0.2)


def test_calibrate_says_how_far_it_is_in_words(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = hour(tmp_path / "a.pcap", 3)
    known = ("--probes", film, "--visitors", 30)
    code, out, _ = called(capsys, "wifi", "calibrate", "--config", config, *known)
    assert code == 0
    assert f"not yet: 1 of {HOURS_NEEDED} hours learnt" in out
    code, _, err = called(capsys, "wifi", "calibrate", "--config", config, *known)
    assert (code, "was added before; it counts once" in err) == (1, True)


@pytest.mark.parametrize(
    ("phones", "minutes", "visitors", "code", "expected"),
    [
        (2, 60, "-1", 2, "expected a whole number from 0 to 5,000"),
        (2, 60, "thirty", 2, "expected a whole number from 0 to 5,000"),
        (2, 60, "0", 1, "expected an hour in which somebody came in"),
        (1, 40, "2000", 1, "expected a number that 40 probe requests can stand for"),
        (2, 12, "30", 1, "expected recordings of one hour (30 to 90 minutes), got 12"),
        (2, 130, "30", 1, "expected recordings of one hour (30 to 90 minutes), got 130"),
    ],
)
def test_nonsense_is_refused_and_nothing_is_learnt_from_it(
    config: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    phones: int,
    minutes: int,
    visitors: str,
    code: int,
    expected: str,
) -> None:
    film = hour(tmp_path / "a.pcap", phones, minutes=minutes)
    known = ("--probes", film, "--visitors", visitors)
    ended, out, err = called(capsys, "wifi", "calibrate", "--config", config, *known)
    assert (ended, out) == (code, "")
    assert expected in err
    database = tmp_path / "data" / "menkou.db"
    if database.exists():
        with sqlite3.connect(database) as db:
            assert db.execute("SELECT count(*) FROM presence_hour").fetchone() == (0,)


@pytest.mark.parametrize("command", ["calibrate", "survey"])
def test_a_file_that_is_no_recording_is_named(
    config: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    more = ("--visitors", 3) if command == "calibrate" else ()
    asked = ("wifi", command, "--config", config, "--probes", config, *more)
    code, _, err = called(capsys, *asked)
    assert code == 1
    assert "expected pcap or pcapng" in err


def walk(path: Path, signals: Sequence[int], *, spot_s: int = 30) -> Path:
    """One's own phone at each spot, and another in the street, which is louder at times."""
    frames = list[tuple[float, bytes]]()
    for spot, signal in enumerate(signals):
        for burst in range(5):
            at = TEN + spot * spot_s + burst * 5
            frames.append((at + 0.0, probe(f"02:00:00:00:00:0{burst}", signal=signal + burst - 2)))
            frames.append((at + 0.1, probe(elements=OTHER, signal=-60)))
    return write_pcap(path, frames)


def test_a_recorded_walk_gives_thresholds_that_the_settings_take(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = walk(tmp_path / "walk.pcap", (-35, -58, -62, -78))
    code, out, err = called(capsys, "wifi", "survey", "--config", config, "--probes", film)
    assert code == 0, err
    assert out == "[wifi]\nnear_dbm = -70\nfar_dbm = -83\n"
    assert "AT THE FAR WALL" in err
    assert "warning" not in err
    with config.open("a") as file:
        file.write(out)
    assert called(capsys, "check-config", "--config", config)[0] == 0


def test_a_pavement_that_is_as_loud_as_the_shop_is_said(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = walk(tmp_path / "walk.pcap", (-35, -58, -72, -66))
    code, out, err = called(capsys, "wifi", "survey", "--config", config, "--probes", film)
    assert (code, "near_dbm = -69" in out) == (0, True)
    assert "the pavement is heard as loud as the shop's far wall" in err


def test_a_live_walk_waits_for_the_person_at_each_spot_and_hears_the_air(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root: a real interface of this machine's kernel."""
    loud = {"BESIDE": -30, "AT THE DOOR": -50, "AT THE FAR": -60, "OUTSIDE": -80}
    signal, gone = [-90], threading.Event()
    asked: list[str] = []

    def say(line: str) -> None:
        asked.extend(spot for spot in loud if spot in line)
        signal[0] = loud[asked[-1]] if asked else -90

    with on_the_air() as radio:

        def phone() -> None:
            while not gone.wait(0.05):
                radio.send(probe(signal=signal[0]))

        monkeypatch.setattr("sys.stdin", io.StringIO("\n" * 9))
        sending = threading.Thread(target=phone)
        sending.start()
        try:
            found = live_walk(load(config), 0.8).go(say)
        finally:
            gone.set()
            sending.join()
    assert asked == list(loud)
    assert (found.near_dbm, found.apart_db) == (-70, 20)
    assert found.far_dbm == -83


@pytest.mark.parametrize(
    ("signals", "expected"),
    [
        ((-70, -58, -62, -78), "beside the box: expected 3 frames of a phone at -50 dBm"),
        ((-35, -58, -62), "pavement: expected 3 frames of the phone, got 0"),
    ],
    ids=["no phone beside the box", "a walk that ends too early"],
)
def test_a_walk_that_says_nothing_is_refused_with_the_spot(
    config: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    signals: tuple[int, ...],
    expected: str,
) -> None:
    film = walk(tmp_path / "walk.pcap", signals)
    code, out, err = called(capsys, "wifi", "survey", "--config", config, "--probes", film)
    assert (code, out) == (1, "")
    assert expected in err


def test_the_phone_beside_the_box_is_the_loudest_of_those_that_are_loud_enough() -> None:
    quiet, loud = [Sample(1, -55)] * 9, [Sample(2, -44), Sample(2, -40), Sample(2, -48)]
    assert own_phone([*quiet, *loud]) == 2
    assert own_phone(quiet) is None
    assert own_phone(loud[:2]) is None
    heard = heard_of([*quiet, *loud], 2)
    assert heard == Heard(frames=3, weak_dbm=-48, middle_dbm=-44, loud_dbm=-40)


def test_far_is_always_below_near() -> None:
    one = Heard(frames=9, weak_dbm=-40, middle_dbm=-90, loud_dbm=-40)
    found = suggest({"door": one, "wall": one, "pavement": one})
    assert found.far_dbm < found.near_dbm
