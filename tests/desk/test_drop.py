"""The folder of receipts: whole files are taken once, broken rows are named, nothing is lost."""

import csv
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge.core.receipt_table import BadCell, minor_units, moment, money_text
from edge.desk.drop import DropFolder
from edge.store.purchases import purchases_of
from tests.support.people import NOW
from tests.web.shopbox import ShopBox

SHANGHAI = ZoneInfo("Asia/Shanghai")
HEAD = "小票号,时间,实收,会员号,商品,数量,小计\n"
ROWS = 'A-1,2026-11-22 10:30,1288.00,V-1,足金戒指,1,1288.00\nA-2,2026/11/22 10:40,"2,000.5",,,,\n'


class Folder:
    """A box that looks into a folder."""

    def __init__(self, folder: Path) -> None:
        self.box = ShopBox(folder, now=NOW)
        self.path = folder / "drop"
        self.path.mkdir()
        self.drop = DropFolder(self.path, self.box.till, currency="CNY")

    def put(self, text: str | bytes, name: str = "a.csv") -> Path:
        path = self.path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def look(self) -> int:
        """Look twice: what has not grown in between is complete."""
        self.drop.look()
        return self.drop.look()

    def kept(self) -> list[tuple[str, int]]:
        rows = self.box.db.execute("SELECT number, value FROM receipt ORDER BY number")
        return [(number, value) for number, value in rows]

    def problems(self, name: str = "a.problems.csv") -> list[dict[str, str]]:
        with (self.path / name).open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    def files(self) -> list[str]:
        found = (p.relative_to(self.path) for p in self.path.rglob("*") if p.is_file())
        return sorted(str(path) for path in found)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "gbk"])
def test_a_file_is_taken_in_every_way_of_writing_it(folder: Folder, coding: str) -> None:
    member = folder.box.member("王丽华", external_id="V-1")
    folder.put((HEAD + ROWS).encode(coding))
    assert folder.look() == 1
    assert folder.kept() == [("A-1", 128_800), ("A-2", 200_050)]
    (bought,) = purchases_of(folder.box.db, folder.box.keys, member.subject)
    assert bought.what == ("足金戒指",)
    assert bought.at == datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
    assert folder.files() == ["done/a.csv"]


def test_an_english_file_with_several_lines_a_receipt_is_one_receipt(folder: Folder) -> None:
    head = "receipt number;time;total;type;item;qty;amount\n"
    lines = "A-1;2026-11-22T10:30:00+08:00;30;sale;ring;2;20\nA-1;2026-11-22T10:30:00+08:00;30;"
    folder.put(head + lines + "sale;chain;1;10\nA-2;2026-11-22 10:40;-5;退货;;;\n")
    folder.look()
    rows = folder.box.db.execute("SELECT number, kind, items, value FROM receipt ORDER BY number")
    assert rows.fetchall() == [("A-1", "sale", 3, 3000), ("A-2", "return", None, -500)]


def test_broken_rows_are_named_by_line_and_the_rest_is_taken(folder: Folder) -> None:
    rows = [
        "A-1,2026-11-22 10:30,1288.00,,,,",
        "A-2,tomorrow,5,,,,",
        "A-3,2026-11-22 10:30,1.005,,,,",
        "A-4,2026-11-22 10:30",
        "A-5,2026-11-22 18:00,5,,,,",
        "A 6,2026-11-22 10:30,5,,,,",
        "A-7,2026-11-22 10:30,5,,ring,none,",
        "A-8,2026-11-22 10:30,5,,,,",
    ]
    folder.put(HEAD + "\n".join(rows) + "\n")
    assert folder.look() == 1
    assert [number for number, _ in folder.kept()] == ["A-1", "A-8"]
    assert [(one["line"], one["code"]) for one in folder.problems()] == [
        ("3", "at"),
        ("4", "value"),
        ("5", "cells"),
        ("6", "future"),
        ("7", "number"),
        ("8", "value"),
    ]
    assert folder.files() == ["a.problems.csv", "done/a.csv"]
    assert folder.look() == 0


