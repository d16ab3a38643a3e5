"""Bookings as texts: from a form, a file, a message."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.core.appointments import Booking
from edge.desk.bookings import Told, Wrong, read_channel, read_told

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=ZONE)
AT = datetime(2026, 11, 22, 15, 0, tzinfo=ZONE)


def read(**texts: str) -> Any:
    return read_told(
        {"id": "7", "external_id": "C-1", "at": "2026-11-22 15:00", **texts}, ZONE, NOW
    )


@pytest.mark.parametrize(
    "texts",
    [
        {"at": "2026-11-22T15:00+08:00"},
        {"at": "2026-11-22T07:00:00Z"},
        {"at": "2026-11-22 15:00"},
        {"at": "2026/11/22 15:00:00"},
        {"at": "2026年11月22日 15时00分"},
        {"at": "2026年11月22日15:00"},
        {"at": "", "date": "2026-11-22", "time": "15:00"},
        {"at": "", "date": "2026/11/22", "time": "15：00"},
        {"at": "", "date": "2026.11.22", "time": "15点"},
    ],
    ids=str,
)
def test_a_time_in_every_way_of_writing_it(texts: dict[str, str]) -> None:
    found = read(**texts)
    assert isinstance(found, Told)
    assert found.booking is not None
    assert found.booking.at == AT


@pytest.mark.parametrize(
    ("texts", "column", "code"),
    [
        ({"id": ""}, "id", "missing"),
        ({"id": "x" * 65}, "id", "long"),
        ({"external_id": ""}, "name", "missing"),
        ({"at": "tomorrow"}, "at", "time"),
        ({"at": "2026-11-22"}, "at", "time"),
        ({"at": "2026-13-40 15:00"}, "at", "time"),
        ({"at": "2026-11-22 25:00"}, "at", "time"),
        ({"at": "2036-11-22 15:00"}, "at", "time_far"),
        ({"at": "2026-11-01 15:00"}, "at", "time_far"),
        ({"at": "0001-01-01T00:00+14:00"}, "at", "time_far"),
        ({"what": "x" * 81}, "what", "long"),
        ({"what": "a\nb"}, "what", "long"),
        ({"phone": "12"}, "phone", "phone"),
        ({"state": "maybe"}, "state", "state"),
    ],
    ids=str,
)
def test_what_cannot_be_read_is_named_by_its_column(
    texts: dict[str, str], column: str, code: str
) -> None:
    assert read(**texts) == (Wrong(column=column, code=code),)


def test_all_that_is_wrong_is_named_at_once() -> None:
    assert {one.column for one in read(id="", at="x", phone="1")} == {"id", "at", "phone"}


@pytest.mark.parametrize("state", ["cancelled", "取消", "已取消", "Canceled"])
def test_of_a_cancelled_booking_the_number_is_enough(state: str) -> None:
    assert read_told({"id": "7", "state": state}, ZONE, NOW) == Told(number="7", booking=None)


def test_somebody_who_is_no_member_has_a_name_or_a_phone_number() -> None:
    found = read(external_id="", name="王女士", phone="138 0013 8000", channel="电话", what="试戴")
    assert found.booking == Booking(
        at=AT, what="试戴", channel="phone", name="王女士", phone="13800138000"
    )
    for personal in ("王", "138", "试戴", "C-1"):
        assert personal not in repr(found) + repr(read())


@pytest.mark.parametrize(
    ("text", "channel"),
    [("app", "app"), ("小程序", "app"), (" WEB ", "web"), ("门店", "shop"), ("美团", "other")],
)
def test_a_channel_that_nobody_knows_is_another_one(text: str, channel: str) -> None:
    assert read_channel(text) == channel


def test_a_booking_needs_an_aware_time() -> None:
    with pytest.raises(ValueError, match="aware"):
        Booking(at=AT.replace(tzinfo=None), channel="app")
    assert timedelta(hours=3) == AT - NOW
