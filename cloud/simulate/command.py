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
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from cloud.command_line import opened
from cloud.command_line import say as _say
from cloud.config import HubConfig, load
from cloud.errors import SimulationFault
from cloud.ingest import Ingest
from cloud.mqtt import BrokerAddress
from cloud.shares import Shares
from cloud.simulate import facts, live, removal, years
from cloud.simulate.box import boxes_of
from cloud.simulate.chain import VISITS_A_SHOP, Shop, make_chain
from cloud.simulate.links import Links
from cloud.simulate.truth import Truth
from cloud.urls import broker_parts
from menkou.progress import Progress


def run(arguments: argparse.Namespace) -> int:
    """Run the command; the last line on stdout is a JSON object of what was done.

    Raises:
        menkou.errors.MenkouFault: it cannot be done as asked; the text says what to do.
    """
    config = load(arguments.config, os.environ)
    live_only = arguments.rate != 1.0 or arguments.backlog is not None
    if live_only and (arguments.days or arguments.years or arguments.remove):
        raise SimulationFault("--rate, --backlog: expected a broker, got a way without one")
    if arguments.remove:
        return _remove(arguments, config)
    _check_truth(arguments.truth)
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
    url = arguments.database or config.database_url
    remedy = None if arguments.database else config.migrate_command
    with opened(url, remedy) as engine:
        yield engine


def _refuse_real_shops(engine: Engine, arguments: argparse.Namespace) -> None:
    real = removal.shops_in(engine)[1]
    if real and not arguments.into_existing:
        raise SimulationFault(
            f"database: expected one without real shops, got {len(real)}, {real[0]} among them;"
            " use a database of its own, or say --into-existing"
        )


def _check_truth(path: Path | None) -> None:
    """Make sure that the truth can be written: it is only known at the end of long work."""
    if path is None:
        return
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise SimulationFault(
            f"--truth {path}: expected a file in a folder that is there and can be written"
        )


def _write_truth(arguments: argparse.Namespace, truth: Truth) -> None:
    if arguments.truth is None:
        return
    try:
        truth.write(arguments.truth)
    except OSError as exc:
        raise SimulationFault(
            f"--truth {arguments.truth}: cannot be written: {exc.strerror}; all else was done"
        ) from exc
