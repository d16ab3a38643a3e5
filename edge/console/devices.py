"""The manager's page of paired devices: who may come in, revoke, add one.

Called by `edge.console.app`; keeps nothing itself, `edge.store.devices` does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urljoin

import segno
from flask import Blueprint, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from edge.console.access import caller
from edge.console.page import shop_page
from edge.console.view import ShopView
from edge.desk.staff import StaffDesk
from edge.store.devices import NAME_CHARS_MAX, ROLES, Devices, PairingCode, Role
from menkou.listen import Listen

_QR_BORDER: Final = 2  # modules; the card around it is white too


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceDesk:
    """What the page works with.

    `devices` gives the paired devices over a connection of the calling thread; `revoked` is called
    when one may no longer come in.
    """

    devices: Callable[[], Devices]
    now: Callable[[], datetime]
    listen: Listen
    revoked: Callable[[], None]


def pairing_address(base: str, code: PairingCode) -> str:
    """Return the address that pairs a device; the code stands in the fragment, which no server,
    log or referrer ever sees.
    """
    return f"{urljoin(base, '/pair')}#{code.text}"


def devices_pages(view: Callable[[], ShopView], desk: DeviceDesk, people: StaffDesk) -> Blueprint:
    """Make the page and its forms."""
    pages = Blueprint("devices", __name__, url_prefix="/devices")

    def shown(code: PairingCode | None = None) -> str:
        shop = shop_page(view())
        return render_template(
            "devices.html",
            page=shop,
            view=shop.view,
            devices=desk.devices().paired(desk.now()),
            shared=people.shared(),
            roles=ROLES,
            name_chars=NAME_CHARS_MAX,
            open_to_others=not desk.listen.is_loopback,
            code=code,
            qr=qr_code(pairing_address(request.host_url, code)) if code else None,
            pair_url=urljoin(request.host_url, "/pair"),
        )

    @pages.get("")
    def page() -> str:
        return shown()

    @pages.post("/add")
    def add() -> ResponseReturnValue:
        # The code is shown in this answer alone: it is kept nowhere that a reload could find it.
        code = desk.devices().issue(
            role=_role(request.form.get("role", "")),
            name=request.form.get("name", ""),
            by=caller().actor,
            now=desk.now(),
        )
        return shown(code)

    @pages.post("/revoke")
    def revoke() -> ResponseReturnValue:
        if desk.devices().revoke(request.form.get("device", ""), by=caller().actor, now=desk.now()):
            desk.revoked()
        return "", 303, {"Location": url_for(".page")}

    @pages.post("/share")
    def share() -> ResponseReturnValue:
        device, shared = request.form.get("device", ""), request.form.get("shared") == "yes"
        if any(one.id == device for one in desk.devices().paired(desk.now())):
            people.share(device, shared=shared, actor=caller().actor)
        return "", 303, {"Location": url_for(".page")}

    return pages


def _role(text: str) -> Role:
    found: Role | None = next((role for role in ROLES if role == text), None)
    return found or abort(400)


def qr_code(text: str) -> Markup:
    """Return a QR code as SVG without any style of its own: the page's policy allows none."""
    code = segno.make(text, error="m", micro=False)
    return Markup(
        code.svg_inline(border=_QR_BORDER, svgclass="qr", lineclass="qr-line", omitsize=True)
    )
