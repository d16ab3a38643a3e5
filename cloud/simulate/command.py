"""`menkou-hub simulate`: its arguments, and which of the ways it goes. Called by `cli`.

over a broker (the usual way)    --broker URL, --rate, --duration, --backlog, --truth
through ingest, no broker        --days N --facts
straight into the rollups        --years N
away with all of it              --remove
"""

import argparse
import json
import math
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from cloud.config import HubConfig, load
from cloud.db import check_schema, open_engine
from cloud.errors import SimulationFault
from cloud.ingest import Ingest
from cloud.mqtt import BrokerAddress
from cloud.shares import Shares
from cloud.simulate import facts, live, removal, years
from cloud.simulate.box import WINDOW_EVENTS, boxes_of
from cloud.simulate.chain import SHOPS, VISITS_A_SHOP, Shop, make_chain
from cloud.simulate.links import Links
from cloud.simulate.truth import Truth
from cloud.urls import broker_parts, check_broker_url, check_database_url
from menkou.progress import Progress

_SEED: Final = 1
_CONNECTIONS: Final = 8
_SETTLE: Final = timedelta(minutes=10)
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare the arguments; `--config` is the caller's."""
    chain = command.add_argument_group("the chain")
    chain.add_argument("--shops", type=_count, default=SHOPS, metavar="N", help="how many shops")
    chain.add_argument(
        "--visits",
        type=_count,
        metavar="N",
        help=f"visits of all shops in a year (default: {VISITS_A_SHOP:,} a shop)",
    )
    chain.add_argument("--seed", type=int, default=_SEED, metavar="N", help="all follows from it")
    chain.add_argument(
        "--zone",
        action="append",
        metavar="ZONE",
        help="time zone of the shops; several are taken in turn (default: Asia/Shanghai)",
    )
    way = command.add_argument_group("which way (default: over the broker of the settings)")
    ways = way.add_mutually_exclusive_group()
    ways.add_argument("--broker", type=_broker, metavar="URL", help="speak as boxes over MQTT")
    ways.add_argument("--days", type=_count, metavar="N", help="so many days through ingest")
    ways.add_argument("--years", type=_years, metavar="N", help="so many years as rollups only")
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
        type=_span,
        default=timedelta(minutes=10),
        metavar="TIME",
        help="of the simulated clock: 90s, 10m, 8h, 3d (default: 10m)",
    )
    group.add_argument(
        "--backlog", type=_span, metavar="TIME", help="deliver this long before the start as well"
    )
    group.add_argument(
        "--backlog-shops", type=_count, metavar="N", help="only the first N shops were offline"
    )
    group.add_argument(
        "--connections", type=_count, default=_CONNECTIONS, metavar="N", help="to the broker"
    )
    group.add_argument(
        "--window",
        type=_count,
        default=WINDOW_EVENTS,
        metavar="N",
        help=f"events of a box that may be on their way (default: {WINDOW_EVENTS:,}, as boxes do)",
    )
    group.add_argument(
        "--settle",
        type=_span,
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


def run(arguments: argparse.Namespace) -> int:
    """Run the command; the last line on stdout is a JSON object of what was done.

    Raises:
        menkou.errors.MenkouFault: it cannot be done as asked; the text says what to do.
    """
    config = load(arguments.config, os.environ)
    if arguments.remove:
        return _remove(arguments, config)
    shops: int = arguments.shops
    try:
        chain = make_chain(
            seed=arguments.seed,
            shops=shops,
            visits_a_year=arguments.visits or VISITS_A_SHOP * shops,
            zones=arguments.zone or ("Asia/Shanghai",),
        )
    except ValueError as exc:
        raise SimulationFault(f"--zone: {exc}") from exc
    if arguments.years:
        return _years_of(arguments, config, chain)
    if arguments.days:
        return _facts(arguments, config, chain)
    return _live(arguments, config, chain)


def _live(arguments: argparse.Namespace, config: HubConfig, chain: tuple[Shop, ...]) -> int:
    broker = config.broker
    if arguments.broker:
        places = {name: getattr(arguments, name) for name in ("ca", "cert", "key")}
        broker = BrokerAddress(**broker_parts(arguments.broker), **places)
    paced = math.isfinite(arguments.rate)
    takes = arguments.duration / arguments.rate if paced else timedelta()
    start = arguments.start or datetime.now(UTC) + takes - arguments.duration
    backlog_shops = arguments.backlog_shops or len(chain)
    what = live.Run(
        seed=arguments.seed,
        start=start,
        duration=arguments.duration,
        rate=arguments.rate,
        backlog=arguments.backlog or timedelta(),
        backlog_shops=backlog_shops,
        window=arguments.window,
        settle=arguments.settle,
    )
    addresses = [box.address for _, box in boxes_of(chain)]
    _say(f"{len(addresses):,} boxes of {len(chain):,} shops come to where their day stands ...")
    links = Links(broker, addresses, min(arguments.connections, len(addresses)))
    running = live.Live(chain, what, links, _say)
    links.open()
    _say(f"they speak by way of {broker.shown}")
    try:
        report = running.run()
    finally:
        links.close()
    _write_truth(arguments, running.truth)
    print(json.dumps(asdict(report)))
    if report.unacknowledged:
        _say(f"{report.unacknowledged:,} events were not acknowledged: does ingest run?")
        return 1
    return 0


def _facts(arguments: argparse.Namespace, config: HubConfig, chain: tuple[Shop, ...]) -> int:
    with _database(arguments, config) as engine:
        _refuse_real_shops(engine, arguments)
        length = timedelta(days=arguments.days)
        start: datetime = arguments.start or datetime.now(UTC) - length
        ingest = Ingest(engine, Shares(engine, config.share_secret))
        feeder = facts.Feeder(
            engine, ingest, chain, seed=arguments.seed, start=start, end=start + length
        )
        progress = Progress(sys.stderr)
        taken = feeder.run(
            lambda until, events: progress.show(
                lambda: f"{(until - start) / length:.0%}, {events:,} events"
            )
        )
        progress.done()
    _write_truth(arguments, feeder.truth)
    print(json.dumps(asdict(taken)))
    return 0


def _years_of(arguments: argparse.Namespace, config: HubConfig, chain: tuple[Shop, ...]) -> int:
    if arguments.truth:
        raise SimulationFault("--truth: expected a run that tells facts, got --years")
    with _database(arguments, config) as engine:
        _refuse_real_shops(engine, arguments)
        if removal.shops_in(engine)[0]:
            raise SimulationFault(
                "--years: expected a database without simulated shops, got one that holds some;"
                " run `menkou-hub simulate --remove` first"
            )
        progress = Progress(sys.stderr)
        filled = years.fill(
            engine,
            chain,
            seed=arguments.seed,
            years=arguments.years,
            now=arguments.start or datetime.now(UTC),
            told=lambda done: progress.show(lambda: f"{done:,} of {len(chain):,} shops"),
        )
        progress.done()
    print(json.dumps(asdict(filled)))
    return 0


def _remove(arguments: argparse.Namespace, config: HubConfig) -> int:
    with _database(arguments, config) as engine:
        progress = Progress(sys.stderr)
        removed = removal.remove(engine, lambda n: progress.show(lambda: f"{n:,} shops deleted"))
        progress.done()
    print(json.dumps({"removed": removed}))
    return 0


@contextmanager
def _database(arguments: argparse.Namespace, config: HubConfig) -> Iterator[Engine]:
    engine = open_engine(arguments.database or config.database_url)
    try:
        check_schema(engine)
        yield engine
    finally:
        engine.dispose()


def _refuse_real_shops(engine: Engine, arguments: argparse.Namespace) -> None:
    real = removal.shops_in(engine)[1]
    if real and not arguments.into_existing:
        raise SimulationFault(
            f"database: expected one without real shops, got {len(real)}, {real[0]} among them;"
            " use a database of its own, or say --into-existing"
        )


def _write_truth(arguments: argparse.Namespace, truth: Truth) -> None:
    if arguments.truth:
        truth.write(arguments.truth)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _count(text: str) -> int:
    if text.isascii() and text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text!r}")


def _years(text: str) -> float:
    return _number(text, 1 / 365, 10)


def _rate(text: str) -> float:
    return live.AS_FAST_AS_ACKNOWLEDGED if text == "max" else _number(text, 0.01, 100_000)


def _number(text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if low <= value <= high:
        return value
    raise argparse.ArgumentTypeError(f"expected a number from {low:g} to {high:g}, got {text!r}")


def _span(text: str) -> timedelta:
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


def database_url(text: str) -> str:
    """Return the address of a database, for an argument of that kind."""
    try:
        return check_database_url(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None
