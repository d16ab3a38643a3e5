"""The manager's pages: today against the same weekday, staff left out, the cameras' drawings.

Called by `edge.console.app`; `edge.desk.corner` does the work.
"""

from collections.abc import Callable
from typing import Final

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from edge.console.access import caller
from edge.console.corner_page import compared, day_drawing
from edge.console.page import shop_page
from edge.console.view import ShopView
from edge.core.drawing import CORNERS_MOST, Area, Drawing
from edge.core.geometry import Inside, Point
from edge.desk.corner import SHIFT_MOST, CornerDesk
from edge.desk.corner_view import CameraDrawing, Kept

SIDES: Final[tuple[Inside, ...]] = ("above", "below", "left", "right")
_TEXT_MOST: Final = 400


def corner_pages(view: Callable[[], ShopView], desk: CornerDesk) -> Blueprint:
    """Make the pages and their forms."""
    pages = Blueprint("corner", __name__, url_prefix="/manager")

    def drawn(template: str) -> str:
        shop, today = shop_page(view()), desk.today()
        open_hours = tuple(hour.start.hour for hour in shop.view.hours if hour.open)
        return render_template(
            template,
            page=shop,
            view=shop.view,
            today=today,
            figures=compared(today),
            drawing=day_drawing(today, open_hours),
            staff=desk.staff_today(),
            health=desk.health(),
            cameras=desk.cameras(),
            told=desk.notices(),
            fragment="corner_live.html",
        )

    @pages.get("")
    def page() -> str:
        return drawn("corner.html")

    @pages.get("/live")
    def live() -> str:
        return drawn("corner_live.html")

    @pages.post("/notices/<notice>")
    def seen(notice: str) -> ResponseReturnValue:
        desk.seen(notice)
        return redirect(url_for(".page"), code=303)

    _staff_forms(pages, view, desk)
    _camera_forms(pages, view, desk)
    return pages


def _staff_forms(pages: Blueprint, view: Callable[[], ShopView], desk: CornerDesk) -> None:
    def shown(told: str | int | None = None) -> str:
        shop = shop_page(view())
        return render_template(
            "corner_staff.html",
            page=shop,
            view=shop.view,
            staff=desk.staff_today(),
            most=SHIFT_MOST,
            told=told,
        )

    @pages.get("/staff")
    def staff() -> str:
        return shown()

    @pages.post("/staff")
    def was_staff() -> ResponseReturnValue:
        is_staff = request.form.get("is") != "guest"
        # Somebody else was quicker: the page shows what is true now.
        desk.was_staff(request.form.get("visit", ""), caller().actor, staff=is_staff)
        return redirect(url_for(".staff"), code=303)

    @pages.post("/shift")
    def shift() -> ResponseReturnValue:
        begins, ends, count = (request.form.get(n, "") for n in ("begins", "ends", "count"))
        told = desk.shift(begins, ends, count, caller().actor)
        return shown(told), 409 if isinstance(told, str) else 200


def _camera_forms(pages: Blueprint, view: Callable[[], ShopView], desk: CornerDesk) -> None:
    def shown(camera: CameraDrawing, told: Kept | None = None, tried: Drawing | None = None) -> str:
        shop = shop_page(view())
        drawing = tried or camera.drawing
        return render_template(
            "corner_camera.html",
            page=shop,
            view=shop.view,
            camera=camera,
            drawing=drawing,
            line=_ends(drawing),
            zone=text_of(drawing.zone),
            staff_zone=text_of(drawing.staff_zone),
            sides=SIDES,
            corners=CORNERS_MOST,
            told=told,
        )

    def found(name: str) -> CameraDrawing:
        camera = desk.camera(name)
        return camera if camera is not None else abort(404)

    @pages.get("/cameras")
    def cameras() -> str:
        shop = shop_page(view())
        return render_template(
            "corner_cameras.html", page=shop, view=shop.view, cameras=desk.cameras()
        )

    @pages.get("/cameras/<name>")
    def camera(name: str) -> str:
        return shown(found(name))

    @pages.get("/cameras/<name>/empty.jpg")
    def picture(name: str) -> ResponseReturnValue:
        jpeg = desk.picture(name)
        return Response(jpeg, mimetype="image/jpeg") if jpeg is not None else abort(404)

    @pages.post("/cameras/<name>")
    def draw(name: str) -> ResponseReturnValue:
        before = found(name)
        drawing = _sent()
        if drawing is None:
            return shown(before, ("point",)), 409
        told = desk.draw(name, drawing, _rev(), caller().actor)
        if told != "kept":
            return shown(before, told, tried=drawing), 409
        return redirect(url_for(".camera", name=name), code=303)

    @pages.post("/cameras/<name>/file")
    def undraw(name: str) -> ResponseReturnValue:
        before = found(name)
        told = desk.draw(name, None, _rev(), caller().actor)
        if told != "kept":
            return shown(before, told), 409
        return redirect(url_for(".camera", name=name), code=303)


def _rev() -> int:
    text = request.form.get("rev", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


def _sent() -> Drawing | None:
    """Return what was drawn, as the form has it; None if it is no drawing at all."""
    form = request.form
    ends = [form.get(name, "") for name in ("x1", "y1", "x2", "y2")]
    side = next((one for one in SIDES if one == form.get("inside")), None)
    zone, staff = points_of(form.get("zone", "")), points_of(form.get("staff_zone", ""))
    line = points_of(" ".join((f"{ends[0]},{ends[1]}", f"{ends[2]},{ends[3]}")))
    with_line = any(end.strip() for end in ends)
    if zone is None or staff is None or (with_line and (line is None or len(line) != 2)):
        return None
    if not with_line or line is None:
        return Drawing(zone=zone, staff_zone=staff)
    return Drawing(line=(line[0], line[1]), inside=side, zone=zone, staff_zone=staff)


def points_of(text: str) -> Area | None:
    """Return points as people write them, in percent: `10,20 90,20 90,80`; None: that is none."""
    if len(text) > _TEXT_MOST:
        return None
    points = list[Point]()
    for pair in text.replace("，", ",").replace("；", " ").replace(";", " ").split():
        match [_number(part) for part in pair.split(",")]:
            case [float() as x, float() as y]:
                points.append((x, y))
            case _:
                return None
    return tuple(points)


def _number(text: str) -> float | None:
    """Return a percentage as a fraction, to a tenth of a percent; None: none from 0 to 100."""
    if not text.isascii() or not text.replace(".", "", 1).isdigit():
        return None
    value = round(float(text) / 100, 3)
    return value if 0 <= value <= 1 else None


def text_of(area: Area) -> str:
    """Return points in percent, as `points_of` reads them."""
    return " ".join(f"{percent(x)},{percent(y)}" for x, y in area)


def percent(fraction: float) -> str:
    """Return a fraction in percent, to a tenth: `62.5`, `60`."""
    return f"{100 * fraction:.1f}".removesuffix(".0")


def _ends(drawing: Drawing) -> dict[str, str]:
    if drawing.line is None:
        return dict.fromkeys(("x1", "y1", "x2", "y2"), "")
    (x1, y1), (x2, y2) = drawing.line
    return {"x1": percent(x1), "y1": percent(y1), "x2": percent(x2), "y2": percent(y2)}
