"""The words of `menkou-edge wifi ...`. Called by `cli`; what they do stands in `wifi_commands`."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge import wifi_commands


def add(sub: Any) -> None:
    """Add the commands to `menkou-edge`'s."""
    text = "teach the box what Wi-Fi is worth in people, and set its two thresholds"
    group = _parser(sub, "wifi", text, "wifi survey --config edge.toml").add_subparsers(
        dest="wifi_command", required=True, metavar="COMMAND"
    )
    _calibrate(group)
    _survey(group)


def _calibrate(group: Any) -> None:
    calibrate = _command(
        group,
        "calibrate",
        wifi_commands.calibrate,
        "add an hour of which it is known how many visitors there were",
        "wifi calibrate --config edge.toml --probes ch1.pcap ch6.pcap --visitors 30",
    )
    calibrate.add_argument(
        "--probes",
        action="append",
        nargs="+",
        type=Path,
        required=True,
        metavar="FILE",
        help="recordings of that hour (pcap, pcapng), merged on one clock; may be repeated",
    )
    calibrate.add_argument(
        "--visitors",
        type=wifi_commands.visitors,
        required=True,
        metavar="N",
        help="how many people came in during that hour, staff left out",
    )
    calibrate.add_argument("--json", action="store_true", help="one JSON object on stdout")


def _survey(group: Any) -> None:
    survey = _command(
        group,
        "survey",
        wifi_commands.survey,
        "walk the shop with your own phone; prints near_dbm and far_dbm for the settings",
        "wifi survey --config edge.toml",
    )
    survey.add_argument(
        "--probes",
        action="append",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="a recorded walk instead of a live one: box, door, far wall, pavement, in this order",
    )
    survey.add_argument(
        "--seconds",
        type=wifi_commands.seconds,
        default=wifi_commands.SPOT_S,
        metavar="N",
        help=f"how long to listen at each spot (default: {wifi_commands.SPOT_S})",
    )


def _command(
    group: Any, name: str, run: Callable[[argparse.Namespace], int], text: str, example: str
) -> argparse.ArgumentParser:
    parser = _parser(group, name, text, example)
    parser.add_argument(
        "--config", type=Path, required=True, metavar="F", help="the box's settings (edge.toml)"
    )
    parser.set_defaults(run=run)
    return parser


def _parser(group: Any, name: str, text: str, example: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = group.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=f"example:\n  menkou-edge {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    return parser
