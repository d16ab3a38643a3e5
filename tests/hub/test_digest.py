"""What the digest says: the first page's figures, apart by basis, of the shops that one sees."""

import re
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, select

from cloud.accounts import changes
from cloud.anomalies.desk import not_taken_on
from cloud.anomalies.tables import anomaly, anomaly_ack
from cloud.cli import main
from cloud.config import load
from cloud.config_digest import DigestConfig, Recipient
from cloud.counting.tables import count_check
from cloud.db import reading, writing
from cloud.digest.command import text_of
from cloud.digest.errors import DigestFault
from cloud.digest.tables import digest_mail
from cloud.digest.writer import Writer
from cloud.queries.fleet import TROUBLES
from cloud.queries.morning import Mornings
from cloud.tally.tables import bin_tally
from menkou.settings import SettingsFault
from menkou.web.i18n import load_texts
from tests.hub.conftest import on_sqlite
from tests.support.accounts import HubOffice, cheaply
from tests.support.fleets import boxed
from tests.support.mail import MailHub
from tests.support.tallies import day, rows, sum_chain

TEXT = Path(__file__).parents[2] / "cloud/digest/text"
NOW = datetime(2026, 11, 22, 0, 5, tzinfo=UTC)  # 08:05 in Shanghai
DAY = date(2026, 11, 21)
WEEK = timedelta(weeks=1)
EVERYBODY = Recipient(address="a@example.com", account=None, shops=None, language="zh")
SETTINGS = """
[hub]
url = "https://hub.example.com"
[digest]
smtp = "smtps://localhost:465"
from = "menkou@example.com"
[[digest.to]]
address = "a@example.com"
[[digest.to]]
address = "b@example.com"
shops = ["nj-002"]
language = "en"
"""


def _fill(connection: Connection) -> None:
    """Two shops that count entries, one that counts guests, and nine weeks of them."""
    for shop in ("nj-001", "nj-002", "sz-001"):
        boxed(connection, shop, NOW, called=f"<b>{shop}</b>" if shop == "nj-002" else shop)
    for weeks in range(9):
        on = DAY - weeks * WEEK
        more = 40 if weeks == 1 else 0
        day(connection, "nj-001", on, visitors=1000 + more, till_visitors=1000, sales=100)
        day(connection, "nj-002", on, visitors=234)
        faces = {"faces_visitors": 500, "members": 60, "members_new": 4, "members_back": 56}
        day(connection, "sz-001", on, basis="distinct", visitors=500, **faces)
    sum_chain(connection)


@pytest.fixture
def hub(engine: Engine) -> Engine:
    with writing(engine) as connection:
        _fill(connection)
    return engine


def _config(folder: Path, text: str = SETTINGS) -> DigestConfig:
    (folder / "hub.toml").write_text(text, encoding="utf-8")
    found = load(folder / "hub.toml", {"MENKOU_DATA_DIR": str(folder)}).digest
    assert found is not None
    return found


def _writer(engine: Engine, folder: Path) -> Writer:
    return Writer(
        engine=engine,
        config=_config(folder),
        mornings=Mornings(engine),
        url="https://hub.example.com",
        clock=lambda: NOW,
        anomalies=not_taken_on,
    )


def _anomaly(connection: Connection, number: int, store: str, **changes: Any) -> None:
    row: dict[str, Any] = {column.name: None for column in anomaly.c}
    row |= {"id": "x" * 24 + f"{number:02}", "store": store, "kind": "drop", "reason": "fewer"}
    row |= {"since": NOW, "opened_at": NOW, "expected": 100.0, "low": 80, "high": 120, "got": 40}
    connection.execute(insert(anomaly).values(**{**row, **changes}))


def _html(message: EmailMessage) -> str:
    body = message.get_body(preferencelist=("html",))
    assert body is not None
    text: str = body.get_content()
    return text


def test_the_digest_has_the_first_pages_figures_and_adds_no_two_bases(
    hub: Engine, tmp_path: Path
) -> None:
    message = _writer(hub, tmp_path)(EVERYBODY, DAY)
    for text in (text_of(message), _html(message)):
        entries, guests = text.index("1,234"), text.index("500")
        assert text.index("按进门人次统计") < entries
        assert text.index("按到店客人统计") < guests
        assert "1,734" not in text
        assert "比上周同日 −3.1 %" in text
        assert "8.1 %" not in text  # 100 of 1,234: not all of them are of a shop with a till
        assert "10.0 %" in text
        assert "12.0 %" in text
    assert "1,234" not in message["Subject"]
    assert "11月21日" in message["Subject"]


def test_every_figure_is_called_by_its_name(hub: Engine, tmp_path: Path) -> None:
    with writing(hub) as connection:
        waits = {"store": "sz-002", "day": DAY, "measure": "wait", "bin": 1, "count": 20}
        boxed(connection, "sz-002", NOW, called="sz-002")
        day(connection, "sz-002", DAY, visitors=50, served=20)
        rows(connection, bin_tally, waits)
        sum_chain(connection)
    text = text_of(_writer(hub, tmp_path)(EVERYBODY, DAY))
    assert "等待时长 (中位数):" in text
    assert "等待时长 (九成以内):" in text
    assert not re.search(r"^[a-z0-9_]+:", text, re.MULTILINE)


