"""The box's web app: who came in, today's figures, one-time codes, people, devices, the time.

`edge.app` gives it a view of the shop, a desk for each of these, and hands it to
`menkou.web.app.dress` with `access.Access` as its door; reads nothing itself.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from flask import Blueprint, Flask, jsonify, render_template
from flask.typing import ResponseReturnValue

from edge.console.api import PREFIX, SenderDesk, TokenDesk, mount_api
from edge.console.api.appointments import appointments_api
from edge.console.api.arrivals import arrivals_api
from edge.console.api.codes import codes_api
from edge.console.api.corner import corner_api
from edge.console.api.devices import devices_api
from edge.console.api.guests import guests_api
from edge.console.api.members import members_api
from edge.console.api.people import people_api
from edge.console.api.queue import queue_api
from edge.console.api.receipts import receipts_api
from edge.console.api.route import Topic
from edge.console.api.service import service_api
from edge.console.api.shop import shop_api
from edge.console.api.sources import sources_api
from edge.console.api.times import time_api
from edge.console.appointments import appointment_pages
from edge.console.arrivals import arrivals_pages
from edge.console.checkin import GuestScreen, checkin_pages
from edge.console.clock import ClockDesk, clock_pages
from edge.console.codes import CodeDesk, codes_pages
from edge.console.corner import corner_pages
from edge.console.desk import Desk
from edge.console.devices import DeviceDesk, devices_pages
from edge.console.installed import installed_pages
from edge.console.join import join_pages
from edge.console.members import members_pages
from edge.console.page import ShopPage, shop_page
from edge.console.people import people_pages
from edge.console.places import places
from edge.console.queue import queue_pages
from edge.console.service import service_pages
from edge.console.sources import sources_pages
from edge.console.tokens import tokens_pages
from edge.console.trust import Ways, trust_pages
from edge.console.view import ShopView
from edge.desk.appointments import AppointmentDesk
from edge.desk.corner import CornerDesk
from edge.desk.floor import Floor
from edge.desk.intake import ImportDesk
from edge.desk.join import JoinDesk
from edge.desk.members import MemberDesk
from edge.desk.queue import QueueDesk
from edge.desk.service import ServiceDesk
from edge.desk.sources import SourceDesk
from edge.desk.till import TillDesk
from edge.store.database import StoreAway
from menkou.web.app import take_uploads
from menkou.web.i18n import speak
from menkou.web.records import as_json

log = logging.getLogger(__name__)

TEXT: Final = Path(__file__).parent / "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desks:
    """All that the pages and the API do: one for each topic, alike for both."""

    arrivals: Desk
    devices: DeviceDesk
    clock: ClockDesk
    codes: CodeDesk
    screen: GuestScreen
    floor: Floor
    queue: QueueDesk
    appointments: AppointmentDesk
    sources: SourceDesk
    service: ServiceDesk
    tokens: TokenDesk
    senders: SenderDesk
    till: TillDesk
    members: MemberDesk
    imports: ImportDesk
    join: JoinDesk
    corner: CornerDesk
    ways: Ways = field(default_factory=Ways)


def create_console(view: Callable[[], ShopView], desks: Desks) -> Flask:
    """Make the box's app. `view` is asked once a request, from several threads.

    To be dressed (`menkou.web.app.dress`) with a door before it is served.
    """
    app = Flask("edge.console", static_folder=None)
    speak(app, TEXT)
    app.context_processor(lambda: {"places": places})
    topics: list[Topic] = []
    for part in _parts(view, desks):
        for one in part:
            if isinstance(one, Topic):
                topics.append(one)
            else:
                app.register_blueprint(one)
    app.register_blueprint(installed_pages(app))
    take_uploads(app, "/members/import", f"{PREFIX}/imports", "/join/photo")
    take_uploads(app, "/appointments/file", f"{PREFIX}/appointments/file")
    mount_api(app, tuple(topics), desks.tokens, desks.senders)
    app.register_error_handler(StoreAway, _cannot_keep)
    return app


def _cannot_keep(fault: StoreAway) -> ResponseReturnValue:
    """Say that nothing was kept, and that it may be later."""
    log.error("a page cannot reach the store: %s", fault)
    return render_template("store_away.html"), 503


def _parts(view: Callable[[], ShopView], its: Desks) -> Iterator[tuple[Blueprint | Topic, ...]]:
    """Yield each topic's pages and routes of the API, in the order of its document."""
    people, listen = its.floor.people, its.devices.listen
    yield _shop_pages(view), checkin_pages(view, its.screen), shop_api(view, its.screen)
    yield (
        arrivals_pages(view, its.arrivals, its.codes, its.floor, its.sources),
        arrivals_api(its.arrivals, its.codes),
    )
    yield appointment_pages(view, its.appointments, people), appointments_api(its.appointments)
    yield codes_pages(view, its.codes), codes_api(its.codes)
    yield devices_pages(view, its.devices, people), devices_api(its.devices)
    yield (guests_api(its.floor),)
    yield *people_pages(view, people), people_api(people, its.devices)
    yield queue_pages(view, its.queue), queue_api(its.queue)
    yield clock_pages(view, its.clock), time_api(its.clock)
    yield (receipts_api(its.till),)
    yield (
        members_pages(view, its.members, its.imports, its.join, its.floor.guests, listen),
        join_pages(view, its.join, its.tokens.clock),
        members_api(its.members, its.imports, its.join, its.floor.guests),
    )
    yield sources_pages(view, its.sources), sources_api(its.sources)
    yield service_pages(view, its.service), service_api(its.service)
    yield corner_pages(view, its.corner), corner_api(its.corner)
    yield (tokens_pages(view, its.tokens, its.senders),)
    yield (trust_pages(view, its.ways),)


def _shop_pages(view: Callable[[], ShopView]) -> Blueprint:
    pages = Blueprint("shop", __name__, template_folder="templates")

    def page(template: str) -> str:
        shown: ShopPage = shop_page(view())
        return render_template(template, page=shown, view=shown.view, fragment="shop_live.html")

    @pages.get("/")
    def shop() -> str:
        return page("shop.html")

    @pages.get("/live")
    def live() -> str:
        return page("shop_live.html")

    @pages.get("/api/state")
    def state() -> ResponseReturnValue:
        value: dict[str, Any] = as_json(view())
        return jsonify(value)

    @pages.get("/healthz")
    def healthz() -> ResponseReturnValue:
        return {"ok": True}

    return pages
