"""Settings of what leaves the box beside the uplink: metrics, log, the shop's own broker."""

from pathlib import Path

import pytest

from edge.config import EdgeConfig, load
from menkou.settings import SettingsFault

SHOP = (
    '[store]\nid = "nj-001"\nname = "店"\ntimezone = "Asia/Shanghai"\n'
    '[box]\nid = "nj-001-a"\ndata_dir = "data"\n'
)
TOKEN = "0123456789abcdef" * 2


def read(folder: Path, text: str) -> EdgeConfig:
    path = folder / "edge.toml"
    path.write_text(SHOP + text, encoding="utf-8")
    return load(path)


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(SettingsFault) as caught:
        read(folder, text)
    return [str(fault) for fault in caught.value.faults]


def test_nothing_of_it_is_on_by_default(tmp_path: Path) -> None:
    config = read(tmp_path, "")
    assert config.metrics.listen_at(tmp_path) is None
    assert config.shop_local is None
    assert config.log.format is None


def test_metrics_on_loopback_need_nothing_else(tmp_path: Path) -> None:
    listen = read(tmp_path, '[metrics]\nlisten = "127.0.0.1:9464"\n').metrics.listen_at(tmp_path)
    assert listen
    assert (listen.port, listen.token) == (9464, None)


@pytest.mark.parametrize(
    ("guards", "missing"),
    [
        ("", "no TLS (cert and key) and no bearer token (token)"),
        ('cert = "c.pem"\nkey = "file:c.key"\n', "no bearer token (token)"),
        ('token = "file:token"\n', "no TLS (cert and key)"),
    ],
)
def test_metrics_for_other_machines_need_tls_and_a_token(
    tmp_path: Path, guards: str, missing: str
) -> None:
    (tmp_path / "token").write_text(TOKEN)
    (fault,) = faults(tmp_path, f'[metrics]\nlisten = "0.0.0.0:9464"\n{guards}')
    assert fault.startswith("edge.toml:9: metrics.listen: 0.0.0.0:9464 can be reached")
    assert missing in fault
    both = 'cert = "c.pem"\nkey = "file:c.key"\ntoken = "file:token"\n'
    config = read(tmp_path, f'[metrics]\nlisten = "0.0.0.0:9464"\n{both}')
    listen = config.metrics.listen_at(tmp_path)
    assert listen
    assert listen.exposure() is None
    assert TOKEN not in repr(config) + repr(listen)


def test_a_token_is_never_shown_and_must_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("guessable")
    (fault,) = faults(tmp_path, '[metrics]\nlisten = "127.0.0.1:1"\ntoken = "file:token"\n')
    assert fault.startswith("edge.toml:10: metrics.token: expected a file with 32")
    assert "guessable" not in fault
    (fault,) = faults(tmp_path, f'[metrics]\nlisten = "127.0.0.1:1"\ntoken = "{TOKEN}"\n')
    assert fault.startswith("edge.toml:10: metrics.token: expected a file: reference")
    assert TOKEN not in fault


def test_the_shops_broker_may_ask_for_a_name_and_a_password_or_a_certificate(
    tmp_path: Path,
) -> None:
    text = '[shop_local]\nbroker = "mqtts://home.example"\n'
    section = read(tmp_path, f'{text}username = "menkou"\npassword = "file:p"\n').shop_local
    assert section
    assert section.discovery == "homeassistant"
    assert faults(tmp_path, f'{text}username = "menkou"\n') == [
        "edge.toml:10: shop_local.username: expected password beside it, got none"
    ]
    assert faults(tmp_path, f'{text}password = "file:p"\n') == [
        "edge.toml:10: shop_local.password: expected username beside it, got none"
    ]
    assert faults(tmp_path, f'{text}password = "plain"\n')[-1].endswith("file:/etc/menkou/box.key")
    assert faults(tmp_path, f'{text}cert = "c.pem"\n') == [
        "edge.toml:10: shop_local.cert: expected key beside it, got none"
    ]


@pytest.mark.parametrize("prefix", ["", "home/#", "a+b", "/x", "x/", "a b"])
def test_a_prefix_that_is_no_topic_is_a_fault(tmp_path: Path, prefix: str) -> None:
    text = f'[shop_local]\nbroker = "mqtt://127.0.0.1"\ndiscovery = "{prefix}"\n'
    (fault,) = faults(tmp_path, text)
    assert fault.startswith("edge.toml:10: shop_local.discovery: expected")


def test_files_that_are_not_there_are_named_before_a_run(tmp_path: Path) -> None:
    read(
        tmp_path,
        '[shop_local]\nbroker = "mqtts://home.example"\nca = "ca.pem"\n'
        'username = "menkou"\npassword = "file:absent"\n',
    )
    with pytest.raises(SettingsFault) as caught:
        load(tmp_path / "edge.toml", files=True)
    assert [fault.key for fault in caught.value.faults] == ["shop_local.ca", "shop_local.password"]
