"""The page on which a manager says what time it is: who may, what is taken, what is refused."""

import dataclasses
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from edge.console.clock import ROUND_TRIP_MAX_S
from edge.core.timeline import RELEASED
from edge.store.devices import LOCAL, Role
from edge.store.outbox import Outbox, Reading
from edge.wire.messages import Health
from tests.web.shopbox import ShopBox
from tests.web.test_access import BASE, NOW, OPEN, get, pair, post, token
from tests.web.test_console import _view

TRUTH = NOW + timedelta(hours=13)


class Shop:
    """A box that is not sure of the time, and devices that are."""

    def __init__(self, folder: Path, clock: Any = "suspect") -> None:
        self.box = ShopBox(folder, now=NOW, clock=clock)
        self.notices: tuple[str, ...] = ("clock_suspect",)
        self.app: Flask = self.box.app(
            lambda: dataclasses.replace(_view(), notices=self.notices), OPEN
        )

    def paired(self, role: Role) -> FlaskClient:
        client = self.app.test_client()
        client.environ_base["REMOTE_ADDR"] = "192.0.2.20"
        client.environ_base["wsgi.url_scheme"] = "https"
        code = self.box.devices().issue(role=role, name=role, by=LOCAL, now=self.box.now())
        assert pair(client, code.text).status_code == 303
        return client

    @property
    def manager(self) -> FlaskClient:
        return self.paired("manager")

    def earlier(self, at: datetime, clock: str) -> None:
        """An earlier start of the machine committed an event of that time."""
        outbox = Outbox(self.box.db)
        epoch = outbox.begin_epoch(at, "run", "an earlier start")
        body = Health(part="eyes", camera=None, state="restarted")
        outbox.append(epoch, [(body, Reading(at=at, mono=1.0, clock=clock))])

    @property
    def word(self) -> str:
        return self.box.clock.timeline.word

    @property
    def time(self) -> datetime:
        return self.box.clock.now()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def timeline(client: FlaskClient) -> str:
    found = re.search(r'name="timeline" value="(\d+)"', get(client, "/time").text)
    assert found
    return found[1]


def confirm(client: FlaskClient, **form: str) -> TestResponse:
    known = {"csrf": token(client, "/time"), "timeline": timeline(client)}
    return post(client, "/time/confirm", **{**known, **form})


def set_to(client: FlaskClient, at: datetime, **form: str) -> TestResponse:
    """Do what the page's script does."""
    known = {"csrf": token(client, "/time"), "timeline": timeline(client)}
    asked = client.get("/time/asked", base_url=BASE).get_json()["asked"]
    known |= {"asked": str(asked), "device": str(round(at.timestamp() * 1000))}
    return post(client, "/time/set", **{**known, **form})


def test_a_manager_sees_the_boxs_time_and_that_nobody_vouches_for_it(shop: Shop) -> None:
    page = get(shop.manager, "/time").text
    assert "2026-11-21 16:25:30" in page
    assert "not sure of the time" in page
    assert "2026-11-21T16:25:30+08:00" in page
    chinese = shop.manager.get("/time?lang=zh", base_url=BASE).text
    assert "盒子不确定现在的时间" in chinese
    assert "采用本机时间" in chinese


def test_one_tap_confirms_the_time_and_is_in_the_audit_log(shop: Shop) -> None:
    manager = shop.manager
    answer = confirm(manager)
    assert (answer.status_code, answer.location) == (303, "/time")
    assert (shop.word, shop.box.clock.state(), shop.time) == ("person", "ok", NOW)
    assert shop.box.woken == ["eyes"]
    ((actor, _),) = shop.box.audited("clock")
    assert [d.id for d in shop.box.devices().paired(NOW) if d.id == actor]
    assert "Set by hand" in get(manager, "/time").text


def test_a_devices_time_is_taken_and_holds_for_the_next_process(shop: Shop) -> None:
    answer = set_to(shop.manager, TRUTH)
    assert answer.status_code == 303
    assert abs(shop.time - TRUTH) < timedelta(milliseconds=1)
    assert shop.box.timelines().follow(shop.box.hands) == shop.box.clock.timeline
    detail = shop.box.db.execute("SELECT detail FROM audit WHERE what = 'clock'").fetchone()
    assert detail == ('{"by_s": 46800, "how": "set"}',)


