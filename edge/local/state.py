"""What the box tells of itself on the shop's own broker, from what its page shows. Pure.

Figures and codes only: no name, no member, no visit stands in it.
"""

import json
from typing import Any, Final

from edge.console.view import ShopView

KEEPS_COUNTING: Final = frozenset({"wifi_channel", "mode_lowered"})
"""Notices that a person may read on the page; nothing is wrong with the box."""


def state_of(view: ShopView) -> bytes:
    """Return the state topic's JSON: the page's own figures at that moment."""
    notices = [code for code in view.notices if code not in KEEPS_COUNTING]
    told: dict[str, Any] = {
        "occupancy": view.occupancy,
        "visitors_today": view.visitors,
        "entered_today": view.entered,
        "left_today": view.left,
        "basis": view.basis,
        "state": "attention" if notices else "ok",
        "notices": notices,
        "clock_ok": not any(code.startswith("clock_suspect") for code in view.notices),
        "mode": view.mode,
        "cameras": {camera.name: camera.state for camera in view.cameras},
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def alert_of(kind: str) -> bytes:
    """Return the alert topic's JSON, as Home Assistant's event entities take it: only its kind."""
    return json.dumps({"event_type": kind}, separators=(",", ":")).encode()
