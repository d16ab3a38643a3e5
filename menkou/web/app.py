"""Dresses a side's Flask app: languages, guards, security headers, login, error pages.

Called by both composition roots on the app that `create_console` or the hub made, before
`menkou.web.server.serve`.
"""

import gzip
import hashlib
import io
import logging
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final, Protocol

from flask import (
    Blueprint,
    Flask,
    Request,
    Response,
    current_app,
    g,
    jsonify,
    render_template,
    request,
)
from flask.typing import ResponseReturnValue
from jinja2 import StrictUndefined
from werkzeug.exceptions import HTTPException

from menkou.listen import Listen
from menkou.web.early import FOREIGN, NOT_HERE, Early
from menkou.web.i18n import TEXT, speak, speech
from menkou.web.secret import session_secret

BODY_BYTES_MAX: Final = 64 * 1024
UPLOAD_BYTES_MAX: Final = 12 * 1024 * 1024
"""Of a path that takes files (`take_uploads`): a table of 100,000 rows, a photo."""
_STATIC: Final = Path(__file__).parent / "static"
_POLICY: Final = (
    "default-src 'self'; worker-src 'self'; manifest-src 'self'; object-src 'none';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_PACKING: Final = 3
"""A list of 120 cards: 0.2 ms, a seventeenth of it; 6 takes thrice as long for a tenth less."""
_PACKED: Final = 4
FOR_MANY: Final = "menkou_for_many"
"""Set in `flask.g` by a page that gives many screens the same bytes: they are packed once."""
_ERRORS: Final = "menkou.errors"
ASSETS: Final = "menkou.assets"
"""Where an app keeps the mark of its static files."""
_UPLOADS: Final = "menkou.uploads"
_log = logging.getLogger(__name__)


class Door(Protocol):
    """Decides who comes in: the box's paired devices, or who has an account at the hub."""

    def mount(self, app: Flask, blueprint: Blueprint) -> None:
        """Guard every path of the app, and add the door's own pages to the blueprint."""
        ...


class _InMemory(Request):
    """Keeps what is uploaded in memory: it may be a face, and is on no disk for a moment."""

    def _get_file_stream(self, *_: object, **__: object) -> io.BytesIO:
        return io.BytesIO()


def take_uploads(app: Flask, *paths: str) -> None:
    """Let these paths take bodies of up to `UPLOAD_BYTES_MAX`, which stay in memory."""
    known: set[str] = app.extensions.setdefault(_UPLOADS, set())
    known.update(paths)
    app.request_class = _InMemory


def body_limit(app: Flask, path: str) -> int:
    """Return how many bytes a body that is sent to a path may have."""
    return UPLOAD_BYTES_MAX if path in app.extensions.get(_UPLOADS, ()) else BODY_BYTES_MAX


def dress(app: Flask, listen: Listen, *, secret_file: Path, door: Door | None = None) -> None:
    """Make an app fit to be served at `listen`. Call once, after its routes are registered.

    Adds /web/ (static files), /events (the guard of the event stream), and the door's own pages, if
    there is one.

    Raises:
        BadSecret: `secret_file` can be neither read nor made.
    """
    app.secret_key = session_secret(secret_file)
    _set_cookies(app, listen)
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES_MAX
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    speak(app, TEXT)
    assets = app.extensions[ASSETS] = _assets_mark()
    app.context_processor(lambda: {"assets": assets, "signed_in": False})
    app.before_request(lambda: _limit_body(app))
    app.before_request(lambda: refuse_foreign(listen))
    blueprint = Blueprint(
        "web", __name__, static_folder="static", static_url_path="/web", template_folder="templates"
    )
    if door is not None:
        door.mount(app, blueprint)
    blueprint.add_url_rule("/events", "events", lambda: ("", 204))
    app.register_blueprint(blueprint)
    app.register_error_handler(HTTPException, error_page)
    app.after_request(lambda response: _add_headers(response, listen, assets))
    app.after_request(_compress)


def _limit_body(app: Flask) -> None:
    request.max_content_length = body_limit(app, request.path)


def _compress(response: Response) -> Response:
    """Compress what is fetched again and again: a hundred shops are 300 kB, a tenth when packed.

    Whole pages are left alone: they hold the form token, whose length must tell nothing. A live
    part holds none, nor does what is the same for everybody: style sheets and scripts.
    """
    public = request.endpoint == "web.static" and request.path.endswith((".css", ".js"))
    repeated = request.path.endswith("/live") or request.path.startswith("/api/")
    wanted = request.accept_encodings.quality("gzip") > 0 and response.status_code == 200
    if public and wanted:
        response.direct_passthrough = False  # a file that is sent as it lies there
    if wanted and (public or (repeated and not response.is_streamed)):
        # What one screen alone is given, as a phone number, is not kept.
        pack = _packed if public or g.get(FOR_MANY) else _packed.__wrapped__
        response.set_data(pack(response.get_data()))
        response.headers["Content-Encoding"] = "gzip"
        response.vary.add("Accept-Encoding")
    return response


@lru_cache(maxsize=_PACKED)
def _packed(data: bytes) -> bytes:
    """Twenty screens that are given the same bytes are given them packed once."""
    return gzip.compress(data, compresslevel=_PACKING, mtime=0)


def _set_cookies(app: Flask, listen: Listen) -> None:
    """Name the session after the app: ports of one host share their cookies."""
    name = "menkou_" + app.name.replace(".", "_")
    app.config.update(
        # The prefix makes browsers refuse it from a plain or a neighbouring host (RFC 6265bis).
        SESSION_COOKIE_NAME=f"__Host-{name}" if listen.is_secure else name,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_SECURE=listen.is_secure,
    )


def _assets_mark() -> str:
    """Return a short hash of all static files: a page of an older release reloads itself."""
    digest = hashlib.sha256()
    for path in sorted(one for one in _STATIC.rglob("*") if one.is_file()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:10]


def refuse_foreign(listen: Listen) -> ResponseReturnValue | None:
    """Refuse what another site makes a browser ask for: DNS rebinding, embedded requests."""
    if listen.is_loopback:
        host = request.headers.get("Host", "")
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if name.lower() not in _LOOPBACK_NAMES | {listen.host, listen.public_host}:
            return _refused(NOT_HERE)
    fetched_from = request.headers.get("Sec-Fetch-Site", "none")
    opened = request.headers.get("Sec-Fetch-Mode") == "navigate" and request.method == "GET"
    if fetched_from in ("cross-site", "same-site") and not opened:
        return _refused(FOREIGN)
    return None


def _refused(refusal: Early) -> ResponseReturnValue:
    text, kind = refusal.answer(request.path)
    return Response(text, status=refusal.status, content_type=kind)


def answer_errors_below(app: Flask, prefix: str, say: Callable[[HTTPException], Response]) -> None:
    """Let `say` make the answer to every HTTP error of a path that begins with `prefix`."""
    app.extensions[_ERRORS] = (f"{prefix}/", say)


def error_page(error: HTTPException) -> ResponseReturnValue:
    """Return what is said instead of a page, in words; under /api/ as JSON."""
    status = error.code or 500
    if error.response is not None or status < 400:
        return error  # a redirect
    prefix, say = current_app.extensions.get(_ERRORS, ("", None))
    if say is not None and request.path.startswith(prefix):
        answer: ResponseReturnValue = say(error)
        return answer
    if request.path.startswith("/api/"):
        return jsonify({"error": status, "reason": error.name}), status
    known = {404: "not_found", 500: "failed", 503: "away"}
    return render_template("error.html", kind=known.get(status, "refused")), status


def _add_headers(response: Response, listen: Listen, assets: str) -> Response:
    headers = response.headers
    headers["Content-Security-Policy"] = _POLICY
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    # A page that scans codes has asked for the camera by itself.
    headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
    if response.mimetype == "text/html":
        headers["Content-Language"] = speech(current_app).language
    headers["X-Menkou-Assets"] = assets
    if listen.is_secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    named = request.endpoint == "web.static" and request.args.get("v") == assets
    headers["Cache-Control"] = "public, max-age=31536000, immutable" if named else "no-store"
    return response
