"""What head office lays over a box's settings: lowered at most, whatever is desired."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.app.common import ready_store, settings_in_force
from edge.core.sources import USUAL
from edge.desired import CannotLay, laid, laid_as_far, laid_over, same_for_the_eyes
from edge.store.database import transaction
from edge.store.orders import keep_wish
from edge.wire.orders import ConfigOrder
from tests.edge.test_modes import judged, shop
from tests.support.days import BEGAN

NOTHING: dict[str, Any] = {
    **dict.fromkeys(("name", "hours", "mode_at_most", "window_s_at_most")),
    **dict.fromkeys(("since", "who", "wifi")),
}


def wish(**desired: Any) -> ConfigOrder:
    return ConfigOrder(**{"version": 1795329240123, **NOTHING, **desired})


def test_nothing_desired_changes_nothing(tmp_path: Path) -> None:
    config = shop(tmp_path)
    assert laid_over(config, None) == laid_over(config, wish()) == config
    assert laid(None) == laid(wish()) == ()


@pytest.mark.parametrize(
    ("own", "most", "runs", "why"),
    [
        ("entrance", "count", "count", ("head_office",)),
        ("entrance", "checkin", "checkin", ("head_office",)),
        ("entrance", "entrance", "entrance", ()),
        ("checkin", "entrance", "checkin", ()),
        ("checkin", "checkin", "checkin", ()),
        ("count", "entrance", "count", ()),
        ("count", "count", "count", ()),
    ],
)
def test_the_lower_mode_runs(
    tmp_path: Path, own: str, most: str, runs: str, why: tuple[str, ...]
) -> None:
    status = judged(laid_over(shop(tmp_path, mode=own), wish(mode_at_most=most)))
    assert (status.mode, status.wanted, status.why) == (runs, own, why)


def test_a_lowered_mode_still_needs_all_that_it_needs(tmp_path: Path) -> None:
    config = laid_over(shop(tmp_path), wish(mode_at_most="checkin"))
    assert judged(config, key=False).mode == "count"
    assert judged(config, key=False).why == ("key_missing", "head_office")
    counting = laid_over(shop(tmp_path), wish(mode_at_most="count"))
    assert judged(counting, key=False).why == ("head_office",), "its key is put away on purpose"


def test_strangers_are_forgotten_and_never_remembered_by_head_office(tmp_path: Path) -> None:
    config = shop(tmp_path, who="everybody", basis="a basis")
    assert judged(config).everybody
    assert not judged(laid_over(config, wish(who="members"))).everybody


@pytest.mark.parametrize(("desired_s", "window_s"), [(3600, 3600), (86_400, 10_800)])
def test_the_shorter_window_holds(tmp_path: Path, desired_s: int, window_s: int) -> None:
    config = laid_over(shop(tmp_path), wish(window_s_at_most=desired_s, since="first_seen"))
    assert config.dedup.window == timedelta(seconds=window_s)
    assert config.dedup.since == "first_seen"


def test_hours_and_name_are_head_offices_to_say(tmp_path: Path) -> None:
    config = laid_over(shop(tmp_path), wish(name="外滩店", hours={"mon": ("18:00", "02:00")}))
    assert config.store.name == "外滩店"
    assert config.hours is not None
    assert list(config.hours.by_weekday) == [0]
    assert laid(wish(name="外滩店", hours={"mon": ("18:00", "02:00")})) == ("name", "hours")


def test_a_night_that_runs_into_the_morning_is_refused_with_its_reason(tmp_path: Path) -> None:
    night = {"mon": ("18:00", "10:00"), "tue": ("09:00", "20:00")}
    with pytest.raises(CannotLay) as caught:
        laid_over(shop(tmp_path), wish(hours=night))
    assert caught.value.code == "hours"


def test_a_new_name_does_not_make_the_eyes_begin_anew_and_other_hours_do(tmp_path: Path) -> None:
    config = shop(tmp_path)
    assert same_for_the_eyes(config, laid_over(config, wish(name="外滩店", wifi="off")))
    for change in ({"hours": {"mon": ("10:00", "22:00")}}, {"mode_at_most": "count"}):
        assert not same_for_the_eyes(config, laid_over(config, wish(**change)))


def test_the_list_of_head_office_stands_for_the_boxs_own(tmp_path: Path) -> None:
    config = shop(tmp_path)
    assert (config.channels, config.channels_fixed) == (USUAL, False)
    advert = {"id": "n-11", "zh": "十一月", "en": "November", "active": False}
    one = {"id": "note", "zh": "小红书", "en": "Notes", "active": True, "adverts": [advert]}
    theirs = laid_over(config, wish(channels=[one]))
    (channel,) = theirs.channels
    assert (channel.id, channel.zh, channel.adverts[0].id) == ("note", "小红书", "n-11")
    assert (theirs.channels_fixed, channel.asked) == (True, ())
    assert same_for_the_eyes(config, theirs)
    assert laid(wish(channels=[one])) == ("channels",)


@pytest.mark.parametrize("key", ["mode_at_most", "base", "channels_fixed"])
def test_what_is_laid_over_cannot_be_written_into_the_boxs_own_file(
    tmp_path: Path, key: str
) -> None:
    from edge.config import load
    from menkou.settings import SettingsFault

    path = tmp_path / "edge.toml"
    shop(tmp_path)
    path.write_text(f'{key} = "count"\n' + path.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(SettingsFault, match=f"{key}: unknown key"):
        load(path)


def test_of_a_wish_whose_hours_cannot_be_kept_any_more_all_else_stays_in_force(
    tmp_path: Path,
) -> None:
    config = shop(tmp_path)
    night = {"mon": ("18:00", "10:00"), "tue": ("09:00", "20:00")}
    rest = wish(mode_at_most="count", wifi="off", name="外滩店", window_s_at_most=3600)
    assert laid_as_far(config, replace(rest, hours=night)) == laid_over(config, rest) != config
    assert laid_as_far(config, None) == config


def test_a_running_box_keeps_what_head_office_took_away_when_hours_cannot_be_laid(
    tmp_path: Path,
) -> None:
    config = shop(tmp_path)
    db = ready_store(config.data_dir)
    night = {"mon": ("18:00", "10:00"), "tue": ("09:00", "20:00")}
    with transaction(db):
        keep_wish(db, wish(mode_at_most="count", hours=night), BEGAN)
    assert settings_in_force(config, db).mode_at_most == "count"
    db.close()
