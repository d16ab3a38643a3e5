"""The hub's settings: what is a fault, and that no secret shows."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from cloud import cli
from cloud.config import HubConfig, load
from menkou.settings import SettingsFault

HASH = "scrypt:32768:8:1$salt$0123"


def write(folder: Path, text: str) -> Path:
    path = folder / "hub.toml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(path: Path | None, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(SettingsFault) as caught:
        load(path, environ or {})
    return [str(fault) for fault in caught.value.faults]


def test_without_a_file_the_hub_serves_this_machine_only(tmp_path: Path) -> None:
    config = load(None, {"MENKOU_DATA_DIR": str(tmp_path)})
    assert (config.listen.host, config.listen.port) == ("127.0.0.1", 8700)
    assert config.database_url == f"sqlite:///{tmp_path}/hub.db"
    assert config.broker.shown == "mqtt://127.0.0.1:1883"
    assert not config.embedded


def test_paths_are_taken_from_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "page.pem").touch()
    (tmp_path / "page.key").touch()
    text = '[hub]\ndata_dir = "data"\ncert = "page.pem"\nkey = "page.key"\n'
    config = load(write(tmp_path, text), {})
    assert config.data_dir == tmp_path / "data"
    assert config.listen.cert == tmp_path / "page.pem"


@pytest.mark.parametrize(
    ("variable", "value", "read"),
    [
        ("MENKOU_LISTEN", "127.0.0.1:9", lambda c: c.listen.port == 9),
        ("MENKOU_DATA_DIR", "/srv/x", lambda c: c.data_dir == Path("/srv/x")),
        ("MENKOU_DATABASE_URL", "sqlite:////y.db", lambda c: c.database_url == "sqlite:////y.db"),
        ("MENKOU_BROKER_URL", "mqtts://h:9", lambda c: c.broker.shown == "mqtts://h:9"),
        ("MENKOU_BROKER_EMBEDDED", "true", lambda c: c.embedded is True),
        ("MENKOU_BROKER_SHARE", "menkou", lambda c: c.share == "menkou"),
        ("MENKOU_KEEP_EVENTS", "90d", lambda c: c.keep_events == timedelta(days=90)),
    ],
)
def test_the_environment_wins_over_the_file(
    tmp_path: Path, variable: str, value: str, read: Callable[[HubConfig], bool]
) -> None:
    path = write(
        tmp_path,
        '[hub]\nlisten = "127.0.0.1:1"\ndata_dir = "d"\ndatabase_url = "sqlite:///x.db"\n'
        '[broker]\nurl = "mqtt://127.0.0.1:2"\nembedded = false\n',
    )
    assert not read(load(path, {}))
    assert read(load(path, {variable: value}))


def test_all_faults_are_reported_at_once_with_their_lines(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        '[hub]\nlisten = "nowhere"\ncert = "absent.pem"\nlissten = 1\n\n'
        '[broker]\nurl = "mqtt://198.51.100.7"\nembedded = "yes"\n',
    )
    found = faults(path)
    for begin in (
        "hub.toml:2: hub.listen: expected HOST:PORT",
        "hub.toml:3: hub.cert: expected a file that can be read, got 'absent.pem'",
        "hub.toml:3: hub.cert: expected key beside it, got none",
        "hub.toml:4: hub.lissten: unknown key; did you mean 'listen'?",
        "hub.toml:7: broker.url: mqtt://198.51.100.7 would send in the clear",
        "hub.toml:8: broker.embedded: expected true or false, got 'yes'",
    ):
        assert any(fault.startswith(begin) for fault in found), (begin, found)
    assert len(found) == 6


@pytest.mark.parametrize("days", ["30d", "3661d", "400", "1y", "-40d", ""])
def test_facts_are_kept_longer_than_a_box_keeps_what_it_may_send_again(
    tmp_path: Path, days: str
) -> None:
    (found,) = faults(write(tmp_path, f'[hub]\nkeep_events = "{days}"\n'))
    assert found.startswith("hub.toml:2: hub.keep_events: expected days from 31d to 3660d")


@pytest.mark.parametrize("name", ["a/b", "+", "#", "", "x" * 65])
def test_a_share_is_a_name_that_fits_into_a_topic(tmp_path: Path, name: str) -> None:
    (found,) = faults(write(tmp_path, f'[broker]\nshare = "{name}"\n'))
    assert found.startswith("hub.toml:2: broker.share: expected 1 to 64 of")


def test_the_embedded_broker_shares_with_nobody(tmp_path: Path) -> None:
    (found,) = faults(write(tmp_path, '[broker]\nembedded = true\nshare = "x"\n'))
    assert found.startswith("hub.toml:3: broker.share: the embedded broker shares with nobody")


def test_a_faulty_variable_is_named(tmp_path: Path) -> None:
    found = faults(None, {"MENKOU_LISTEN": "nowhere", "MENKOU_BROKER_EMBEDDED": "perhaps"})
    assert any(one.startswith("environment: MENKOU_LISTEN: expected HOST:PORT") for one in found)
    assert any("MENKOU_BROKER_EMBEDDED: expected true or false" in fault for fault in found)
    assert len(found) == 2


@pytest.mark.parametrize(
    ("key", "url"),
    [
        ("database_url", "postgresql://hub:hunter22@db/hub"),
        ("database_url", "oracle://hub:hunter22@db/hub"),
        ("database_url", "hunter22 is no address"),
        ("url", "mqtt://hub:hunter22@198.51.100.7"),
        ("url", "http://hub:hunter22@198.51.100.7"),
        ("url", "mqtts://hub:hunter22@host:99999"),
        ("url", "mqtts://hub:hunter22@host"),
    ],
)
def test_a_password_in_an_address_never_shows(tmp_path: Path, key: str, url: str) -> None:
    section = "broker" if key == "url" else "hub"
    for text in (f'[{section}]\n{key} = "{url}"\n', f'[{section}]\n{key} = ["{url}"]\n'):
        path = write(tmp_path, text)
        try:
            shown = repr(load(path, {}))
        except SettingsFault as exc:
            shown = f"{exc} {exc!r} {exc.faults!r}"
        assert "hunter22" not in shown


def test_a_password_itself_in_the_file_is_a_fault_that_does_not_repeat_it(tmp_path: Path) -> None:
    (found,) = faults(write(tmp_path, '[hub]\npassword = "hunter22"\n'))
    assert found.startswith("hub.toml:2: hub.password: expected a file: reference")
    assert "hunter22" not in found


def test_a_file_that_holds_a_plain_password_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "hub.password").write_text("hunter22\n", encoding="utf-8")
    (found,) = faults(write(tmp_path, '[hub]\npassword = "file:hub.password"\n'))
    assert "hash-password prints; it holds something else" in found
    assert "hunter22" not in found


def test_pages_for_other_machines_need_tls_and_are_for_who_signs_in(tmp_path: Path) -> None:
    (found,) = faults(write(tmp_path, '[hub]\nlisten = "0.0.0.0:8700"\n'))
    assert "no TLS (cert and key);" in found
    for name, content in (("p.pem", ""), ("p.key", ""), ("hub.password", HASH)):
        (tmp_path / name).write_text(content, encoding="utf-8")
    text = (
        '[hub]\nlisten = "0.0.0.0:8700"\ncert = "p.pem"\nkey = "p.key"\n'
        'password = "file:hub.password"\n'
    )
    config: HubConfig = load(write(tmp_path, text), {})
    assert config.listen.password_hash == HASH
    assert config.listen.accounts
    assert HASH not in repr(config)


def test_the_embedded_broker_cannot_be_asked_for_with_tls(tmp_path: Path) -> None:
    text = '[broker]\nurl = "mqtts://127.0.0.1:1883"\nembedded = true\n'
    (found,) = faults(write(tmp_path, text))
    assert found.startswith("hub.toml:2: broker.url: the embedded broker has no TLS")


def test_the_brokers_login_is_taken_from_its_address(tmp_path: Path) -> None:
    text = '[broker]\nurl = "mqtts://hub:p%40ss@mqtt.example.com"\n'
    broker = load(write(tmp_path, text), {}).broker
    assert (broker.username, broker.password) == ("hub", "p@ss")
    assert (broker.effective_port, broker.tls) == (8883, True)


@pytest.mark.parametrize(
    ("text", "key", "other"),
    [
        (
            '[metrics]\nlisten = "127.0.0.1:8700"\n',
            "hub.toml:2: metrics.listen",
            "hub.listen = 127.0.0.1:8700",
        ),
        (
            '[hub]\nlisten = "127.0.0.1:1883"\n[broker]\nembedded = true\n',
            "hub.toml:3: broker.url",
            "hub.listen = 127.0.0.1:1883",
        ),
    ],
)
def test_two_that_listen_at_one_place_are_both_named(
    tmp_path: Path, text: str, key: str, other: str
) -> None:
    (found,) = faults(write(tmp_path, text))
    assert found.startswith(f"{key}: expected an address or port of its own: ")
    assert found.endswith(f"is where {other} listens")


def test_a_broker_elsewhere_listens_nowhere_here(tmp_path: Path) -> None:
    load(write(tmp_path, '[hub]\nlisten = "127.0.0.1:1883"\n'), {})


def test_no_fault_waits_until_another_one_is_mended(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        '[hub]\nlisten = "0.0.0.0:8700"\npassword = "file:absent"\n'
        '[broker]\nembedded = true\nurl = "mqtts://127.0.0.1"\nshare = "x"\n'
        '[metrics]\nlisten = "0.0.0.0:1"\ningest_listen = "0.0.0.0:2"\ntoken = "file:absent"\n',
    )
    assert [one.split(": ")[1] for one in faults(path)] == [
        *("hub.listen", "hub.password", "broker.url", "broker.share"),
        *("metrics.listen", "metrics.ingest_listen", "metrics.token"),
    ]


def test_serve_and_ingest_on_two_machines_may_tell_figures_at_the_same_port(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both read one file; where they run on one machine, `check-config` says what will happen."""
    text = '[metrics]\nlisten = "127.0.0.1:9464"\ningest_listen = "127.0.0.1:9464"\n'
    file = write(tmp_path, text)
    assert load(file, {}).metrics.ingest_listen is not None
    assert cli.main(["check-config", "--config", str(file)]) == 0
    assert "warning: metrics.ingest_listen: expected an address or port" in capsys.readouterr().err
    embedded = write(tmp_path, text + "[broker]\nembedded = true\n")
    assert cli.main(["check-config", "--config", str(embedded)]) == 0
    assert "ingest_listen" not in capsys.readouterr().err


