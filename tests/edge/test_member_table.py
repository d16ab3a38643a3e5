"""CSV files of members: every fault at once, and no guessing."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from edge.core.profile import FIELDS
from edge.member_table import COLUMNS, sift_members
from menkou.table import COLUMNS_MAX, FAULTS_SHOWN, Row, TableFault, read_table

TABLE = "name,external_id,birthday\n王丽,C-1,03-08\n李雷,,\n"


def written(tmp_path: Path, content: bytes | str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "members.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def read_members(path: Path) -> list[Mapping[str, str]]:
    return [row.cells for row in read_table(path, COLUMNS)]


def faults(tmp_path: Path, content: bytes | str) -> list[str]:
    with pytest.raises(TableFault) as caught:
        read_members(written(tmp_path, content))
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", ""),
        ("utf-8", "\ufeff"),
        ("gb18030", ""),
        ("gb18030", "\ufeff"),
        ("gbk", ""),
    ],
)
def test_a_table_is_read_as_spreadsheets_write_it(tmp_path: Path, encoding: str, mark: str) -> None:
    rows = read_members(written(tmp_path, mark + TABLE.replace("\n", "\r\n"), encoding))
    assert [dict(row) for row in rows] == [
        {"name": "王丽", "external_id": "C-1", "birthday": "03-08"},
        {"name": "李雷", "external_id": "", "birthday": ""},
    ]


def test_a_rare_character_in_a_name_does_not_make_gb18030_uncertain(tmp_path: Path) -> None:
    table = "name,note\n" + "王丽,喜欢安静地挑选\n" * 3 + "李喆,\n陶镕,\n"
    assert read_members(written(tmp_path, table, "gb18030"))[-1]["name"] == "陶镕"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param("name\nRené\nZoë\n".encode("latin-1"), "neither", id="Latin-1"),
        pytest.param(
            "name\nBélanger\nPrévost\nSéguin\n".encode("latin-1"),
            "neither",
            id="Latin-1 that can be read as GB18030",
        ),
        pytest.param(TABLE.encode("utf-16"), 'got UTF-16, which Excel calls "Unicode', id="UTF-16"),
        pytest.param(b"PK\x03\x04\x14\x00", "got a workbook (.xlsx)", id="a workbook"),
        pytest.param(b"\x89PNG\r\n\x1a\n\xff\xff", "neither", id="a picture"),
    ],
)
def test_an_encoding_that_is_uncertain_is_refused(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    assert reason in faults(tmp_path, content)[0]


def test_every_fault_is_named_with_its_line_and_no_cell_is_repeated(tmp_path: Path) -> None:
    table = (
        "name,external_id,birthday,tear\n王丽,C-1,03-08,gold\n,C-2,,\n李雷,c-1 ,13-40,\n韩梅,C-3\n"
    )
    found = faults(tmp_path, table)
    assert found[0] == "nothing was imported:"
    assert [line.removeprefix("members.csv: ").split(";")[0][:34] for line in found[1:]] == [
        "line 1: column 4: not a known name",
        "line 3: name: expected a name, got",
        "line 4: birthday: expected a month",
        "line 4: external_id: expected one ",
        "line 5: expected 4 columns, got 2",
    ]
    assert "did you mean tier?" in found[1]
    assert not any(cell in "".join(found) for cell in ("李雷", "13-40", "王丽"))


def test_a_table_without_a_header_repeats_no_name(tmp_path: Path) -> None:
    found = faults(tmp_path, "王丽,C-1\n李雷,C-2\n")
    assert "expected a column called name" in found[-1]
    assert "王丽" not in "".join(found)


@pytest.mark.parametrize("content", ["", "name\n", "name,tier\n,\n"])
def test_a_table_without_rows_is_a_fault(tmp_path: Path, content: str) -> None:
    assert len(faults(tmp_path, content)) == 2


def test_a_quote_that_never_ends_is_a_fault(tmp_path: Path) -> None:
    assert "expected CSV" in faults(tmp_path, 'name,note\n王丽,"never\n')[-1]


def test_a_cell_of_several_lines_is_one_cell(tmp_path: Path) -> None:
    rows = read_members(written(tmp_path, 'name,note\n王丽,"one\ntwo"\n'))
    assert rows[0]["note"] == "one\ntwo"


def test_very_many_faults_are_cut_and_counted(tmp_path: Path) -> None:
    found = faults(tmp_path, "name,birthday\n" + "王丽,99-99\n" * (FAULTS_SHOWN + 5))
    assert found[-1] == "members.csv: and 5 more"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableFault, match=r"absent\.csv: cannot be read"):
        read_members(tmp_path / "absent.csv")


def test_every_field_of_a_profile_may_be_a_column(tmp_path: Path) -> None:
    cells = dict.fromkeys(FIELDS, "x") | {
        "birthday": "03-08",
        "appointment_at": "2026-11-21T15:00+08:00",
        "last_purchase_on": "2026-05-01",
        "last_visit_on": "2026-05-01",
        "phone": "13800138000",
    }
    table = ",".join(cells) + "\n" + ",".join(cells.values()) + "\n"
    assert dict(read_members(written(tmp_path, table))[0]) == cells


HEADERS = (
    "name,external_id,phone,birthday",
    "姓名,会员号,手机,生日",
    "Full Name,Member Number,Mobile,Birth-Day",
    "姓名 ,ＥＸＴＥＲＮＡＬ＿ＩＤ,电话号码,birthday",
)


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_columns_are_named_in_chinese_or_english(header: str, encoding: str) -> None:
    (row,) = sift_members(f"{header}\n王丽,C-1,138 0013 8000,03-08\n".encode(encoding)).rows
    assert isinstance(row, Row)
    assert dict(row.cells) == {
        "name": "王丽",
        "external_id": "C-1",
        "phone": "138 0013 8000",
        "birthday": "03-08",
    }


def test_the_sound_rows_are_taken_and_each_broken_one_is_named() -> None:
    table = (
        "姓名,会员号,生日\n王丽,C-1,03-08\n,C-2,\n李雷,c-1 ,\n韩梅,C-3,13-40\n赵云,C-4\n"
        '张飞,C-5,\n"<script>alert(1)</script>",C-6,\n刘\u202e备,C-7,\n孙权,C-8,"never\n'
    )
    found = list(sift_members(table.encode()).rows)
    assert [row.cells["external_id"] for row in found if isinstance(row, Row)] == [
        *("C-1", "C-5", "C-6")
    ]
    broken = [fault for row in found if not isinstance(row, Row) for fault in row]
    assert [(fault.line, fault.code, fault.column) for fault in broken] == [
        (3, "value", "name"),
        (4, "twice", "external_id"),
        (5, "value", "birthday"),
        (6, "cells", ""),
        (9, "value", "name"),
        (10, "csv", ""),
    ]
    assert not any(cell in str(broken) for cell in ("李雷", "13-40", "备"))


HARSH: tuple[tuple[bytes, str], ...] = (
    (b"name,name\nA,B\n", "double"),
    ("姓名,name\nA,B\n".encode(), "double"),
    (b"name," + b"x," * 1_000_000 + b"\n", "columns"),
    (b"n" * 5_000_000 + b"\nA\n", "csv"),
    (b"PK\x03\x04" + b"\0" * 1000, "encoding"),
    (b"\x1f\x8b\x08" + bytes(range(256)) * 9, "encoding"),
    (b"name;tier\nA;B\n", "separator"),
    (b"name\n\n\n", "empty"),
    (b"tier\nA\n", "missing"),
    (b"", "missing"),
)


@pytest.mark.parametrize(("raw", "code"), HARSH, ids=range(len(HARSH)))
def test_what_is_no_table_is_refused_at_once(raw: bytes, code: str) -> None:
    with pytest.raises(TableFault) as caught:
        sift_members(raw)
    assert caught.value.faults[0].code == code
    assert len(str(caught.value)) < 2000


def test_a_header_may_have_as_many_columns_as_any_table_of_people() -> None:
    header = ",".join(["name", *(f"c{n}" for n in range(COLUMNS_MAX - 1))])
    with pytest.raises(TableFault) as caught:
        sift_members(f"{header}\n".encode())
    assert {fault.code for fault in caught.value.faults} == {"unknown"}
