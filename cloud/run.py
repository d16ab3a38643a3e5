"""Runs the hub's processes: pages, ingest, or all in one. Called by `cli`.

serve                 pages + watcher + warm-up + decisions + digest  (embedded = true: all of it)
ingest                client + ingest + rollup + retention threads
"""

import contextlib
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from prometheus_client.registry import Collector
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from cloud import retention, warm
from cloud.accounts.people import anybody_active
from cloud.anomalies.look import Lookout
from cloud.app import FIRST_PAGE, create_app, digest_writer
from cloud.bi_weeks import Telling
from cloud.broker import EmbeddedBroker
from cloud.config import HubConfig
from cloud.db import check_schema, migrate, open_engine, reading
from cloud.digest import rounds
from cloud.errors import HubFault
from cloud.expect.calendar import read_calendar
from cloud.ingest import Ingest
from cloud.metrics import IngestMeters
from cloud.metrics_fleet import FleetCollector
from cloud.mqtt import Post
from cloud.queries.hidden import decide_ahead
from cloud.queries.today import change_token
from cloud.rollup import rollup
from cloud.shares import Shares
from cloud.tally.recount import Counting
from cloud.worker import Crew
from menkou.listen import Listen
from menkou.metrics import registry_of, serve_metrics
from menkou.web.server import serve
from menkou.web.stream import Broadcast

_log = logging.getLogger(__name__)
_LOOK_S: Final = 0.4
_AGAIN_S: Final = 60.0  # a box falls silent and a day begins without any change in the database
_JOIN_S: Final = 8.0
_TURN_S: Final = 0.000_2
_RECORDS_MADE: Final = 200_000  # by several sets of events
_STEPS: Final = (10_000, 20, 100)  # the oldest in half an hour of 20 users


def run_serve(config: HubConfig) -> int:
    """Serve the pages until stopped; with an embedded broker, take facts in as well.

    Returns:
        The exit code: 1 if a part crashed.
    """
    crew = Crew()
    _make_data_dir(config.data_dir)
    with _stopped_by_signals(crew), _opened(config) as engine:
        if engine.dialect.name == "sqlite":
            migrate(engine)
        check_schema(engine, config.migrate_command)
        _warn_of_password(config, engine)
        app = create_app(config, engine)
        settle_pages()
        take_turns()
        broadcast = Broadcast()
        with _broker(config, crew):
            collectors: list[Collector] = [FleetCollector(engine, per_box=config.metrics.per_box)]
            if config.embedded:
                collectors.append(start_ingest(config, engine, crew))
            _start_metrics(config.metrics.listen, collectors, crew)
            crew.start("watcher", lambda: watch(engine, broadcast, crew.stop))
            first_page = app.extensions[FIRST_PAGE]
            crew.start("warm-up", lambda: warm.watch(engine, first_page, crew.stop, settle_pages))
            crew.start("decisions", lambda: decide_ahead(engine, crew.stop))
            start_digest(config, engine, crew)
            try:
                serve(app, config.listen, broadcast=broadcast, stop=crew.stop, ready=_say_ready)
            finally:
                crew.join(_JOIN_S)
    return _exit_code(crew)


def _warn_of_password(config: HubConfig, engine: Engine) -> None:
    """Say what has become of the one password that all shared before there were accounts."""
    if config.listen.password_hash is None:
        return
    with reading(engine) as connection:
        over = anybody_active(connection)
    if over:
        _log.warning("[hub] password: it opens nothing any more; take it out of the settings")
    else:
        _log.warning(
            "[hub] password: all share it until somebody has an account; menkou-hub account add"
        )


def _make_data_dir(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise HubFault(
            f"[hub] data_dir {folder}: cannot be made: {exc.strerror}; make it, and give it to"
            " the user that runs this, or set another"
        ) from exc


def settle_memory() -> None:
    """Let Python search for cycles seldom, and pass over all that is there now.

    That stays until the end. A set of events makes tens of thousands of records, which sets such a
    search off again and again: single events took a sixth longer.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_RECORDS_MADE, *gc.get_threshold()[1:])


def settle_pages() -> None:
    """Do the same where pages are served: in small steps, each of which a page can wait for.

    Measured at 2,100 shops: a search among 200,000 records takes 220 ms, among 10,000 ten; one
    through all that is kept of months 110 ms, so that is let alone, too, once it is read.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_STEPS)


def take_turns() -> None:
    """Let the threads of this process take turns more often than Python has them.

    SQLite's driver gives Python's lock away at each row, and to get it back waits for the others'
    turn: 5 ms. Measured: the board of 2,100 shops took 59 ms alone and 600 ms beside a busy
    thread; 41 and 120 ms with these turns.
    """
    sys.setswitchinterval(_TURN_S)


