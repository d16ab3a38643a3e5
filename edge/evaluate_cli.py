"""`menkou-edge evaluate`: how well this box recognises the people of a folder. Added by `cli`.

Reads pictures, writes nothing but the PNG that was asked for. Data to stdout, words to stderr.
"""

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any, Final

from edge.commands import CommandFault, CommandUsage, warn
from edge.hardening import seal_process
from menkou.progress import Progress

_EXAMPLE: Final = """example:
  menkou-edge evaluate --faces members/ --png curve.png

DIR holds a folder of pictures for each person, DIR/wang/1.jpg; or, to see how groups differ,
DIR/GROUP/wang/1.jpg. Whoever has more pictures than --photos is a member in turn, and their other
pictures are looked for; everybody else is a stranger. Rates are means over random splits, with the
95 % interval of the choice of pictures. They are of pictures, one frame each: at a door about
five frames are averaged, which misses less.

The last rows say how often a photo that is held up passes for a head before a check-in camera
(APCER, ISO/IEC 30107-3), and how often a head does not (BPCER). The films are drawn from the
photos: cards turned in space, screens, a mean head's depth. Nobody's real prints, screens or heads
were filmed, so this compares settings and releases; it certifies nothing. Give --models to measure
with YuNet, by which guests are asked to turn; else dlib's HOG watches their movement."""
_ONE_IN: Final = 100
MUCH: Final = 0.05
"""Of the misses: what too few probes may hide, by the binomial's exact limit for none seen."""


