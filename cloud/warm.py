"""Reads what is slow the first time before somebody asks for it. A thread of `run`; asks `queries`.

That are the sums of a year's days by shop, a month at a time (`chain_people`, `consultants`), and
the first page of a day. It only fills what the pages keep anyhow, under the same keys: nothing is
shown older for it. Between two questions it rests, for longer than it asked: pages and ingest come
first.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from cloud.db import reading
from cloud.queries import chain_people, consultants
from cloud.queries.kept import RESTLESS, Span, spans

_log = logging.getLogger(__name__)
EVERY_S: Final = 60.0
BACK: Final = timedelta(days=364 + 90)
"""A year, and the members' 90 days before it, of which the funnel tells who came back."""
_REST: Final = 3.0
"""How many times longer it rests than it asked."""
_REST_MOST_S: Final = 30.0
Question = Callable[[datetime], Any]


def watch(
    engine: Engine, first: Question, stop: threading.Event, read: Callable[[], None] = lambda: None
) -> None:
    """Warm up now, and look every minute whether a day has turned or a late fact has come.

    Args:
        engine: the database.
        first: asks what the first page shows; gets the present moment.
        stop: ends it.
        read: called once, when all is read for the first time.
    """
    began = False
    while not stop.is_set():
        try:
            warm(engine, first, datetime.now(UTC), stop)
            if not began:
                began = True
                read()
        except SQLAlchemyError as exc:
            _log.warning("warm-up: the database does not answer: %s", type(exc).__name__)
        stop.wait(EVERY_S)


def warm(engine: Engine, first: Question, now: datetime, stop: threading.Event) -> None:
    """Ask every question once; rest after each."""
    for ask in _questions(engine, first, now):
        began = time.monotonic()
        ask()
        if stop.wait(min((time.monotonic() - began) * _REST, _REST_MOST_S)):
            return


def _questions(engine: Engine, first: Question, now: datetime) -> Iterator[Callable[[], Any]]:
    yield partial(first, now)
    today = now.date()
    over = [span for span in spans(today - BACK, today, today) if span[1] < today - RESTLESS]
    # The newest month first: all periods begin or end there. Its first days alone are no month.
    for span in reversed(over[1:]):
        yield partial(_keep, engine, chain_people.keep, span)
        yield partial(_keep, engine, consultants.keep, span)


def _keep(engine: Engine, keep: Callable[[Connection, Span], None], span: Span) -> None:
    with reading(engine) as connection:
        keep(connection, span)
