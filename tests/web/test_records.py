"""Records become plain JSON, and nothing else slips through."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest

from menkou.web.records import as_json


@dataclass(frozen=True)
class _Inner:
    at: datetime
    day: date


@dataclass(frozen=True)
class _Outer:
    name: str
    inner: tuple[_Inner, ...]
    nothing: None


def test_records_become_objects_and_times_iso_8601() -> None:
    inner = _Inner(datetime(2026, 11, 21, 8, 0, tzinfo=UTC), date(2026, 11, 21))
    assert as_json(_Outer("门口", (inner,), None)) == {
        "name": "门口",
        "inner": [{"at": "2026-11-21T08:00:00+00:00", "day": "2026-11-21"}],
        "nothing": None,
    }


def test_what_has_no_agreed_form_is_refused() -> None:
    with pytest.raises(TypeError, match="got bytes"):
        as_json({"vector": b"\x00"})
