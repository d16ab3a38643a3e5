"""Reads bookings from texts, alike for a form, a row of a file and a signed message. Pure.

Used by `edge.desk.appointments`. What is wrong is a list of codes by field: the pages have the
words (`table.fault_...`), and no text is repeated.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from edge.core.appointments import AHEAD_MAX, CHANNELS, Booking, Channel
from edge.core.profile import plain_id
from edge.core.queue import phone_number
from edge.desk.tables import Columns

TEXT_MAX: Final = 80
NUMBER_MAX: Final = 64
_BEHIND_MAX: Final = timedelta(days=7)
"""Older ones would be forgotten at once."""
_DAY: Final = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")
_CLOCK: Final = re.compile(r"(\d{1,2})[:：时点](\d{2})?(?::\d{2})?分?")
_CANCELLED: Final = frozenset({"cancelled", "canceled", "取消", "已取消"})
_BOOKED: Final = frozenset(
    {"", "booked", "expected", "confirmed", "预约", "已预约", "已确认", "待到店"}
)
_SAID: Final[Mapping[str, Channel]] = {
    "小程序": "app",
    "手机应用": "app",
    "网站": "web",
    "官网": "web",
    "网页": "web",
    "电话": "phone",
    "来电": "phone",
    "门店": "shop",
    "店内": "shop",
    "到店": "shop",
    "其他": "other",
}
COLUMNS: Final = Columns(
    names={
        "id": ("预约号", "预约编号", "booking", "booking id"),
        "external_id": ("会员号", "会员编号", "member", "member number"),
        "at": ("预约时间", "到店时间", "start", "date time"),
        "date": ("日期", "预约日期"),
        "time": ("时间", "时刻"),
        "what": ("项目", "预约项目", "服务", "service", "subject"),
        "channel": ("渠道", "预约渠道", "source"),
        "consultant": ("导购", "顾问", "staff"),
        "name": ("姓名", "顾客", "顾客姓名", "guest"),
        "phone": ("手机号", "电话", "手机", "telephone"),
        "state": ("状态", "预约状态", "status"),
    },
    needed=("id",),
)
"""A day's list as booking systems export it; `at`, or `date` and `time`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a booking system says of one of its bookings; `booking` None: it is cancelled."""

    number: str = field(repr=False)
    external_id: str = field(default="", repr=False)
    booking: Booking | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """A field that cannot be read, and why: `missing`, `time`, `time_far`, `long`, `state`,
    `phone`.
    """

    column: str
    code: str


def read_told(texts: Mapping[str, str], zone: ZoneInfo, now: datetime) -> Told | tuple[Wrong, ...]:
    """Return what is told of a booking, or all that is wrong with it.

    Args:
        texts: by column of `COLUMNS`; those not there are empty.
        zone: the shop's, of times without an offset.
        now: the moment: a booking is within a week before it and `AHEAD_MAX` after.
    """
    cells = {name: texts.get(name, "").strip() for name in COLUMNS.names}
    state = plain_id(cells["state"])
    number_wrong = _text_flaw("id", cells["id"], NUMBER_MAX)
    if not cells["id"]:
        number_wrong = Wrong(column="id", code="missing")
    if state in _CANCELLED:
        if number_wrong:
            return (number_wrong,)
        return Told(number=cells["id"], external_id=cells["external_id"], booking=None)
    wrong = [number_wrong, _text_flaw("external_id", cells["external_id"], NUMBER_MAX)]
    if state not in _BOOKED:
        wrong.append(Wrong(column="state", code="state"))
    if not (cells["external_id"] or cells["name"] or cells["phone"]):
        wrong.append(Wrong(column="name", code="missing"))
    read = read_booking(cells, zone, now)
    if isinstance(read, tuple):
        wrong += read
    found = tuple(one for one in wrong if one is not None)
    if found or isinstance(read, tuple):
        return found
    return Told(number=cells["id"], external_id=cells["external_id"], booking=read)


def read_booking(
    texts: Mapping[str, str], zone: ZoneInfo, now: datetime
) -> Booking | tuple[Wrong, ...]:
    """Return what is booked, or all that is wrong with it; see `read_told`."""
    words = {name: texts.get(name, "").strip() for name in ("what", "consultant", "name")}
    wrong = [flaw for name, text in words.items() if (flaw := _text_flaw(name, text, TEXT_MAX))]
    phone, typed = None, texts.get("phone", "").strip()
    if typed and (phone := phone_number(typed)) is None:
        wrong.append(Wrong(column="phone", code="phone"))
    at = read_moment(texts, zone)
    if at is None:
        wrong.append(Wrong(column="at", code="time"))
    elif not now - _BEHIND_MAX <= at <= now + AHEAD_MAX:
        wrong.append(Wrong(column="at", code="time_far"))
    if wrong or at is None:
        return tuple(wrong)
    return Booking(
        at=at, channel=read_channel(texts.get("channel", "")), phone=phone or "", **words
    )


def read_channel(text: str) -> Channel:
    """Return a channel by its word in any language; one that is not known is `other`."""
    plain = plain_id(text)
    found = next((one for one in CHANNELS if one == plain), None)
    return found or _SAID.get(plain, "other")


def read_moment(texts: Mapping[str, str], zone: ZoneInfo) -> datetime | None:
    """Return the moment of `at`, else of `date` and `time`, in the zone unless it says another."""
    text = texts.get("at", "").strip()
    if text:
        try:
            moment = datetime.fromisoformat(text)
            if len(text) > len("2026-11-22"):
                return moment if moment.tzinfo else moment.replace(tzinfo=zone)
        except ValueError:
            moment = None
        day = _DAY.match(text)
        return _joined(day, _CLOCK.fullmatch(text[day.end() :].strip()), zone) if day else None
    day = _DAY.fullmatch(texts.get("date", "").strip())
    return _joined(day, _CLOCK.fullmatch(texts.get("time", "").strip()), zone)


def _joined(
    day: re.Match[str] | None, clock: re.Match[str] | None, zone: ZoneInfo
) -> datetime | None:
    if day is None or clock is None:
        return None
    try:
        on = date(int(day[1]), int(day[2]), int(day[3]))
        return datetime.combine(on, time(int(clock[1]), int(clock[2] or 0)), tzinfo=zone)
    except ValueError:
        return None


def _text_flaw(column: str, text: str, longest: int) -> Wrong | None:
    return (
        None if len(text) <= longest and text.isprintable() else Wrong(column=column, code="long")
    )
