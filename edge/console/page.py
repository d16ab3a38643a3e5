"""Works out what the shop's page draws from a `ShopView`: columns, notices, states. Pure.

Called by `edge.console.app`; holds codes, the templates turn them into words.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from edge.console.view import CameraView, GalleryView, HourFigures, ShopView, StreetView
from edge.core.threshold import MOST
from menkou.rates import capture_rate
from menkou.web.chart import Column, Minutes, Tick, columns, minutes, scale, ticks

LEVELS: Final = {
    "ok": "ok",
    "running": "ok",
    "connecting": "wait",
    "restarting": "wait",
    "unknown": "wait",
    "ended": "care",
    "silent": "fault",
    "lost": "fault",
    "frozen": "fault",
    "unreadable": "fault",
}
"""How a state of a camera or part is marked; a state from a newer release is `care`."""
NOTICES: Final = {
    "disk_full": "fault",
    "storage_refused": "fault",
    "storage_hourly": "care",
    "storage_early": "care",
    "key_missing": "fault",
    "names_locked": "fault",
    "mode_lowered": "care",
    "declaration_missing": "care",
    "declaration_expired": "care",
    "file_key_not_accepted": "care",
    "clock_suspect": "care",
    "clock_suspect_faces": "care",
    "clock_by_hand": "care",
    "day_unsure": "care",
    "faces_off": "care",
    "head_office": "care",
    "models_missing": "care",
    "everybody_without_basis": "care",
    "facts_refused": "care",
    "checkin_paused": "care",
    "camera_mirrored": "care",
    "gallery_over": "care",
    "wifi_gone": "care",
    "wifi_down": "care",
    "wifi_not_monitor": "care",
    "wifi_silent": "care",
    "wifi_refused": "care",
    "wifi_channel": "care",
    "hub_unreachable": "care",
    "messages_held": "care",
    "cert_expired": "fault",
    "cert_expires": "care",
    "cert_unusable": "care",
    "name_taken": "care",
}
"""What a notice is worth by its code; a code from a newer part is `care`."""
_HOURS_SHOWN_MIN: Final = 8
CERTIFICATE_NOTICE: Final = timedelta(days=21)
"""How long before it runs out a certificate is spoken of: who renews by hand needs some weeks."""
_HEARD_LATELY: Final = 3
"""Minutes: one is told when it is over, and Wi-Fi that was heard so lately is heard now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HourColumn:
    """One hour in the chart. `phase`: past | current | future."""

    hour: HourFigures
    column: Column
    phase: str
    peak: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A line at the top. `code` is a key of the catalogue; `name` is the camera's or part's.

    `values` are what else the text says.
    """

    level: str
    code: str
    name: str
    values: Mapping[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetPage:
    """Wi-Fi as it is drawn. `ticks` are local hours, with their place in percent.

    `level` is the last minute in percent of today's busiest; None: it was not observed lately.
    `rate` is the capture rate in tenths of a percent. `state`: known | learning | waiting.
    """

    view: StreetView
    state: str
    level: int | None
    rate: int | None
    drawn: Minutes
    observed: int
    ticks: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopPage:
    """The view with everything that the template needs besides.

    `is_open` is None if no opening hours apply today. `uplink` is a key of the catalogue.
    `conversion` is receipts of sales for a hundred visitors, None without any of either.
    """

    view: ShopView
    now: datetime
    is_open: bool | None
    blind: bool
    uplink: str
    notices: tuple[Notice, ...]
    hours: tuple[HourColumn, ...]
    ticks: tuple[Tick, ...]
    street: StreetPage | None
    conversion: int | None

    def level(self, state: str) -> str:
        """Return how a state of a camera or part is marked."""
        return LEVELS.get(state, "care")


def shop_page(view: ShopView) -> ShopPage:
    """Work out the page. Times are shown in the zone of the view's hours."""
    now = view.now.astimezone(view.hours[0].start.tzinfo) if view.hours else view.now
    lines = scale(max((hour.visitors for hour in view.hours), default=0))
    return ShopPage(
        view=view,
        now=now,
        is_open=_is_open(view),
        blind=any(LEVELS.get(camera.state) == "fault" for camera in view.cameras),
        uplink=_uplink(view),
        notices=_notices(view),
        hours=_hour_columns(_worth_showing(view.hours), now, lines[-1]),
        ticks=ticks(lines),
        street=_street(view.street, now) if view.street else None,
        conversion=_conversion(view),
    )


def _conversion(view: ShopView) -> int | None:
    """Return receipts for a hundred visitors, None without one of the two."""
    if view.sales is None or not view.visitors:
        return None
    return round(100 * view.sales / view.visitors)


