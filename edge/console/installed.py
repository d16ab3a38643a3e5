"""The console as an app on a phone: its manifest, its service worker, the page without a network.

Called by `edge.console.app`. All of it is open to everybody, since browsers ask for it without
cookies, and nothing in it is of the shop. What a phone keeps: docs/privacy.md.
"""

import hashlib
from typing import Final

from flask import Blueprint, Flask, Response, current_app, render_template, url_for

from menkou.web.app import ASSETS
from menkou.web.i18n import LANGUAGES, speech, spoken_in

_SCRIPTS: Final = ("base.css", "live.js", "keep.js", "alerts.js", "scan.js", "mark.svg")
"""What the page without a network, and the arrivals, are made of."""
_ICONS: Final = (
    ("icon-192.png", 192, "any"),
    ("icon-512.png", 512, "any"),
    ("icon-maskable-512.png", 512, "maskable"),
)
_THEME: Final = "#17493d"  # the mark's ground (menkou/web/static/mark.svg)
_PAPER: Final = "#f5f0e7"


def installed_pages(app: Flask) -> Blueprint:
    """Make the routes, and tell every page of the console where they are."""
    pages = Blueprint("installed", __name__)
    app.context_processor(lambda: {"manifest": url_for("installed.manifest", lang=_language())})

    @pages.get("/manifest.webmanifest")
    def manifest() -> Response:
        said = speech(current_app)
        told = {
            "id": "/arrivals",
            "name": said.t("app.name"),
            "short_name": said.t("web.brand"),
            "description": said.t("app.description"),
            "lang": said.tag,
            "start_url": "/arrivals",
            "scope": "/",
            "display": "standalone",
            "theme_color": _THEME,
            "background_color": _PAPER,
            "icons": [
                {
                    "src": _static(name),
                    "sizes": f"{side}x{side}",
                    "type": "image/png",
                    "purpose": purpose,
                }
                for name, side, purpose in _ICONS
            ],
        }
        text = current_app.json.dumps(told)
        return Response(text, content_type="application/manifest+json")

    @pages.get("/shell/<any(zh, en):language>")
    def shell(language: str) -> str:
        return _shell(language)

    @pages.get("/sw.js")
    def worker() -> Response:
        shells = {language: f"/shell/{language}" for language in LANGUAGES}
        kept = [*shells.values(), *(_static(name) for name in _SCRIPTS)]
        drawn = "".join([*map(_shell, LANGUAGES), *kept])
        version = hashlib.sha256(drawn.encode()).hexdigest()[:12]
        text = render_template("sw.js", version=version, shells=shells, kept=kept)
        return Response(text, content_type="text/javascript; charset=utf-8")

    return pages


def _language() -> str:
    return speech(current_app).language


def _shell(language: str) -> str:
    """Draw the page that is shown without a network. It says nothing of the shop or of anybody."""
    with spoken_in(current_app, language):
        return render_template("shell.html")


def _static(name: str) -> str:
    mark = current_app.extensions[ASSETS]
    return url_for("web.static", filename=name, v=mark)