def run_ingest(config: HubConfig) -> int:
    """Take facts in until stopped.

    Returns:
        The exit code: 1 if a part crashed.
    """
    crew = Crew()
    with _stopped_by_signals(crew), _opened(config) as engine:
        check_schema(engine, config.migrate_command)
        settle_memory()
        with _broker(config, crew):
            meters = start_ingest(config, engine, crew)
            _start_metrics(config.metrics.ingest_listen, [meters], crew)
            crew.stop.wait()
            crew.join(_JOIN_S)
    return _exit_code(crew)


def start_ingest(config: HubConfig, engine: Engine, crew: Crew) -> IngestMeters:
    """Start what takes facts in and lets go of old ones; return what counts the work."""
    meters = IngestMeters()
    taker = Ingest(engine, Shares(engine, config.share_secret), meters)
    post = Post(
        config.broker,
        taker,
        partial(
            _count,
            *(engine, Counting(engine), Telling(engine, config.suppress_below)),
            Lookout(engine, read_calendar(config.holidays)),
        ),
        crew.stop,
        share=config.share,
        orders=taker.orders_due,
    )
    meters.watch(post)
    crew.start("mqtt", post.receive)
    crew.start("sort", post.sort)
    crew.start("ingest", post.ingest)
    crew.start("rollup", post.rollup)
    crew.start("retention", lambda: retention.watch(engine, config.keep_events, crew.stop))
    _log.info("ingest: takes facts from %s", config.broker.shown)
    return meters


def _count(
    engine: Engine,
    counting: Counting,
    telling: Telling,
    lookout: Lookout,
    give_way: Callable[[], None],
) -> int:
    """Count what facts have touched: hours first, which the live board shows, then some days; tell
    BI tools of a week that is over; then look at the hours that are.
    """
    done = rollup(engine, give_way) + counting.run(give_way, datetime.now(UTC))
    done += telling.run(give_way, datetime.now(UTC))
    lookout(datetime.now(UTC), give_way)
    return done


def start_digest(config: HubConfig, engine: Engine, crew: Crew) -> None:
    """Start what sends the digest at its time, if there is to be one."""
    if (digest := config.digest) is None:
        return
    write = digest_writer(config, engine, digest)
    crew.start("digest", lambda: rounds.watch(engine, digest, write, write.clock, crew.stop))
    _log.info("digest: at %s (%s) to %d", f"{digest.at:%H:%M}", digest.zone.key, len(digest.to))


def _start_metrics(listen: Listen | None, collectors: Sequence[Collector], crew: Crew) -> None:
    if listen is not None:
        registry = registry_of(*collectors)
        crew.start("metrics", lambda: serve_metrics(registry, listen, crew.stop))


def watch(engine: Engine, broadcast: Broadcast, stop: threading.Event) -> None:
    """Tell all connected pages whenever something changed that they show."""
    last: int | None = None
    waited_s = 0.0
    while not stop.wait(_LOOK_S):
        waited_s += _LOOK_S
        try:
            with reading(engine) as connection:
                token = change_token(connection)
        except SQLAlchemyError as exc:
            _log.warning("watcher: the database does not answer: %s", type(exc).__name__)
            continue
        if token != last or waited_s >= _AGAIN_S:
            last, waited_s = token, 0.0
            broadcast.publish()


def _say_ready(url: str) -> None:
    _log.info("pages: %s", url)


def _exit_code(crew: Crew) -> int:
    if crew.crashed is None:
        _log.info("stopped")
        return 0
    _log.error("stopped, because %s crashed", crew.crashed)
    return 1


@contextlib.contextmanager
def _opened(config: HubConfig) -> Iterator[Engine]:
    engine = open_engine(config.database_url)
    try:
        yield engine
    finally:
        engine.dispose()


@contextlib.contextmanager
def _broker(config: HubConfig, crew: Crew) -> Iterator[None]:
    if not config.embedded:
        yield
        return
    broker = EmbeddedBroker(
        config.broker.host, config.broker.effective_port, lambda: crew.crash("broker")
    )
    broker.start()
    _log.info("broker: embedded, at %s", config.broker.shown)
    try:
        yield
    finally:
        broker.stop()


@contextlib.contextmanager
def _stopped_by_signals(crew: Crew) -> Iterator[None]:
    """Stop the crew on SIGTERM and SIGINT; a second signal ends the process at once."""

    def stop(number: int, _frame: object) -> None:
        if crew.stop.is_set():
            os._exit(128 + number)
        crew.stop.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
