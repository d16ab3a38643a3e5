"""Finds faults of the hub's settings that concern files, or more keys than one. Called by `config`.

On the raw values, so that a fault of one key hides none of another; values of a wrong type are
passed over here, since each is a fault of its own.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cloud.config_digest import digest_faults
from cloud.config_oidc import oidc_faults
from cloud.expect.calendar import CalendarFault, read_calendar
from cloud.urls import broker_parts
from menkou.guards import (
    listen_for_metrics,
    metrics_exposure,
    missing_files,
    pair_faults,
    read_password_hash,
)
from menkou.listen import Listen, overlapping, parse_listen

LISTEN: Final = "127.0.0.1:8700"
"""Where the pages are if nothing is set."""
BROKER: Final = "mqtt://127.0.0.1:1883"
"""Where the broker is if nothing is set."""
CERTIFICATES: Final = {
    "hub": ("cert", "key"),
    "broker": ("ca", "cert", "key"),
    "metrics": ("cert", "key"),
}
"""The keys that name certificates' files, by section."""
_Found = tuple[str, str]


def cross_checks(raw: Mapping[str, Any], base: Path) -> list[_Found]:
    """Return (key, fault) for what no single value shows.

    Args:
        raw: the settings of file and environment.
        base: the directory from which relative paths are taken.
    """
    faults: list[_Found] = []
    for section, names in CERTIFICATES.items():
        files = _files(raw, section, names)
        for name, text in [*missing_files(files, base), *pair_faults(files)]:
            faults.append((f"{section}.{name}", text))
    faults += _page_faults(raw, base) + _metrics_faults(raw, base) + _broker_faults(raw)
    faults += oidc_faults(raw, base) + digest_faults(raw, base)
    if holidays := _text(raw, "hub.holidays"):
        try:
            read_calendar(base / holidays)
        except CalendarFault as fault:
            faults.append(("hub.holidays", str(fault)))
    return faults + overlapping(_places(raw))


def _text(raw: Mapping[str, Any], key: str) -> str | None:
    """Return a raw value if it is text; anything else is reported as a type fault."""
    section, name = key.split(".")
    table = raw.get(section)
    value = table.get(name) if isinstance(table, dict) else None
    return value if isinstance(value, str) else None


def _is_place(text: str) -> bool:
    try:
        parse_listen(text)
    except ValueError:
        return False
    return True


def _files(raw: Mapping[str, Any], section: str, names: tuple[str, ...]) -> dict[str, Path | None]:
    found = {name: _text(raw, f"{section}.{name}") for name in names}
    return {name: Path(path) if path else None for name, path in found.items()}


def _embedded(raw: Mapping[str, Any]) -> bool:
    broker = raw.get("broker")
    return isinstance(broker, dict) and broker.get("embedded") is True


def _page_faults(raw: Mapping[str, Any], base: Path) -> list[_Found]:
    faults: list[_Found] = []
    reference = _text(raw, "hub.password")
    try:
        read_password_hash(reference, base)
    except ValueError as exc:
        faults.append(("hub.password", str(exc)))
    place = _text(raw, "hub.listen") or LISTEN
    if not _is_place(place):
        return faults  # a fault of its own
    host, port = parse_listen(place)
    cert, key = _files(raw, "hub", ("cert", "key")).values()
    # Whoever comes from elsewhere needs an account, or the password of before there were any.
    guarded = Listen(host=host, port=port, cert=cert, key=key, accounts=True)
    exposure = guarded.exposure()
    return [*faults, ("hub.listen", exposure)] if exposure else faults


def _metrics_faults(raw: Mapping[str, Any], base: Path) -> list[_Found]:
    faults: list[_Found] = []
    cert, key = _files(raw, "metrics", ("cert", "key")).values()
    token = _text(raw, "metrics.token")
    unread: str | None = None
    for name in ("listen", "ingest_listen"):
        place = _text(raw, f"metrics.{name}")
        if place is None or not _is_place(place):
            continue  # what is no place is a fault of its own
        if exposure := metrics_exposure(place, cert=cert, key=key, token=token):
            faults.append((f"metrics.{name}", exposure))
        try:
            listen_for_metrics(place, cert=cert, key=key, token=token, base=base)
        except ValueError as exc:
            unread = str(exc)
    return [*faults, ("metrics.token", unread)] if unread else faults


def _broker_faults(raw: Mapping[str, Any]) -> list[_Found]:
    faults: list[_Found] = []
    if not _embedded(raw):
        return faults
    if _text(raw, "broker.share") is not None:
        text = "the embedded broker shares with nobody; expected no share beside embedded"
        faults.append(("broker.share", text))
    if (_text(raw, "broker.url") or "").startswith("mqtts:"):
        text = "the embedded broker has no TLS; expected mqtt:// on 127.0.0.1 beside embedded"
        faults.append(("broker.url", text))
    return faults


def _places(raw: Mapping[str, Any]) -> dict[str, str]:
    """Return where `serve` listens, by key; `ingest` may run on another machine."""
    places = {"hub.listen": _text(raw, "hub.listen") or LISTEN}
    if (place := _text(raw, "metrics.listen")) is not None:
        places["metrics.listen"] = place
    if _embedded(raw):
        try:
            parts = broker_parts(_text(raw, "broker.url") or BROKER)
        except ValueError:
            return places  # reported as a fault of its own
        places["broker.url"] = f"{parts['host']}:{parts['port'] or 1883}"
    return places