def test_half_of_the_way_there_is_taken_off(shop: Shop) -> None:
    manager = shop.manager
    asked = str(shop.box.hands.seconds)
    shop.box.hands.seconds += 4
    assert set_to(manager, TRUTH, asked=asked).status_code == 303
    assert shop.time == TRUTH + timedelta(seconds=2)


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        pytest.param({"asked": str(1000.0 - ROUND_TRIP_MAX_S - 0.1)}, "too long", id="slow"),
        pytest.param({"asked": "2000"}, "too long", id="from the future"),
        pytest.param({"asked": "", "device": ""}, "too long", id="no script"),
        pytest.param({"asked": "nan"}, "too long", id="no number"),
        pytest.param({"device": "9" * 30}, "too long", id="a time beyond all"),
        pytest.param({"timeline": "77"}, "look again", id="an old page"),
        pytest.param(
            {"device": str(int(RELEASED.timestamp() * 1000) - 1)}, "cannot be", id="too early"
        ),
        pytest.param({"device": str(5 * 10**12)}, "cannot be", id="in another century"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    shop: Shop, form: dict[str, str], problem: str
) -> None:
    answer = set_to(shop.manager, TRUTH, **form)
    assert answer.status_code == 409
    assert problem in answer.text
    assert (shop.word, shop.time) == ("nobody", NOW)
    assert shop.box.audited("clock") == []


def test_a_time_before_what_an_earlier_start_was_sure_of_is_refused(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.earlier(TRUTH + timedelta(hours=1), "ok")
    assert set_to(shop.manager, TRUTH).status_code == 409
    assert shop.word == "nobody"


def test_a_time_before_what_only_a_wrong_clock_said_is_taken(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.earlier(TRUTH + timedelta(days=1500), "suspect")
    assert set_to(shop.manager, TRUTH).status_code == 303
    assert abs(shop.time - TRUTH) < timedelta(milliseconds=1)


def test_a_time_that_was_set_wrongly_can_be_set_again(shop: Shop) -> None:
    manager = shop.manager
    assert set_to(manager, TRUTH + timedelta(days=2)).status_code == 303
    assert set_to(manager, TRUTH).status_code == 303
    assert abs(shop.time - TRUTH) < timedelta(milliseconds=1)


def test_what_the_kernel_knows_is_not_for_people_to_set(shop: Shop) -> None:
    manager = shop.manager
    known = timeline(manager)
    shop.box.hands.word = "ok"
    shop.box.clock.take(shop.box.timelines().follow(shop.box.hands))
    newest = str(shop.box.clock.timeline.id)
    page = get(manager, "/time").text
    assert 'id="time-set"' not in page
    form = {"csrf": token(manager, "/devices"), "timeline": known}
    assert "look again" in post(manager, "/time/confirm", **form).text
    answer = post(manager, "/time/confirm", **{**form, "timeline": newest})
    assert (answer.status_code, "by now" in answer.text) == (409, True)
    assert shop.box.audited("clock") == []


@pytest.mark.parametrize(
    ("role", "may"), [("manager", True), ("installer", True), ("consultant", False)]
)
def test_managers_and_installers_keep_the_time(shop: Shop, role: Role, may: bool) -> None:
    client = shop.paired(role)
    assert (get(client, "/time", Accept="*/*").status_code == 200) is may
    assert (client.get("/time/asked", base_url=BASE).status_code == 200) is may
    assert ('href="/time"' in get(client, "/" if may else "/arrivals").text) is may
    form = {"csrf": token(client), "timeline": str(shop.box.clock.timeline.id)}
    assert (post(client, "/time/confirm", **form).status_code == 303) is may
    assert shop.word == ("person" if may else "nobody")


@pytest.mark.parametrize("path", ["/time/confirm", "/time/set"])
@pytest.mark.parametrize("form", [{}, {"csrf": "guess"}], ids=["no token", "another token"])
def test_a_form_without_its_token_sets_no_time(shop: Shop, path: str, form: dict[str, str]) -> None:
    manager = shop.manager
    assert post(manager, path, timeline=timeline(manager), **form).status_code == 400
    assert shop.word == "nobody"


def test_the_device_that_sets_the_time_after_months_is_not_shut_out_by_it(shop: Shop) -> None:
    manager = shop.manager
    later = NOW.astimezone(UTC) + timedelta(days=200)
    assert set_to(manager, later).status_code == 303
    shop.box.fixed = later
    assert get(manager, "/time").status_code == 200


@pytest.mark.parametrize("code", ["clock_suspect", "clock_suspect_faces", "clock_by_hand"])
def test_a_notice_of_the_time_leads_to_the_page(shop: Shop, code: str) -> None:
    shop.notices = (code,)
    assert 'href="/time"' in get(shop.manager, "/").text
