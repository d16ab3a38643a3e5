"""Members' pages: find, see, make, change, import, see off; the code by which guests join.

Called by `edge.console.app`; `edge.desk.members` and `edge.desk.intake` do the work.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from urllib.parse import urljoin

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from edge.console.access import caller
from edge.console.devices import qr_code
from edge.console.page import shop_page
from edge.console.view import ShopView
from edge.core.profile import FIELDS
from edge.desk.guests import GuestDesk
from edge.desk.intake import ImportDesk
from edge.desk.join import JoinDesk
from edge.desk.members import Done, MemberDesk, Shown, profile_texts
from edge.member_table import COLUMNS
from edge.store.joining import SCREEN_LIVES
from edge.store.notes import CHARS_MAX
from menkou.listen import Listen

WORDS_MAX: Final = 100
ROWS_SHOWN: Final = 100
FIRST: Final = ("name", "called", "phone", "external_id", "tier", "birthday", "consultant", "tags")
MORE: Final = (
    *("repair_ready", "last_purchase", "last_purchase_on", "last_visit_on", "last_visit_shop"),
)
FORM: Final = (*FIRST, "note", *MORE)
"""What is changed by hand; appointments have a page of their own."""
_HELD_BACK: Final = {"gone": 404, "key": 503, "damaged": 409}
_Pages = Callable[..., str]


def members_pages(
    view: Callable[[], ShopView],
    desk: MemberDesk,
    imports: ImportDesk,
    join: JoinDesk,
    guests: GuestDesk,
    listen: Listen,
) -> Blueprint:
    """Make the pages and their forms."""
    pages = Blueprint("members", __name__, url_prefix="/members")

    def drawn(template: str, **more: Any) -> str:
        shop = shop_page(view())
        return render_template(template, page=shop, view=shop.view, **more)

    _finding(pages, desk, drawn)
    _making(pages, desk, drawn)
    _one(pages, desk, guests, drawn)
    _importing(pages, imports, drawn)
    _joining(pages, join, listen, drawn)
    return pages


def _sent(name: str) -> str:
    return request.form.get(name, "")


def _form_texts() -> dict[str, str]:
    return {name: request.form[name] for name in FORM if name in request.form}


def _finding(pages: Blueprint, desk: MemberDesk, drawn: _Pages) -> None:
    @pages.get("")
    def page() -> str:
        words = request.args.get("q", "")[:WORDS_MAX].strip()
        return drawn("members.html", found=desk.find(words, caller().actor), words=words)


def _making(pages: Blueprint, desk: MemberDesk, drawn: _Pages) -> None:
    def form(texts: dict[str, str], done: Done | None = None) -> str:
        return drawn("member_new.html", texts=texts, done=done, first=FIRST, more=MORE)

    @pages.get("/new")
    def new() -> str:
        return form(dict.fromkeys(FIELDS, ""))

    @pages.post("/add")
    def add() -> ResponseReturnValue:
        texts = _form_texts()
        done = desk.add(texts, caller().actor)
        if done.problem is not None:
            return form({**dict.fromkeys(FIELDS, ""), **texts}, done), 409
        return redirect(url_for(".one", member=done.member), code=303)


def _one(pages: Blueprint, desk: MemberDesk, guests: GuestDesk, drawn: _Pages) -> None:
    def shown(member: str, done: Done | None = None, **more: Any) -> ResponseReturnValue:
        found = desk.shown(member, caller().actor)
        if not isinstance(found, Shown):
            return drawn("member_none.html", problem=found, member=member), _HELD_BACK[found]
        texts = profile_texts(found.member.profile)
        if done is not None and done.problem in ("flaws", "taken", "moved"):
            texts |= _form_texts()
        page = drawn(
            "member.html",
            one=found,
            texts=texts,
            done=done,
            first=FIRST,
            more=MORE,
            note_chars=CHARS_MAX,
            manages=caller().role == "manager",
            **{"qr": None, "address": None, "minutes": 0, **more},
        )
        return page, 409 if done is not None and done.problem else 200

    def back(done: Done) -> ResponseReturnValue:
        member = request.view_args["member"] if request.view_args else ""
        if done.problem is not None:
            return shown(member, done)
        return redirect(url_for(".one", member=member), code=303)

    @pages.get("/<member>")
    def one(member: str) -> ResponseReturnValue:
        return shown(member)

    @pages.post("/<member>/change")
    def change(member: str) -> ResponseReturnValue:
        since = _moment(_sent("since"))
        return back(desk.change(member, _form_texts(), caller().actor, since=since))

    @pages.post("/<member>/confirm")
    def confirm(member: str) -> ResponseReturnValue:
        return back(desk.confirm_number(member, caller().actor))

    @pages.post("/<member>/withdraw")
    def withdraw(member: str) -> ResponseReturnValue:
        return back(desk.withdraw(member, caller().actor))

    @pages.post("/<member>/erase")
    def erase(member: str) -> ResponseReturnValue:
        done = desk.erase(member, caller().actor)
        if done.problem is not None:
            return shown(member, done)
        return redirect(url_for(".page"), code=303)

    @pages.post("/<member>/export")
    def export(member: str) -> ResponseReturnValue:
        found = desk.exported(member, caller().actor)
        if isinstance(found, str):
            return shown(member)
        text = json.dumps(found, ensure_ascii=False, indent=2)
        answer = Response(text, content_type="application/json; charset=utf-8")
        # By the id: a name would stand in the list of downloads of a shared tablet.
        answer.headers["Content-Disposition"] = f'attachment; filename="{found["member"]}.json"'
        return answer

    @pages.post("/<member>/screen")
    def screen(member: str) -> ResponseReturnValue:
        held = desk.own_screen(member, caller().actor)
        if held is None:
            return shown(member)
        address = urljoin(request.host_url, url_for("join.mine", screen=held))
        minutes = int(SCREEN_LIVES.total_seconds() // 60)
        return shown(member, qr=qr_code(address), address=address, minutes=minutes)

    @pages.post("/<member>/note")
    def note(member: str) -> ResponseReturnValue:
        number, who = _number(_sent("note")), caller()
        anybodys = who.role == "manager"
        if "delete" in request.form:
            guests.delete_note(number, who.actor, anybodys=anybodys)
        else:
            guests.change_note(number, _sent("text"), who.actor, anybodys=anybodys)
        return redirect(url_for(".one", member=member), code=303)  # which shows what is true now


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        abort(400)
    return moment if moment.tzinfo is not None else abort(400)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else abort(400)


def _importing(pages: Blueprint, imports: ImportDesk, drawn: _Pages) -> None:
    @pages.get("/import")
    def import_form() -> str:
        return drawn("members_import.html", columns=COLUMNS.known, running=False, problem=None)

    @pages.post("/import")
    def import_file() -> ResponseReturnValue:
        file = request.files.get("table")
        raw = file.read() if file is not None else b""
        if not raw:
            page = drawn("members_import.html", columns=COLUMNS.known, problem="none")
            return page, 409
        unbegun = imports.begin(raw, caller().actor)
        if unbegun is not None:
            page = drawn("members_import.html", columns=COLUMNS.known, problem=unbegun)
            return page, 503 if unbegun == "key" else 409
        return redirect(url_for(".import_state"), code=303)

    def state(template: str) -> str:
        return drawn(
            template,
            progress=imports.progress,
            rows_shown=ROWS_SHOWN,
            fragment="members_import_live.html",
        )

    @pages.get("/import/state")
    def import_state() -> str:
        return state("members_import_state.html")

    @pages.get("/import/live")
    def import_live() -> str:
        return state("members_import_live.html")


def _joining(pages: Blueprint, join: JoinDesk, listen: Listen, drawn: _Pages) -> None:
    @pages.get("/join")
    def join_code() -> str:
        link = join.link()
        address = urljoin(request.host_url, url_for("join.begin", token=link.token))
        return drawn(
            "members_join.html",
            address=address,
            here=url_for("join.begin", token=link.token, here=1),
            qr=qr_code(address),
            day=link.day,
            open_to_others=not listen.is_loopback,
        )

    @pages.post("/join/new")
    def join_anew() -> ResponseReturnValue:
        join.new_link(caller().actor)
        return redirect(url_for(".join_code"), code=303)
