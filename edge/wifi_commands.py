"""What `menkou-edge wifi ...` does. Called by `wifi_cli`, which parses its words."""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge.commands import CommandFault, complain
from edge.config import EdgeConfig, load
from menkou import logs

if TYPE_CHECKING:
    from edge.core.footfall import Fit
    from edge.store.presence import Hour

SPOT_S: Final = 30
_VISITORS_MOST: Final = 5_000
_SECONDS_MOST: Final = 600
_MINUTES_LEAST: Final = 30
"""An hour is told by its rate: half of one says half as much, less says nothing."""
_MINUTES_MOST: Final = 90
"""Who came in during the last minutes of an hour stays a while longer."""
_PEOPLE_A_PROBE: Final = 20
"""So many visitors to one frame nobody's phones are that silent."""


def visitors(text: str) -> int:
    """Read --visitors."""
    return _whole(text, 0, _VISITORS_MOST)


def seconds(text: str) -> int:
    """Read --seconds."""
    return _whole(text, 5, _SECONDS_MOST)


def _whole(text: str, low: int, high: int) -> int:
    if text.isascii() and text.isdecimal() and low <= int(text) <= high:
        return int(text)
    raise argparse.ArgumentTypeError(
        f"expected a whole number from {low} to {high:,}, got {text!r}"
    )


def _loaded(path: Path) -> EdgeConfig:
    config = load(path)
    logs.settle(config.log.format, store=config.store.id, box=config.box.id)
    return config


def calibrate(arguments: argparse.Namespace) -> int:
    """Add a known hour; print what has been learnt so far and its error."""
    from edge.app.common import ready_store
    from edge.app.probes import count  # each command loads only what it runs
    from edge.hardening import seal_process
    from edge.learning import learnt, learnt_hours
    from edge.modes import basis_of, declared
    from edge.store.presence import Hour, add_by_hand

    config = _loaded(arguments.config)
    seal_process(quietly=True)
    recorded = count(config, _files(arguments))
    if not _MINUTES_LEAST <= recorded.span <= _MINUTES_MOST:
        raise CommandFault(
            f"--probes: expected recordings of one hour ({_MINUTES_LEAST} to {_MINUTES_MOST}"
            f" minutes), got {recorded.span}: from {_told(config, recorded.start)} on; record one"
            " hour, or name only the files of it"
        )
    if arguments.visitors > _PEOPLE_A_PROBE * recorded.probes:
        raise CommandFault(
            f"--visitors: expected a number that {recorded.probes} probe requests can stand for,"
            f" got {arguments.visitors}; was the interface in monitor mode, and on these channels?"
        )
    if not arguments.visitors and recorded.index:
        raise CommandFault(
            "--visitors: expected an hour in which somebody came in, got 0; nothing can be learnt"
            " from it of what a visitor's phone is like"
        )
    basis = basis_of(declared(config, datetime.now(UTC)).mode)
    db = ready_store(config.data_dir)
    hour = Hour(
        start=recorded.start,
        minutes=len(recorded.minutes),
        index=recorded.index,
        classes=sum(minute.classes for minute in recorded.minutes),
        near=sum(minute.near for minute in recorded.minutes),
        visitors=arguments.visitors,
        basis=basis,
    )
    if not add_by_hand(db, hour):
        raise CommandFault(
            f"--probes: this hour, from {_told(config, recorded.start)} on with"
            f" {arguments.visitors} visitors, was added before; it counts once"
        )
    scale = learnt(db, basis, config.store.zone)
    _report(arguments, hour, recorded.probes, scale, learnt_hours(db, basis))
    return 0


def _report(
    arguments: argparse.Namespace,
    hour: "Hour",
    probes: int,
    scale: "Fit | None",
    learnt: tuple[int, int],
) -> None:
    hours, needed = learnt
    people = None if scale is None else scale.estimate(hour.index)
    told = {
        "hours": hours,
        "needed": needed,
        "minutes": hour.minutes,
        "probes": probes,
        "index": round(hour.index, 2),
        "visitors": hour.visitors,
        "estimate": None if people is None else round(people.value, 1),
        "error_percent": None if scale is None else round(scale.error_percent),
        "basis": hour.basis,
    }
    if arguments.json:
        print(json.dumps(told))
        return
    print(f"added an hour: {probes:,} probe requests in {hour.minutes} minutes")
    print(f"index {hour.index:.1f}, {hour.visitors} visitors ({hour.basis})")
    if scale is None or people is None:
        print(f"not yet: {hours} of {needed} hours learnt")
        return
    print(f"learnt from {scale.hours} hours, give or take {scale.error_percent:.0f} % in an hour")
    print(
        f"this one would be estimated as {people.value:.0f} visitors"
        f" ({people.low:.0f} to {people.high:.0f})"
    )


def _files(arguments: argparse.Namespace) -> list[Path]:
    return [path for paths in arguments.probes for path in paths]


def _told(config: EdgeConfig, moment: datetime) -> str:
    return moment.astimezone(config.store.zone).isoformat(timespec="minutes")


def survey(arguments: argparse.Namespace) -> int:
    """Walk the shop; print the two thresholds as settings."""
    from edge.app.survey import Walk, live_walk, recorded_walk
    from edge.hardening import seal_process

    config = _loaded(arguments.config)
    seal_process(quietly=True)
    files = _files(arguments)
    walk: Walk = (
        recorded_walk(config, files, arguments.seconds)
        if files
        else live_walk(config, arguments.seconds)
    )
    found = walk.go(lambda line: print(line, file=sys.stderr, flush=True))
    print("[wifi]")
    print(f"near_dbm = {found.near_dbm}")
    print(f"far_dbm = {found.far_dbm}")
    if found.apart_db <= 0:
        complain(
            "warning: the pavement is heard as loud as the shop's far wall; some of those outside"
            " will count as near. Put the antenna further in, or lower, and walk again"
        )
    return 0
