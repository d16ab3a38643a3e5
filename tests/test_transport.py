"""What leaves a machine is encrypted: both sides refuse a broker elsewhere without TLS."""

from pathlib import Path

import pytest

import cloud.config
import edge.config
from menkou.settings import SettingsFault

SHOP = (
    '[store]\nid = "nj-001"\nname = "店"\ntimezone = "Asia/Shanghai"\n'
    '[box]\nid = "nj-001-a"\ndata_dir = "data"\n'
)
ELSEWHERE = [
    "192.168.1.10",
    "10.0.0.1:1883",
    "0.0.0.0",
    "[::]",
    "[fe80::1]",
    "homeassistant.local",
    "localhost.example.com",
    "127.0.0.1.example.com",
    "127.0.0.1@198.51.100.7",
]


@pytest.mark.parametrize("place", ELSEWHERE)
@pytest.mark.parametrize("section", ["uplink", "shop_local"])
def test_a_box_refuses_a_broker_elsewhere_without_tls(
    tmp_path: Path, section: str, place: str
) -> None:
    path = tmp_path / "edge.toml"
    path.write_text(f'{SHOP}[{section}]\nbroker = "mqtt://{place}"\n', encoding="utf-8")
    with pytest.raises(SettingsFault, match=rf"edge\.toml:9: {section}\.broker: expected mqtts://"):
        edge.config.load(path)


@pytest.mark.parametrize("place", ELSEWHERE)
def test_the_hub_refuses_a_broker_elsewhere_without_tls(tmp_path: Path, place: str) -> None:
    path = tmp_path / "hub.toml"
    path.write_text(f'[broker]\nurl = "mqtt://{place}"\n')
    with pytest.raises(SettingsFault, match=r"hub\.toml:2: broker\.url: .*expected mqtts://"):
        cloud.config.load(path, {})
    with pytest.raises(SettingsFault, match="MENKOU_BROKER_URL"):
        cloud.config.load(None, {"MENKOU_BROKER_URL": f"mqtt://{place}"})


@pytest.mark.parametrize("place", ["127.0.0.1", "localhost:1883", "[::1]"])
def test_on_the_same_machine_both_may_do_without(tmp_path: Path, place: str) -> None:
    path = tmp_path / "edge.toml"
    path.write_text(f'{SHOP}[uplink]\nbroker = "mqtt://{place}"\n', encoding="utf-8")
    edge.config.load(path)
    cloud.config.load(None, {"MENKOU_BROKER_URL": f"mqtt://{place}"})


@pytest.mark.parametrize("scheme", ["tcp", "ws", "wss", "http", "MQTT+tls", ""])
def test_other_ways_to_a_broker_are_refused(tmp_path: Path, scheme: str) -> None:
    path = tmp_path / "edge.toml"
    path.write_text(f'{SHOP}[uplink]\nbroker = "{scheme}://192.0.2.1"\n', encoding="utf-8")
    with pytest.raises(SettingsFault, match=r"uplink\.broker"):
        edge.config.load(path)
    with pytest.raises(SettingsFault, match="MENKOU_BROKER_URL"):
        cloud.config.load(None, {"MENKOU_BROKER_URL": f"{scheme}://192.0.2.1"})
