"""A shop measures itself on a folder of its members; what cannot be used is named."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge import cli, evaluate
from edge.evaluate.attacks import KINDS
from edge.evaluate.dedup import count, visits_of
from edge.evaluate.folder import people_of
from edge.evaluate.plot import png
from edge.evaluate.presentation import wilson


@pytest.fixture(scope="module")
def folder(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight people with four pictures or more, six with one, in two groups; and what is no use."""
    made = tmp_path_factory.mktemp("people")
    several, single = [], []
    for person in sorted((recordings / "faces" / "lfw-part").iterdir()):
        many = len(list(person.glob("*.jpg")))
        if many >= 4:
            several.append(person)
        elif many == 1:
            single.append(person)
    for number, person in enumerate([*several[:8], *single[:12]]):
        shutil.copytree(person, made / "ab"[number % 2] / person.name)
    bad = made / "a" / "bad"
    bad.mkdir()
    Image.new("RGB", (1, 1)).save(bad / "dot.png")
    Image.new("1", (10_000, 10_000)).save(bad / "huge.png")
    Image.new("RGB", (200, 200), "white").save(bad / "wall.jpg")
    (bad / "words.jpg").write_text("not a picture")
    return made


@pytest.fixture(scope="module")
def report(folder: Path) -> evaluate.Report:
    return evaluate.run(evaluate.Wish(folder=folder, splits=3))


def test_the_command_prints_rates_names_what_is_no_use_and_draws_the_curve(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    curve = tmp_path / "curve.png"
    arguments = ["--faces", str(folder), "--splits", "2", "--photos", "3", "--json"]
    arguments += ["--presentations", "1"]
    assert cli.main(["evaluate", *arguments, "--png", str(curve)]) == 0
    said = capsys.readouterr()
    assert "FPIR 1 %: expected 100 strangers or more to measure it by, got 12" in said.err
    assert "misses: expected 59 further pictures of members or more to look for, got" in said.err
    rows = [json.loads(line) for line in said.out.splitlines()]
    assert {row["evaluate"] for row in rows} == {
        "rates",
        "threshold",
        "group",
        "dedup",
        "presentation",
    }
    (shipped,) = (row for row in rows if row["evaluate"] == "threshold")
    assert (shipped["members"], shipped["photos"], shipped["strangers"]) == (8, 3, 12)
    shown = [row for row in rows if row["evaluate"] == "presentation"]
    assert [row["kind"] for row in shown] == list(KINDS)
    assert {(row["shown"], row["detector"], row["asked"]) for row in shown} == {(1, "hog", 0)}
    assert [row["measure"] for row in shown] == ["bpcer", *["apcer"] * 4]
    for name, reason in (
        ("dot.png", "expected 80 pixels or more each way, got 1 x 1"),
        ("huge.png", "expected at most 24 million pixels"),
        ("wall.jpg", "expected a face"),
        ("words.jpg", "expected a JPEG, PNG or WebP picture"),
    ):
        assert any(f"bad/{name}" in line and reason in line for line in said.err.splitlines())
    with Image.open(curve) as picture:
        assert (picture.format, picture.size) == ("PNG", (960, 640))


def test_words_for_people_say_what_the_threshold_gives(report: evaluate.Report) -> None:
    from edge.evaluate_cli import words

    lines = [words(row) for row in report.rows]
    assert any(line.startswith("8 members by 3 photos: the box's threshold") for line in lines)
    assert len(set(lines)) == len(lines)


def test_groups_are_told_apart_once_they_have_people_enough(
    report: evaluate.Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(report.described.groups.values()) == {"a", "b"}
    monkeypatch.setattr(evaluate, "GROUP_LEAST", 1)
    wish = evaluate.Wish(folder=Path(), splits=3)
    rows = list(evaluate._groups(report.described, report.measured, wish))
    assert {row["group"] for row in rows} == {"a", "b"}
    for row in rows:
        assert row["fpir"] == 0.0


def test_nothing_stays_behind(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    before = {path: path.stat().st_mtime for path in folder.rglob("*")}
    evaluate.run(evaluate.Wish(folder=folder / "a", splits=1, photos=(1,)))
    assert list(tmp_path.iterdir()) == []
    assert {path: path.stat().st_mtime for path in folder.rglob("*")} == before


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda place: None, "expected a folder of people, found none"),
        (lambda place: place.mkdir(), "expected a folder for each person"),
        (lambda place: _walls(place), "expected faces in the pictures, found none in 2"),
    ],
    ids=["no folder", "an empty one", "no face"],
)
def test_a_folder_without_faces_is_a_clear_error(
    make: object, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(make)
    place = tmp_path / "people"
    make(place)
    assert cli.main(["evaluate", "--faces", str(place)]) == 1
    assert expected in capsys.readouterr().err


def test_a_folder_that_cannot_be_read_is_a_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["evaluate", "--faces", str(tmp_path / ("x" * 300))]) == 1
    assert "expected a folder that can be read, got File name too long" in capsys.readouterr().err


