"""The file of desired settings: every fault at once, and nothing that raises anything."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cloud.desired import read_desired
from edge.wire.codec import encode, inflated
from edge.wire.orders import ConfigOrder, Order, Orders
from menkou.settings import SettingsFault

EVERYTHING = """
[store]
name = "外滩店"
[hours]
mon = ["10:00", "22:00"]
sat = ["18:00", "02:00"]
[privacy]
mode_at_most = "checkin"
[dedup]
window_at_most = "90min"
since = "first_seen"
who = "members"
[wifi]
enabled = false
"""


def read(folder: Path, text: str) -> ConfigOrder:
    path = folder / "desired.toml"
    path.write_text(text, encoding="utf-8")
    return read_desired(path)


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    wish = read(tmp_path, EVERYTHING)
    assert (wish.name, wish.mode_at_most, wish.window_s_at_most) == ("外滩店", "checkin", 5400)
    assert wish.hours == {"mon": ("10:00", "22:00"), "sat": ("18:00", "02:00")}
    assert (wish.since, wish.who, wish.wifi) == ("first_seen", "members", "off")


def test_head_office_lists_where_guests_come_from(tmp_path: Path) -> None:
    text = (
        '[[channel]]\nid = "note"\nzh = "小红书"\nen = "Notes"\n'
        '[[channel.advert]]\nid = "n-2026-11"\nzh = "十一月"\nen = "November"\nactive = false\n'
        '[[channel]]\nid = "app"\nzh = "App"\nen = "App"\n'
    )
    advert = {"id": "n-2026-11", "zh": "十一月", "en": "November", "active": False}
    wish = read(tmp_path, text)
    assert wish.channels == [
        {"id": "note", "zh": "小红书", "en": "Notes", "active": True, "adverts": [advert]},
        {"id": "app", "zh": "App", "en": "App", "active": True, "adverts": []},
    ]
    order = Order(seq=1, body=replace(wish, version=1795329240123))
    payload = encode(Orders(epoch="e" * 32, orders=(order,)))
    assert json.loads(inflated(payload))["orders"][0]["body"]["channels"] == wish.channels


def test_an_empty_file_desires_nothing(tmp_path: Path) -> None:
    wish = read(tmp_path, "")
    fields = ("name", "hours", "mode_at_most", "window_s_at_most", "since", "who", "wifi")
    assert wish.channels is None
    assert {getattr(wish, name) for name in fields} == {None}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[camera]]\nname = "x"', "camera: head office cannot set this"),
        ('[privacy]\nmode = "count"', "desired.toml:2: privacy.mode: head office cannot set this"),
        ('[declaration]\njurisdiction = "CN"', "declaration: head office cannot set this"),
        ('[uplink]\nbroker = "x"', "uplink: head office cannot set this"),
        ('[store]\nid = "x"', "store.id: head office cannot set this"),
        ('[dedup]\nwindow = "3h"', "dedup.window: head office cannot set this"),
        ('[dedup]\nwho = "everybody"', "dedup.who: expected 'members'"),
        ('[dedup]\nsince = "last_seen"', "dedup.since: expected 'first_seen'"),
        ('[dedup]\nwindow_at_most = "31d"', "dedup.window_at_most: expected a duration"),
        ('[[channel]]\nid = "A B"\nzh = "x"\nen = "x"', "channel: expected 1 to 24 channels"),
        ("[wifi]\nenabled = true", "wifi.enabled: expected false"),
        ('[privacy]\nmode_at_most = "all"', "privacy.mode_at_most: expected 'count', 'checkin'"),
        ('[hours]\nmon = ["10:00", "25:00"]', "hours.mon: expected"),
        ("[hours]\n", "hours: expected at least one day"),
        ('[store]\nnane = "x"', "store.nane: unknown key; did you mean 'name'?"),
        ('[store]\nname = ""', "store.name: expected 1 to 80 printable characters"),
    ],
)
def test_a_fault_is_named_with_its_key(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsFault) as caught:
        read(tmp_path, text)
    assert said in str(caught.value)


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsFault) as caught:
        read(tmp_path, '[dedup]\nwho = "everybody"\n[wifi]\nenabled = true\n[x]\n')
    assert len(caught.value.faults) == 3
