"""A disk that takes nothing more: every form of the pages says so in words, and keeps nothing."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from tests.web.test_access import BASE, Shop, get, token

FORM = {
    **{"kind": "repair", "what": "ring", "name": "B", "phone": "13700137000", "member": "V-1"},
    **{"to": "in_work", "channel": "friend", "entry": "entry-0001", "id": "tv", "zh": "电视"},
    **{"active": "off", "state": "arrived", "role": "consultant", "text": "note", "offer": "tea"},
    **{"answer": "taken", "code": "123456", "minutes": "20", "tea": "20", "meal": "60"},
    **{"called": "王", "scope": "read:shop", "days": "3", "reasons": "ill", "device": "nobody's"},
}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def _answers(shop: Shop) -> Iterator[tuple[str, TestResponse]]:
    """Send each form of the pages, as the manager or as a guest on a screen of their own."""
    member = shop.box.member("王丽华", external_id="V-1")
    form = {**FORM, "visit": shop.box.visit(member).id}
    link = shop.box.join.link().token
    manager, guest = shop.paired("manager"), shop.device("192.0.2.77")
    tokens = {manager: token(manager, "/sources"), guest: token(guest, f"/join/{link}")}
    names = {"<member>": member.id, "<token>": link, "<camera>": "door"}
    rules = [rule for rule in shop.app.url_map.iter_rules() if "POST" in (rule.methods or ())]
    shop.box.fill_up()
    for path in (rule.rule for rule in rules if not rule.rule.startswith("/api/")):
        shop.seconds += 100  # not too often
        asks = guest if path.startswith("/join") else manager
        address = re.sub(r"<[^>]+>", lambda name: names.get(name[0], "1"), path)
        yield (
            path,
            asks.post(
                address,
                base_url=BASE,
                data={**form, "csrf": tokens[asks]},
                headers={"Accept": "text/html", "Accept-Language": "en"},
            ),
        )


def test_each_form_says_that_the_disk_is_full_instead_of_failing(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    found = dict(_answers(shop))
    assert [path for path, answer in found.items() if answer.status_code == 500] == []
    away = [path for path, answer in found.items() if answer.status_code == 503]
    told = {"/queue/take", "/tickets/make", "/members/add", "/arrivals/note", "/join/<token>"}
    assert told <= set(away)
    assert all("Its disk is full" in found[path].text for path in away)
    assert "王丽华" not in caplog.text
    assert get(shop.device(), "/healthz").status_code == 200
