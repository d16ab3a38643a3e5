"""Who is asked on which screen, over a real store."""

import dataclasses
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from edge.core.visit import Revised
from edge.ports import Fact
from edge.store.devices import LOCAL, Role
from tests.desk.test_guests import works
from tests.web.shopbox import SHANGHAI, ShopBox

NOW = datetime(2026, 11, 22, 16, 25, 30, tzinfo=SHANGHAI)


class Shop:
    """A box, its paired devices, and who is asked after some seconds."""

    def __init__(self, folder: Path) -> None:
        self.box = ShopBox(folder, now=NOW)
        self.roles: dict[str, Role] = {}

    def device(self, role: Role, person: str = "") -> str:
        """Pair a device and say whose it is."""
        code = self.box.devices().issue(role=role, name=role, by=LOCAL, now=self.box.now())
        session = self.box.devices().redeem(code.text, now=self.box.now())
        assert session is not None
        self.roles[session.device.id] = role
        if person:
            works(self.box, person, session.device.id)
        return session.device.id

    def asked(self, after_s: float) -> set[str]:
        """Return the devices that pop up so long after the alert."""
        self.box.fixed = NOW + timedelta(seconds=after_s)
        return {
            device
            for device, role in self.roles.items()
            if self.box.desk.arrivals(device, role).asked
        }


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_the_own_consultant_is_asked_then_the_floor_then_the_manager(shop: Shop) -> None:
    lin, zhou = shop.device("consultant", "小林"), shop.device("consultant", "周敏")
    manager = shop.device("manager")
    shop.box.announce(shop.box.visit(shop.box.member("王丽华", consultant=" 小林 ")))
    assert shop.asked(1) == {lin}
    assert shop.asked(11) == {lin, zhou}
    assert shop.asked(21) == {lin, zhou, manager}
    assert shop.asked(30) == set()


def test_a_consultant_who_is_not_in_the_shop_is_not_waited_for(shop: Shop) -> None:
    shop.device("consultant", "小林")
    shop.box.fixed = NOW - timedelta(minutes=10)  # last used then
    here = shop.device("consultant", "周敏")
    shop.box.db.execute(
        "UPDATE device SET seen_at = '2026-11-22T05:00:00.000Z' WHERE id <> ?", [here]
    )
    shop.box.db.execute(
        "UPDATE device SET seen_at = '2026-11-22T08:25:00.000Z' WHERE id = ?", [here]
    )
    shop.box.fixed = NOW
    shop.box.announce(shop.box.visit(shop.box.member("王丽华", consultant="小林")))
    assert here in shop.asked(0)


def test_a_claim_ends_the_alert_on_every_screen(shop: Shop) -> None:
    lin, zhou = shop.device("consultant", "小林"), shop.device("consultant", "周敏")
    visit = shop.box.visit(shop.box.member("王丽华"))
    shop.box.announce(visit)
    assert shop.asked(1) == {lin, zhou}
    shop.box.floor.guests.claim(visit.id, zhou)
    assert shop.asked(2) == set()


def test_what_was_not_told_pops_up_nowhere(shop: Shop) -> None:
    """A re-entry, a visitor, an arrival that was told of this member within the window."""
    shop.device("consultant")
    member = shop.box.member("王丽华")
    first = shop.box.visit(member, ago_s=600)
    shop.box.announce(first, ago_s=600)
    shop.box.visit(member, ago_s=1, reentry=True, first_visit=first.id)
    shop.box.visit()
    assert shop.asked(0) == set()


def test_wrong_person_and_has_left_end_the_alert(shop: Shop) -> None:
    shop.device("consultant")
    asks: dict[str, Callable[[str, str], bool]] = {
        "王丽华": shop.box.desk.wrong_person,
        "张伟": shop.box.floor.guests.see_off,
    }
    for name, ask in asks.items():
        visit = shop.box.visit(shop.box.member(name))
        shop.box.announce(visit)
        assert shop.asked(0) != set()
        assert ask(visit.id, LOCAL)
        assert shop.asked(0) == set()


def test_a_screen_is_drawn_again_when_it_is_asked(shop: Shop) -> None:
    lin, zhou = shop.device("consultant", "小林"), shop.device("consultant", "周敏")
    member = shop.box.member("王丽华", consultant="小林")
    visit = shop.box.visit(member, ago_s=300)  # known late: the card itself is not new
    shop.box.announce(visit)
    shop.box.fixed = NOW + timedelta(seconds=4)
    again = {device: shop.box.desk.arrivals(device, "consultant").again_s for device in (lin, zhou)}
    assert again == {lin: 27, zhou: 7}


def test_whose_names_are_locked_are_greeted_all_the_same(shop: Shop) -> None:
    lin = shop.device("consultant", "小林")
    shop.box.announce(shop.box.visit(shop.box.member("王丽华", consultant="周敏")))
    shop.box.root = None
    assert shop.asked(0) == {lin}
    (card,) = shop.box.desk.arrivals(lin, "consultant").asked
    assert (card.who, card.name) == ("locked", "")


def test_an_alert_for_one_member_pops_up_for_no_other_whose_visit_it_turns_out_to_be(
    shop: Shop,
) -> None:
    shop.device("consultant")
    visit = shop.box.visit(shop.box.member("王丽华"))
    shop.box.announce(visit)
    assert shop.asked(1)
    other = dataclasses.replace(visit, rev=1, subject=shop.box.member("张伟").subject)
    change = Revised(at=NOW, visit=other, reason="late_identity")
    shop.box.log.commit([Fact(change=change, mono=1.0, clock="ok")])
    assert shop.asked(2) == set()
    shop.box.announce(other)
    assert shop.asked(3)
