"""The guest's own screen, unpaired: join, decide on recognition, three photos.

Called by `edge.console.app`; `edge.desk.join` does the work. Whoever has the shop's link of today
can join, and reads nothing of anybody. What a screen may do hangs on a cookie that lives half an
hour.
"""

from collections.abc import Callable
from math import ceil
from typing import Any, Final

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue

from edge.console.view import ShopView
from edge.desk.join import PHOTOS, Decision, JoinDesk, Judged, Offer
from edge.store.joining import SCREEN_LIVES, new_screen
from menkou.web.forms import Rate, asker, csrf_matches
from menkou.web.i18n import LANGUAGES, speech

_OFTEN: Final = 60
_WITHIN_S: Final = 60.0
"""Requests of one address: a guest takes about twenty, and a shop's tablet is one address."""
_SCREEN_CHARS_MAX: Final = 64
_HOME: Final = "join_home"
_FIELDS: Final = ("called", "phone", "claimed_id")
_DECISION: Final = ("age", "guardian", "relation")
_Drawn = Callable[..., str]


def join_pages(
    view: Callable[[], ShopView], desk: JoinDesk, clock: Callable[[], float]
) -> Blueprint:
    """Make the pages and their forms. `clock`: monotonic seconds."""
    pages = Blueprint("join", __name__, url_prefix="/join")
    rate = Rate(often=_OFTEN, within_s=_WITHIN_S)

    @pages.before_request
    def guard() -> ResponseReturnValue | None:
        if wait_s := rate.wait_s(asker(), clock()):
            return "Too often / 操作太频繁\n", 429, {"Retry-After": str(ceil(wait_s))}
        if request.method == "POST" and not csrf_matches():
            return drawn("join_lost.html"), 400
        return None

    def drawn(template: str, **more: Any) -> str:
        return render_template(template, view=view(), **more)

    _entering(pages, desk, drawn)
    _deciding(pages, desk, drawn)
    _posing(pages, desk, drawn)
    return pages


def _sent(*names: str) -> dict[str, str]:
    """Return fields of the form that was sent, empty where there are none."""
    return {name: request.form.get(name, "") for name in names}


def _cookie() -> str:
    return "__Host-menkou_join" if request.is_secure else "menkou_join"


def _screen() -> str:
    """Return what this screen is known by, empty if it is not."""
    held = request.cookies.get(_cookie(), "")
    return held if len(held) <= _SCREEN_CHARS_MAX else ""


def _with_screen(answer: Response, screen: str) -> Response:
    answer.set_cookie(
        _cookie(),
        screen,
        max_age=int(SCREEN_LIVES.total_seconds()),
        secure=request.is_secure,
        httponly=True,
        samesite="Strict",
        path="/",
    )
    return answer


def _next() -> Response:
    found = redirect(url_for("join.following"), code=303)
    assert isinstance(found, Response), "Flask's own"
    return found


def _entering(pages: Blueprint, desk: JoinDesk, drawn: _Drawn) -> None:
    @pages.get("/<token>")
    def begin(token: str) -> ResponseReturnValue:
        if not desk.is_link(token):
            return drawn("join_lost.html"), 404
        session[_HOME] = "here" in request.args
        if before := _screen():
            desk.leave(before)  # the guest before, at a screen of the shop's
        page = drawn("join.html", token=token, joined=None, texts=_sent(*_FIELDS))
        return _with_screen(make_response(page), new_screen())

    @pages.post("/<token>")
    def enter(token: str) -> ResponseReturnValue:
        screen = _screen()
        if not screen or not desk.is_link(token):
            return drawn("join_lost.html"), 404
        joined = desk.join(screen, request.form)
        if joined.problem is None:
            return _next()
        status = 503 if joined.problem == "key" else 409
        return drawn("join.html", token=token, joined=joined, texts=_sent(*_FIELDS)), status

    @pages.get("/mine/<screen>")
    def mine(screen: str) -> ResponseReturnValue:
        # By a button: a link that a program looks at in advance binds nothing.
        return drawn("join_mine.html", screen=screen[:_SCREEN_CHARS_MAX])

    @pages.post("/mine")
    def take_mine() -> ResponseReturnValue:
        screen = request.form.get("screen", "")
        if len(screen) > _SCREEN_CHARS_MAX or desk.step(screen) == "lost":
            return drawn("join_lost.html"), 404
        session[_HOME] = False
        return _with_screen(_next(), screen)


