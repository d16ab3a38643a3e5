"""The digest and a real server of mail: TLS that is verified, sign-in, once to each."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError

from cloud.config import load
from cloud.config_digest import DigestConfig, Recipient
from cloud.db import reading
from cloud.digest import rounds
from cloud.digest.rounds import TRIED_FOR, Round, due, send_round
from cloud.digest.tables import digest_mail
from tests.hub.conftest import on_sqlite
from tests.support.mail import PASSWORD, USER, How, MailHub
from tests.support.processes import until
from tests.support.secured import Authority

DAY = date(2026, 11, 21)
MORNING = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)  # 08:00 in Shanghai
MINUTE = timedelta(minutes=1)
TO = ("one@example.com", "two@example.com")


class Time:
    """An aware time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = MORNING

    def __call__(self) -> datetime:
        return self.now


def _write(recipient: Recipient, day: date) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = f"客流日报 {day}"
    message["From"], message["To"] = "menkou@example.com", recipient.address
    message.set_content("访客 1,234")
    return message


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Certificates of an authority of the test's own, and of another one."""
    for name in ("other", "mail"):
        authority = Authority(tmp_path)
        authority.issue(name, "localhost")
        (tmp_path / "ca.pem").rename(tmp_path / f"{name}-ca.pem")
    (tmp_path / "smtp.password").write_text(f"{PASSWORD}\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def serve(folder: Path) -> Iterator[Callable[..., MailHub]]:
    """A function that starts a server."""
    started: list[MailHub] = []

    def start(how: How, **more: Any) -> MailHub:
        started.append(MailHub(folder, how, **more).start())
        return started[-1]

    yield start
    for server in started:
        server.stop()


def _config(
    folder: Path, server: MailHub, *, to: tuple[str, ...] = TO, **more: str
) -> DigestConfig:
    keys = {"user": USER, "password": "file:smtp.password", "ca": "mail-ca.pem", **more}
    lines = [f'{name} = "{value}"' for name, value in keys.items() if value]
    text = "\n".join(["[digest]", f'smtp = "{server.url}"', 'from = "menkou@example.com"', *lines])
    for address in to:
        text += f'\n[[digest.to]]\naddress = "{address}"'
    (folder / "hub.toml").write_text(text, encoding="utf-8")
    digest = load(folder / "hub.toml", {}).digest
    assert digest is not None
    return digest


def _round(engine: Engine, config: DigestConfig, clock: Time) -> Round:
    return send_round(engine, config, DAY, _write, clock)


@on_sqlite
@pytest.mark.parametrize("how", ["smtps", "starttls"])
def test_the_digest_goes_over_tls_to_a_server_that_shows_who_it_is(
    engine: Engine, folder: Path, serve: Callable[..., MailHub], how: How
) -> None:
    server = serve(how)
    done = _round(engine, _config(folder, server), Time())
    assert (done.sent, done.failed) == (TO, ())
    assert server.box.tos == list(TO)
    first = server.box.arrived[0]
    if how == "starttls":  # of the other one the first byte would not have been understood
        assert first["X-Was-Encrypted"] == "True"
    assert first["Subject"] == "客流日报 2026-11-21"
    assert first.get_content().strip() == "访客 1,234"


@on_sqlite
@pytest.mark.parametrize("how", ["smtps", "starttls"])
def test_a_server_whose_certificate_is_not_trusted_gets_nothing_not_even_the_password(
    engine: Engine, folder: Path, serve: Callable[..., MailHub], how: How
) -> None:
    server = serve(how, name="other")
    done = _round(engine, _config(folder, server), Time())
    assert (done.sent, server.box.arrived) == ((), [])
    ((address, fault),) = done.failed
    assert (address, fault.why) == (TO[0], "certificate")
    assert "set [digest] ca" in str(fault)


@on_sqlite
def test_a_password_that_is_not_taken_is_said_clearly_and_never_shown(
    engine: Engine, folder: Path, serve: Callable[..., MailHub], caplog: pytest.LogCaptureFixture
) -> None:
    server = serve("starttls")
    (folder / "smtp.password").write_text("wrong pony", encoding="utf-8")
    config = _config(folder, server)
    with caplog.at_level(logging.DEBUG):
        ((_, fault),) = _round(engine, config, Time()).failed
    assert fault.why == "auth"
    assert "does not take [digest] user and password (535)" in str(fault)
    ours = [record.getMessage() for record in caplog.records if record.name != "mail.log"]
    for text in (str(fault), repr(config), *ours):
        assert "wrong pony" not in text


@on_sqlite
def test_a_server_without_starttls_gets_nothing_unless_it_is_on_this_machine(
    engine: Engine, folder: Path, serve: Callable[..., MailHub], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve("plain", auth=False)
    here = _config(folder, server, user="", password="", ca="")
    monkeypatch.setattr("cloud.urls._is_loopback", lambda _host: False)
    elsewhere = _config(folder, server, user="", password="", ca="")
    ((_, fault),) = _round(engine, elsewhere, Time()).failed
    assert (fault.why, server.box.arrived) == ("no_tls", [])
    assert "nothing is sent in the clear" in str(fault)
    clock = Time()
    clock.now += 2 * MINUTE
    assert _round(engine, here, clock).sent == TO


@on_sqlite
def test_a_server_on_this_machine_needs_no_certificate_that_is_trusted(
    engine: Engine, folder: Path, serve: Callable[..., MailHub]
) -> None:
    server = serve("starttls")
    assert _round(engine, _config(folder, server, ca=""), Time()).sent == TO


def test_who_has_had_it_does_not_get_it_again(
    engine: Engine, folder: Path, serve: Callable[..., MailHub]
) -> None:
    server, clock = serve("smtps"), Time()
    config = _config(folder, server)
    assert _round(engine, config, clock).sent == TO
    clock.now += timedelta(hours=3)
    more = _config(folder, server, to=(*TO, "three@example.com"))
    assert _round(engine, more, clock).sent == ("three@example.com",)
    assert len(server.box.arrived) == 3
    assert send_round(engine, config, DAY + timedelta(days=1), _write, clock).sent == TO


def test_of_several_processes_one_sends(
    engine: Engine, folder: Path, serve: Callable[..., MailHub]
) -> None:
    server, found = serve("smtps"), []
    config, together = _config(folder, server), threading.Barrier(4)

    def process() -> None:
        together.wait(10)
        found.append(_round(engine, config, Time()))

    threads = [threading.Thread(target=process) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(address for done in found for address in done.sent) == sorted(TO)
    assert sorted(server.box.tos) == sorted(TO)


def test_a_server_that_is_away_and_comes_back_gets_it_once(
    engine: Engine, folder: Path, serve: Callable[..., MailHub]
) -> None:
    server, clock = serve("smtps"), Time()
    config = _config(folder, server)
    server.stop()
    done = _round(engine, config, clock)
    assert done.sent == ()
    ((_, fault),) = done.failed
    assert fault.why == "away"
    server.start()
    assert _round(engine, config, clock) == Round()  # it waits a minute, and the second one too
    clock.now += MINUTE
    assert _round(engine, config, clock).sent == TO
    clock.now += timedelta(hours=1)
    assert _round(engine, config, clock) == Round()
    assert len(server.box.arrived) == 2


@on_sqlite
def test_each_try_waits_longer_than_the_one_before(
    engine: Engine, folder: Path, serve: Callable[..., MailHub]
) -> None:
    server, clock = serve("smtps"), Time()
    config = _config(folder, server, to=TO[:1])
    server.stop()
    for minutes in (1, 5, 15, 15):
        assert len(_round(engine, config, clock).failed) == 1
        clock.now += minutes * MINUTE - timedelta(seconds=1)
        assert _round(engine, config, clock) == Round()
        clock.now += timedelta(seconds=1)


@on_sqlite
def test_who_is_killed_while_sending_leaves_it_to_somebody_else(
    engine: Engine, folder: Path, serve: Callable[..., MailHub]
) -> None:
    server, clock = serve("smtps"), Time()
    config = _config(folder, server)

    def killed(_recipient: Recipient, _day: date) -> EmailMessage:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        send_round(engine, config, DAY, killed, clock)
    assert _round(engine, config, clock).sent == TO[1:]
    clock.now += 5 * MINUTE
    assert _round(engine, config, clock).sent == TO[:1]


@on_sqlite
def test_a_database_that_fails_between_sending_and_noting_is_told_afterwards(
    engine: Engine, folder: Path, serve: Callable[..., MailHub], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, clock = serve("smtps"), Time()
    config, taken = _config(folder, server), rounds.Taken()
    note, away = rounds._note_sent, [True]

    def fails(*given: Any) -> None:
        if away:
            raise OperationalError("UPDATE", {}, Exception("gone"))
        note(*given)

    monkeypatch.setattr(rounds, "_note_sent", fails)
    for _ in range(2):  # the second time it is still away: nothing is sent blindly
        with pytest.raises(OperationalError):
            send_round(engine, config, DAY, _write, clock, taken)
    assert server.box.tos == [TO[0]]
    away.clear()
    clock.now += timedelta(hours=1)  # nobody holds the row any more
    assert send_round(engine, config, DAY, _write, clock, taken).sent == TO[1:]
    assert server.box.tos == list(TO)
    assert taken == {}


@on_sqlite
def test_an_address_that_the_server_refuses_for_good_holds_up_nobody(
    engine: Engine, folder: Path, serve: Callable[..., MailHub]
) -> None:
    server, clock = serve("smtps"), Time()
    server.box.refuses[TO[0]] = "550 no such user"
    config = _config(folder, server)
    done = _round(engine, config, clock)
    assert done.sent == TO[1:]
    ((address, fault),) = done.failed
    assert (address, fault.why) == (TO[0], "recipient")
    clock.now += timedelta(hours=1)
    assert _round(engine, config, clock) == Round()
    with reading(engine) as connection:
        states = connection.execute(select(digest_mail.c.state)).scalars().all()
    assert sorted(states) == ["refused", "sent"]


@on_sqlite
def test_an_address_that_the_server_does_not_take_now_is_tried_again(
    engine: Engine, folder: Path, serve: Callable[..., MailHub]
) -> None:
    server, clock = serve("smtps"), Time()
    server.box.refuses[TO[0]] = "451 later"
    config = _config(folder, server)
    assert _round(engine, config, clock).failed[0][1].why == "server"
    server.box.refuses.clear()
    clock.now += MINUTE
    assert _round(engine, config, clock).sent == TO


@pytest.mark.parametrize(
    ("local", "day"),
    [
        ("2026-11-23 07:59:59", None),
        ("2026-11-23 08:00:00", "2026-11-22"),
        ("2026-11-23 13:59:59", "2026-11-22"),
        ("2026-11-23 14:00:00", None),
        ("2026-11-22 09:00:00", None),  # a Sunday
        ("2026-11-21 09:00:00", "2026-11-20"),
    ],
)
@on_sqlite
def test_it_is_due_from_its_time_on_for_some_hours_on_its_days(
    engine: Engine, folder: Path, serve: Callable[..., MailHub], local: str, day: str | None
) -> None:
    config = _config(folder, serve("plain", auth=False))
    config = _on(config, days=frozenset({0, 5}))
    moment = datetime.fromisoformat(local).replace(tzinfo=config.zone)
    assert due(config, moment.astimezone(UTC)) == (date.fromisoformat(day) if day else None)


@on_sqlite
def test_late_in_the_evening_it_is_tried_past_midnight(
    engine: Engine, folder: Path, serve: Callable[..., MailHub]
) -> None:
    config = _config(folder, serve("plain", auth=False), at="23:00")
    moment = datetime(2026, 11, 23, 1, 0, tzinfo=config.zone)
    assert due(config, moment) == date(2026, 11, 21)
    assert due(config, moment - timedelta(hours=2)) == date(2026, 11, 21)
    assert due(config, moment + TRIED_FOR) is None


def _on(config: DigestConfig, **changes: Any) -> DigestConfig:
    return replace(config, **changes)


class Looks(threading.Event):
    """A stop event that does not let the watcher wait, and counts its looks."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.count += 1
        return super().wait(0.01)


@on_sqlite
def test_the_thread_sends_at_its_time_once_and_outlives_what_goes_wrong(
    engine: Engine, folder: Path, serve: Callable[..., MailHub], caplog: pytest.LogCaptureFixture
) -> None:
    server, clock, stop = serve("smtps"), Time(), Looks()
    config = _config(folder, server)
    clock.now = MORNING - MINUTE
    broken = [True]

    def write(recipient: Recipient, day: date) -> EmailMessage:
        if broken:
            broken.pop()
            raise ZeroDivisionError
        return _write(recipient, day)

    thread = threading.Thread(target=rounds.watch, args=(engine, config, write, clock, stop))
    thread.start()
    until(lambda: stop.count > 5, what="the thread looks")
    assert server.box.arrived == []
    clock.now = MORNING
    until(lambda: len(server.box.arrived) == 1, what="the second one gets it")
    clock.now = MORNING + 5 * MINUTE
    until(lambda: len(server.box.arrived) == 2, what="the first one gets it")
    seen = stop.count
    until(lambda: stop.count > seen + 10, what="the thread looks on")
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert server.box.tos == list(TO[::-1])
    assert "cannot be made; tried again" in caplog.text
