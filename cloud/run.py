"""Runs the hub's processes: pages, ingest, or all in one. Called by `cli`.

serve                 pages + watcher                        (with embedded = true, all of it)
ingest                client + ingest + rollup threads
"""

import contextlib
import logging
import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from functools import partial
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from cloud.app import create_app
from cloud.broker import EmbeddedBroker
from cloud.config import HubConfig
from cloud.db import check_schema, migrate, open_engine, reading
from cloud.errors import HubFault
from cloud.ingest import Ingest
from cloud.mqtt import Post
from cloud.queries import change_token
from cloud.rollup import rollup
from cloud.shares import Shares
from cloud.worker import Crew
from menkou.web.server import serve
from menkou.web.stream import Broadcast

_log = logging.getLogger(__name__)
_LOOK_S: Final = 0.4
_AGAIN_S: Final = 60.0  # a box falls silent and a day begins without any change in the database
_JOIN_S: Final = 8.0


def run_serve(config: HubConfig) -> int:
    """Serve the pages until stopped; with an embedded broker, take facts in as well.

    Returns:
        The exit code: 1 if a part crashed.
    """
    crew = Crew()
    config.data_dir.mkdir(parents=True, exist_ok=True)
    with _stopped_by_signals(crew), _opened(config) as engine:
        if engine.dialect.name == "sqlite":
            migrate(engine)
        check_schema(engine)
        app = create_app(config, engine)
        broadcast = Broadcast()
        with _broker(config, crew):
            if config.embedded:
                start_ingest(config, engine, crew)
            crew.start("watcher", lambda: watch(engine, broadcast, crew.stop))
            try:
                serve(app, config.listen, broadcast=broadcast, stop=crew.stop, ready=_say_ready)
            finally:
                crew.join(_JOIN_S)
    return _exit_code(crew)


def run_ingest(config: HubConfig) -> int:
    """Take facts in until stopped.

    Returns:
        The exit code: 1 if a part crashed.
    """
    crew = Crew()
    with _stopped_by_signals(crew), _opened(config) as engine:
        check_schema(engine)
        with _broker(config, crew):
            start_ingest(config, engine, crew)
            crew.stop.wait()
            crew.join(_JOIN_S)
    return _exit_code(crew)


def start_ingest(config: HubConfig, engine: Engine, crew: Crew) -> Post:
    """Start the three threads that take facts in."""
    taker = Ingest(engine, Shares(engine, config.share_secret))
    post = Post(config.broker, taker, partial(rollup, engine), crew.stop)
    crew.start("mqtt", post.receive)
    crew.start("ingest", post.ingest)
    crew.start("rollup", post.rollup)
    _log.info("ingest: takes facts from %s", config.broker.shown)
    return post


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
    try:
        engine = open_engine(config.database_url)
    except (OSError, sqlite3.Error, ImportError) as exc:
        # A missing driver is an ImportError; its text names the driver and no address.
        raise HubFault(f"database: cannot be opened: {exc}") from exc
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
