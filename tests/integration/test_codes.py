"""A running box that reads no face: a member shows a code, and the card comes up."""

import json
import time
from base64 import b32decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from edge.core.codes import STEP_S
from edge.keys.onetime import code_at
from edge.store.database import connect
from tests.support.front import Device
from tests.support.processes import answers, free_port, our_command, until
from tests.support.shop import Shop


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def shop(tmp_path: Path, port: int) -> Shop:
    return Shop(tmp_path, f'[console]\nlisten = "127.0.0.1:{port}"\n', mode="count")


@pytest.fixture
def till(shop: Shop, port: int) -> Iterator[Device]:
    box = our_command("edge", "run", "--config", str(shop.config), log=shop.folder / "run.log")
    box.start()
    try:
        until(lambda: answers(port), within_s=60, what="the pages")
        yield Device(port, None)
    finally:
        box.stop()


def _shown(till: Device) -> str:
    return till.text("/arrivals/live")


def _told(shop: Shop, kind: str) -> list[Any]:
    """Return what the hub is to be told of a kind."""
    db = connect(shop.data)
    rows = db.execute("SELECT event FROM outbox WHERE kind = ? ORDER BY id", [kind]).fetchall()
    db.close()
    return [json.loads(row[0])["body"] for row in rows]


def test_codes_bring_up_cards_on_a_box_that_only_counts(shop: Shop, till: Device) -> None:
    wang = shop.member("enroll", "--name", "王丽华", "--repair-ready", "watch").split()[-1]
    zhang = shop.member("enroll", "--name", "张伟").split()[-1]

    code = shop.member("code", wang).split()[-1]
    assert till.post("/arrivals/code", "/arrivals", code=code).status == 303
    until(lambda: "王丽华" in _shown(till), what="the card of her code")
    page = _shown(till)
    assert "By the member&#39;s code" in page
    assert "Repair ready to collect: watch" in page

    address = shop.member("code", zhang, "--phone", "13800138000").split()[-1]
    secret = b32decode(parse_qs(urlsplit(address).query)["secret"][0])
    typed = {"code": code_at(secret, int(time.time()) // STEP_S), "phone": "8000"}
    assert till.post("/arrivals/code", "/arrivals", **typed).status == 303
    until(lambda: "张伟" in _shown(till), what="the card of his phone's code")
    assert till.post("/arrivals/code", "/arrivals", **typed).status == 303
    assert "used already" in _shown(till)

    opened = _told(shop, "visit_opened")
    assert [(v["who"], v["basis"], v["counted"]) for v in opened] == [
        ("member", "crossings", False)
    ] * 2
    assert len(_told(shop, "alert")) == 2
    noted = [json.loads(line) for line in shop.run("audit", "list", "--json").stdout.splitlines()]
    assert [(e["actor"], e["detail"]["how"]) for e in noted if e["what"] == "code"] == [
        ("local", "shop"),
        ("local", "arrival"),
        ("local", "phone"),
        ("local", "arrival"),
    ]
    assert [e["detail"]["how"] for e in noted if e["what"] == "match"] == ["code", "code"]
    log = (shop.folder / "run.log").read_text()
    for personal in ("王丽华", "张伟", code, typed["code"], address):
        assert personal not in log