def test_few_people_are_hidden_and_what_is_missing_says_why(hub: Engine, tmp_path: Path) -> None:
    text = text_of(_writer(hub, tmp_path)(EVERYBODY, DAY))
    assert "人数太少，不显示" in text
    assert not re.search(r": 4\b", text)
    assert "没有门店识别会员" in text
    assert "少于 10 人" in text


def test_somebody_gets_the_own_shops_only_and_in_the_own_language(
    hub: Engine, tmp_path: Path
) -> None:
    writer = _writer(hub, tmp_path)
    message = writer(writer.config.to[1], DAY)
    for text in (text_of(message), _html(message)):
        assert "234" in text
        assert "1,234" not in text
        assert "500" not in text
        assert "Counted by entries" in text
    assert message["Subject"] == "Digest of Saturday, 21 November: 234 visitors"
    assert message["Content-Language"] == "en"


@on_sqlite
def test_nobodys_name_and_nothing_from_elsewhere_is_in_it(hub: Engine, tmp_path: Path) -> None:
    with writing(hub) as connection:
        for number in range(12):
            _anomaly(connection, number, "nj-002", since=NOW - timedelta(hours=number + 1))
        _anomaly(connection, 20, "sz-001", kind="silent", reason="box_silent", got=None)
        taken = {"anomaly": "x" * 24 + "20", "at": NOW, "actor": "x"}
        connection.execute(insert(anomaly_ack).values(**taken))
        _anomaly(connection, 21, "sz-001", closed_at=NOW)
    message = _writer(hub, tmp_path)(EVERYBODY, DAY)
    html = _html(message)
    assert set(re.findall(r'(?:src|href|url)\s*[=(]\s*"?([^">]*)', html)) == {
        "https://hub.example.com"
    }
    assert not re.search(r"<(img|script|link|iframe|form)\b", html)
    assert "<b>nj" not in html
    assert "&lt;b&gt;nj-002&lt;/b&gt;" in html
    assert html.count("来客比预计少，从") == 10
    assert "另有 2 条" in html
    assert "收不到门店设备的数据" not in html
    clerk = Recipient(
        address="s@example.com", account=None, shops=frozenset({"sz-001"}), language="en"
    )
    assert "None." in text_of(_writer(hub, tmp_path)(clerk, DAY))
    assert message["Auto-Submitted"] == "auto-generated"


@on_sqlite
def test_the_same_days_digest_to_the_same_address_is_the_same_message(
    hub: Engine, tmp_path: Path
) -> None:
    writer = _writer(hub, tmp_path)
    names = [writer(one, on)["Message-ID"] for one in writer.config.to for on in (DAY, DAY - WEEK)]
    assert len(set(names)) == 4
    assert writer(writer.config.to[0], DAY)["Message-ID"] == names[0]
    assert all("a@example.com" not in name for name in names)


@on_sqlite
def test_boxes_in_trouble_and_the_last_audit_are_said(hub: Engine, tmp_path: Path) -> None:
    assert "3 台设备都正常" in text_of(_writer(hub, tmp_path)(EVERYBODY, DAY))
    with writing(hub) as connection:
        boxed(connection, "wx-001", NOW, temperature_c=90, last_seen=NOW - timedelta(hours=9))
        row = {"id": "1", "store": "nj-001", "box": "a", "camera": "door", "hour": NOW}
        row |= {"way": "video", "stratum": "busy", "seed": "0", "among": 1, "drawn_at": NOW}
        row |= {"drawn_by": "x", "state": "done", "done_at": NOW, "done_by": "x"}
        row |= {"done_as": "shop", "entered_true": 200, "entered_counted": 194}
        connection.execute(insert(count_check).values(**row))
    text = text_of(_writer(hub, tmp_path)(EVERYBODY, DAY))
    assert "4 台设备中 1 台有问题：失去联系 1、过热 1" in text
    assert "机器数是人工数的 97.0%" in text


@on_sqlite
def test_a_day_of_which_nothing_is_known_is_not_told_as_zero(hub: Engine, tmp_path: Path) -> None:
    message = _writer(hub, tmp_path)(EVERYBODY, date(2025, 1, 1))
    assert "这不等于没有访客" in text_of(message)
    assert not re.search(r"访客.*\b0\b", message["Subject"])


