"""Why a member who has just come in matters now."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.core.greeting import LastVisit, Reason, why_now
from edge.core.profile import Profile

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 21, 16, 25, tzinfo=SHANGHAI)
HERE = LastVisit(on=date(2026, 11, 1), shop=None)


def _reasons(
    last_visit: LastVisit | None = HERE,
    been_here: bool = True,
    now: datetime = NOW,
    **profile: Any,
) -> tuple[Reason, ...]:
    known = Profile(name="王丽华", **profile)
    return why_now(known, now=now, last_visit=last_visit, been_here=been_here)


def test_the_most_pressing_reason_comes_first() -> None:
    found = _reasons(
        last_visit=LastVisit(on=date(2025, 11, 21), shop="sz-001"),
        been_here=False,
        appointment_at=NOW + timedelta(hours=1),
        repair_ready="watch",
        birthday="11-28",
        last_purchase="ring",
    )
    assert [reason.code for reason in found] == [
        "appointment",
        "repair_ready",
        "birthday",
        "long_away",
        "first_here",
        "last_purchase",
    ]


def test_who_is_known_for_nothing_has_no_reason() -> None:
    assert _reasons() == ()


@pytest.mark.parametrize(
    ("at", "today"),
    [
        pytest.param(datetime(2026, 11, 20, 16, 0, tzinfo=ZoneInfo("UTC")), True, id="00:00 here"),
        pytest.param(datetime(2026, 11, 21, 15, 59, tzinfo=ZoneInfo("UTC")), True, id="23:59 here"),
        pytest.param(datetime(2026, 11, 20, 15, 59, tzinfo=ZoneInfo("UTC")), False, id="yesterday"),
        pytest.param(datetime(2026, 11, 21, 16, 0, tzinfo=ZoneInfo("UTC")), False, id="tomorrow"),
    ],
)
def test_an_appointment_matters_on_the_shops_own_day(at: datetime, today: bool) -> None:
    found = _reasons(appointment_at=at, appointment_what="fitting")
    assert [(r.code, r.what) for r in found] == ([("appointment", "fitting")] if today else [])
    if today:
        assert found[0].at is not None
        assert found[0].at.tzinfo is SHANGHAI


@pytest.mark.parametrize(
    ("birthday", "today", "said"),
    [
        pytest.param("11-21", NOW, ("birthday_today", None, 0), id="today"),
        pytest.param("11-22", NOW, ("birthday", date(2026, 11, 22), 1), id="tomorrow"),
        pytest.param("11-28", NOW, ("birthday", date(2026, 11, 28), 7), id="in a week"),
        pytest.param("11-29", NOW, None, id="later"),
        pytest.param("11-20", NOW, None, id="yesterday"),
        pytest.param(
            "01-02",
            NOW.replace(month=12, day=30),
            ("birthday", date(2027, 1, 2), 3),
            id="across the year",
        ),
        pytest.param(
            "02-29",
            NOW.replace(year=2027, month=2, day=28),
            ("birthday_today", None, 0),
            id="29 February in a common year",
        ),
        pytest.param(
            "02-29",
            NOW.replace(year=2028, month=2, day=28),
            ("birthday", date(2028, 2, 29), 1),
            id="29 February in a leap year",
        ),
    ],
)
def test_a_birthday_matters_for_a_week(
    birthday: str, today: datetime, said: tuple[str, date | None, int] | None
) -> None:
    reasons = _reasons(last_visit=None, now=today, birthday=birthday)
    found = [(r.code, r.on, r.days) for r in reasons]
    assert found == ([said] if said else [])


@pytest.mark.parametrize(
    ("on", "months"),
    [
        pytest.param(date(2025, 11, 21), 12, id="a year to the day"),
        pytest.param(date(2025, 11, 22), None, id="a day less"),
        pytest.param(date(2024, 8, 30), 26, id="more than two years"),
    ],
)
def test_a_long_absence_is_told_in_whole_months(on: date, months: int | None) -> None:
    found = _reasons(last_visit=LastVisit(on=on, shop="sz-001"))
    assert [(r.code, r.months) for r in found] == ([("long_away", months)] if months else [])


def test_a_purchase_may_have_no_date() -> None:
    assert _reasons(last_purchase="ring") == (Reason(code="last_purchase", what="ring"),)
