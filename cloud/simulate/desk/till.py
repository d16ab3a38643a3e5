"""The till of a simulated shop: sales tied to visits, returns, exchanges, voided receipts, and what
the staff buy. Used by `with_desk`.
"""

from datetime import date
from random import Random
from typing import Any, Final

from cloud.simulate.chain import Shop
from cloud.simulate.desk.agenda import Agenda
from cloud.simulate.desk.guests import Guest
from cloud.simulate.desk.shop import currency_of, moment_in
from cloud.simulate.plan import poisson
from cloud.simulate.step import moment_of, ulid

_VALUES: Final = {"CNY": 320_000, "HKD": 350_000, "MOP": 360_000, "JPY": 680_000}  # minor units
_SPREAD: Final = 0.9
_CLOSES_AFTER_MS: Final = 10 * 60_000  # a visit, after its receipt (DESIGN section 6)
_LATE: Final = 0.05  # receipts that the till sends later
_TIED_LATER: Final = 0.04
_VOIDED: Final = 0.02
_QUEUE: Final = 0.3  # of the sales to guests whom nobody greeted: they had a number
_UNSEEN_SALES: Final = 0.11  # for each visitor of a shop without a desk
_OTHERS: Final = (("return", "guest", 0.5), ("exchange", "guest", 0.25), ("sale", "staff", 0.3))
"""Besides sales to guests: kind, buyer, how many on an average day."""


class Till:
    """A till's day.

    Args:
        agenda: what is to be told.
        random: of this day's receipts.
        shop: the shop.
        day: the day.
    """

    def __init__(self, agenda: Agenda, random: Random, shop: Shop, day: date) -> None:
        self._agenda, self._random = agenda, random
        self._currency = currency_of(shop)
        for kind, buyer, mean in _OTHERS:
            for _ in range(poisson(random, mean)):
                self._other(kind, buyer, moment_in(random, shop, day))

    def pays(self, guest: Guest, at: int) -> None:
        """Foresee the receipt of a guest whose visit has ended by it."""
        random = self._random
        about = max(guest.opened + 1_000, at - _CLOSES_AFTER_MS)
        known = at + random.randrange(600_000, 7_200_000) if random.random() < _LATE else at
        receipt = {**self._sale(), "id": ulid(random, about), "about": moment_of(about)}
        tie = self._tie(guest)
        if tie["tied"] != "none" and random.random() < _TIED_LATER:
            self._agenda.expect(known, since=guest.opened, **receipt, tied="none")
            known += 20 * 60_000
        self._agenda.expect(known, since=guest.opened, **receipt, **tie)
        if random.random() < _VOIDED:
            receipt["state"] = "voided"
            self._agenda.expect(known + 300_000, since=guest.opened, **receipt, **tie)

    def passes(self, at: int) -> None:
        """Foresee that somebody who came in where nobody greets buys something, or nothing."""
        random = self._random
        if random.random() < _UNSEEN_SALES:
            paid = at + random.randrange(180_000, 2_400_000)
            self._agenda.expect(paid, **self._sale(), id=ulid(random, paid), tied="none")

    def _tie(self, guest: Guest) -> dict[str, Any]:
        of = {"visit": guest.visit, "staff": guest.staff}
        if guest.member:
            return {**of, "tied": "member"}
        if guest.staff:
            return {**of, "tied": "consultant"}
        return {**of, "tied": "queue"} if self._random.random() < _QUEUE else {"tied": "none"}

    def _sale(self) -> dict[str, Any]:
        random = self._random
        value = int(_VALUES[self._currency] * random.lognormvariate(0, _SPREAD))
        items = 1 + (random.random() < 0.3)
        head = {"what": "receipt", "state": "kept", "kind": "sale", "buyer": "guest"}
        return {**head, "value": value, "currency": self._currency, "items": items}

    def _other(self, kind: str, buyer: str, at: int) -> None:
        receipt = {**self._sale(), "kind": kind, "buyer": buyer, "tied": "none"}
        if kind == "return":
            receipt["value"] = -receipt["value"]
        if kind == "exchange":
            receipt["value"] = receipt["value"] // 10 * self._random.choice((-1, 0, 1))
        self._agenda.expect(at, **receipt, id=ulid(self._random, at))
