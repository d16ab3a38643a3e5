"""Which mode may run: whatever is missing leads to `count` (DESIGN section 2)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.config import EdgeConfig, load
from edge.modes import MEANING, ModeStatus, declaration_ends, declared, judge

BASE = (
    '[store]\nid = "nj-001"\nname = "南京东路店"\ntimezone = "Asia/Shanghai"\n'
    '[box]\nid = "nj-001-a"\ndata_dir = "data"\n'
    '[privacy]\nmode = "MODE"\nkey = "KEY"\n[dedup]\nwho = "WHO"\n'
)
DECLARATION = (
    '[declaration]\njurisdiction = "CN"\ncontroller = "Example Jewellery Co."\n'
    'contact = "privacy@example.com"\nassessment = "PIA-2026-014"\n'
    'signage_attested_by = "Shop manager"\nsignage_attested_on = 2026-11-01\n'
    'expires = 2027-11-01\naccept_file_key = ACCEPT\nbasis_everybody = "BASIS"\n'
)
DAY = datetime(2026, 11, 21, 4, tzinfo=UTC)


def shop(
    folder: Path,
    *,
    mode: str = "entrance",
    key: str = "file",
    who: str = "members",
    accept: str = "true",
    basis: str = "",
    declaration: bool = True,
) -> EdgeConfig:
    text = BASE.replace("MODE", mode).replace("KEY", key).replace("WHO", who)
    if declaration:
        text += DECLARATION.replace("ACCEPT", accept).replace("BASIS", basis)
    path = folder / "edge.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def judged(config: EdgeConfig, **changes: Any) -> ModeStatus:
    fine: dict[str, Any] = {"now": DAY, "clock": "ok", "faces_off": False, "key": True}
    return judge(config, **{**fine, **changes})


@pytest.mark.parametrize("mode", ["checkin", "entrance"])
def test_a_declared_mode_runs(tmp_path: Path, mode: str) -> None:
    status = judged(shop(tmp_path, mode=mode))
    assert (status.mode, status.why, status.everybody) == (mode, (), False)


def test_count_needs_nothing(tmp_path: Path) -> None:
    status = judged(shop(tmp_path, mode="count", declaration=False), key=False, clock="suspect")
    assert (status.mode, status.why) == ("count", ())


@pytest.mark.parametrize(
    ("settings", "moment", "why"),
    [
        ({"declaration": False, "key": "tpm"}, {}, "declaration_missing"),
        ({}, {"now": datetime(2027, 11, 1, 16, tzinfo=UTC)}, "declaration_expired"),
        ({"accept": "false"}, {}, "file_key_not_accepted"),
        ({"key": "tpm"}, {"key": False}, "key_missing"),
        ({}, {"clock": "suspect"}, "clock_suspect"),
        ({}, {"faces_off": True}, "faces_off"),
        ({}, {"models": False}, "models_missing"),
    ],
)
def test_whatever_is_missing_lowers_the_mode_and_says_why(
    tmp_path: Path, settings: dict[str, Any], moment: dict[str, Any], why: str
) -> None:
    status = judged(shop(tmp_path, **settings), **moment)
    assert (status.mode, status.wanted, status.why) == ("count", "entrance", (why,))
    assert why in MEANING


def test_the_declaration_holds_to_the_end_of_its_last_day_in_the_shop(tmp_path: Path) -> None:
    config = shop(tmp_path)
    ends = declaration_ends(config)
    assert ends == datetime(2027, 11, 1, 16, tzinfo=UTC)  # midnight in Shanghai
    assert judged(config, now=ends - timedelta(seconds=1)).mode == "entrance"
    assert judged(config, now=ends).mode == "count"


def test_several_reasons_are_all_told(tmp_path: Path) -> None:
    status = judged(shop(tmp_path, accept="false"), faces_off=True, clock="suspect")
    assert status.why == ("file_key_not_accepted", "faces_off", "clock_suspect")


def test_a_key_that_was_put_away_on_purpose_is_not_called_missing(tmp_path: Path) -> None:
    config = shop(tmp_path)
    assert judged(config, faces_off=True, key=False).why == ("faces_off",)
    late = datetime(2028, 1, 1, tzinfo=UTC)
    assert judged(config, now=late, key=False).why == ("declaration_expired",)


def test_everybody_is_remembered_only_with_its_own_basis(tmp_path: Path) -> None:
    without = judged(shop(tmp_path, who="everybody"))
    assert (without.mode, without.everybody) == ("entrance", False)
    assert without.why == ("everybody_without_basis",)
    blank = judged(shop(tmp_path, who="everybody", basis="  "))
    assert not blank.everybody
    named = shop(tmp_path, who="everybody", basis="demo: one actress, who agreed")
    assert judged(named).everybody
    assert not judged(named, faces_off=True).everybody


def test_the_settings_alone_say_what_is_declared(tmp_path: Path) -> None:
    assert declared(shop(tmp_path), DAY).mode == "entrance"
    assert declared(shop(tmp_path, key="tpm"), DAY).mode == "entrance"
