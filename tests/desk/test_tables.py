"""CSV files as other systems write them: the sound rows are taken, the others are named by line."""

import pytest

from edge.desk.tables import Columns, Fault, TableUnreadable, read_table

COLUMNS = Columns(
    names={"id": ("预约号",), "at": ("时间", "date time"), "what": ("项目",)}, needed=("id", "at")
)
TEXT = "预约号,时间,项目\n1,15:00,取戒指\n2,16:00,洗首饰\n"


def _read(text: str | bytes) -> list[tuple[int, dict[str, str]]]:
    raw = text.encode() if isinstance(text, str) else text
    return [(row.line, dict(row.cells)) for row in read_table(raw, COLUMNS).rows]


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(TEXT.encode(), id="UTF-8"),
        pytest.param(TEXT.encode("utf-8-sig"), id="UTF-8 with a byte order mark"),
        pytest.param(TEXT.encode("gbk"), id="GBK"),
        pytest.param(TEXT.replace("\n", "\r\n").encode("gbk"), id="GBK of Windows"),
        pytest.param(TEXT.replace(",", ";").encode(), id="semicolons"),
        pytest.param(TEXT.replace(",", "\t").encode(), id="tabs"),
        pytest.param(TEXT.replace("预约号,时间", " ID ,Date Time").encode(), id="English"),
        pytest.param(TEXT.replace("预约号,时间", "ＩＤ,时间").encode(), id="full width"),
    ],
)
def test_one_table_in_every_way_of_writing_it(raw: bytes) -> None:
    assert _read(raw) == [
        (2, {"id": "1", "at": "15:00", "what": "取戒指"}),
        (3, {"id": "2", "at": "16:00", "what": "洗首饰"}),
    ]


def test_columns_that_nobody_asks_for_and_empty_rows_are_passed_over() -> None:
    text = '门店,id,at\n南京,7," 15:00 "\n,,\n\n南京,8,16:00\n'
    assert _read(text) == [(2, {"id": "7", "at": "15:00"}), (5, {"id": "8", "at": "16:00"})]


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        pytest.param("2,16:00", "cells", id="a cell is missing"),
        pytest.param("2,16:00,a,b", "cells", id="a cell too many"),
        pytest.param('2,"16:00,x', "quotes", id="a quote that is never closed"),
        pytest.param('2,"16:00"x,y', "quotes", id="text behind a quote"),
    ],
)
def test_a_broken_row_is_reported_and_the_rest_is_taken(broken: str, code: str) -> None:
    table = read_table(
        f'id,at,what\n1,15:00,a\n{broken}\n3,17:00,"c"\n4,18:00,d\n'.encode(), COLUMNS
    )
    assert table.faults == (Fault(line=3, code=code),)
    assert [row.cells["id"] for row in table.rows] == ["1", "3", "4"]


def test_a_cell_may_have_lines_and_quotes_in_it() -> None:
    text = 'id,at,what\n1,15:00,"取 ""福"" 字\n金戒指"\n2,16:00,b\n'
    assert [cells["what"] for _, cells in _read(text)] == ['取 "福" 字\n金戒指', "b"]


@pytest.mark.parametrize(
    ("raw", "code", "missing"),
    [
        pytest.param(b"PK\x03\x04rest", "not_text", (), id="a workbook"),
        pytest.param("id,at".encode("utf-16"), "not_text", (), id="UTF-16"),
        pytest.param(b"", "header", ("id", "at"), id="nothing"),
        pytest.param("王丽,13800138000\n".encode(), "header", ("id", "at"), id="no header"),
        pytest.param(b"id,what\n1,x\n", "header", ("at",), id="no time"),
        pytest.param(b"id,at\n,\n", "empty", (), id="no row"),
    ],
)
def test_what_is_no_such_table_is_refused_and_why(
    raw: bytes, code: str, missing: tuple[str, ...]
) -> None:
    with pytest.raises(TableUnreadable) as caught:
        read_table(raw, COLUMNS)
    assert (caught.value.code, caught.value.columns) == (code, missing)
    assert "王丽" not in str(caught.value)
