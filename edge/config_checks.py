"""Finds faults that no single setting shows: settings that contradict each other, absent files.

Called by `config.load`, on the raw file, so that a fault in one section hides none of another, and
one of a key none that has nothing to do with it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from edge.config_outlets import MetricsSection, ShopLocalSection
from edge.config_sections import (
    BoxSection,
    CameraSection,
    ConsoleSection,
    HoursSection,
    PrivacySection,
    StoreSection,
    UplinkSection,
    WifiSection,
)
from menkou.guards import missing_files, pair_faults
from menkou.listen import overlapping
from menkou.settings import SettingsFault, build

T = TypeVar("T")
_Found = tuple[tuple[str | int, ...], str]
_WEEK: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "mon")
_NAME_MAX: Final = 64
"""Characters of a certificate's common name (RFC 5280, ub-common-name)."""
# What stands in for a needed key that is faulty or missing, while the others are checked.
_STAND_INS: Final[Mapping[str, str]] = {
    **{"id": "x", "name": "x", "timezone": "UTC", "data_dir": "x"},
    **{"source": "0", "broker": "mqtts://x"},
}
_NEEDED: Final[Mapping[type, tuple[str, ...]]] = {
    StoreSection: ("id", "name", "timezone"),
    BoxSection: ("id", "data_dir"),
    CameraSection: ("name", "source"),
    UplinkSection: ("broker",),
    ShopLocalSection: ("broker",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sound(Generic[T]):
    """A section as far as its single values are sound, and the keys whose values are not."""

    section: T
    faulty: frozenset[str] = frozenset()

    def has(self, *keys: str) -> bool:
        """Say whether what is set of some keys, if anything, is sound."""
        return self.faulty.isdisjoint(keys)


def _sound(record: type[T], raw: object) -> _Sound[T] | None:
    """Return what can be checked of a section; None if it is absent or no table."""
    if not isinstance(raw, dict):
        return None
    try:
        return _Sound(section=build(record, raw, "", {}))
    except SettingsFault as exc:
        faulty = frozenset(re.split(r"[.\[]", fault.key)[0] for fault in exc.faults)
    rest = {key: value for key, value in raw.items() if key not in faulty}
    for key in _NEEDED.get(record, ()):
        rest.setdefault(key, _STAND_INS[key])
    return _Sound(section=build(record, rest, "", {}), faulty=faulty)


def _camera_faults(
    index: int, sound: _Sound[CameraSection], mode: object, base: Path
) -> list[_Found]:
    at: tuple[str | int, ...] = ("camera", index)
    camera = sound.section
    faults: list[_Found] = []
    if sound.has("line", "inside"):
        if camera.line is None and camera.inside is not None:
            faults.append(((*at, "inside"), "expected a line beside it, got none"))
        if camera.line is not None and camera.inside is None:
            wanted = "expected inside = above | below | left | right beside it, got none"
            faults.append(((*at, "line"), wanted))
    lacks = mode == "entrance" and camera.role == "entrance" and not camera.zone
    if lacks and sound.has("role", "zone"):
        faults.append((at, "expected a zone, which entrance mode needs, got none"))
    for key, read in (
        ("inside", lambda: camera.counting_line),
        ("source", lambda: camera.address(base)),
    ):
        try:
            read()
        except ValueError as exc:
            faults.append(((*at, key), str(exc)))
    return faults


def _name_faults(cameras: Mapping[int, _Sound[CameraSection]]) -> list[_Found]:
    seen: set[str] = set()
    faults: list[_Found] = []
    for index, camera in cameras.items():
        if not camera.has("name"):
            continue
        name = camera.section.name
        if name in seen:
            text = f"expected a name of its own, got {name!r} again"
            faults.append((("camera", index, "name"), text))
        seen.add(name)
    return faults


def hours_faults(hours: HoursSection) -> list[_Found]:
    """Find a week without a day, and a night that runs into the next morning's opening."""
    faults: list[_Found] = []
    if not hours.by_weekday:
        text = 'expected at least one day such as mon = ["10:00", "22:00"], got none'
        faults.append((("hours",), text))
    for today, tomorrow in pairwise(_WEEK):
        first, second = getattr(hours, today), getattr(hours, tomorrow)
        if first and second and first[1] < first[0] and first[1] > second[0]:
            text = f"expected to close before {tomorrow} opens at {second[0]:%H:%M}"
            faults.append((("hours", today), f"{text}, got {first[1]:%H:%M}"))
    return faults


def _identity_faults(raw: Mapping[str, Any]) -> list[_Found]:
    """Find ids that do not fit into the common name of the box's certificate, if it has one."""
    uplink = raw.get("uplink")
    if not (isinstance(uplink, dict) and "cert" in uplink):
        return []
    store, box = _sound(StoreSection, raw.get("store")), _sound(BoxSection, raw.get("box"))
    if store is None or box is None or not (store.has("id") and box.has("id")):
        return []
    length = len(store.section.id) + 1 + len(box.section.id)
    if length <= _NAME_MAX:
        return []
    text = (
        f"expected at most {_NAME_MAX - 1} characters together with store.id, got {length - 1}:"
        f" the box's certificate names it STORE/BOX, in {_NAME_MAX} characters; shorten one of them"
    )
    return [(("box", "id"), text)]


def _guard_faults(name: str, sound: _Sound[Any] | None, base: Path, *, files: bool) -> list[_Found]:
    """Find a certificate without its key and, where asked for, files that are not there."""
    if sound is None:
        return []
    given = sound.section.files
    found = pair_faults(given) if sound.has("cert", "key") else []
    if files:
        # The token is read anyway: what is wrong with its file is said there.
        files_needed = {key: path for key, path in given.items() if key != "token"}
        found += missing_files(files_needed, base)
    return [((name, key), text) for key, text in found]


def _console_faults(sound: _Sound[ConsoleSection] | None, base: Path) -> list[_Found]:
    if sound is None or not sound.has("listen", "cert", "key"):
        return []
    exposure = sound.section.listen_at(base).exposure()
    return [(("console", "listen"), exposure)] if exposure else []


def _metrics_faults(sound: _Sound[MetricsSection] | None, base: Path) -> list[_Found]:
    if sound is None:
        return []
    found: list[_Found] = []
    if sound.has("listen", "cert", "key", "token") and (exposure := sound.section.exposure()):
        found.append((("metrics", "listen"), exposure))
    try:
        sound.section.listen_at(base)
    except ValueError as exc:
        found.append((("metrics", "token"), str(exc)))
    return found


def _wifi_faults(sound: _Sound[WifiSection] | None) -> list[_Found]:
    if sound is None or not sound.has("near_dbm", "far_dbm"):
        return []
    near, far = sound.section.near_dbm, sound.section.far_dbm
    if far < near:
        return []
    return [
        (
            ("wifi", "far_dbm"),
            f"expected less than near_dbm ({near}), got {far}: far is the weaker signal",
        )
    ]


def _places(
    console: _Sound[ConsoleSection] | None, metrics: _Sound[MetricsSection] | None
) -> Mapping[str, str]:
    """Return where the box listens, by setting."""
    sections = {"console.listen": console, "metrics.listen": metrics}
    return {
        name: one.section.listen
        for name, one in sections.items()
        if one is not None and one.has("listen") and one.section.listen is not None
    }


def cross_checks(raw: Mapping[str, Any], base: Path, *, files: bool) -> list[_Found]:
    """Find what single values cannot show, section by section, so that a fault in one section
    does not hide those of another.

    Args:
        raw: what the file holds.
        base: the directory from which relative paths are taken.
        files: whether certificates have to be there, as a running box needs them.
    """
    given = raw.get("camera", ())
    sections = given if isinstance(given, list) else ()
    sound = {n: _sound(CameraSection, section) for n, section in enumerate(sections)}
    cameras = {n: camera for n, camera in sound.items() if camera is not None}
    privacy = _sound(PrivacySection, raw.get("privacy", {}))
    found = _name_faults(cameras) + _identity_faults(raw)
    for index, camera in cameras.items():
        found += _camera_faults(index, camera, privacy and privacy.section.mode, base)
    if (hours := _sound(HoursSection, raw.get("hours"))) is not None and not hours.faulty:
        found += hours_faults(hours.section)
    console = _sound(ConsoleSection, raw.get("console", {}))
    metrics = _sound(MetricsSection, raw.get("metrics", {}))
    local = _sound(ShopLocalSection, raw.get("shop_local"))
    for name, section in (
        ("uplink", _sound(UplinkSection, raw.get("uplink"))),
        ("console", console),
        ("metrics", metrics),
        ("shop_local", local),
    ):
        found += _guard_faults(name, section, base, files=files)
    found += _console_faults(console, base)
    found += _metrics_faults(metrics, base)
    found += _wifi_faults(_sound(WifiSection, raw.get("wifi", {})))
    for setting, text in overlapping(_places(console, metrics)):
        found.append((tuple(setting.split(".")), text))
    if local is not None and local.has("username", "password"):
        found += [(("shop_local", key), text) for key, text in local.section.faults()]
    return found
