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

from edge.config_desk import ChannelSection, ServiceSection, list_faults
from edge.config_outbound import OutboundSection, QueueSection
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
from edge.config_till import TillSection
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
    **{"zh": "x", "en": "x"},
    **{"source": "0", "broker": "mqtts://x", "kind": "webhook", "url": "https://x"},
}
_NEEDED: Final[Mapping[type, tuple[str, ...]]] = {
    StoreSection: ("id", "name", "timezone"),
    BoxSection: ("id", "data_dir"),
    CameraSection: ("name", "source"),
    UplinkSection: ("broker",),
    ShopLocalSection: ("broker",),
    OutboundSection: ("name", "kind", "url"),
    ChannelSection: ("id", "zh", "en"),
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


def _name_faults(
    kind: str, sections: Mapping[int, _Sound[CameraSection]] | Mapping[int, _Sound[OutboundSection]]
) -> list[_Found]:
    seen: set[str] = set()
    faults: list[_Found] = []
    for index, one in sections.items():
        if not one.has("name"):
            continue
        name = one.section.name
        if name in seen:
            text = f"expected a name of its own, got {name!r} again"
            faults.append(((kind, index, "name"), text))
        seen.add(name)
    return faults


def _outbound_faults(raw: Mapping[str, Any], base: Path, *, files: bool) -> list[_Found]:
    """Find targets that lack what they need, and a queue that calls by one that is not there."""
    given = raw.get("outbound", ())
    sections = given if isinstance(given, list) else ()
    sound = {n: _sound(OutboundSection, section) for n, section in enumerate(sections)}
    targets = {n: target for n, target in sound.items() if target is not None}
    faults = _name_faults("outbound", targets)
    for index, target in targets.items():
        at: tuple[str | int, ...] = ("outbound", index)
        section = target.section
        if target.has("kind", "url", "secret", *sections[index]):
            faults += [((*at, key), text) for key, text in section.faults(list(sections[index]))]
        for key, read in (("url", section.address), ("secret", section.read_secret)):
            try:
                read(base)
            except ValueError as exc:
                faults.append(((*at, key), str(exc)))
        if files:
            faults += [((*at, key), text) for key, text in missing_files(section.files, base)]
    if all(target.has("name", "kind") for target in targets.values()):
        kinds = {target.section.name: target.section.kind for target in targets.values()}
        faults += _target_faults(raw, kinds if len(targets) == len(sections) else None)
    return faults


def _target_faults(raw: Mapping[str, Any], kinds: Mapping[str, str] | None) -> list[_Found]:
    """Find sections that send by a target that is not there, or that reaches no guest.

    `kinds` are of the targets by their names; None: they are not all known.
    """
    faults: list[_Found] = []
    wanted = {
        "queue": _sound(QueueSection, raw.get("queue", {})),
        "service": _sound(ServiceSection, raw.get("service", {})),
    }
    for name, one in wanted.items():
        target = one.section.target if one is not None else None
        if target is None or kinds is None:
            continue
        if target not in kinds:
            text = f"expected the name of an [[outbound]], got {target!r}"
            faults.append(((name, "target"), text))
        elif name == "service" and kinds[target] not in ("webhook", "sms"):
            text = 'expected one of kind "sms" or "webhook": a bot reaches no guest'
            faults.append(((name, "target"), f'{text}; got "{kinds[target]}"'))
    return faults


def _channel_faults(raw: Mapping[str, Any]) -> list[_Found]:
    """Find channels and advertisements of one id."""
    given = raw.get("channel", ())
    sections = given if isinstance(given, list) else ()
    sound = [_sound(ChannelSection, section) for section in sections]
    listed = [
        (f"?{n}", ())
        if one is None or not one.has("id")
        else (one.section.id, [advert.id for advert in one.section.advert])
        for n, one in enumerate(sound)
    ]
    return list_faults(listed)


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


def _till_faults(
    till: _Sound[TillSection] | None, console: _Sound[ConsoleSection] | None
) -> list[_Found]:
    if till is None or till.section.ca is None or console is None:
        return []
    if console.section.cert is not None:
        return []
    text = "expected [console] cert beside it, since certificates are shown over TLS only, got none"
    return [(("till", "ca"), text)]


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
    found = _name_faults("camera", cameras) + _identity_faults(raw)
    found += _outbound_faults(raw, base, files=files) + _channel_faults(raw)
    for index, camera in cameras.items():
        found += _camera_faults(index, camera, privacy and privacy.section.mode, base)
    if (hours := _sound(HoursSection, raw.get("hours"))) is not None and not hours.faulty:
        found += hours_faults(hours.section)
    console = _sound(ConsoleSection, raw.get("console", {}))
    metrics = _sound(MetricsSection, raw.get("metrics", {}))
    local = _sound(ShopLocalSection, raw.get("shop_local"))
    till = _sound(TillSection, raw.get("till"))
    for name, section in (
        ("uplink", _sound(UplinkSection, raw.get("uplink"))),
        ("console", console),
        ("metrics", metrics),
        ("shop_local", local),
        ("till", till),
    ):
        found += _guard_faults(name, section, base, files=files)
    found += _console_faults(console, base)
    found += _metrics_faults(metrics, base)
    found += _till_faults(till, console)
    found += _wifi_faults(_sound(WifiSection, raw.get("wifi", {})))
    for setting, text in overlapping(_places(console, metrics)):
        found.append((tuple(setting.split(".")), text))
    if local is not None and local.has("username", "password"):
        found += [(("shop_local", key), text) for key, text in local.section.faults()]
    return found