def _street(street: StreetView, now: datetime) -> StreetPage:
    """Work out the minutes between the first and the last that were heard, whole hours of them."""
    past = int(now.timestamp() - street.start.timestamp()) // 60
    heard = [n for n, value in enumerate(street.minutes[: past + 1]) if value is not None]
    # The night is left out, as of the visitors: from the hour of the first minute to this one's.
    first = heard[0] // 60 * 60 if heard else 0
    last = min(max((past // 60 + 1) * 60, first + 60), len(street.minutes))
    shown = street.minutes[first:last]
    until = past - _HEARD_LATELY - first
    top = max((value for value in shown if value), default=1)
    lately = street.minutes[: past + 1][-_HEARD_LATELY:]
    last_heard = next((value for value in reversed(lately) if value is not None), None)
    return StreetPage(
        view=street,
        state=_street_state(street),
        level=None if last_heard is None else round(100 * last_heard / top),
        rate=capture_rate(street.captured, street.passers),
        drawn=minutes([v or (0 if n > until else v) for n, v in enumerate(shown)], top, head=0),
        observed=len(heard),
        ticks=tuple(
            (_minutes_after(street.start, first + n).hour, round(100 * n / len(shown), 3))
            for n in range(0, len(shown), 60)
        ),
    )


def _minutes_after(start: datetime, minutes: int) -> datetime:
    """Return the local time after so many minutes, also on the day on which clocks change."""
    return (start.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(start.tzinfo)


def _street_state(street: StreetView) -> str:
    if street.passers is not None:
        return "known"
    return "learning" if street.learnt < street.needed else "waiting"


def _is_open(view: ShopView) -> bool | None:
    if view.opens is None or view.closes is None:
        return None
    return view.opens <= view.now < view.closes


def _uplink(view: ShopView) -> str:
    if view.uplink == "none":
        return "none"
    if view.uplink == "connected":
        return "sending" if view.backlog else "sent"
    return "waiting" if view.backlog else "offline"


def _notices(view: ShopView) -> tuple[Notice, ...]:
    """Return what wants a person, the worst first. An unknown code is still shown."""
    found = [Notice(level=NOTICES.get(c, "care"), code=c, name=c) for c in view.notices]
    found += [_camera_notice(camera) for camera in view.cameras if _is_fault(camera.state)]
    found += [
        Notice(level="fault", code="part_silent", name=part.name)
        for part in view.parts
        if part.state == "silent"
    ]
    if view.gallery is not None:
        found.append(_gallery_notice(view.gallery))
    found += _reach_notices(view)
    return tuple(sorted(found, key=lambda notice: notice.level != "fault"))


def _gallery_notice(gallery: GalleryView) -> Notice:
    code = "gallery_over"
    values: dict[str, int | str] = {
        "members": gallery.members,
        "searched": gallery.searched,
        "others": gallery.members - gallery.searched,
        "missed": round(100 * gallery.missed),
        "alarms": f"{100 * gallery.fpir:g}",
        "measured": MOST,
    }
    return Notice(level=NOTICES[code], code=code, name="", values=values)


def _reach_notices(view: ShopView) -> Iterator[Notice]:
    reach = view.reach
    if reach.found_as and reach.found_as != reach.wanted:
        values: dict[str, int | str] = {"wanted": reach.wanted or "", "found": reach.found_as}
        yield Notice(level=NOTICES["name_taken"], code="name_taken", name="", values=values)
    if reach.unusable:
        yield Notice(level=NOTICES["cert_unusable"], code="cert_unusable", name="")
    if reach.expires_at is None or reach.expires_at - view.now > CERTIFICATE_NOTICE:
        return
    if {"clock_suspect", "clock_suspect_faces"} & set(view.notices):
        return  # it would be said of a day that nobody vouches for
    code = "cert_expired" if reach.expires_at <= view.now else "cert_expires"
    days = max(0, (reach.expires_at - view.now).days)
    on = reach.expires_at.astimezone(view.now.tzinfo).date().isoformat()
    yield Notice(level=NOTICES[code], code=code, name="", values={"days": days, "on": on})


def _is_fault(state: str) -> bool:
    return LEVELS.get(state) == "fault"


def _camera_notice(camera: CameraView) -> Notice:
    return Notice(level="fault", code=f"camera_{camera.state}", name=camera.name)


def _worth_showing(hours: tuple[HourFigures, ...]) -> tuple[HourFigures, ...]:
    """Leave out the night: keep from an hour before the first that counts to one after the last."""
    counts = [
        index
        for index, hour in enumerate(hours)
        if hour.open or hour.current or hour.visitors or hour.entered or hour.left
    ]
    if not counts:
        return hours
    first, last = max(counts[0] - 1, 0), min(counts[-1] + 1, len(hours) - 1)
    last = min(max(last, first + _HOURS_SHOWN_MIN - 1), len(hours) - 1)
    first = max(min(first, last - _HOURS_SHOWN_MIN + 1), 0)
    return hours[first : last + 1]


def _hour_columns(
    hours: tuple[HourFigures, ...], now: datetime, top: int
) -> tuple[HourColumn, ...]:
    peak = max((hour.visitors for hour in hours), default=0)
    return tuple(
        HourColumn(
            hour=hour,
            column=column,
            phase="current" if hour.current else "past" if hour.start <= now else "future",
            peak=hour.visitors == peak > 0,
        )
        for hour, column in zip(hours, columns([h.visitors for h in hours], top), strict=True)
    )
