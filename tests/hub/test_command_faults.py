"""What `menkou-hub` says to somebody who calls it for the first time, and to who errs."""

from pathlib import Path

import pytest

from cloud.cli import main

NEEDS_A_DATABASE = (
    *("ingest", "retain", "key list", "config list", "key revoke nj-001/a"),
    "export --table daily --from 2026-01-01 --to 2026-01-02 out.parquet",
    *("simulate --days 1 --shops 1", "simulate --remove"),
    "member erase 01ARZ3NDEKTSV4RRFFQ69G5FAV --yes",
)


@pytest.mark.parametrize("command", NEEDS_A_DATABASE)
def test_a_database_that_is_not_there_is_named_and_not_made(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "hub.toml"
    config.write_text('[hub]\ndata_dir = "data"\n')
    assert main([*command.split(), "--config", str(config)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"menkou-hub: database sqlite:///{tmp_path}/data/hub.db: expected one")
    assert f"run `menkou-hub migrate --config {config}`" in said
    assert list(tmp_path.iterdir()) == [config]
    assert main(["migrate", "--config", str(config)]) == 0


@pytest.mark.parametrize("command", ["bench pages", "simulate --days 1 --shops 1", "simulate"])
def test_an_address_without_a_database_is_named_with_the_command_that_makes_one(
    command: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MENKOU_DATA_DIR", str(tmp_path))
    named = ["--database", f"sqlite:///{tmp_path}/mine/hub.db"]
    remove = ["--remove"] if command == "simulate" else []
    assert main([*command.split(), *remove, *named]) == 1
    assert f"run `menkou-hub migrate {' '.join(named)}`" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert main(["migrate", *named]) == 0
    assert [one.name for one in tmp_path.iterdir()] == ["mine"]


def test_sound_settings_of_the_hub_are_said_to_be_sound(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "hub.toml"
    config.write_text('[hub]\ndata_dir = "data"\ndatabase_url = "postgresql://hub:geheim@db/hub"\n')
    assert main(["check-config", "--config", str(config)]) == 0
    told = capsys.readouterr()
    assert f"{config}: no fault. Pages at http://127.0.0.1:8700/" in told.out
    assert told.err == ""
    assert "geheim" not in told.out
    assert list(tmp_path.iterdir()) == [config]


def test_a_check_warns_of_what_is_there_but_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("ca.pem", "page.pem", "page.key", "file"):
        (tmp_path / name).write_text("nothing of the kind")
    config = tmp_path / "hub.toml"
    config.write_text(
        '[hub]\ndata_dir = "file/x"\ncert = "page.pem"\nkey = "page.key"\n'
        '[broker]\nurl = "mqtts://hub"\nca = "ca.pem"\n'
    )
    assert main(["check-config", "--config", str(config)]) == 0
    warned = [line.split(": ")[2:4] for line in capsys.readouterr().err.splitlines()]
    assert [key for _, key in warned[:2]] == ["hub.cert", "broker.ca"]
    assert warned[2][0] == "hub.data_dir"


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_data_directory_that_cannot_be_made_is_named_with_its_setting(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    config = tmp_path / "hub.toml"
    config.write_text('[hub]\ndata_dir = "file/data"\n')
    assert main([command, "--config", str(config)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("menkou-hub: ")
    assert "[hub] data_dir" in said
    assert f"{tmp_path}/file/data" in said
    assert "Errno" not in said


@pytest.mark.parametrize("place", ["absent/truth.csv", "."])
def test_a_truth_that_could_not_be_written_is_said_before_the_work(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENKOU_DATA_DIR", str(tmp_path))
    assert main(["migrate"]) == 0
    argv = ["simulate", "--days", "1", "--shops", "1", "--truth", str(tmp_path / place)]
    assert main(argv) == 1
    assert "--truth" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rows", "added"),
    [
        ("C-1,王芳\n", "1 member added, 0 changed, 0 as before"),
        ("C-1,王芳\nC-2,李明\n", "2 members added, 0 changed, 0 as before"),
    ],
)
def test_an_import_counts_members_and_says_who_joined_a_shop(
    rows: str,
    added: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MENKOU_DATA_DIR", str(tmp_path))
    assert main(["migrate"]) == 0
    table = tmp_path / "members.csv"
    table.write_text("external_id,name\n" + rows, encoding="utf-8")
    capsys.readouterr()
    assert main(["member", "import", str(table), "--store", "nj-001"]) == 0
    assert capsys.readouterr().out == f"{added}\n"
    assert main(["member", "import", str(table), "--store", "sh-002"]) == 0
    count = len(rows.splitlines())
    expected = f"0 members added, 0 changed, {count} as before; {count} now also at sh-002\n"
    assert capsys.readouterr().out == expected
    assert main(["member", "import", str(table), "--store", "sh-002"]) == 0
    assert "now also" not in capsys.readouterr().out


def test_appointments_of_nobody_the_shop_was_given_are_named_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENKOU_DATA_DIR", str(tmp_path))
    assert main(["migrate"]) == 0
    members = tmp_path / "members.csv"
    members.write_text("external_id,name\nC-1,王芳\n", encoding="utf-8")
    assert main(["member", "import", str(members), "--store", "nj-001"]) == 0
    table = tmp_path / "today.csv"
    at = "2026-11-21T15:00+08:00"
    table.write_text(
        "id,external_id,at,what,channel,state\n"
        f"A-1,c-1,{at},取戒指,app,booked\n\nA-2,C-9,{at},取戒指,app,booked\n"
        f"A-3,C-8,{at},取戒指,app,cancelled\nA-4,C-7,{at},取戒指,app,booked\n",
        encoding="utf-8",
    )
    capsys.readouterr()
    assert main(["appointment", "import", str(table), "--store", "nj-001"]) == 0
    told = capsys.readouterr()
    assert told.out == "4 appointments added, 0 changed, 0 as before\n"
    (said,) = (line for line in told.err.splitlines() if "external_id" in line)
    assert said.startswith("menkou-hub: warning: lines 4, 6: no member with this external_id was")
    assert "the boxes keep these appointments" in said
    assert "C-9" not in told.err
    assert main(["appointment", "import", str(table), "--store", "sh-002"]) == 0
    assert "lines 2, 4, 6: no member" in capsys.readouterr().err
