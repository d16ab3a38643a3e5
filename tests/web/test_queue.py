"""The queue over HTTP: who may do what, what each device is shown, what guests never see."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from edge.store.devices import Role
from tests.web.test_access import Shop, get, post, token


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def _post(client: FlaskClient, path: str, **form: str) -> TestResponse:
    return post(client, f"/queue/{path}", csrf=token(client, "/queue"), **form)


def _ticket(shop: Shop) -> str:
    row = shop.box.db.execute("SELECT id FROM queue_ticket ORDER BY number DESC").fetchone()
    return str(row[0])


def test_the_number_is_told_to_the_device_that_asked_and_to_no_other(shop: Shop) -> None:
    one, other = shop.paired("consultant"), shop.paired("consultant")
    answer = _post(one, "take", phone="138 0013 8000")
    assert (answer.status_code, answer.location) == (303, "/queue")
    assert "Number A001" in get(one, "/queue/live").text
    assert "Number A001" not in get(other, "/queue/live").text
    assert "A001" in get(other, "/queue/live").text


def test_a_whole_phone_number_is_shown_to_who_asked_and_logged(shop: Shop) -> None:
    one, other = shop.paired("consultant"), shop.paired("consultant")
    _post(one, "take", phone="13800138000")
    assert shop.box.fixed
    shop.box.hands.seconds += 3600
    shop.box.queue.fire()
    assert "13800138000" not in get(one, "/queue").text
    _post(one, "phone", ticket=_ticket(shop))
    assert "tel:13800138000" in get(one, "/queue/live").text
    assert "13800138000" not in get(other, "/queue/live").text
    details = shop.box.db.execute("SELECT detail FROM audit WHERE what = 'queue' ORDER BY id")
    assert '"how": "phone"' in [row[0] for row in details][-1]


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        ("guest", "/queue/display", 200),
        ("guest", "/queue/display/live", 200),
        ("guest", "/queue", 403),
        ("installer", "/queue", 403),
        ("consultant", "/queue", 200),
        ("manager", "/queue", 200),
    ],
)
def test_each_role_sees_its_own_of_the_queue(
    shop: Shop, role: Role, path: str, status: int
) -> None:
    assert get(shop.paired(role), path).status_code == status


def test_the_display_names_nobody(shop: Shop) -> None:
    shop.box.member("王丽华", external_id="C-1001")
    consultant, guest = shop.paired("consultant"), shop.paired("guest")
    _post(consultant, "take", phone="13800138000", member="C-1001")
    _post(consultant, "move", ticket=_ticket(shop), to="called")
    text = get(guest, "/queue/display").text
    assert "A001" in text
    assert "王丽华" not in text
    assert "8000" not in text.replace("8780", "")


def test_only_the_manager_sets_the_time_and_only_a_sound_one(shop: Shop) -> None:
    consultant, manager = shop.paired("consultant"), shop.paired("manager")
    assert _post(consultant, "time", minutes="10").status_code == 403
    assert _post(manager, "time", minutes="10").status_code == 303
    assert "After 10 minutes" in get(consultant, "/queue").text
    for wrong in ("0", "241", "-5", "ten", "１０", ""):
        assert _post(manager, "time", minutes=wrong).status_code == 400


def test_what_no_page_sends_is_refused_and_harms_nothing(shop: Shop) -> None:
    consultant = shop.paired("consultant")
    _post(consultant, "take", phone="13800138000")
    assert _post(consultant, "move", ticket=_ticket(shop), to="waiting").status_code == 400
    assert _post(consultant, "move", ticket="'; --", to="gone").status_code == 303
    assert post(consultant, "/queue/take", phone="13800138000").status_code == 400, "no token"
    assert [row[0] for row in shop.box.db.execute("SELECT state FROM queue_ticket")] == ["waiting"]


@pytest.mark.parametrize("role", ["guest", "installer"])
@pytest.mark.parametrize("path", ["/queue/move", "/queue/time", "/queue/take"])
def test_who_has_no_business_with_the_queue_changes_nothing(
    shop: Shop, role: Role, path: str
) -> None:
    client = shop.paired(role)
    answer = post(client, path, csrf=token(client, "/pair"), to="gone", phone="13800138000")
    assert answer.status_code == 403
    assert shop.box.queue.display().waiting == 0


def test_a_name_with_a_script_in_it_is_shown_as_it_is(shop: Shop) -> None:
    shop.box.member("<script>alert(1)</script>", external_id="C-1001")
    consultant = shop.paired("consultant")
    _post(consultant, "take", member="C-1001")
    text = get(consultant, "/queue").text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