def _deciding(pages: Blueprint, desk: JoinDesk, drawn: _Drawn) -> None:
    def asked(offer: Offer, problem: str | None = None) -> str:
        return drawn(
            "join_consent.html",
            offer=offer,
            blocks=blocks(offer.text),
            problem=problem,
            form=_sent(*_DECISION),
        )

    @pages.get("/next")
    def following() -> ResponseReturnValue:
        step = desk.step(_screen())
        if step == "lost":
            return drawn("join_lost.html"), 404
        if step == "photos":
            return redirect(url_for(".photos"), code=303)
        return drawn("join_next.html", asked=step == "decide", home=session.get(_HOME, False))

    @pages.get("/consent")
    def consent() -> ResponseReturnValue:
        offer = desk.offer(speech(current_app).language)
        if offer is None or desk.step(_screen()) != "decide":
            return _next()
        return asked(offer)

    @pages.post("/consent")
    def agree() -> ResponseReturnValue:
        language = request.form.get("language", "")
        # The text that was read is what is agreed to, whatever the page speaks by now.
        offer = desk.offer(language) if language in LANGUAGES else None
        if offer is None or request.form.get("version") != offer.version:
            return _next()
        form = request.form
        given = Decision(
            age=form.get("age", ""),
            guardian=form.get("guardian", "").strip(),
            relation=form.get("relation", "").strip(),
        )
        if given.age == "guarded" and "guardian_agrees" not in form:
            return asked(offer, "guardian"), 409
        flaws = desk.agree(_screen(), offer, given)
        if flaws:
            problem = next((f.key.partition(".")[0] for f in flaws), "")
            known = problem if problem in ("age", "guardian", "key") else "other"
            return asked(offer, known), 409
        return _next()

    @pages.post("/leave")
    def leave() -> ResponseReturnValue:
        home = session.pop(_HOME, False)
        desk.leave(_screen())
        answer = make_response(drawn("join_done.html", home=home))
        answer.delete_cookie(
            _cookie(), path="/", secure=request.is_secure, httponly=True, samesite="Strict"
        )
        return answer


def _posing(pages: Blueprint, desk: JoinDesk, drawn: _Drawn) -> None:
    def shown(good: int, judged: Judged | None = None) -> str:
        return drawn("join_photos.html", good=good, of=PHOTOS, judged=judged)

    @pages.get("/photos")
    def photos() -> ResponseReturnValue:
        screen = _screen()
        if desk.step(screen) != "photos":
            return _next()
        return shown(desk.good_photos(screen))

    @pages.post("/photo")
    def photo() -> ResponseReturnValue:
        file = request.files.get("photo")
        judged = desk.photo(_screen(), file.read() if file is not None else b"")
        if judged.done:
            return _next()
        if judged.look == "too_many":
            abort(429)
        return shown(judged.good, judged)


def blocks(text: str) -> list[tuple[str, list[str]]]:
    """Return a consent text as headings, paragraphs and lists: (`h2`, `h3`, `p` or `ul`, texts)."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("- "):
            if not found or found[-1][0] != "ul":
                found.append(("ul", []))
            found[-1][1].append(line[2:])
        elif line.startswith("#"):
            found.append(("h3" if line.startswith("##") else "h2", [line.lstrip("# ")]))
        elif line.strip():
            found.append(("p", [line]))
    return found