OIDC = """[hub]
url = "https://hub.example.com/"
[oidc]
issuer = "https://login.example.com/realms/shops"
client_id = "menkou-hub"
client_secret = "file:oidc.secret"
"""


def test_the_provider_and_its_roles_are_read(tmp_path: Path) -> None:
    (tmp_path / "oidc.secret").write_text("secret of the provider\n", encoding="utf-8")
    more = 'role_claim = "groups"\nshops_claim = "shops"\n[oidc.roles]\n"head" = "head_office"\n'
    config = load(write(tmp_path, OIDC + more + '"clerk" = "shop"\n'), {})
    assert config.oidc is not None
    assert config.oidc.client_secret == "secret of the provider"
    assert dict(config.oidc.roles) == {"head": "head_office", "clerk": "shop"}
    assert config.listen.public_url == "https://hub.example.com"
    assert "secret of" not in repr(config)
    environ = {"MENKOU_OIDC_CLIENT_ID": "other", "MENKOU_URL": "https://two.example.com"}
    changed = load(write(tmp_path, OIDC), environ)
    assert changed.oidc is not None
    assert changed.oidc.client_id == "other"
    assert changed.listen.public_url == "https://two.example.com"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(("https://login", "http://login"), "in the clear", id="http"),
        pytest.param(("https://hub.example.com/", "https://h.example/x"), "a path", id="path"),
        pytest.param(('url = "https://hub.example.com/"\n', ""), "expected [hub] url", id="no url"),
        pytest.param(("file:oidc.secret", "hunter22"), "expected a file: reference", id="open"),
        pytest.param(("[oidc]", '[oidc]\nrole_claim = "x"'), "expected [oidc.roles]", id="roles"),
        pytest.param(("[oidc]", '[oidc.roles]\nx = "shop"\n[oidc]'), "role_claim", id="claim"),
        pytest.param(("[oidc]", '[oidc.roles]\nx = "boss"\n[oidc]'), "head_office", id="role"),
        pytest.param(("client_id", "client"), "unknown key; did you mean", id="key"),
    ],
)
def test_a_provider_that_cannot_be_is_said_to_be(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    (tmp_path / "oidc.secret").write_text("secret", encoding="utf-8")
    found = faults(write(tmp_path, OIDC.replace(*change)))
    assert any(said in fault for fault in found), found
    assert "hunter22" not in str(found)
