"""One-time codes on the box's pages: consultants take them, the manager makes them.

Called by `edge.console.app`; `edge.store.codes` keeps and judges. A code works in every mode, with
faces off, and without a network.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Final, Literal

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from edge.console.access import caller
from edge.console.devices import qr_code
from edge.console.page import shop_page
from edge.console.view import ShopView
from edge.core.codes import Outcome, phone_end, read_typed
from edge.desk.means import Means
from edge.keys.errors import Unreadable
from edge.keys.onetime import address_of
from edge.keys.profiles import ProfileKeys
from edge.store import code_tries, codes
from edge.store.codes import Codes, PhoneUnclear, ShopCode
from edge.store.devices import LOCAL, Devices
from edge.store.people import MemberMissing, People, ProfileUnreadable
from edge.store.tokens import Tokens

TOLD_FOR: Final = timedelta(minutes=1)
"""How long the page says what became of the last code."""
Problem = Literal["number", "phone", "key", "damaged"]
"""Why nothing was made: no such member, no four digits, the box lacks its key, or cannot read what
it holds of this member."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeForm:
    """What the form on the consultants' page says to one device.

    `outcome` None: nothing to be said. `left`: failures before the device is locked; `minutes`: for
    how long it is locked yet; `waits`: a code was taken, and the card is on its way.
    """

    outcome: Outcome | None
    left: int
    minutes: int
    waits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedDevice:
    """A device that may try no codes now; `name` is empty if the shop gave it none."""

    device: str
    name: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What the manager made, or why not; shown in one answer only.

    `code`: six digits. `address`: what the member's phone is to scan.
    """

    number: str = field(default="", repr=False)
    code: ShopCode | None = None
    address: str | None = field(default=None, repr=False)
    ended: bool = False
    problem: Problem | None = None


class CodeDesk:
    """What people in the shop do with codes.

    Args:
        means: what every desk works with.
        shop: the shop's name, which the member's phone lists a secret under.
    """

    def __init__(
        self,
        means: Means,
        *,
        shop: str,
    ) -> None:
        self._shop = shop
        self._db = means.db
        self._clock = means.clock
        self._profile_root = means.profile_root
        self._wake = means.wake

    def shown(self, device: str) -> CodeForm:
        """Return what the form says to a device."""
        now = self._clock.now()
        asking = code_tries.tries_of(self._db(), device)
        wait = asking.tries.wait(now)
        told = asking.at is not None and timedelta() <= now - asking.at < TOLD_FOR
        outcome = asking.outcome if told else None
        if self._profile_root() is None:
            outcome = "key"
        elif wait:
            outcome = "locked"
        elif outcome == "locked":  # it may try again
            outcome = None
        return CodeForm(
            outcome=outcome,
            left=asking.tries.left,
            minutes=ceil(wait.total_seconds() / 60),
            waits=asking.waits,
        )

    def enter(self, code: str, phone: str, device: str) -> None:
        """Take a code; what became of it is shown to this device (`shown`).

        Raises:
            edge.store.database.StoreAway: nothing can be kept, so nothing is judged.
        """
        root = self._profile_root()
        if root is None:
            return  # the form says so
        sure = self._clock.state() == "ok"
        outcome = Codes(self._db(), ProfileKeys(root)).redeem(
            read_typed(code, phone), device=device, now=self._clock.now(), sure=sure
        )
        if outcome == "taken":
            self._wake()

    def make(self, number: str, actor: str) -> Made:
        """Make six digits for a member, by the member's id or number in the shop's systems."""
        return self._for(
            number,
            lambda held, subject: Made(
                code=held.issue(subject, self._clock.now(), actor=actor), number=number
            ),
        )

    def provide(self, number: str, phone: str, actor: str) -> Made:
        """Make a secret for a member's phone, to be scanned from the answer."""

        def made(held: Codes, subject: str) -> Made:
            secret = held.provide(subject, phone, self._clock.now(), actor=actor)
            address = address_of(secret, shop=self._shop, phone=phone_end(phone) or "")
            return Made(number=number, address=address)

        return self._for(number, made)

    def end(self, number: str, actor: str) -> Made:
        """Take a member's secret away, as for a phone that was lost."""

        def ended(_held: Codes, subject: str) -> Made:
            codes.end(self._db(), subject, self._clock.now(), actor=actor)
            return Made(number=number, ended=True)

        return self._for(number, ended)

    def _for(self, number: str, make: Callable[[Codes, str], Made]) -> Made:
        root = self._profile_root()
        if root is None:
            return Made(number=number, problem="key")
        keys, wanted = ProfileKeys(root), number.strip()
        people = People(self._db(), keys)
        try:
            member = people.by_external_id(wanted) if wanted else None
            subject = (member or people.by_id(wanted)).subject
            return make(Codes(self._db(), keys), subject)
        except MemberMissing:
            return Made(number=number, problem="number")
        except PhoneUnclear:
            return Made(number=number, problem="phone")
        except (ProfileUnreadable, Unreadable):
            return Made(number=number, problem="damaged")

    def locked(self) -> tuple[LockedDevice, ...]:
        """Return the devices that may try no codes now."""
        now = self._clock.now()
        found = code_tries.locked(self._db(), now)
        names = {device.id: device.name for device in Devices(self._db()).paired(now)}
        names |= {token.actor: token.name for token in Tokens(self._db()).all()}
        return tuple(
            LockedDevice(device=one.device, name=names.get(one.device, ""), until=one.until)
            for one in found
            if one.device in names or one.device == LOCAL
        )

    def unlock(self, device: str, actor: str) -> None:
        """Let a device try again."""
        if code_tries.unlock(self._db(), device, self._clock.now(), by=actor):
            self._wake()


def codes_pages(view: Callable[[], ShopView], desk: CodeDesk) -> Blueprint:
    """Make the manager's page and its forms."""
    pages = Blueprint("codes", __name__, url_prefix="/codes")

    def page(made: Made | None = None) -> str:
        shop = shop_page(view())
        return render_template(
            "codes.html",
            page=shop,
            view=shop.view,
            made=made,
            qr=_qr_of(made),
            locked=desk.locked(),
        )

    def answer(made: Made) -> ResponseReturnValue:
        # What was made is shown in this answer alone: a reload finds it nowhere.
        return page(made), 409 if made.problem else 200

    @pages.get("")
    def shown() -> str:
        return page()

    @pages.post("/make")
    def make() -> ResponseReturnValue:
        return answer(desk.make(request.form.get("number", ""), caller().actor))

    @pages.post("/phone")
    def phone() -> ResponseReturnValue:
        form = request.form
        given = form.get("number", ""), form.get("phone", "")
        return answer(desk.provide(*given, caller().actor))

    @pages.post("/end")
    def end() -> ResponseReturnValue:
        return answer(desk.end(request.form.get("number", ""), caller().actor))

    @pages.post("/unlock")
    def unlock() -> ResponseReturnValue:
        desk.unlock(request.form.get("device", ""), caller().actor)
        return redirect(url_for(".shown"), code=303)

    return pages


def _qr_of(made: Made | None) -> Markup | None:
    """Draw what is scanned: by the member's phone a secret, by a consultant's the six digits."""
    if made is None:
        return None
    text = made.code.text if made.code is not None else made.address
    return qr_code(text) if text is not None else None