def test_rows_of_another_shop_are_refused(folder: Folder) -> None:
    folder.put(
        "小票号,时间,实收,门店\nA-1,2026-11-22 10:30,5,nj-002\nA-2,2026-11-22 10:30,5,nj-001\n"
    )
    folder.look()
    assert folder.kept() == [("A-2", 500)]
    assert [one["code"] for one in folder.problems()] == ["other_shop"]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        pytest.param(b"PK\x03\x04workbook", "not_text", id="a workbook"),
        pytest.param("王丽,13800138000\n".encode(), "header", id="no header"),
        pytest.param(HEAD.encode(), "empty", id="no rows"),
    ],
)
def test_a_file_of_which_nothing_can_be_read_stays_until_it_is_written_anew(
    folder: Folder, raw: bytes, code: str
) -> None:
    path = folder.put(raw)
    assert folder.look() == 0
    assert [one["code"] for one in folder.problems()] == [code]
    assert "13800138000" not in (folder.path / "a.problems.csv").read_text("utf-8-sig")
    assert path.exists()
    later = time.time() + 5
    folder.put(HEAD + ROWS)
    os.utime(path, (later, later))
    assert folder.look() == 1


def test_a_file_that_still_grows_is_not_touched(folder: Folder) -> None:
    path = folder.put(HEAD + ROWS)
    assert folder.drop.look() == 0
    with path.open("a", encoding="utf-8") as file:
        file.write("A-3,2026-11-22 10:50,1,,,,\n")
    assert folder.drop.look() == 0
    assert folder.kept() == []
    assert folder.drop.look() == 1
    assert len(folder.kept()) == 3


def test_what_was_cut_off_or_comes_twice_is_kept_once(folder: Folder) -> None:
    text = HEAD + "".join(f"A-{n},2026-11-22 10:30,{n},,,,\n" for n in range(1, 251))
    folder.put(text)
    real, calls = folder.box.till.take, list[int]()

    def dies(receipts: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(receipts)  # type: ignore[arg-type]

    folder.box.till.take = dies  # type: ignore[method-assign, assignment]
    folder.drop.look()
    with pytest.raises(KeyboardInterrupt):
        folder.drop.look()
    assert len(folder.kept()) == 100
    folder.box.till.take = real  # type: ignore[method-assign]
    folder.drop = DropFolder(folder.path, folder.box.till, currency="CNY")
    assert folder.look() == 1
    folder.put(text)
    assert folder.look() == 1
    assert len(folder.kept()) == 250
    (told,) = folder.box.db.execute("SELECT count(*) FROM outbox").fetchone()
    assert told == 250
    assert folder.files() == ["done/a.1.csv", "done/a.csv"]


def test_nothing_from_beyond_the_folder_is_read(folder: Folder, tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text(HEAD + ROWS)
    (folder.path / "link.csv").symlink_to(outside)
    (folder.path / ".hidden.csv").write_text(HEAD + ROWS)
    (folder.path / "notes.txt").write_text("x")
    assert folder.look() == 0
    assert folder.kept() == []


def test_files_of_members_wait_for_the_key_and_for_a_disk_with_room(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    folder.box.root, root = None, folder.box.root
    folder.put(HEAD + ROWS)
    assert folder.look() == folder.look() == 0
    assert len([r for r in caplog.records if "wait" in r.message]) == 1
    assert "V-1" not in caplog.text
    folder.box.root = root
    assert folder.drop.look() == 1


def test_a_folder_that_is_not_there_is_said_once(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    folder.path.rmdir()
    assert folder.look() == folder.look() == 0
    assert [r.message for r in caplog.records if "drop_dir" in r.message] != []
    assert len(caplog.records) == 1


def test_taken_files_go_after_a_week(folder: Folder) -> None:
    folder.put(HEAD + ROWS)
    folder.look()
    (done,) = (folder.path / "done").iterdir()
    old = time.time() - timedelta(days=6, hours=23).total_seconds()
    os.utime(done, (old, old))
    folder.look()
    assert done.exists()
    os.utime(done, (old - 7200, old - 7200))
    folder.look()
    assert not done.exists()


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("1,288.00", "CNY", 128_800),
        ("¥ 5", "CNY", 500),
        ("5000", "JPY", 5000),
        ("1.5", "KWD", 1500),
    ],
)
def test_amounts_are_read_as_people_write_them(text: str, currency: str, minor: int) -> None:
    assert minor_units(text, currency, "total") == minor


@pytest.mark.parametrize("text", ["", "x", "1.001", "NaN", "1e99", "Infinity", "9" * 50, "1-2"])
def test_what_is_no_amount_is_none(text: str) -> None:
    with pytest.raises(BadCell):
        minor_units(text, "CNY", "total")


@pytest.mark.parametrize("text", ["", "x", "2026-13-01 10:00", "0001-01-01 00:00", "10:00"])
def test_what_is_no_time_is_none(text: str) -> None:
    with pytest.raises(BadCell):
        moment(text, SHANGHAI)


def test_amounts_are_shown_as_people_read_them() -> None:
    assert money_text(128_800, "CNY") == "¥1,288.00"
    assert money_text(-5000, "JPY") == "-JPY 5,000"
