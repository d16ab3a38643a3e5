"""The guest's screen beside a check-in camera: where to turn the head, and what came of it.

Called by `edge.console.app`; keeps nothing, and never names anybody.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, abort, render_template
from flask.typing import ResponseReturnValue

from edge.console.view import ShopView

TOLD: Final = ("front", "left", "right", "both", "welcome", "code", "pause")
"""What the page has words and a picture for; anything else is shown as nobody before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestScreen:
    """The check-in cameras, and what the guest before each is told now, as a code."""

    cameras: Sequence[str]
    told: Callable[[str], str | None]


def checkin_pages(view: Callable[[], ShopView], screen: GuestScreen) -> Blueprint:
    """Make the page of each check-in camera; without a name it is the first one's."""
    pages = Blueprint("checkin", __name__, url_prefix="/checkin")

    def shown(template: str, camera: str) -> str:
        if camera not in screen.cameras:
            abort(404)
        told = screen.told(camera)
        return render_template(
            template,
            view=view(),
            camera=camera,
            told=told if told in TOLD else "idle",
            fragment="checkin_live.html",
        )

    @pages.get("", defaults={"camera": None})
    @pages.get("/<camera>")
    def page(camera: str | None) -> ResponseReturnValue:
        return shown("checkin.html", camera or next(iter(screen.cameras), ""))

    @pages.get("/<camera>/live")
    def live(camera: str) -> ResponseReturnValue:
        return shown("checkin_live.html", camera)

    return pages
