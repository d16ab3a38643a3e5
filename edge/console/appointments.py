"""The appointments' pages: the day's list, the form for bookings by phone, files.

Called by `edge.console.app`; `edge.desk.appointments` does the work. What a device has just been
told or shown is kept here for a minute, in memory and for that device alone.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from edge.console.access import caller
from edge.console.page import shop_page
from edge.console.queue import Lately
from edge.console.queue import Shown as ShownPhone
from edge.console.view import ShopView
from edge.core.appointments import CHANNELS, REASONS
from edge.desk.appointment_view import Booked, Loaded
from edge.desk.appointments import AppointmentDesk
from edge.desk.bookings import COLUMNS, NUMBER_MAX, TEXT_MAX
from edge.desk.staff import StaffDesk

DAYS: Final = (date(2000, 1, 1), date(2199, 12, 31))
"""Days that can be looked at."""
_WEEK: Final = 7
_FIELDS: Final = ("date", "time", "what", "channel", "consultant", "member", "name", "phone")
_FAULTS_SHOWN: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a tap on the list did nothing: a key of the catalogue."""

    code: str


def appointment_pages(
    view: Callable[[], ShopView],
    desk: AppointmentDesk,
    people: StaffDesk,
    clock: Callable[[], float] = time.monotonic,
) -> Blueprint:
    """Make the pages and their forms. `clock`: monotonic seconds."""
    pages = Blueprint("appointments", __name__, url_prefix="/appointments")
    refused: Lately[Refusal] = Lately(clock)
    phones: Lately[ShownPhone] = Lately(clock)

    def drawn(template: str) -> str:
        shop, who, today = shop_page(view()), caller(), desk.today()
        day = _day(request.args.get("day", "")) or today
        first = today + timedelta(days=(day - today).days // _WEEK * _WEEK)
        return render_template(
            template,
            page=shop,
            view=shop.view,
            day=desk.day(who.actor, day),
            week=[first + timedelta(days=n) for n in range(_WEEK)],
            weeks=timedelta(days=_WEEK),
            refusal=refused.told(who.actor),
            shown=phones.told(who.actor),
            every_reason=REASONS,
            fragment="appointments_live.html",
        )

    def back() -> ResponseReturnValue:
        day = _day(_sent("day"))
        shown = day if day and day != desk.today() else None
        return redirect(url_for(".page", day=shown and shown.isoformat()), code=303)

    def form(answer: Booked | None = None) -> str:
        shop = shop_page(view())
        return render_template(
            "appointment_form.html",
            page=shop,
            view=shop.view,
            day=_day(request.values.get("day", "")) or desk.today(),
            typed={name: request.form.get(name, "") for name in _FIELDS},
            people=people.everybody(),
            me=people.me(caller().actor).person,
            channels=CHANNELS,
            text_chars=TEXT_MAX,
            number_chars=NUMBER_MAX,
            problem=answer.problem if answer else None,
        )

    def file_page(loaded: Loaded | None = None) -> str:
        shop = shop_page(view())
        return render_template(
            "appointment_file.html",
            page=shop,
            view=shop.view,
            loaded=loaded,
            faults_shown=_FAULTS_SHOWN,
            columns=COLUMNS,
        )

    @pages.get("")
    def page() -> str:
        return drawn("appointments.html")

    @pages.get("/live")
    def live() -> str:
        return drawn("appointments_live.html")

    @pages.post("/tap")
    def tap() -> ResponseReturnValue:
        actor = caller().actor
        outcome = desk.tap(_sent("appointment"), _sent("to"), _sent("reason"), actor)
        if outcome in ("cannot", "gone"):
            refused.tell(actor, Refusal(code=outcome))
        return back()

    @pages.get("/new")
    def new() -> str:
        return form()

    @pages.post("/book")
    def book() -> ResponseReturnValue:
        booked = desk.book({name: _sent(name) for name in _FIELDS}, caller().actor)
        if booked.problem is not None:
            return form(booked), 409
        day = _day(_sent("date")) or desk.today()
        return redirect(url_for(".page", day=day.isoformat()), code=303)

    @pages.post("/move")
    def move() -> ResponseReturnValue:
        texts, actor = {name: _sent(name) for name in ("date", "time")}, caller().actor
        moved = desk.move(_sent("appointment"), texts, actor)
        if moved.problem is not None:
            refused.tell(actor, Refusal(code=moved.problem))
        return back()

    @pages.post("/phone")
    def phone() -> ResponseReturnValue:
        thing, actor = _sent("appointment"), caller().actor
        if (number := desk.phone(thing, actor)) is not None:
            phones.tell(actor, ShownPhone(ticket=thing, phone=number))
        return back()

    @pages.get("/file")
    def file() -> str:
        return file_page()

    @pages.post("/file")
    def load() -> ResponseReturnValue:
        sent = request.files.get("file")
        loaded = desk.intake.load(sent.read() if sent else b"", caller().actor)
        return file_page(loaded), 200 if loaded.problem is None else 409

    @pages.post("/reasons")
    def reasons() -> ResponseReturnValue:
        desk.set_reasons(request.form.getlist("reason"), caller().actor)
        return back()

    return pages


def _sent(name: str) -> str:
    return request.form.get(name, "")


def _day(text: str) -> date | None:
    """Return the day that a text names, None for none that can be looked at."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if DAYS[0] <= day <= DAYS[1] else None