@on_sqlite
def test_an_account_gets_what_it_sees_while_it_is_active(
    hub: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cheaply(monkeypatch)
    office = HubOffice(hub, tmp_path)
    person = office.person("zhou", "region", "nj-001")
    office.person("li")
    to = Recipient(address="z@example.com", account="Zhou", shops=None, language="zh")
    writer = _writer(hub, tmp_path)
    text = text_of(writer(to, DAY))
    assert "1,000" in text
    assert "1,234" not in text
    with writing(hub) as connection:
        changes.disable(connection, person.account, by="command", now=NOW)
    with pytest.raises(DigestFault, match="is not active") as caught:
        writer(to, DAY)
    assert caught.value.why == "account"
    nobody = Recipient(address="x@example.com", account="nobody", shops=None, language="zh")
    with pytest.raises(DigestFault, match="is not active"):
        writer(nobody, DAY)


def test_every_trouble_of_a_box_has_words() -> None:
    for texts in load_texts(TEXT).values():
        assert {t for t in TROUBLES if f"digest.trouble_{t}" not in texts} == set()


@on_sqlite
def test_the_command_prints_it_and_sends_nothing_or_sends_it_once(
    hub: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = MailHub(tmp_path, "plain", auth=False).start()
    text = SETTINGS.replace("[hub]\n", f'[hub]\ndata_dir = "{tmp_path}"\n')
    text = text.replace("smtps://localhost:465", server.url)
    (tmp_path / "hub.toml").write_text(text, encoding="utf-8")
    argv = ["digest", "--config", str(tmp_path / "hub.toml"), "--day", "2026-11-21"]
    try:
        assert main([*argv, "--dry-run"]) == 0
        out = capsys.readouterr().out
        assert "To: a@example.com" in out
        assert "To: b@example.com" in out
        assert "1,234" in out
        with reading(hub) as connection:
            assert connection.execute(select(digest_mail)).all() == []
        assert main(argv) == 0
        assert "sent to a@example.com" in capsys.readouterr().err
        assert main(argv) == 0
        assert "nothing to send now" in capsys.readouterr().err
    finally:
        server.stop()
    assert server.box.tos == ["a@example.com", "b@example.com"]
    kinds = {part.get_content_type() for part in server.box.arrived[0].walk()}
    assert kinds == {"multipart/alternative", "text/plain", "text/html"}
    later = [*argv[:-1], "2026-11-20"]
    assert main(later) == 1
    said = capsys.readouterr().err
    assert "cannot be reached" in said
    assert "not tried again by this command: run it again in 15 minutes" in said
    assert main([*argv[:-1], "2999-01-01"]) == 2


def test_without_a_section_there_is_nothing_to_send(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hub.toml").write_text("", encoding="utf-8")
    assert main(["digest", "--config", str(tmp_path / "hub.toml")]) == 2
    assert "expected a section [digest]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("smtps://localhost:465", "http://x", "digest.smtp: expected smtps://HOST:465"),
        ("smtps://localhost:465", "smtps://u:p@x", "digest.smtp: expected smtps://HOST:465"),
        ('from = "menkou@example.com"', 'from = "x"', "digest.from: expected an address"),
        ('from = "menkou@example.com"', "", "digest.from: expected a value, got none"),
        ("[[digest.to]]", 'at = "8"\n[[digest.to]]', "digest.at: expected a time of day"),
        ("[[digest.to]]", 'zone = "x"\n[[digest.to]]', "digest.zone: expected an IANA"),
        ("[[digest.to]]", 'days = ["x"]\n[[digest.to]]', "digest.days[0]: expected 'mon'"),
        ("[[digest.to]]", 'user = "x"\n[[digest.to]]', "digest.user: expected password beside"),
        (
            *("[[digest.to]]", 'user = "x"\npassword = "horse"\n[[digest.to]]'),
            "digest.password: expected a file: reference",
        ),
        ("[[digest.to]]", 'ca = "gone.pem"\n[[digest.to]]', "digest.ca: "),
        ("[[digest.to]]", "sender = 1\n[[digest.to]]", "digest.sender: unknown key"),
        ('["nj-002"]', "[]", "shops: expected at least one shop"),
        ('["nj-002"]', '["x"]\naccount = "li"', "expected either an account"),
    ],
)
def test_faults_of_the_settings_are_said_and_no_secret_is(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    text = SETTINGS.replace(old, new, 1)
    assert text != SETTINGS
    with pytest.raises(SettingsFault) as caught:
        _config(tmp_path, text)
    assert said in str(caught.value)
    assert "horse" not in str(caught.value)


def test_the_environment_sets_the_server_and_its_password(tmp_path: Path) -> None:
    (tmp_path / "hub.toml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "p").write_text("right horse\n", encoding="utf-8")
    environ = {"MENKOU_DIGEST_SMTP": "smtp://mail.example.com", "MENKOU_DIGEST_USER": "u"}
    environ |= {"MENKOU_DIGEST_PASSWORD": f"file:{tmp_path}/p", "MENKOU_DIGEST_AT": "07:30"}
    digest = load(tmp_path / "hub.toml", environ).digest
    assert digest is not None
    assert (digest.server.host, digest.server.port, digest.server.tls) == (
        "mail.example.com",
        587,
        False,
    )
    assert (digest.user, digest.password, digest.at.hour) == ("u", "right horse", 7)
    assert "right horse" not in repr(digest)
