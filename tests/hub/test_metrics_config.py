"""The hub's settings of metrics and log."""

from pathlib import Path

import pytest

from cloud.config import load
from menkou.settings import SettingsFault

TOKEN = "0123456789abcdef" * 2


def write(folder: Path, text: str) -> Path:
    path = folder / "hub.toml"
    path.write_text(text)
    return path


def test_metrics_are_off_and_the_log_is_text_by_default(tmp_path: Path) -> None:
    config = load(None, {"MENKOU_DATA_DIR": str(tmp_path)})
    assert (config.metrics.listen, config.metrics.ingest_listen) == (None, None)
    assert config.metrics.per_box
    assert config.log_format is None


def test_each_process_has_its_own_place_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    path = write(
        tmp_path,
        '[metrics]\nlisten = "127.0.0.1:1"\ningest_listen = "127.0.0.1:2"\ntoken = "file:token"\n'
        '[log]\nformat = "json"\n',
    )
    variables = {"MENKOU_METRICS_INGEST_LISTEN": "127.0.0.1:3", "MENKOU_METRICS_PER_BOX": "false"}
    config = load(path, variables)
    assert config.metrics.listen
    assert config.metrics.ingest_listen
    assert (config.metrics.listen.port, config.metrics.ingest_listen.port) == (1, 3)
    assert config.metrics.listen.token == config.metrics.ingest_listen.token == TOKEN
    assert TOKEN not in repr(config)
    assert not config.metrics.per_box
    assert config.log_format == "json"
    assert load(path, {"MENKOU_LOG": "text"}).log_format == "text"


@pytest.mark.parametrize("name", ["listen", "ingest_listen"])
def test_metrics_for_other_machines_need_tls_and_a_token(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, f'[metrics]\n{name} = "0.0.0.0:9464"\n')
    with pytest.raises(SettingsFault) as caught:
        load(path, {})
    (fault,) = caught.value.faults
    assert (fault.line, fault.key) == (2, f"metrics.{name}")
    assert "no TLS (cert and key) and no bearer token (token)" in fault.text
    for file in ("c.pem", "c.key", "token"):
        (tmp_path / file).write_text(TOKEN)
    guards = 'cert = "c.pem"\nkey = "c.key"\ntoken = "file:token"\n'
    load(write(tmp_path, f'[metrics]\n{name} = "0.0.0.0:9464"\n{guards}'), {})


def test_a_token_in_the_open_is_a_fault_and_not_shown(tmp_path: Path) -> None:
    path = write(tmp_path, f'[metrics]\nlisten = "127.0.0.1:1"\ntoken = "{TOKEN}"\n')
    with pytest.raises(SettingsFault, match=r"toml:3: metrics\.token: expected a file:") as exc:
        load(path, {})
    assert TOKEN not in str(exc.value)
    with pytest.raises(SettingsFault, match="MENKOU_METRICS_TOKEN"):
        load(None, {"MENKOU_METRICS_LISTEN": "127.0.0.1:1", "MENKOU_METRICS_TOKEN": "file:/none"})
