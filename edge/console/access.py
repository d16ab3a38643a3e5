"""Who may see what: paired devices, their roles, and the page that pairs one.

A `menkou.web.app.Door`. Every request looks the device up, so revoking is in force at the next.
On loopback nobody is asked: whoever is on the box itself counts as the manager.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any, Final

from flask import Blueprint, Flask, Response, abort, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from edge.console.api import PREFIX
from edge.store.database import StoreAway
from edge.store.devices import LOCAL, SEEN_EVERY, Device, Devices, Role
from menkou.listen import Listen
from menkou.web.forms import Attempts, Rate, asker, csrf, csrf_matches
from menkou.web.i18n import speech

log = logging.getLogger(__name__)

_COOKIE_LIVES_S: Final = 400 * 24 * 3600
"""As long as browsers keep one (RFC 6265bis); the box itself ends a session sooner."""
_TOKEN_CHARS_MAX: Final = 64
_POSTS: Final = 60
_POSTS_WITHIN_S: Final = 60.0
_SHOP: Final = frozenset[Role]({"consultant", "manager"})
_ALL: Final = frozenset[Role]({"consultant", "manager", "installer"})
_EVERY: Final = frozenset[Role]({*_ALL, "guest"})
_MANAGER: Final = frozenset[Role]({"manager"})
_KEEPERS: Final = frozenset[Role]({"manager", "installer"})
_MAY: Final[Mapping[str, frozenset[Role]]] = {
    "shop.shop": _ALL,
    "shop.live": _ALL,
    "shop.state": _ALL,
    "web.events": _EVERY,  # says that something changed, and nothing else
    "arrivals.page": _SHOP,
    "arrivals.live": _SHOP,
    "arrivals.wrong_person": _SHOP,
    "arrivals.claim": _SHOP,
    "arrivals.release": _SHOP,
    "arrivals.note": _SHOP,
    "arrivals.offer": _SHOP,
    "arrivals.end": _SHOP,
    "arrivals.code": _SHOP,
    "arrivals.faces_off": _SHOP,
    "arrivals.faces_on": _MANAGER,
    "me.page": _SHOP,
    "me.choose": _SHOP,
    "me.leave": _SHOP,
    "me.alerts": _SHOP,
    "staff.page": _MANAGER,
    "staff.add": _MANAGER,
    "staff.pin": _MANAGER,
    "staff.end": _MANAGER,
    "staff.stay": _MANAGER,
    "devices.page": _MANAGER,
    "devices.add": _MANAGER,
    "devices.revoke": _MANAGER,
    "tokens.page": _MANAGER,
    "tokens.add": _MANAGER,
    "tokens.revoke": _MANAGER,
    "tokens.add_sender": _MANAGER,
    "tokens.revoke_sender": _MANAGER,
    "devices.share": _MANAGER,
    "codes.shown": _MANAGER,
    "codes.make": _MANAGER,
    "codes.phone": _MANAGER,
    "codes.end": _MANAGER,
    "codes.unlock": _MANAGER,
    "appointments.page": _SHOP,
    "appointments.live": _SHOP,
    "appointments.tap": _SHOP,
    "appointments.new": _SHOP,
    "appointments.book": _SHOP,
    "appointments.move": _SHOP,
    "appointments.phone": _SHOP,
    "appointments.file": _SHOP,
    "appointments.load": _SHOP,
    "appointments.reasons": _MANAGER,
    "queue.page": _SHOP,
    "queue.live": _SHOP,
    "queue.take": _SHOP,
    "queue.move": _SHOP,
    "queue.phone": _SHOP,
    "queue.reached": _SHOP,
    "queue.unreached": _SHOP,
    "queue.time_set": _MANAGER,
    "queue.display": _EVERY,  # numbers, and nothing of anybody
    "queue.display_live": _EVERY,
    "members.page": _SHOP,
    "members.new": _SHOP,
    "members.add": _SHOP,
    "members.one": _SHOP,
    "members.change": _SHOP,
    "members.confirm": _SHOP,
    "members.withdraw": _SHOP,
    "members.screen": _SHOP,
    "members.note": _SHOP,
    "members.export": _MANAGER,
    "members.erase": _MANAGER,
    "members.import_form": _MANAGER,
    "members.import_file": _MANAGER,
    "members.import_state": _MANAGER,
    "members.import_live": _MANAGER,
    "members.join_code": frozenset({*_SHOP, "guest"}),  # a code, and nothing of anybody
    "members.join_anew": _MANAGER,
    "sources.page": _SHOP,
    "sources.enter": _SHOP,
    "sources.answer": _SHOP,
    "sources.channels": _MANAGER,
    "sources.add_channel": _MANAGER,
    "sources.add_advert": _MANAGER,
    "sources.switch": _MANAGER,
    "tickets.page": _SHOP,
    "tickets.live": _SHOP,
    "tickets.make": _SHOP,
    "tickets.move": _SHOP,
    "tickets.hand_over": _SHOP,
    "tickets.phone": _SHOP,
    "tickets.forget": _MANAGER,
    "checkin.page": _EVERY,
    "checkin.live": _EVERY,
    "corner.page": _MANAGER,
    "corner.live": _MANAGER,
    "corner.seen": _MANAGER,
    "corner.staff": _MANAGER,
    "corner.was_staff": _MANAGER,
    "corner.shift": _MANAGER,
    "corner.cameras": _KEEPERS,
    "corner.camera": _KEEPERS,
    "corner.picture": _KEEPERS,
    "corner.draw": _KEEPERS,
    "corner.undraw": _KEEPERS,
    "staff.rename": _MANAGER,
    "time.shown": _KEEPERS,
    "time.asked": _KEEPERS,
    "time.confirm": _KEEPERS,
    "time.set_to": _KEEPERS,
}
"""Who may use a route; one that is not named here is nobody's."""
_HOMES: Final[Mapping[Role, str]] = {"consultant": "arrivals.page", "guest": "checkin.page"}
_DOORS: Final = frozenset({"arrivals.page", "shop.shop"})
"""Who opens one of these by its address and may not is led to the own place."""
_JOIN: Final = (
    *("begin", "enter", "mine", "take_mine", "following", "consent", "agree", "leave"),
    *("photos", "photo"),
)
"""The guests' own screens are not paired: each page of `console.join` asks for the link of today or
for what the screen holds, and shows nothing of anybody.
"""
_OPEN: Final = frozenset(
    {
        "web.static",
        "web.pair",
        "shop.healthz",
        "installed.manifest",
        "installed.shell",
        "installed.worker",
        "trust.page",
        "trust.certificate",
        "trust.profile",
        *(f"join.{name}" for name in _JOIN),
    }
)
"""What everybody in the shop's network may have: nothing in it is of anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks. `actor` is a device's id or `local`, as the audit log names it."""

    actor: str
    role: Role

    def may(self, endpoint: str) -> bool:
        """Say whether the caller may use a route."""
        return self.role in _MAY.get(endpoint, ())

    @property
    def home(self) -> str:
        """The route that the caller's work begins at."""
        return _HOMES.get(self.role, "shop.shop")


