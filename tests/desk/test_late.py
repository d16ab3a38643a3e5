"""What a phone kept while it had no network: taken once, in its person's name, told truly."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from edge.desk.guests import Late
from menkou.listen import Listen
from tests.browser.conftest import shop_view
from tests.desk.test_guests import told, works
from tests.web.shopbox import SHANGHAI, ShopBox

NOW = datetime(2026, 11, 22, 16, 25, 30, tzinfo=SHANGHAI)


@pytest.fixture
def box(tmp_path: Path) -> ShopBox:
    return ShopBox(tmp_path, now=NOW)


def _goes_by(box: ShopBox, **time: float) -> None:
    assert box.fixed
    box.fixed += timedelta(**time)


def test_a_claim_whose_answer_was_lost_is_sent_again_and_counts_once(box: ShopBox) -> None:
    lin = works(box, "小林", "lin")
    visit = box.visit(box.member("王丽华"))
    assert box.floor.guests.claim(visit.id, "lin") == "mine"
    _goes_by(box, minutes=5)
    again = Late(staff=lin, waited=timedelta(minutes=5))
    assert box.floor.guests.claim(visit.id, "lin", again) == "mine"
    assert len(told(box)) == 1


def test_a_guest_who_was_let_go_meanwhile_is_not_taken_back_by_an_old_tap(box: ShopBox) -> None:
    lin = works(box, "小林", "lin")
    visit = box.visit(box.member("王丽华"))
    guests = box.floor.guests
    assert guests.claim(visit.id, "lin") == "mine"
    _goes_by(box, minutes=2)
    assert guests.release(visit.id, "lin", anybodys=False)
    _goes_by(box, minutes=3)
    assert guests.claim(visit.id, "lin", Late(staff=lin, waited=timedelta(minutes=5))) == "released"
    # A tap after they were let go is another one.
    assert guests.claim(visit.id, "lin", Late(staff=lin, waited=timedelta(minutes=1))) == "mine"


def test_a_late_claim_of_a_guest_whom_another_let_go_is_good(box: ShopBox) -> None:
    lin = works(box, "小林", "lin")
    works(box, "周敏", "zhou")
    visit = box.visit(box.member("王丽华"))
    guests = box.floor.guests
    assert guests.claim(visit.id, "zhou") == "mine"
    assert guests.release(visit.id, "zhou", anybodys=False)
    _goes_by(box, minutes=1)
    assert guests.claim(visit.id, "lin", Late(staff=lin, waited=timedelta(hours=1))) == "mine"


def test_nothing_is_done_in_the_name_of_who_uses_the_phone_by_now(box: ShopBox) -> None:
    lin = works(box, "小林", "phone")
    visit = box.visit(box.member("王丽华"))
    works(box, "周敏", "phone")
    late = Late(staff=lin, waited=timedelta(minutes=1))
    assert box.floor.guests.claim(visit.id, "phone", late) == "other"
    assert box.floor.guests.note(visit.id, "ring size 52", "phone", late) == "other"
    box.floor.people.leave("phone")
    assert box.floor.guests.claim(visit.id, "phone", late) == "unnamed"
    assert box.floor.guests.note(visit.id, "ring size 52", "phone", late) == "unnamed"
    assert told(box) == []
    box.floor.people.choose("phone", lin, "")
    assert box.floor.guests.claim(visit.id, "phone", late) == "mine"
    for _ in range(2):
        assert box.floor.guests.note(visit.id, "ring size 52", "phone", late) == "kept"
    assert box.db.execute("SELECT count(*) FROM note").fetchone()[0] == 1


@pytest.fixture
def client(box: ShopBox) -> FlaskClient:
    app = box.app(shop_view, Listen(host="127.0.0.1", port=8780))
    return app.test_client()


def _sends(client: FlaskClient, path: str, **form: Any) -> Any:
    client.get("/arrivals")
    with client.session_transaction() as session:
        csrf = session["csrf"]
    return client.post(path, data={"csrf": csrf, **form})


def test_a_phone_is_told_who_was_first_and_when(box: ShopBox, client: FlaskClient) -> None:
    visit = box.visit(box.member("王丽华"))
    works(box, "周敏", "zhou")
    lin = works(box, "小林", "local")
    assert box.floor.guests.claim(visit.id, "zhou") == "mine"
    answer = _sends(client, "/arrivals/claim", visit=visit.id, staff=lin, waited_s="60")
    assert answer.json == {"outcome": "taken", "by": "周敏", "since": "16:25"}
    answer = _sends(client, "/arrivals/note", visit=visit.id, text="x", staff=lin, waited_s="60")
    assert answer.json == {"outcome": "kept"}


@pytest.mark.parametrize("waited", ["-1", "", "1e9", "٣", "9999999"])
def test_a_span_that_is_none_is_refused(box: ShopBox, client: FlaskClient, waited: str) -> None:
    visit = box.visit(box.member("王丽华"))
    answer = _sends(client, "/arrivals/claim", visit=visit.id, staff="", waited_s=waited)
    assert answer.status_code == 400
    assert told(box) == []
