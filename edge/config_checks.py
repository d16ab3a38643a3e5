"""Finds faults that no single setting shows: settings that contradict each other.

Called by `config.load`, on the raw file, so that a fault in one section hides none of another.
"""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeVar

from edge.config_outlets import MetricsSection, ShopLocalSection
from edge.config_sections import (
    CameraSection,
    ConsoleSection,
    HoursSection,
    PrivacySection,
    UplinkSection,
)
from menkou.guards import pair_faults
from menkou.settings import SettingsFault, build

T = TypeVar("T")
_Found = tuple[tuple[str | int, ...], str]
_WEEK: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "mon")


def _camera_faults(index: int, camera: CameraSection, mode: object, base: Path) -> list[_Found]:
    at: tuple[str | int, ...] = ("camera", index)
    faults: list[_Found] = []
    if camera.line is None and camera.inside is not None:
        faults.append(((*at, "inside"), "expected a line beside it, got none"))
    if camera.line is not None and camera.inside is None:
        wanted = "expected inside = above | below | left | right beside it, got none"
        faults.append(((*at, "line"), wanted))
    if mode == "entrance" and camera.role == "entrance" and not camera.zone:
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


def _name_faults(cameras: Mapping[int, CameraSection]) -> list[_Found]:
    seen: set[str] = set()
    faults: list[_Found] = []
    for index, camera in cameras.items():
        if camera.name in seen:
            text = f"expected a name of its own, got {camera.name!r} again"
            faults.append((("camera", index, "name"), text))
        seen.add(camera.name)
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


def _console_faults(console: ConsoleSection, base: Path) -> list[_Found]:
    exposure = console.listen_at(base).exposure()
    return [(("console", "listen"), exposure)] if exposure else []


def _metrics_faults(metrics: MetricsSection, base: Path) -> list[_Found]:
    found: list[_Found] = [(("metrics", key), t) for key, t in pair_faults(metrics.files)]
    try:
        listen = metrics.listen_at(base)
    except ValueError as exc:
        return [*found, (("metrics", "token"), str(exc))]
    exposure = listen.exposure() if listen else None
    return [*found, (("metrics", "listen"), exposure)] if exposure else found


def _shop_local_faults(local: ShopLocalSection) -> list[_Found]:
    found = [*pair_faults(local.files), *local.faults()]
    return [(("shop_local", key), text) for key, text in found]


def _sound(record: type[T], raw: object) -> T | None:
    """Return a section if nothing is wrong with its single values, else None."""
    if not isinstance(raw, dict):
        return None
    try:
        return build(record, raw, "", {})
    except SettingsFault:
        return None


def cross_checks(raw: Mapping[str, Any], base: Path) -> list[_Found]:
    """Find what single values cannot show, section by section, so that a fault in one section
    does not hide those of another.
    """
    given = raw.get("camera", ())
    sections = given if isinstance(given, list) else ()
    sound = {n: _sound(CameraSection, section) for n, section in enumerate(sections)}
    cameras = {n: camera for n, camera in sound.items() if camera is not None}
    privacy = _sound(PrivacySection, raw.get("privacy", {}))
    found = _name_faults(cameras)
    for index, camera in cameras.items():
        found += _camera_faults(index, camera, privacy and privacy.mode, base)
    if (hours := _sound(HoursSection, raw.get("hours"))) is not None:
        found += hours_faults(hours)
    if (uplink := _sound(UplinkSection, raw.get("uplink"))) is not None:
        found += [(("uplink", key), text) for key, text in pair_faults(uplink.files)]
    if (console := _sound(ConsoleSection, raw.get("console", {}))) is not None:
        found += [(("console", key), text) for key, text in pair_faults(console.files)]
        found += _console_faults(console, base)
    if (metrics := _sound(MetricsSection, raw.get("metrics", {}))) is not None:
        found += _metrics_faults(metrics, base)
    if (local := _sound(ShopLocalSection, raw.get("shop_local"))) is not None:
        found += _shop_local_faults(local)
    return found