def add(sub: Any) -> None:
    """Add the command to a parser's subcommands."""
    parser: argparse.ArgumentParser = sub.add_parser(
        "evaluate",
        help="measure how well the box recognises the people of a folder",
        description="Measure how well the box recognises the people of a folder.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "--faces", type=Path, required=True, metavar="DIR", help="a folder for each person"
    )
    parser.add_argument(
        "--photos",
        type=int,
        action="append",
        metavar="K",
        help="enrol members by K pictures each; may be repeated (1 and 3)",
    )
    parser.add_argument("--members", type=int, metavar="N", help="at most N members (all)")
    parser.add_argument(
        "--fpir",
        type=float,
        default=1.0,
        metavar="PERCENT",
        help="how many strangers in 100 may be taken for a member (1)",
    )
    parser.add_argument("--splits", type=int, default=20, metavar="N", help="random splits (20)")
    parser.add_argument(
        "--precision", choices=("auto", "fp32", "int8"), default="auto", help="as in [faces]"
    )
    parser.add_argument(
        "--presentations",
        type=int,
        default=6,
        metavar="N",
        help="photos held up in each way, 0: none (6); some seconds each time",
    )
    parser.add_argument(
        "--models", type=Path, metavar="DIR", help="a box's fetched models, DATA_DIR/models"
    )
    parser.add_argument("--png", type=Path, metavar="FILE", help="draw the curve into this file")
    parser.add_argument("--json", action="store_true", help="one JSON object a line on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Measure a folder and print what came out."""
    from edge import evaluate  # only who measures faces loads models

    progress = Progress(sys.stderr)
    wish = evaluate.Wish(
        folder=arguments.faces,
        fpir=_part(arguments.fpir),
        photos=tuple(_count(k, "--photos", 9) for k in arguments.photos or evaluate.PHOTOS),
        members=None
        if arguments.members is None
        else _count(arguments.members, "--members", 1_000_000),
        splits=_count(arguments.splits, "--splits", 1_000),
        precision=arguments.precision,
        presentations=_count(arguments.presentations, "--presentations", 1_000, least=0),
        models=arguments.models,
        shown=lambda done, count: progress.show(lambda: f"{done} of {count} presentations"),
    )
    if arguments.png is not None and not arguments.png.parent.is_dir():
        raise CommandUsage(f"--png {arguments.png}: expected a file in a folder that is there")
    seal_process(quietly=True)  # faces and their descriptors are in this memory
    report = evaluate.run(
        wish, lambda done, count: progress.show(lambda: f"{done} of {count} pictures")
    )
    progress.done()
    for reason in report.described.refused:
        print(f"passed over: {reason}", file=sys.stderr)
    _warn_of_few(report, wish.fpir)
    if not arguments.json:
        pictures = len(report.described.enrolled)
        print(f"{len(report.described.people)} people, {pictures} pictures")
    for row in report.rows:
        print(json.dumps(row, ensure_ascii=False) if arguments.json else words(row))
    if arguments.png is not None:
        _draw(report, arguments.png)
    return 0


def _warn_of_few(report: Any, fpir: float) -> None:
    """Say when no rate as low as the one that was asked for can show, or misses hide."""
    few = min(len(one.splits[0].strangers) for one in report.measured)
    if few * fpir < 1:
        warn(
            f"FPIR {_ONE_IN * fpir:g} %: expected {math.ceil(1 / fpir)} strangers or more to"
            f" measure it by, got {few}; what is said of it is of the nearest of them"
        )
    probes = min(len(one.splits[0].probes) for one in report.measured)
    unseen = 1 - 0.05 ** (1 / probes)
    if unseen > MUCH:
        warn(
            f"misses: expected {math.ceil(math.log(0.05) / math.log(1 - MUCH))} further pictures of"
            f" members or more to look for, got {probes}; where none is missed,"
            f" {_ONE_IN * unseen:.0f} % may be (95 %)"
        )


def words(row: dict[str, str | int | float]) -> str:
    """Return a row for people."""
    who = f"{row.get('members')} members by {_photos(row)}"
    match row["evaluate"]:
        case "rates":
            return (
                f"{who}: at FPIR {row['fpir']:g} % misses {row['fnir']:.1f} ±"
                f" {row['fnir_half']:.1f} %, distance {row['distance']:.3f}"
                f" ({row['probes']} probes, {row['strangers']} strangers)"
            )
        case "threshold":
            return (
                f"{who}: the box's threshold for {row['asked']:g} % is {row['distance']:.3f}: FPIR"
                f" {row['fpir']:.2f} ± {row['fpir_half']:.2f} %, FNIR"
                f" {row['fnir']:.1f} ± {row['fnir_half']:.1f} %"
            )
        case "group":
            return (
                f"group {row['group']}, {_photos(row)}: FPIR {row['fpir']:.2f} % of"
                f" {row['strangers']} strangers, FNIR {row['fnir']:.1f} % of {row['probes']} probes"
            )
        case "presentation":
            return (
                f"presentation, {row['kind']}: {str(row['measure']).upper()} {row['rate']:.1f} %"
                f" ({row['low']:.1f} to {row['high']:.1f} %), {row['wrong']} of {row['shown']}"
                f", found by {row['detector']};"
                " drawn, not filmed"
            )
        case _:
            return (
                f"{row['visits']} visits of {row['visitors']} strangers: counted"
                f" {row['counted']:.3f} ± {row['counted_half']:.3f} of them, swallowed"
                f" {row['swallowed']:.2f} ± {row['swallowed_half']:.2f} % of the new ones"
            )


def _photos(row: dict[str, str | int | float]) -> str:
    return "1 photo" if row.get("photos") == 1 else f"{row.get('photos')} photos"


def _draw(report: Any, path: Path) -> None:
    from edge.evaluate.plot import png

    try:
        path.write_bytes(png(report.measured))
    except OSError as exc:
        raise CommandFault(
            f"--png {path}: expected a file that can be written, got {exc.strerror}"
        ) from exc


def _part(percent: float) -> float:
    if not 0.1 <= percent <= 10:
        raise CommandUsage(f"--fpir: expected 0.1 to 10 percent, got {percent:g}")
    return percent / _ONE_IN


def _count(value: int, name: str, most: int, least: int = 1) -> int:
    if not least <= value <= most:
        raise CommandUsage(f"{name}: expected {least} to {most}, got {value}")
    return value
