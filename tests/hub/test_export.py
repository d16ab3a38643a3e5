"""Parquet files for analysts: whole or not at all, and nobody in them."""

import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from sqlalchemy import Engine

from cloud import export as export_module
from cloud.accounts.scope import EVERYTHING
from cloud.cli import main
from cloud.errors import ExportFault
from cloud.export import TABLES, export
from cloud.ingest import Ingest
from cloud.rollup import rollup
from tests.hub.conftest import NOW, FakeBox, ulid

MEMBER = ulid(4711)
DECEMBER = datetime(2026, 12, 3, 4, 30, tzinfo=UTC)


def analysed(question: str) -> list[list[Any]]:
    """Ask DuckDB, in a process of its own: it says a great deal as it ends."""
    script = (
        "import duckdb, json, sys\n"
        "with duckdb.connect() as analyst:\n"
        "    analyst.execute(\"SET TimeZone = 'UTC'\")\n"
        "    print(json.dumps(analyst.execute(sys.argv[1]).fetchall(), default=str))\n"
    )
    argv = [sys.executable, "-c", script, question]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    found: list[list[Any]] = json.loads(done.stdout)
    return found


@pytest.fixture
def chain(engine: Engine, ingest: Ingest, box: FakeBox) -> Engine:
    """Three visits in November, one of them no visit after all, and one in December."""
    first = box.opened(who="member", subject=MEMBER)
    box.closed(first, NOW + timedelta(minutes=9))
    box.revised(box.opened(), void=True)
    box.opened(who="member", subject=MEMBER, reentry=True)
    box.opened(DECEMBER)
    box.crossed(NOW, entered=7), box.crossed(DECEMBER, entered=1)
    for moment in (NOW, DECEMBER):
        box.sensed(moment, footfall=750), box.compared(moment.replace(minute=0), passers=40)
    ingest.take([box.hello(), box.batch(*box.events)])
    rollup(engine)
    return engine


def written(engine: Engine, table: str, out: Path, last: date = date(2026, 12, 31)) -> int:
    return export(engine, EVERYTHING, table, date(2026, 11, 1), last, out, lambda _: None)


@pytest.mark.parametrize(
    ("table", "question", "expected"),
    [
        ("hourly", "store, hour::VARCHAR, visitors, entered", "nj-001 2026-11-21 04:00:00+00 1 7"),
        ("daily", "store, day::VARCHAR, members, reentries", "nj-001 2026-11-21 1 1"),
        ("visits", "store, opened_at::VARCHAR, who, reentry", None),
        ("crossings", "store, minute::VARCHAR, camera, entered", None),
        ("presence_minutes", "store, minute::VARCHAR, near, footfall", None),
        (
            *("presence_hourly", "store, hour::VARCHAR, passers, captured, error, basis"),
            "nj-001 2026-11-21 04:00:00+00 40 1 14 crossings",
        ),
        ("presence_daily", "store, day::VARCHAR, peak, captured", "nj-001 2026-11-21 4 1"),
    ],
)
def test_duckdb_reads_what_was_written(
    chain: Engine, tmp_path: Path, table: str, question: str, expected: str | None
) -> None:
    out = tmp_path / "out.parquet"
    rows = written(chain, table, out)
    found = analysed(f"SELECT {question} FROM '{out}' ORDER BY ALL")
    assert len(found) == rows == {"visits": 3}.get(table, 2)
    if expected:
        assert " ".join(map(str, found[0])) == expected
    else:
        assert str(found[0][1]).startswith("2026-11-21 04:30")


def test_no_export_says_who_came(chain: Engine, tmp_path: Path) -> None:
    for table in TABLES:
        out = tmp_path / f"{table}.parquet"
        written(chain, table, out)
        read = pyarrow.parquet.read_table(out)
        assert not {"subject", "first_visit"} & set(read.column_names)
        assert MEMBER not in str(read.to_pydict())


