"""What the glossary says of each figure, and in which order. Pure; drawn by the room's templates.

Figures that come of counts are those of `DEFINED`, their formulas name the counts that `value_of`
adds and divides; times come of `figures.bins`, money of the tills' receipts.
"""

from collections.abc import Mapping
from typing import Final

from cloud.figures.metric import DEFINED
from menkou.web.i18n import Speech

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "door": (
        *("visitors", "entered", "left", "reentries", "staff", "passers", "captured"),
        "capture_rate",
    ),
    "members": (
        *("members", "member_share", "members_new", "members_back", "back_share"),
        *("return_rate", "wrong_share"),
    ),
    "service": (
        *("served", "served_share", "members_served", "greeted_share", "asked_share"),
        "queue_left",
    ),
    "till": ("sales", "conversion", "value", "paid_back", "basket"),
    "bookings": (
        *("booked", "kept_share", "late_share", "no_show_share", "cancelled", "no_shows"),
    ),
    "channels": ("asked", "brought_booked", "brought_sales"),
    "consultants": (
        *("greeted", "greeted_quick", "greeted_sales", "follow_ups", "greeted_wrong", "fair"),
    ),
    "times": ("wait", "queue", "dwell"),
}
RULES: Final = ("day", "basis", "missing", "hidden", "usual", "interval")
OF_MONEY: Final = frozenset({"value", "paid_back", "basket"})
SEEN: Final[Mapping[str, tuple[str, ...]]] = {
    "overview": (
        *("visitors", "member_share", "members_new", "members_back", "conversion"),
        *("kept_share", "wait", "capture_rate"),
    ),
    "today": ("visitors", "entered", "left", "reentries", "members"),
    "shops": (
        *("visitors", "entered", "reentries", "staff", "members", "member_share", "served"),
        *("served_share", "greeted_share", "conversion", "wait", "queue", "dwell", "capture_rate"),
        *("return_rate", "members_served"),
    ),
    "funnel": (
        *("passers", "capture_rate", "visitors", "members", "served", "sales", "return_rate"),
    ),
    "channels": (
        *("asked", "asked_share", "brought_booked", "brought_sales", "value", "booked"),
        *("kept_share", "late_share", "no_show_share", "cancelled", "no_shows"),
    ),
    "consultants": (
        *("greeted", "greeted_quick", "greeted_sales", "follow_ups", "greeted_wrong", "fair"),
    ),
    "street": ("passers", "captured", "capture_rate"),
}
"""Places (`cloud.pages.places`) and the figures that are seen there."""


def seen_on(key: str) -> tuple[str, ...]:
    """Return the places on which a figure is seen."""
    return tuple(place for place, figures in SEEN.items() if key in figures)


def formula_of(said: Speech, key: str) -> str:
    """Return a figure's formula in words, with the counts that `value_of` takes."""
    metric = DEFINED.get(key)
    parts = (*metric.top, *metric.bottom) if metric else ()
    return said.t(f"metric.{key}.formula", **{name: said.t(f"part.{name}") for name in parts})
