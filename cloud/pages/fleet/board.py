"""Works out what the page of the fleet draws: the strip, the boxes that are asked for. Pure.

Called by the page beside it; holds codes, the template turns them into words.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from cloud.boxes import zone_or_utc
from cloud.queries.fleet import HOT_C, TROUBLES, FleetBox
from cloud.views import CAMERA_FAULTS, PAGE_SHOPS, on_page, pages_of

STRIP: Final = (
    ("silent", ("silent", "never")),
    ("lagging", ("lagging", "missing")),
    ("camera", ("camera",)),
    ("clock", ("clock",)),
    ("hot", ("hot",)),
    ("disk", ("disk", "storage")),
    ("config", ("config",)),
)
"""What the strip says, and the troubles that each of its words stands for."""
_ORDER: Final = {code: place for place, code in enumerate(TROUBLES)}
_MODES: Final = ("count", "checkin", "entrance")
_NUMBER: Final = re.compile(r"\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for. `show`: all | trouble | old | lowered | one of `TROUBLES`; empty: those in
    trouble if there are any and nothing else is asked for.
    """

    show: str = ""
    version: str = ""
    mode: str = ""
    text: str = ""
    page: int = 1

    @property
    def args(self) -> dict[str, str]:
        """How an address says it, without the page."""
        named = {"show": self.show, "version": self.version, "mode": self.mode, "q": self.text}
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A setting that a box has otherwise than head office wishes. `key`: name | mode."""

    key: str
    wanted: str
    runs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetRow:
    """One box as it is drawn; times are those of its shop.

    `wishes` are the names of the settings that head office has wished for it.
    """

    box: FleetBox
    now: datetime
    old: bool
    disk_left: int | None
    hot: bool
    cameras_lost: tuple[tuple[str, str], ...]
    wished_at: datetime | None
    reported_at: datetime | None
    wishes: tuple[str, ...]
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetBoard:
    """The page. `strip`: how many boxes each word is about; `found` are asked for, of `boxes`."""

    now: datetime
    wanted: Wanted
    show: str
    rows: tuple[FleetRow, ...]
    strip: tuple[tuple[str, int], ...]
    well: int
    troubled: int
    old: int
    lowered: int
    newest: str
    versions: tuple[tuple[str, int], ...]
    modes: tuple[tuple[str, int], ...]
    boxes: int
    found: int
    first: int
    last: int
    page: int
    pages: int


def board_of(
    boxes: Sequence[FleetBox], wanted: Wanted, now: datetime, *, whole: bool = False
) -> FleetBoard:
    """Work out the page; one that is not there is the nearest. `now` is aware.

    `whole`: all that is found stands on it, for the table as a file.
    """
    versions = Counter(one.version for one in boxes if one.version)
    newest = max(versions, key=_release, default="")
    with_trouble = [one for one in boxes if one.troubles]
    troubled = len(with_trouble)
    asked = bool(wanted.version or wanted.mode or wanted.text)
    show = wanted.show or ("trouble" if troubled and not asked else "all")
    is_shown = _test(show, newest)
    found = [one for one in boxes if is_shown(one) and (not asked or _asked(one, wanted))]
    if show not in ("all", "old", "lowered"):
        found.sort(key=_urgency)
    places = on_page(len(found), wanted.page)
    listed = found if whole else found[places.start : places.stop]
    zones = Counter(one.timezone for one in boxes).most_common(1)
    modes = Counter(one.mode for one in boxes if one.mode)
    return FleetBoard(
        now=now.astimezone(zone_or_utc(zones[0][0])) if zones else now,
        wanted=wanted,
        show=show,
        rows=tuple(_row(one, newest, now) for one in listed),
        strip=tuple((word, _having(with_trouble, codes)) for word, codes in STRIP),
        well=len(boxes) - troubled,
        troubled=troubled,
        old=sum(_is_old(one, newest) for one in boxes),
        lowered=sum(one.lowered for one in boxes),
        newest=newest,
        versions=tuple(sorted(versions.items(), key=lambda one: _release(one[0]), reverse=True)),
        modes=tuple((mode, modes[mode]) for mode in _MODES if modes[mode]),
        boxes=len(boxes),
        found=len(found),
        first=places.start + 1,
        last=places.stop,
        page=places.start // PAGE_SHOPS + 1,
        pages=pages_of(len(found)),
    )


@lru_cache(maxsize=256)
def _release(version: str) -> tuple[tuple[int, ...], bool, str]:
    """Return what releases are put in order by; one that is no more than a release comes last.

    >>> max(["1.10.0", "1.9.2", "1.10.0rc1"], key=_release)
    '1.10.0'
    """
    numbers = re.match(r"\d+(?:\.\d+)*", version)
    plain = numbers[0] if numbers else ""
    return tuple(int(one) for one in _NUMBER.findall(plain)), plain == version, version


def _is_old(one: FleetBox, newest: str) -> bool:
    return one.version is not None and one.version != newest


def _having(boxes: Sequence[FleetBox], codes: Sequence[str]) -> int:
    return sum(not set(codes).isdisjoint(one.troubles) for one in boxes)


def _test(show: str, newest: str) -> Callable[[FleetBox], bool]:
    """Return what says whether a box is one of those that are to be shown."""
    if show == "all":
        return lambda _one: True
    if show == "trouble":
        return lambda one: bool(one.troubles)
    if show == "old":
        return lambda one: _is_old(one, newest)
    if show == "lowered":
        return lambda one: one.lowered
    meant = next((codes for word, codes in STRIP if word == show), (show,))
    return lambda one: not set(meant).isdisjoint(one.troubles)


def _asked(one: FleetBox, wanted: Wanted) -> bool:
    if wanted.version and one.version != wanted.version:
        return False
    if wanted.mode and one.mode != wanted.mode:
        return False
    text = wanted.text.casefold()
    return not text or any(text in of.casefold() for of in (one.store_id, one.box_id, one.name))


def _urgency(one: FleetBox) -> tuple[int, int, str, str]:
    """Put first what costs most figures."""
    worst = min((_ORDER[code] for code in one.troubles), default=len(_ORDER))
    return worst, -len(one.troubles), one.store_id, one.box_id


def _row(one: FleetBox, newest: str, now: datetime) -> FleetRow:
    local = now.astimezone(zone_or_utc(one.timezone))
    config = one.config
    body: dict[str, Any] = json.loads(config.body) if config.body else {}
    wished = {key: value for key, value in body.items() if value is not None}
    left = None
    if one.disk_mb and one.disk_free_mb is not None:
        left = int(100 * one.disk_free_mb / one.disk_mb)
    return FleetRow(
        box=one,
        now=local,
        old=_is_old(one, newest),
        disk_left=left,
        hot=one.temperature_c is not None and one.temperature_c >= HOT_C,
        cameras_lost=tuple(found for found in one.cameras if found[1] in CAMERA_FAULTS),
        wished_at=_moment(config.wanted, local),
        reported_at=_moment(config.reported, local),
        wishes=tuple(wished),
        differences=_differences(one, wished),
    )


def _moment(version: int | None, local: datetime) -> datetime | None:
    """Return when settings were made: their version is that moment, in milliseconds since 1970."""
    return None if version is None else datetime.fromtimestamp(version / 1000, local.tzinfo)


def _differences(one: FleetBox, wished: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return what of the wishes the box is known to have otherwise: what it tells of itself."""
    found = []
    name, limit = wished.get("name"), wished.get("mode_at_most")
    if name is not None and name != one.name:
        found.append(Difference(key="name", wanted=name, runs=one.name))
    if limit in _MODES and one.mode in _MODES and _MODES.index(one.mode) > _MODES.index(limit):
        found.append(Difference(key="mode", wanted=limit, runs=one.mode))
    return tuple(found)