def caller() -> Caller:
    """Return who asks; the door has let them in."""
    found: Caller = g.caller
    return found


class Access:
    """The door of the box's pages.

    Args:
        devices: the paired devices, over a connection of the calling thread.
        now: the box's time.
        listen: where the pages are served.
        revoked: called when a device may no longer come in.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        devices: Callable[[], Devices],
        now: Callable[[], datetime],
        listen: Listen,
        revoked: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._devices = devices
        self._now = now
        self._listen = listen
        self._revoked = revoked
        self._clock = clock
        self._next_note = float("-inf")
        self._cookie = "__Host-menkou_device" if listen.has_tls else "menkou_device"
        self._attempts = Attempts()
        self._rate = Rate(often=_POSTS, within_s=_POSTS_WITHIN_S)
        # One code at a time: each check takes 16 MB and a core for a moment (scrypt).
        self._checking = threading.Lock()

    def mount(self, app: Flask, blueprint: Blueprint) -> None:
        """Guard every path of the app but static files, /pair and /healthz."""
        self._app = app
        # Every form tells its token from the one that comes with a page of this device.
        app.config["SESSION_REFRESH_EACH_REQUEST"] = False
        app.before_request(self._guard)
        app.context_processor(lambda: {"csrf": csrf, "caller": g.get("caller")})
        blueprint.add_url_rule("/pair", "pair", self._pair, methods=["GET", "POST"])

    def _device(self) -> Device | None:
        token = request.cookies.get(self._cookie, "")
        if not 0 < len(token) <= _TOKEN_CHARS_MAX:
            return None
        return self._devices().find(token, self._now())

    def _caller(self) -> Caller | None:
        if self._listen.is_loopback:
            return Caller(actor=LOCAL, role="manager")
        device = self._device()
        if device is None:
            return None
        if request.endpoint != "web.events":  # that route runs on the server's loop: no writing
            self._note_use(device)
        return Caller(actor=device.id, role=device.role)

    def _note_use(self, device: Device) -> None:
        """Note that a device is in use. If nothing can be written, the pages are read on.

        It is then tried again in a while only: a database that is locked makes each try wait.
        """
        if self._clock() < self._next_note:
            return
        try:
            self._devices().saw(device, self._now())
        except StoreAway as exc:
            self._next_note = self._clock() + SEEN_EVERY.total_seconds()
            log.error("that a device is in use cannot be kept: %s", exc)

    def _guard(self) -> ResponseReturnValue | None:
        if request.endpoint in _OPEN or request.path.startswith(f"{PREFIX}/"):
            return None  # the API asks for a token at each of its routes
        found = self._caller()
        if found is None:
            return _not_paired()
        g.caller = found
        if request.endpoint is None:
            return None  # no such page
        if not found.may(request.endpoint):
            if request.method == "GET" and request.endpoint in _DOORS:
                return redirect(url_for(found.home), code=303)
            abort(403)
        if request.method == "POST":
            self._check_post(found)
        return None

    def _check_post(self, found: Caller) -> None:
        if not csrf_matches():
            abort(400)
        if wait_s := self._rate.wait_s(found.actor, self._clock()):
            abort(_too_often(wait_s))

    def _pair(self) -> ResponseReturnValue:
        if self._listen.is_loopback:
            return redirect("/", code=303)
        if request.method == "GET":
            return self._form(None)
        if not csrf_matches():
            return self._form("pair.stale"), 400
        address = asker()
        with self._checking:
            wait_s = self._attempts.wait_s(address, self._clock())
            if not wait_s:
                return self._try(address)
        minutes = ceil(wait_s / 60)
        return self._form("pair.wait", count=minutes), 429, {"Retry-After": str(ceil(wait_s))}

    def _try(self, address: str) -> ResponseReturnValue:
        """Redeem the code; a device that was paired before is then known by its new session."""
        code, name = request.form.get("code", ""), request.form.get("name", "")
        before, now = self._device(), self._now()
        session = self._devices().redeem(code, name=name, now=now)
        if session is None:
            self._attempts.failed(address, self._clock())
            return self._form("pair.wrong"), 403
        self._attempts.succeeded(address)
        if before is not None:
            self._devices().revoke(before.id, by=before.id, now=now)
            self._revoked()
        entered = Caller(actor=session.device.id, role=session.device.role)
        answer = redirect(url_for(entered.home), code=303)
        answer.set_cookie(
            self._cookie,
            session.token,
            max_age=_COOKIE_LIVES_S,
            secure=self._listen.has_tls,
            httponly=True,
            samesite="Strict",
            path="/",
        )
        return answer

    def _form(self, problem: str | None, **values: Any) -> str:
        told = speech(self._app).t(problem, **values) if problem else None
        return render_template("pair.html", problem=told)


def _not_paired() -> ResponseReturnValue:
    if request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
        answer = redirect(url_for("web.pair"), code=303)
    else:
        text = "Pair this device first / 请先配对\n"
        answer = Response(text, 401, content_type="text/plain; charset=utf-8")
    # Whatever it has kept was for a device of the shop; browsers that do not know this header
    # are told by the page (keep.js).
    answer.headers["Clear-Site-Data"] = '"storage"'
    return answer


def _too_often(wait_s: float) -> Any:
    response = Flask.response_class("Too often / 操作太频繁\n", 429, mimetype="text/plain")
    response.headers["Retry-After"] = str(ceil(wait_s))
    return response