def _walls(place: Path) -> None:
    for name in ("one", "two"):
        (place / name).mkdir(parents=True)
        Image.new("RGB", (200, 200), "white").save(place / name / "wall.png")


def test_a_picture_a_person_is_too_little(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for person in sorted((folder / "b").iterdir())[:3]:
        (tmp_path / person.name).mkdir()
        first = sorted(person.iterdir())[0]
        shutil.copy(first, tmp_path / person.name)
    assert cli.main(["evaluate", "--faces", str(tmp_path)]) == 1
    assert "expected somebody with 2 or more usable pictures" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong", [("--fpir", "0"), ("--fpir", "50"), ("--photos", "0"), ("--splits", "0")]
)
def test_wrong_usage_ends_with_two(wrong: tuple[str, str], tmp_path: Path) -> None:
    assert cli.main(["evaluate", "--faces", str(tmp_path), *wrong]) == 2


def test_what_would_fail_after_minutes_fails_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wang").mkdir()
    Image.new("RGB", (200, 200), "white").save(tmp_path / "wang" / "1.jpg")
    people = ["evaluate", "--faces", str(tmp_path)]
    assert cli.main([*people, "--png", str(tmp_path / "none" / "curve.png")]) == 2
    assert "expected a file in a folder that is there" in capsys.readouterr().err
    # Whoever names the box's models is not to be told of HOG's rates instead.
    assert cli.main([*people, "--models", str(tmp_path / "none")]) == 1
    assert "yunet_s_dynamic.onnx, found none; run menkou-edge models fetch" in (
        capsys.readouterr().err
    )


def test_hidden_files_are_nobodys_pictures(tmp_path: Path) -> None:
    for name in ("wang/1.jpg", "wang/.DS_Store", ".trash/1.jpg", "team/li/2.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = [(one.name, one.group, len(one.pictures)) for one in people_of(tmp_path)]
    assert found == [("team/li", "team", 1), ("wang", None, 1)]


def test_the_plot_needs_no_chinese_font(report: evaluate.Report, tmp_path: Path) -> None:
    with Image.open(io.BytesIO(png(report.measured, font_dir=tmp_path))) as picture:
        assert picture.size == (960, 640)
        assert len(picture.convert("RGB").getcolors(100_000) or []) > 10
    assert list(tmp_path.iterdir()) == []


PEOPLE = {f"p{number:03}": (2 * number, 2 * number + 1) for number in range(400)}


def test_a_fifth_of_the_visits_are_second_ones_by_another_picture() -> None:
    visits = visits_of(PEOPLE, seed=1)
    assert visits is not None
    assert len(visits) == 500
    assert len({name for name, _ in visits}) == 400
    assert len({picture for _, picture in visits}) == 500
    assert visits_of({"a": (0, 1), "b": (2,)}, seed=1) is None


def test_who_is_taken_for_another_is_swallowed_and_who_is_not_known_again_counts_twice() -> None:
    vectors = np.eye(6, 128, dtype=np.float32)
    vectors[3] = vectors[0]
    visits = [("a", 0), ("b", 1), ("a", 3), ("b", 2), ("c", 4)]
    counted = count(visits, vectors, 0.3)
    assert counted.counted == pytest.approx(4 / 3)
    assert counted.swallowed == 0.0
    vectors[4] = vectors[1]
    counted = count(visits, vectors, 0.3)
    assert counted.counted == pytest.approx(1.0)
    assert counted.swallowed == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("hits", "count", "interval"),
    [
        (0, 10, (0.0, 0.278)),
        (5, 10, (0.237, 0.763)),
        (10, 10, (0.722, 1.0)),
        (1, 100, (0.002, 0.054)),
    ],
)
def test_a_rate_has_wilsons_interval(hits: int, count: int, interval: tuple[float, float]) -> None:
    assert wilson(hits, count) == pytest.approx(interval, abs=0.001)


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="got 0 of 0"):
        wilson(0, 0)
