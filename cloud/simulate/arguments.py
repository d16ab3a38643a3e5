"""The arguments of `menkou-hub simulate`, and what they may be. Used by `cli` and `command`.

`bench_cli` takes numbers and times by the same words.
"""

import argparse
import math
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cloud.command_line import database_url
from cloud.simulate.box import WINDOW_EVENTS
from cloud.simulate.chain import SHOPS, VISITS_A_SHOP
from cloud.simulate.live import AS_FAST_AS_ACKNOWLEDGED
from cloud.urls import check_broker_url

_SEED: Final = 1
_CONNECTIONS: Final = 8
_SETTLE: Final = timedelta(minutes=10)
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare the arguments; `--config` is the caller's."""
    chain = command.add_argument_group("the chain")
    chain.add_argument(
        "--shops",
        type=count,
        default=SHOPS,
        metavar="N",
        help=f"how many shops (default: {SHOPS:,})",
    )
    chain.add_argument(
        "--visits",
        type=count,
        metavar="N",
        help=f"visits of all shops in a year (default: {VISITS_A_SHOP:,} a shop)",
    )
    chain.add_argument(
        "--seed",
        type=int,
        default=_SEED,
        metavar="N",
        help=f"all follows from it (default: {_SEED})",
    )
    chain.add_argument(
        "--zone",
        action="append",
        metavar="ZONE",
        help="time zone of the shops; several are taken in turn (default: Asia/Shanghai)",
    )
    way = command.add_argument_group("which way (default: over the broker of the settings)")
    ways = way.add_mutually_exclusive_group()
    ways.add_argument("--broker", type=_broker, metavar="URL", help="speak as boxes over MQTT")
    ways.add_argument("--days", type=count, metavar="N", help="so many days through ingest")
    ways.add_argument(
        "--years",
        type=_years,
        metavar="N",
        help="so many years of hours, days and counted figures, without facts",
    )
    ways.add_argument("--remove", action="store_true", help="delete all simulated shops")
    way.add_argument("--facts", action="store_true", help="with --days: say that facts are meant")
    _add_broker_arguments(command)
    _add_database_arguments(command)


def _add_broker_arguments(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("over a broker")
    for name, words in (
        ("ca", "authority of the broker's certificate"),
        ("cert", "certificate of the simulator's account"),
        ("key", "its key"),
    ):
        group.add_argument(f"--{name}", type=Path, metavar="FILE", help=words)
    group.add_argument(
        "--rate",
        type=_rate,
        default=1.0,
        metavar="N",
        help="how many times faster than real time, or max: as fast as acknowledged (default: 1)",
    )
    group.add_argument(
        "--duration",
        type=span,
        default=timedelta(minutes=10),
        metavar="TIME",
        help="of the simulated clock: 90s, 10m, 8h, 3d (default: 10m)",
    )
    group.add_argument(
        "--backlog", type=span, metavar="TIME", help="deliver this long before the start as well"
    )
    group.add_argument(
        "--backlog-shops", type=count, metavar="N", help="only the first N shops were offline"
    )
    group.add_argument(
        "--connections",
        type=count,
        default=_CONNECTIONS,
        metavar="N",
        help=f"to the broker (default: {_CONNECTIONS})",
    )
    group.add_argument(
        "--window",
        type=count,
        default=WINDOW_EVENTS,
        metavar="N",
        help=f"events of a box that may be on their way (default: {WINDOW_EVENTS:,}, as boxes do)",
    )
    group.add_argument(
        "--settle",
        type=span,
        default=_SETTLE,
        metavar="TIME",
        help="how long to wait at the end for what is not acknowledged (default: 10m)",
    )


def _add_database_arguments(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("everywhere")
    group.add_argument(
        "--start",
        type=_moment,
        metavar="ISO8601",
        help="when the simulated clock begins (default: so that it ends now)",
    )
    group.add_argument(
        "--truth",
        type=Path,
        metavar="FILE",
        help="write what the hub must show by shop and hour: .csv, or else JSON lines",
    )
    group.add_argument("--database", type=database_url, metavar="URL", help="instead of settings")
    group.add_argument(
        "--into-existing", action="store_true", help="also into a database that holds real shops"
    )


def count(text: str) -> int:
    """Return a whole number from 1.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if text.isascii() and text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text!r}")


def _years(text: str) -> float:
    return _number(text, 1 / 365, 10)


def _rate(text: str) -> float:
    return AS_FAST_AS_ACKNOWLEDGED if text == "max" else _number(text, 0.01, 100_000)


def _number(text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if low <= value <= high:
        return value
    raise argparse.ArgumentTypeError(f"expected a number from {low:g} to {high:g}, got {text!r}")


def span(text: str) -> timedelta:
    """Return a time such as 90s or 8h.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    match = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if match and int(match[1]):
        return timedelta(seconds=int(match[1]) * _UNITS_S[match[2]])
    raise argparse.ArgumentTypeError(f"expected a time such as 90s, 10m, 8h or 3d, got {text!r}")


def _moment(text: str) -> datetime:
    expected = "expected a time with an offset such as 2026-11-21T10:00+08:00"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{expected}, got {text!r}") from None
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{expected}, got {text!r} without one")
    return moment


def _broker(text: str) -> str:
    try:
        return check_broker_url(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None
