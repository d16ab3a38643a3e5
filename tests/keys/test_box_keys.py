"""The box's keys as the settings name their place: file, TPM, hub."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database

from edge.app import keys
from edge.app.keys import keyring
from edge.config import EdgeConfig, load
from edge.keys.errors import KeyAway, KeyGone
from edge.store.database import connect, migrate
from edge.store.register import Register
from tests.hub.test_key_release import Hub
from tests.support.people import joined, profile_keys
from tests.support.processes import Mosquitto, answers, free_port, until

BOX = (
    '[store]\nid = "nj-001"\nname = "南京东路店"\ntimezone = "Asia/Shanghai"\n'
    '[box]\nid = "nj-001-a"\ndata_dir = "data"\n'
)


def config(tmp_path: Path, key: str, broker: str | None = None) -> EdgeConfig:
    text = f'{BOX}[privacy]\nkey = "{key}"\n'
    if broker:
        text += f'[uplink]\nbroker = "{broker}"\n'
    (tmp_path / "edge.toml").write_text(text, encoding="utf-8")
    return load(tmp_path / "edge.toml")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    (tmp_path / "data").mkdir()
    database = connect(tmp_path / "data")
    migrate(database)
    yield database
    database.close()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path)
    broker.start()
    until(lambda: answers(broker.port), what="the broker")
    yield broker
    broker.stop()


def test_a_file_key_is_checked_against_the_store(tmp_path: Path, db: Database) -> None:
    settings = config(tmp_path, "file")
    root = keyring(settings, db).root("profile")
    assert keyring(settings, db).root("profile") == root
    joined(Register(db, profile_keys(), actor="local", tell=lambda *_: None), "王丽")
    (tmp_path / "data/keys/profile.key").write_bytes(bytes(32))
    with pytest.raises(KeyGone, match="got another"):
        keyring(settings, db).root("profile")


def test_another_place_for_the_key_is_no_way_around_the_check(
    tmp_path: Path, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring(config(tmp_path, "file"), db).root("profile")
    joined(Register(db, profile_keys(), actor="local", tell=lambda *_: None), "王丽")
    monkeypatch.setenv("PATH", str(tmp_path))  # no TPM is asked
    with pytest.raises(KeyGone, match="got none"):
        keyring(config(tmp_path, "tpm"), db).root("profile")


def test_a_hub_key_needs_an_uplink(tmp_path: Path, db: Database) -> None:
    with pytest.raises(KeyGone, match=r"expected an \[uplink\]"):
        keyring(config(tmp_path, "hub"), db).root("profile")


def test_a_hub_that_is_away_may_be_asked_again(
    tmp_path: Path, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "HUB_PATIENCE_S", 0.5)
    with pytest.raises(KeyAway, match="look at"):
        keyring(config(tmp_path, "hub", f"mqtt://127.0.0.1:{free_port()}"), db).root("profile")
    assert not (tmp_path / "data/keys").exists()


def test_a_hub_releases_the_root_until_it_revokes_the_box(
    tmp_path: Path, db: Database, mosquitto: Mosquitto
) -> None:
    hub = Hub(tmp_path, mosquitto.url)
    hub.start_ingest()
    try:
        settings = config(tmp_path, "hub", mosquitto.url)
        root = keyring(settings, db).root("profile")
        assert keyring(settings, db).root("profile") == root
        assert hub.command("key", "revoke", "nj-001/nj-001-a").returncode == 0
        with pytest.raises(KeyGone, match="revoked") as caught:
            keyring(settings, db).root("profile")
        assert not isinstance(caught.value, KeyAway)
    finally:
        for process in hub.ingests:
            process.stop()
