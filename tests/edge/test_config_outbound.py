"""Settings of messages out of the shop: every fault named, no secret ever shown."""

from datetime import timedelta
from pathlib import Path

import pytest

from edge.app.outbound import target_of
from edge.config_outbound import Alerts, OutboundKind, OutboundSection
from edge.outbound.bots import DingTalkBot
from edge.outbound.sms import SmsGateway
from tests.edge.test_config_outlets import faults, read

SMS = (
    '[[outbound]]\nname = "sms"\nkind = "sms"\nurl = "https://sms.example.com/send"\n'
    'secret = "file:s"\nheaders = { Authorization = "Bearer {secret}" }\n'
    """body = '{"to":"{phone}","msg":"{text}"}'\n"""
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "s").write_text("0123456789abcdef0123456789abcdef\n")
    (tmp_path / "u").write_text("https://bot.example.com/robot/send?access_token=geheim\n")
    return tmp_path


def test_nothing_goes_out_by_default_and_guests_are_called_after_half_an_hour(
    folder: Path,
) -> None:
    config = read(folder, "")
    assert (config.outbound, config.queue.target) == ((), None)
    assert config.queue.call_after == timedelta(minutes=30)


def test_a_gateway_and_a_bot_become_what_they_are(folder: Path) -> None:
    bot = '[[outbound]]\nname = "b"\nkind = "dingtalk"\nurl = "file:u"\nsecret = "file:s"\n'
    config = read(folder, f'{SMS}{bot}[queue]\ntarget = "sms"\ncall_after = "20min"\n')
    sms, dingtalk = (target_of(section, folder) for section in config.outbound)
    assert isinstance(sms, SmsGateway)
    assert isinstance(dingtalk, DingTalkBot)
    assert dingtalk.url.endswith("access_token=geheim")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            '[[outbound]]\nname = "b"\nkind = "wecom"\nurl = "https://x.example/hook"\n',
            "edge.toml:11: outbound[0].url: expected a file: reference, since a bot's address"
            " holds its key; got the address itself",
        ),
        (
            '[[outbound]]\nname = "b"\nkind = "feishu"\nurl = "file:u"\n',
            "edge.toml:10: outbound[0].kind: expected secret beside it, which feishu signs with",
        ),
        (
            '[[outbound]]\nname = "w"\nkind = "webhook"\nurl = "http://x.example/"\n'
            'secret = "file:s"\n',
            "edge.toml:11: outbound[0].url: expected https:// for another machine, got http://",
        ),
        (
            '[[outbound]]\nname = "w"\nkind = "webhook"\nurl = "https://x.example/?key=geheim"\n'
            'secret = "file:s"\n',
            "edge.toml:11: outbound[0].url: expected no key or password in the address; put the"
            " whole address into a file that only root and the service can read, and write"
            " file:/etc/menkou/sms.url",
        ),
        (
            SMS.replace("{text}", "text"),
            "edge.toml:14: outbound[0].body: expected {text} in it or in the address, got none",
        ),
        (
            SMS.replace('secret = "file:s"\n', ""),
            "edge.toml:10: outbound[0].kind: expected secret beside it, which {secret} stands for,"
            " got none",
        ),
        (SMS + SMS, "edge.toml:16: outbound[1].name: expected a name of its own, got 'sms' again"),
        (
            SMS + '[queue]\ntarget = "other"\n',
            "edge.toml:16: queue.target: expected the name of an [[outbound]], got 'other'",
        ),
        (
            '[queue]\ntext = "Please {shop} come"\n',
            "edge.toml:9: queue.text: expected up to 200 characters in one line with {number} and,"
            " if wanted, {shop} in them, got 'Please {shop} come'",
        ),
        (
            SMS.replace('"sms"\nurl', '"webhook"\nurl'),
            'edge.toml:13: outbound[0].headers: expected with kind = "sms" only, got it with'
            ' "webhook"',
        ),
    ],
)
def test_a_fault_is_named_with_its_line(folder: Path, text: str, fault: str) -> None:
    assert fault in faults(folder, text)


def test_a_secret_that_can_be_guessed_or_is_not_there_is_a_fault(folder: Path) -> None:
    (folder / "s").write_text("short")
    hook = '[[outbound]]\nname = "w"\nkind = "webhook"\nurl = "file:n"\nsecret = "file:s"\n'
    found = faults(folder, hook)
    assert len(found) == 2
    assert "cannot be read" in found[0]
    assert "24 or more characters" in found[1]
    assert "short" not in "".join(found)


@pytest.mark.parametrize(
    ("kind", "alerts", "told"),
    [("sms", "plain", "no phone number"), ("feishu", "named", "no names")],
)
def test_alerts_go_where_they_may(kind: OutboundKind, alerts: Alerts, told: str) -> None:
    section = OutboundSection(name="out", kind=kind, url="file:x", secret="file:y", alerts=alerts)
    assert any(told in fault for where, fault in section.faults(()) if where == "alerts")
