"""The box's pages as a process: real TLS, paired devices, a key that was handed over."""

import re
import stat
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from socket import gethostname
from urllib.parse import quote

import pytest

from edge.pair_cli import page_address
from edge.store.database import transaction
from edge.store.devices import LOCAL
from edge.wire.codec import utc_text
from menkou.listen import Listen
from tests.support.front import Device, FrontBox
from tests.support.processes import until
from tests.support.secured import Authority

TLS = 'cert = "page.pem"\nkey = "file:page.key"\n'


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[FrontBox]:
    """A box whose pages are open to the shop's network."""
    Authority(tmp_path).issue("page", "localhost")
    made = FrontBox(tmp_path, host="0.0.0.0", console=TLS)
    made.start()
    yield made
    made.close()


def _device(shop: FrontBox) -> Device:
    return Device(shop.port, shop.folder / "ca.pem")


def _paired(shop: FrontBox, *words: str) -> Device:
    """Pair a device with what the command prints."""
    told = shop.command("pair", *words)
    assert told.returncode == 0, told.stderr
    found = re.search(r"^code +(\S+)$", told.stdout, re.MULTILINE)
    assert found
    assert f"open     https://localhost:{shop.port}/pair" in told.stdout
    device = _device(shop)
    assert device.post("/pair", "/pair", code=found[1]).status == 303
    return device


def test_a_shop_works_with_its_paired_devices(shop: FrontBox) -> None:
    assert _device(shop).ask("/arrivals").status == 303
    manager = _paired(shop, "--name", "the manager's")
    consultant = _paired(shop)
    roles = {device.role: device for device in shop.box.devices().paired(shop.box.now())}
    assert roles["manager"].name == "the manager's"
    assert shop.box.audited("pair") == [(LOCAL, None), (LOCAL, None)]

    visit = shop.box.visit(shop.box.member("王丽华", called="王女士"))
    shop.tell()
    assert "王女士" in consultant.text("/arrivals")
    assert shop.box.audited("view")[-1][0] == roles["consultant"].id

    assert consultant.post("/arrivals/wrong", "/arrivals", visit=visit.id).status == 303
    note = shop.eyes.receive(5)
    assert note is not None
    assert (note.sender, note.new) == ("front", True)
    shop.box.correct()
    assert "王女士" not in consultant.text("/arrivals")

    with consultant.open("/events") as stream:
        assert stream.status == 200
        began = time.monotonic()
        gone = {"device": roles["consultant"].id}
        assert manager.post("/devices/revoke", "/devices", **gone).status == 303
        while stream.readline():
            pass
        assert time.monotonic() - began < 5, "the stream outlived the device"
    assert consultant.ask("/arrivals").status == 303
    assert consultant.ask("/events").status in (303, 401)
    assert manager.ask("/arrivals").status == 200


def test_while_another_process_holds_the_store_the_pages_are_read_on(shop: FrontBox) -> None:
    consultant = _paired(shop, "--role", "consultant")
    shop.box.visit(shop.box.member("王丽华"))
    long_ago = shop.box.now() - timedelta(minutes=2)
    shop.box.db.execute("UPDATE device SET seen_at = ?", [utc_text(long_ago)])
    with transaction(shop.box.db):
        assert consultant.ask("/").status == 200
        page = consultant.ask("/arrivals")
        assert page.status == 200
        assert "A member, name locked" in page.text
    assert "王丽华" in consultant.text("/arrivals")


def test_a_device_that_is_paired_anew_keeps_no_stream_of_before(shop: FrontBox) -> None:
    device = _paired(shop)
    with device.open("/events") as stream:
        began = time.monotonic()
        code = shop.box.devices().issue(role="consultant", name="", by=LOCAL, now=shop.box.now())
        assert device.post("/pair", "/pair", code=code.text).status == 303
        while stream.readline():
            pass
        assert time.monotonic() - began < 5, "the stream outlived the session"


def test_the_process_that_reads_names_leaves_no_core(shop: FrontBox) -> None:
    limits = Path(f"/proc/{shop.pid}/limits").read_text().splitlines()
    assert next(line for line in limits if "core file" in line).split()[4:6] == ["0", "0"]


