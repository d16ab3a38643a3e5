"""Measures every page of head office as its app serves it: the server's time alone, one at a time.

Beside each stands what it costs only to read all shops' days of the same period, uncounted. Called
by `pages`.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from cloud.bench.addresses import Page, app_of, pages_of
from cloud.bench.timing import Ask, in_turns, results
from cloud.db import reading
from cloud.errors import HubFault
from cloud.run import settle_pages
from cloud.tally.tables import day_tally
from menkou.bench import Result

BASELINE: Final = "reading all shops' days raw"


def cases(engine: Engine, size: str, folder: Path) -> Iterator[Result]:
    """Measure every page; three timings each.

    Args:
        engine: a filled database.
        size: what to say of it.
        folder: for the sessions' key.

    Raises:
        HubFault: a page is not served.
    """
    app = app_of(engine, folder)
    client = app.test_client()
    settle_pages()
    for page in pages_of(app, engine):
        times, others = in_turns(partial(opened, client, page), raw_days(engine, page))
        yield from results(f"page {page.name}, {size}", times, BASELINE, others)


def opened(client: FlaskClient, page: Page) -> None:
    """Open a page.

    Raises:
        HubFault: it is not served.
    """
    answer = client.get(page.path)
    if answer.status_code != 200:
        raise HubFault(f"bench: {page.path}: expected 200, got {answer.status_code}")


def raw_days(engine: Engine, page: Page) -> Ask:
    """Return what reads all shops' days of a page's period."""
    return partial(_read, engine, page.last - timedelta(days=page.days - 1), page.last)


def _read(engine: Engine, first: date, last: date) -> None:
    with reading(engine) as connection:
        connection.execute(select(day_tally).where(day_tally.c.day.between(first, last))).all()
