"""The places: the pages that every page of the box leads to, and where one is among them.

Pure but for the request. Used by `edge.console.app`, drawn by `nav.html`. A phone has room for
five in the bar under the thumb: what is opened most often comes first, the rest is behind "more".
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_PLACES: Final = (
    ("arrivals.page", "arrivals"),
    ("appointments.page", "appointments"),
    ("queue.page", "queue"),
    ("members.page", "members"),
    ("tickets.page", "tickets"),
    ("shop.shop", "today"),
    ("corner.page", "manager"),
)
_UNDER: Final = {
    "me": "arrivals",
    "sources": "arrivals",
    "codes": "arrivals",
    "staff": "corner",
    "devices": "corner",
    "tokens": "corner",
    "time": "corner",
}
"""Pages without a place of their own, by blueprint: where they are found."""
_BAR: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place. `here` is its `aria-current`: page | true (a page below it) | None."""

    endpoint: str
    name: str
    here: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What is always in the bar, and what a phone keeps behind "more"."""

    bar: tuple[Place, ...]
    rest: tuple[Place, ...]

    @property
    def hidden(self) -> Place | None:
        """The place among the rest where one is now."""
        return next((place for place in self.rest if place.here), None)


def places(may: Callable[[str], bool], endpoint: str) -> Places:
    """Return the places that somebody may go to, as seen from a page."""
    blueprint = endpoint.partition(".")[0]
    found = tuple(
        Place(endpoint=to, name=name, here=_here(to, blueprint)) for to, name in _PLACES if may(to)
    )
    room = _BAR if len(found) <= _BAR else _BAR - 1
    return Places(bar=found[:room], rest=found[room:])


def _here(to: str, blueprint: str) -> str | None:
    place = to.partition(".")[0]
    if place == blueprint:
        return "page"
    return "true" if place == _UNDER.get(blueprint) else None