def test_names_wait_for_the_key_and_go_with_it(shop: FrontBox) -> None:
    consultant = _paired(shop, "--role", "consultant")
    shop.box.visit(shop.box.member("王丽华"))
    assert "王丽华" in consultant.text("/arrivals")
    shop.slot.clear()
    page = consultant.text("/arrivals")
    assert "王丽华" not in page
    assert "A member, name locked" in page
    # And a notice, a second later at most: screens share what was read.
    until(lambda: "cannot be read just now" in consultant.text("/arrivals"), what="the notice")


def test_no_name_code_or_token_is_in_a_log(shop: FrontBox) -> None:
    told = shop.command("pair", "--name", "Frau Meier")
    consultant = _paired(shop)
    shop.box.visit(shop.box.member("王丽华"))
    consultant.text("/arrivals")
    consultant.text("/arrivals?name=" + quote("王丽华"))
    code = re.search(r"^code +(\S+)$", told.stdout, re.MULTILINE)
    assert code
    token = consultant.cookies["__Host-menkou_device"]
    for secret in ("王丽华", "Meier", code[1], token):
        assert secret not in shop.log()
        assert secret not in told.stderr
    assert stat.S_IMODE((shop.box.folder / "console.secret").stat().st_mode) == 0o600


def test_a_session_holds_over_a_restart(shop: FrontBox) -> None:
    device = _paired(shop)
    shop.kill()
    shop.start()
    assert device.ask("/devices").status == 200


def test_a_body_that_is_too_large_is_refused(shop: FrontBox) -> None:
    assert _device(shop).ask("/pair", {"code": "A" * 100_000}).status == 413


def test_on_the_box_itself_there_is_nothing_to_pair(tmp_path: Path) -> None:
    box = FrontBox(tmp_path)
    told = box.command("pair")
    box.close()
    assert told.returncode == 1
    assert "nothing needs pairing" in told.stderr


@pytest.mark.parametrize("damage", ["absent", "no certificate"])
def test_pairing_needs_a_certificate_that_can_be_read(tmp_path: Path, damage: str) -> None:
    if damage != "absent":
        (tmp_path / "page.pem").write_text(damage)
    box = FrontBox(tmp_path, host="0.0.0.0", console=TLS)
    told = box.command("pair")
    box.close()
    assert told.returncode == 1
    assert "page.pem: expected a PEM certificate" in told.stderr
    assert box.box.db.execute("SELECT count(*) FROM pairing_code").fetchone() == (0,)


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        pytest.param("192.0.2.9", "https://192.0.2.9:8780/", id="an address"),
        pytest.param("2001:db8::9", "https://[2001:db8::9]:8780/", id="IPv6"),
        pytest.param("0.0.0.0", f"https://{gethostname()}:8780/", id="every address"),
        pytest.param("::", f"https://{gethostname()}:8780/", id="every IPv6 address"),
    ],
)
def test_without_a_name_in_the_certificate_the_address_itself_is_told(
    listen: str, address: str
) -> None:
    assert page_address(Listen(host=listen, port=8780)) == address


@pytest.mark.parametrize(
    ("host", "console", "expected"),
    [
        pytest.param("0.0.0.0", "", "has no TLS (cert and key)", id="open without TLS"),
        pytest.param(
            "127.0.0.1",
            'password = "file:console.password"\n',
            "run menkou-edge pair for the manager's device",
            id="a password of an older version",
        ),
    ],
)
def test_settings_that_no_longer_do_say_what_to_do(
    tmp_path: Path, host: str, console: str, expected: str
) -> None:
    box = FrontBox(tmp_path, host=host, console=console)
    for command in ("check-config", "run", "pair"):
        told = box.command(command)
        assert told.returncode == 2
        assert expected in told.stderr
        assert told.stderr.count("edge.toml:") == 1
    box.close()


def test_the_pages_end_when_they_are_told_to(shop: FrontBox) -> None:
    device = _paired(shop)
    with device.open("/events") as stream:
        began = time.monotonic()
        assert shop.stop() == 0
        assert time.monotonic() - began < 8
        while stream.readline():
            pass
