"""What `menkou-edge`'s commands do. Called by `cli`, which parses their words.

Each command loads only what it runs, so the imports of the parts stand inside.
"""

import argparse
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from edge.clock import SystemClock
from edge.config import TPM_DEVICE, EdgeConfig, load, unusable_files
from edge.config_values import is_file
from edge.desired import CannotLay, laid, laid_as_far, laid_over
from edge.modes import MEANING, declared
from menkou import logs
from menkou.errors import MenkouFault
from menkou.guards import unmakable
from menkou.settings import Fault, SettingsFault
from menkou.words import counted

PROGRAM: Final = "menkou-edge"
FAILED: Final = 1


class CommandFault(MenkouFault):
    """The command cannot go on; its text is for the person who called it."""


class CommandUsage(CommandFault):
    """The command was called wrongly."""


def complain(text: str) -> None:
    """Say what went wrong."""
    logs.complain(PROGRAM, text)


def warn(text: str) -> None:
    """Say what may be wrong."""
    logs.complain(PROGRAM, f"warning: {text}", logging.WARNING)


def _load(arguments: argparse.Namespace, *, files: bool = False) -> EdgeConfig:
    config = load(arguments.config, files=files)
    logs.settle(config.log.format, store=config.store.id, box=config.box.id)
    return config


def _in_force(config: EdgeConfig) -> EdgeConfig:
    """Return the settings that hold, and say what head office has laid over the file's."""
    from edge.store.database import FILE_NAME, connect
    from edge.store.orders import has_orders, wish_of

    if not (config.data_dir / FILE_NAME).exists():
        return config
    db = connect(config.data_dir)
    try:
        wish = wish_of(db) if has_orders(db) else None
    finally:
        db.close()
    if laid(wish):
        print(f"head office has laid over: {', '.join(laid(wish))}", file=sys.stderr)
    try:
        return laid_over(config, wish)
    except CannotLay as exc:
        warn(str(exc))
        return laid_as_far(config, wish)


def _warn_of_lowered_mode(config: EdgeConfig) -> None:
    _warn_of_wifi(config)
    now = SystemClock().now()
    status = declared(config, now)
    for why in status.why:
        lowered = f"mode {status.wanted!r} was asked for, {status.mode!r} is run: "
        warn((lowered if status.mode != status.wanted else "") + MEANING[why])
    if status.mode != "count":
        for text in _missing_for_faces(config, now):
            warn(text)


def _missing_for_faces(config: EdgeConfig, now: datetime) -> Iterator[str]:
    """Name what keeps this machine from reading faces although the settings allow it."""
    from edge.app.common import kept_clock

    if config.key_kind == "tpm" and not TPM_DEVICE.exists():
        yield f'[privacy] key = "tpm": expected a TPM at {TPM_DEVICE}, got none; the box counts'
    if config.key_kind == "hub" and config.uplink is None:
        yield '[privacy] key = "hub": expected an [uplink] to the hub, got none; the box counts'
    if kept_clock(config).state() == "suspect":
        yield (
            "the clock is not synchronised: until it is, or a manager sets the time on the box's"
            " page, the box counts; in a container whose host keeps the time set"
            ' [box] clock = "host"'
        )
    declaration = config.declaration
    if declaration and declaration.signage_attested_on > now.astimezone(config.store.zone).date():
        yield "[declaration] signage_attested_on: expected a day that has come, got a later one"


def _warn_of_wifi(config: EdgeConfig) -> None:
    """Name what keeps this machine from listening although the settings ask for it."""
    if not config.wifi.enabled:
        return
    from edge.sensors.radio.hopping import iw_command
    from edge.sensors.radio.interface import MEANING, Interface

    name = config.wifi.interface
    if (state := Interface(name).state()) != "ok":
        warn(f"[wifi] interface {name}: {MEANING[state].format(name=name)}; the box waits for it")
    if config.wifi.channels and iw_command() is None:
        warn(
            "[wifi] channels: iw is not installed (apt install iw); the radio stays on its channel"
        )


def run(arguments: argparse.Namespace) -> int:
    """Run the box until it is stopped."""
    config = _load(arguments, files=True)
    for fault in unusable_files(config, arguments.config):
        warn(str(fault))
    _warn_of_lowered_mode(config)
    from edge.app.box import run_box  # each process loads only what it runs

    run_box(config, arguments.config.resolve())
    return 0


def eyes(arguments: argparse.Namespace) -> int:
    """Run the eyes process; the supervisor calls this."""
    from edge.app.eyes import Handed, run_eyes

    handed = Handed(template_key=arguments.template_key_fd, strangers=arguments.strangers_fd)
    run_eyes(_load(arguments), arguments.epoch, handed)
    return 0


def front(arguments: argparse.Namespace) -> int:
    """Run the front process; the supervisor calls this."""
    from edge.app.front import run_front_process

    run_front_process(_load(arguments), arguments.epoch, arguments.profile_key_fd)
    return 0


def judge(arguments: argparse.Namespace) -> int:
    """Judge the photos of a guest who enrols; the front calls this."""
    from edge.app.judge import run_judge

    del arguments
    run_judge()
    return 0


def radio(arguments: argparse.Namespace) -> int:
    """Run the radio process; the supervisor calls this."""
    from edge.app.radio import run_radio

    run_radio(_load(arguments), arguments.epoch)
    return 0