def test_a_directory_has_a_folder_a_month(chain: Engine, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert written(chain, "visits", out) == 3
    parts = sorted(str(path.relative_to(out)) for path in out.rglob("*.parquet"))
    assert parts == ["month=2026-11/part.parquet", "month=2026-12/part.parquet"]
    months = analysed(
        f"SELECT month, count(*) FROM read_parquet('{out}/*/*.parquet', hive_partitioning=true)"
        " GROUP BY ALL ORDER BY ALL"
    )
    assert months == [["2026-11", 2], ["2026-12", 1]]


def test_the_last_day_is_included_and_the_next_is_not(chain: Engine, tmp_path: Path) -> None:
    assert written(chain, "visits", tmp_path / "a.parquet", date(2026, 11, 21)) == 2
    assert written(chain, "visits", tmp_path / "b.parquet", date(2026, 11, 20)) == 0
    assert written(chain, "daily", tmp_path / "c.parquet", date(2026, 12, 2)) == 1
    assert pyarrow.parquet.read_table(tmp_path / "b.parquet").num_rows == 0


def test_rows_are_written_in_groups_under_zstandard(
    chain: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_module, "_ROWS_A_GROUP", 1)
    written(chain, "visits", tmp_path / "out.parquet")
    shape = pyarrow.parquet.ParquetFile(tmp_path / "out.parquet").metadata
    assert shape.num_row_groups == shape.num_rows == 3
    assert shape.row_group(0).column(0).compression == "ZSTD"


def test_a_month_without_rows_has_no_folder(chain: Engine, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(chain, EVERYTHING, "visits", date(2026, 9, 1), date(2027, 2, 28), out, lambda _: None)
    folders = sorted(path.name for path in out.iterdir())
    assert folders == ["month=2026-11", "month=2026-12"]


def test_a_directory_of_nothing_is_not_made(chain: Engine, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(ExportFault, match="expected rows of visits from 2025-01-01 to 2025-03-31"):
        export(
            chain, EVERYTHING, "visits", date(2025, 1, 1), date(2025, 3, 31), out, lambda _: None
        )
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]


@pytest.mark.parametrize(
    ("name", "is_taken"),
    [
        ("out.csv", False),
        ("out.json", False),
        ("out.parq", False),
        ("out", True),
        ("2026.11", True),
        ("out.csv/", True),
    ],
)
def test_what_looks_like_a_file_of_another_kind_becomes_no_directory(
    chain: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    is_taken: bool,
) -> None:
    url = chain.url.render_as_string(hide_password=False)
    monkeypatch.setenv("MENKOU_DATABASE_URL", url)
    argv = ["export", "--table", "visits", "--from", "2026-11-01", "--to", "2026-12-31"]
    if is_taken:
        assert main([*argv, f"{tmp_path}/{name}"]) == 0
        assert (tmp_path / name).is_dir()
        return
    with pytest.raises(SystemExit, match="2"):
        main([*argv, f"{tmp_path}/{name}"])
    assert "expected NAME.parquet, or a new directory such as out/" in capsys.readouterr().err
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["out", "out.parquet"])
def test_a_place_that_cannot_be_written_is_named(chain: Engine, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ExportFault, match=rf"/file/{name}: cannot be written: .*is no directory"):
        written(chain, "visits", tmp_path / "file" / name)


@pytest.mark.parametrize("name", ["out", "out.parquet"])
def test_an_export_that_fails_leaves_nothing_and_spoils_nothing(
    chain: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if name.endswith(".parquet"):
        (tmp_path / name).write_bytes(b"an earlier one")
    before = sorted(tmp_path.rglob(name))

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_module, "_groups", fails)
    with pytest.raises(ExportFault, match="cannot be written: No space left"):
        written(chain, "visits", tmp_path / name)
    assert sorted(tmp_path.rglob("*out*")) == before
    assert [path.read_bytes() for path in before if path.is_file()] == [b"an earlier one"] * len(
        before
    )


def test_a_directory_that_is_there_is_left_alone(chain: Engine, tmp_path: Path) -> None:
    with pytest.raises(ExportFault, match="expected a new directory"):
        written(chain, "visits", tmp_path)


def test_the_command_tells_its_progress_and_refuses_days_the_wrong_way_round(
    chain: Engine,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = chain.url.render_as_string(hide_password=False)
    monkeypatch.setenv("MENKOU_DATABASE_URL", url)
    days = ["--from", "2026-11-01", "--to", "2026-12-31"]
    out = tmp_path / "out.parquet"
    assert main(["export", "--table", "visits", *days, str(out)]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[-3:] == ["2026-11: 2 rows", "2026-12: 3 rows", f"{out}: 3 rows"]
    assert main(["export", "--table", "visits", *days[2:], "--from", "2027-01-01", str(out)]) == 2
    with pytest.raises(SystemExit) as ended:
        main(["export", "--table", "visits", "--from", "yesterday", *days[2:], str(out)])
    assert ended.value.code == 2
