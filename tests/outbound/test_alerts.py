"""Alerts that go out: each once for each target, with a name only where the settings say so."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.core.moments import Mark
from edge.core.visit import Raised, Visit
from edge.outbound.alerts import LATE, AlertsOut, Receiver
from edge.outbound.courier import Courier
from edge.outbound.line import Line
from edge.outbound.webhook import Webhook
from edge.ports import Fact
from edge.store.outbound import Outgoing
from edge.store.people import Member
from menkou.signing import signature
from tests.support.receiver import Receiver as Server
from tests.support.receiver import receiving
from tests.web.shopbox import SHANGHAI, ShopBox

NOW = datetime(2026, 11, 21, 16, 25, 30, tzinfo=SHANGHAI)
PLAIN = Receiver(name="crm", named=False)
NAMED = Receiver(name="crm", named=True)
SECRET = b"0123456789abcdef01234567"


class Shop:
    """A box with alerts, what takes them, and what carries them to a server of the test's."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.box = ShopBox(folder, now=NOW)
        self.server = server

    def mark(self) -> Mark:
        return Mark(at=self.box.now(), boot="this start", mono=1000.0)

    def out(self, *receivers: Receiver) -> AlertsOut:
        return AlertsOut(
            receivers,
            shop="南京东路店",
            store_id="nj-001",
            zone=SHANGHAI,
            db=self.box.db_of_thread,
            keys=lambda: self.box.keys if self.box.root else None,
            mark=self.mark,
        )

    def arrive(self, member: Member, *, ago_s: float = 0) -> Visit:
        visit = self.box.visit(member, ago_s=ago_s)
        raised = Raised(
            at=visit.opened_at, kind="member_arrived", visit=visit.id, subject=member.subject
        )
        self.box.log.commit([Fact(change=raised, mono=1.0, clock="ok")])
        return visit

    def send(self) -> None:
        courier = Courier(
            name="crm",
            target=Webhook(url=f"{self.server.url}/hook", secret=SECRET),
            line=Line(None),
            db=self.box.db_of_thread,
            keys=lambda: self.box.keys,
            mark=self.mark,
            chance=lambda: 1.0,
        )
        for _ in range(3):
            courier.step()

    def queued(self) -> int:
        (count,) = self.box.db.execute("SELECT count(*) FROM outbound").fetchone()
        return int(count)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with receiving() as server:
        yield Shop(tmp_path, server)


def test_an_alert_goes_out_signed_once_and_without_a_name(shop: Shop) -> None:
    visit = shop.arrive(shop.box.member("王丽华"))
    out = shop.out(PLAIN)
    out.step()
    out.step()
    shop.out(PLAIN).step()  # after a restart
    shop.send()
    (got,) = shop.server.got
    told = json.loads(got.body)
    assert told["type"] == "alert.member_arrived"
    assert (told["data"]["visit"], told["data"]["store"]) == (visit.id, "nj-001")
    assert "王" not in got.body.decode()
    stamp = int(got.headers["webhook-timestamp"])
    expected = signature(SECRET, got.headers["webhook-id"], stamp, got.body)
    assert got.headers["webhook-signature"] == expected
    assert shop.box.audited("view") == []


def test_a_name_goes_where_the_settings_say_so_sealed_and_noted_as_a_view(shop: Shop) -> None:
    member = shop.box.member("王丽华", called="王女士", external_id="V-1")
    shop.arrive(member)
    shop.out(NAMED).step()
    (payload,) = shop.box.db.execute("SELECT payload FROM outbound").fetchone()
    assert "王".encode() not in payload
    assert shop.box.audited("view") == [("outbound:crm", member.subject)]
    shop.send()
    data = json.loads(shop.server.got[0].body)["data"]
    assert (data["name"], data["member"]) == ("王女士", "V-1")
    assert data["text"] == "【南京东路店】王女士 到店 16:25"


def test_a_name_waits_for_the_key_and_goes_then(shop: Shop) -> None:
    shop.arrive(shop.box.member("王丽华"))
    root, shop.box.root = shop.box.root, None
    out = shop.out(NAMED)
    out.step()
    assert shop.queued() == 0
    shop.box.root = root
    out.step()
    assert shop.queued() == 1


