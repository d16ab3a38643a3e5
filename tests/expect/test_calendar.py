"""The calendar: which days are not ordinary, and what is said of a file that cannot be used."""

from datetime import date
from pathlib import Path

import pytest

from cloud.expect.calendar import CalendarFault, read_calendar


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (date(2026, 2, 17), "spring_festival+0"),
        (date(2025, 1, 29), "spring_festival+0"),
        (date(2026, 2, 28), "work"),
        (date(2026, 2, 14), "work"),
        (date(2026, 10, 7), "national_day+6"),
        (date(2026, 9, 30), "national_day-1"),
        (date(2026, 10, 10), "work"),
        (date(2025, 11, 11), "singles_day+0"),
        (date(2026, 11, 21), ""),
        (date(2027, 2, 6), "spring_festival+0"),
    ],
)
def test_a_day_of_china_has_its_name(day: date, name: str) -> None:
    assert read_calendar().name(day) == name


def test_a_weekend_day_that_is_worked_is_not_free() -> None:
    calendar = read_calendar()
    assert date(2026, 10, 10) not in calendar.free
    assert date(2026, 10, 5) in calendar.free
    assert date(2026, 9, 30) not in calendar.free


def test_each_holiday_of_china_is_there_in_each_year() -> None:
    named = read_calendar().named
    for year in (2024, 2025, 2026, 2027):
        held = {name.rpartition("+")[0] for day, name in named.items() if day.year == year}
        wanted = {"new_year", "spring_festival", "qingming", "labour_day", "national_day"}
        assert wanted | {"dragon_boat", "singles_day"} <= held, year


def test_another_country_s_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sg.toml"
    path.write_text('[[holiday]]\nname = "deepavali"\nfirst = 2026-11-08\nlast = 2026-11-08\n')
    calendar = read_calendar(path)
    assert calendar.name(date(2026, 11, 8)) == "deepavali+0"
    assert calendar.name(date(2026, 10, 1)) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("x = ", "in TOML", id="no TOML"),
        pytest.param("x = 1", "[[holiday]] and nothing else", id="something else"),
        pytest.param('[[holiday]]\nname = "a"', "first: is missing", id="no first"),
        pytest.param(
            '[[holiday]]\nname = "a"\nfirst = 2026-10-07\nlast = 2026-10-01',
            "expected up to 31 days from 2026-10-07",
            id="backwards",
        ),
        pytest.param(
            '[[holiday]]\nname = "a b"\nfirst = 2026-10-01\nlast = 2026-10-01\nbefore = 99\nkind=1',
            "kind: expected one of",
            id="unknown key",
        ),
    ],
)
def test_a_file_that_cannot_be_used_says_what_is_wrong(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "holidays.toml"
    path.write_text(text)
    with pytest.raises(CalendarFault, match=r"holidays\.toml") as caught:
        read_calendar(path)
    assert said in str(caught.value)


def test_every_fault_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "holidays.toml"
    path.write_text('[[holiday]]\nname = "a b"\nfirst = 1\nlast = 2026-10-01\nbefore = 99\n')
    with pytest.raises(CalendarFault) as caught:
        read_calendar(path)
    assert len(str(caught.value).splitlines()) == 3
