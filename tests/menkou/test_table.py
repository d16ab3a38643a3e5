"""CSV files that are nearly right: the fault says what they are and how to save them."""

from pathlib import Path

import pytest

from menkou.table import Columns, Row, TableFault, read_table

COLUMNS = Columns(
    known=("id", "name", "note"),
    needed=("id", "name"),
    key="id",
    plain=str.casefold,
    check=lambda cells: (cells, () if cells["name"] else ("name: expected one, got none",)),
)


def written(folder: Path, content: bytes) -> Path:
    path = folder / "people.csv"
    path.write_bytes(content)
    return path


def faults(folder: Path, content: bytes) -> list[str]:
    with pytest.raises(TableFault) as caught:
        read_table(written(folder, content), COLUMNS)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("separator", "name"),
    [(";", "semicolons"), ("\t", "tabs"), ("，", "full-width commas"), ("|", "vertical bars")],
)
@pytest.mark.parametrize("quote", ["", '"'])
def test_another_separator_than_a_comma_is_named_with_a_way_out(
    tmp_path: Path, separator: str, name: str, quote: str
) -> None:
    rows = [["id", "name"], ["1", "王丽"]]
    text = "\r\n".join(separator.join(f"{quote}{c}{quote}" for c in row) for row in rows)
    found = faults(tmp_path, text.encode())
    assert len(found) == 2, "and nothing that only follows from it"
    assert f"line 1: expected commas between the columns, got {name}" in found[1]
    assert 'save it as "CSV UTF-8 (comma delimited)" in Excel or WPS' in found[1]
    assert "王丽" not in found[1]


def test_semicolons_inside_of_cells_are_nobodys_business(tmp_path: Path) -> None:
    rows = read_table(written(tmp_path, b"id,name,note\n1,Li,a;b;c\n"), COLUMNS)
    assert rows == [Row(line=2, cells={"id": "1", "name": "Li", "note": "a;b;c"})]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("id,name\n1,Li\n".encode("utf-16"), 'UTF-16, which Excel calls "Unicode Text"'),
        ("\ufeffid\tname\n".encode("utf-16-be"), "UTF-16"),
        (b"PK\x03\x04rest", "a workbook (.xlsx)"),
        (b"\xd0\xcf\x11\xe0rest", "a workbook (.xls)"),
    ],
)
def test_a_file_of_another_kind_is_told_by_name(tmp_path: Path, content: bytes, what: str) -> None:
    (found,) = faults(tmp_path, content)
    assert found.startswith(f"people.csv: expected CSV in UTF-8, got {what}")
    assert "save it as" in found


def test_a_file_in_gbk_is_read(tmp_path: Path) -> None:
    rows = read_table(written(tmp_path, "id,name\n1,王丽\n".encode("gbk")), COLUMNS)
    assert rows[0].cells["name"] == "王丽"


def test_a_row_shows_nobody(tmp_path: Path) -> None:
    (row,) = read_table(written(tmp_path, "id,name\n1,王丽\n".encode()), COLUMNS)
    assert "王丽" not in repr(row)


def test_a_key_stands_once_however_it_is_written(tmp_path: Path) -> None:
    found = faults(tmp_path, b"id,name\na,x\nb,x\nA,x\n,x\n,x\n")
    assert found[1:] == ["people.csv: line 4: id: expected one of its own, got line 2's"]