def check_config(arguments: argparse.Namespace) -> int:
    """Check the settings; name what a run will miss."""
    own, absent = _checked(arguments)
    config = _in_force(own)
    _warn_of_lowered_mode(config)
    for camera in config.camera:
        place = camera.address(config.base)
        if is_file(place) and not Path(place).exists():
            warn(f"camera {camera.name}: no file {place} yet")
    if not config.camera:
        warn("no [[camera]] is set, so nothing is counted")
    for fault in absent:
        warn(f"{fault}; run needs it")
    if (why := unmakable(config.data_dir)) is not None:
        warn(f"box.data_dir: {why}; run needs it")
    for fault in unusable_files(own, arguments.config):
        warn(f"{fault}; without it the box counts, but nobody is told")
    from edge.app.papers import doubts

    for text in doubts(config, SystemClock().now()):
        warn(text)
    mode = declared(config, SystemClock().now()).mode
    cameras = counted(len(config.camera), "camera")
    print(
        f"{arguments.config}: no fault. Shop {config.store.id} ({config.store.name}),"
        f" box {config.box.id}, {cameras}, mode {mode}"
    )
    return 0


def _checked(arguments: argparse.Namespace) -> tuple[EdgeConfig, Sequence[Fault]]:
    """Return settings without a fault, and the files that are still to come: warnings.

    Raises:
        SettingsFault: with every fault, those files among them.
    """
    try:
        return _load(arguments, files=True), ()
    except SettingsFault as all_of_them:
        try:
            return _load(arguments), all_of_them.faults
        except SettingsFault:
            raise all_of_them from None


def _named_files(pairs: Sequence[str], config: EdgeConfig) -> dict[str, Path]:
    known = [camera.name for camera in config.camera]
    files: dict[str, Path] = {}
    for pair in pairs:
        name, equals, path = pair.partition("=")
        if not (name and equals and path):
            raise CommandUsage(f"--camera: expected NAME=FILE, got {pair!r}")
        if name not in known:
            raise CommandUsage(
                f"--camera: expected one of the configured cameras ({', '.join(known) or 'none'}),"
                f" got {name!r}"
            )
        if name in files:
            raise CommandUsage(f"--camera: {name!r} was given twice; one file a camera")
        files[name] = Path(path)
    return files


def _start_of(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        start = None
    if start is None or start.tzinfo is None or not 2000 < start.year < 2200:
        raise CommandUsage(
            f"--start: expected a time with offset such as 2026-11-21T10:00:00+08:00, got {text!r}"
        )
    return start


def replay(arguments: argparse.Namespace) -> int:
    """Play recordings; print what is kept and a summary."""
    config = _load(arguments)
    files = _named_files(arguments.camera, config)
    probes = tuple(path for paths in arguments.probes for path in paths)
    if not files and not probes:
        raise CommandUsage(
            "--camera, --probes: expected at least one NAME=FILE or FILE to replay, got none"
        )
    start = _start_of(arguments.start)
    if arguments.publish is not None and config.uplink is None:
        raise CommandUsage("--publish: expected an [uplink] section in the settings, got none")
    from edge.app.replay import ReplayRequest, run_replay

    def emit(line: dict[str, Any]) -> None:
        if arguments.json:
            print(json.dumps(line, ensure_ascii=False), flush=True)
        elif line["event"] == "summary":
            _print_table(line)

    faults = run_replay(
        config,
        ReplayRequest(
            cameras=files, start=start, emit=emit, publish_s=arguments.publish, probes=probes
        ),
    )
    for fault in faults:
        complain(fault)
    return FAILED if faults else 0


def _print_table(summary: dict[str, Any]) -> None:
    for key, value in summary.items():
        if key != "event" and value is not None:
            print(f"{key:<18} {value}")


def outbox(arguments: argparse.Namespace) -> int:
    """Show what waits for the hub, or send it."""
    config = _load(arguments)
    from edge.app.common import ready_store
    from edge.app.replay import drain
    from edge.store.outbox import Outbox

    if config.uplink is None:
        warn("no [uplink] is set, so nothing is sent")
    if arguments.send is not None:
        print(f"{counted(drain(config, arguments.send), 'event')} sent and acknowledged")
        return 0
    backlog = Outbox(ready_store(config.data_dir)).backlog()
    oldest = backlog.oldest_at.astimezone(config.store.zone) if backlog.oldest_at else None
    waiting = "waits" if backlog.events == 1 else "wait"
    since = f", since {oldest}" if oldest else ""
    print(f"{counted(backlog.events, 'event')} {waiting} for the hub{since}")
    return 0


def bench(arguments: argparse.Namespace) -> int:
    """Measure the box on this machine."""
    from edge.bench import NAMES, match, run

    if arguments.name not in (None, *NAMES):
        raise CommandUsage(f"expected {' or '.join(NAMES)}, got {arguments.name!r}")
    sizes = arguments.members or match.SIZES
    if arguments.members and (arguments.name != "match" or min(sizes) < 2):
        raise CommandUsage("--members: expected 2 or more, with the name match")
    for result in run(arguments.name, sizes):
        if isinstance(result, str):
            warn(result)
        else:
            print(result.line() if arguments.json else result.words(), flush=True)
    return 0