def test_what_is_late_or_was_corrected_is_told_to_nobody(shop: Shop) -> None:
    member = shop.box.member("王丽华")
    shop.arrive(member, ago_s=LATE.total_seconds() + 1)
    wrong = shop.arrive(member, ago_s=5)
    assert shop.box.desk.wrong_person(wrong.id, "local")
    shop.box.correct()
    shop.out(PLAIN).step()
    assert shop.queued() == 0


def test_a_full_store_loses_no_alert(shop: Shop) -> None:
    shop.arrive(shop.box.member("王丽华"))
    out = shop.out(PLAIN)
    shop.box.fill_up()
    out.step()
    shop.box.db.execute("PRAGMA query_only = OFF")
    out.step()
    assert shop.queued() == 1


def test_who_is_erased_while_the_alert_is_written_is_told_without_a_name(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = shop.box.member("王丽华")
    shop.arrive(member)
    out, message = shop.out(NAMED), AlertsOut._message

    def erased_meanwhile(*arguments: Any) -> Outgoing:
        written = message(*arguments)
        if written.subject is not None:
            shop.box.erase(member)
        return written

    monkeypatch.setattr(AlertsOut, "_message", erased_meanwhile)
    out.step()
    assert shop.queued() == 0
    out.step()
    shop.send()
    (got,) = shop.server.got
    assert "王丽华" not in got.body.decode()


def test_each_target_is_told(shop: Shop) -> None:
    shop.arrive(shop.box.member("王丽华"))
    shop.box.fixed = NOW + timedelta(seconds=3)
    shop.out(PLAIN, Receiver(name="bot", named=False)).step()
    assert shop.queued() == 2


def told_types(shop: Shop) -> list[str]:
    shop.send()
    return [json.loads(one.body)["type"] for one in shop.server.got]


def test_a_wrong_person_who_was_told_of_is_taken_back_signed_and_once(shop: Shop) -> None:
    visit = shop.arrive(shop.box.member("王丽华", called="王女士"))
    out = shop.out(NAMED)
    out.step()
    assert told_types(shop) == ["alert.member_arrived"]
    assert shop.box.desk.wrong_person(visit.id, "phone")
    shop.box.correct()
    for again in (out, out, shop.out(NAMED)):  # the last one after a restart
        again.step()
    assert told_types(shop) == ["alert.member_arrived", "alert.withdrawn"]
    first, got = shop.server.got
    data = json.loads(got.body)["data"]
    assert (data["visit"], data["withdraws"]) == (visit.id, first.headers["webhook-id"])
    assert "王" not in got.body.decode()
    stamp = int(got.headers["webhook-timestamp"])
    expected = signature(SECRET, got.headers["webhook-id"], stamp, got.body)
    assert got.headers["webhook-signature"] == expected


def test_an_alert_that_still_waits_when_it_is_taken_back_never_goes_out(shop: Shop) -> None:
    visit = shop.arrive(shop.box.member("王丽华"))
    out = shop.out(PLAIN)
    out.step()
    shop.box.desk.wrong_person(visit.id, "phone")
    shop.box.correct()
    out.step()
    assert told_types(shop) == []


def test_an_alert_that_was_tried_in_vain_is_taken_back_as_well(shop: Shop) -> None:
    visit = shop.arrive(shop.box.member("王丽华"))
    out = shop.out(PLAIN)
    out.step()
    shop.box.db.execute("UPDATE outbound SET tries = 1")  # sent, and no answer came
    shop.box.desk.wrong_person(visit.id, "phone")
    shop.box.correct()
    out.step()
    out.step()
    assert told_types(shop) == ["alert.withdrawn"]


def test_who_was_told_of_rightly_or_erased_since_is_not_taken_back(shop: Shop) -> None:
    member = shop.box.member("王丽华")
    shop.arrive(member)
    out = shop.out(PLAIN)
    out.step()
    assert told_types(shop) == ["alert.member_arrived"]
    shop.box.erase(member)
    out.step()
    assert told_types(shop) == ["alert.member_arrived"]
