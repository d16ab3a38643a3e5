"""Joins the page of anomalies to the database. Called by `cloud.app`."""

import threading
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from cloud.accounts.access import caller
from cloud.anomalies import desk
from cloud.anomalies.hours import curves
from cloud.db import reading, writing
from cloud.expect.calendar import read_calendar
from cloud.orders import Issuer
from cloud.pages.anomalies import Asks
from cloud.pages.anomalies.board import OPEN_A_PAGE, PAST_A_PAGE, Found

_ALL: int = 10_000


def anomaly_asks(engine: Engine, holidays: Path) -> Asks:
    """Return what the page asks, for whoever calls it."""
    calendar = read_calendar(holidays)
    issuer, one_at_a_time = Issuer(), threading.Lock()

    def found(open_page: int, page: int, kind: str) -> Found:
        scope, now = caller().scope, datetime.now(UTC)
        with reading(engine) as connection:
            counts = desk.how_many(connection, scope)
            kinds = desk.by_kind(connection, scope)
            kind = kind if kind in kinds else ""
            if not page:
                return Found(
                    now=now,
                    going_on=desk.open_ones(connection, scope, _ALL, kind=kind),
                    past=desk.past_ones(connection, scope, _ALL),
                    counts=counts,
                    hours={},
                    kinds=kinds,
                    kind=kind,
                )
            many = kinds[kind] if kind else sum(counts[:2])
            open_page = min(open_page, max(1, -(-many // OPEN_A_PAGE)))
            page = min(page, max(1, -(-counts[2] // PAST_A_PAGE)))
            going_on = desk.open_ones(
                connection, scope, OPEN_A_PAGE, (open_page - 1) * OPEN_A_PAGE, kind
            )
            return Found(
                now=now,
                going_on=going_on,
                past=desk.past_ones(connection, scope, PAST_A_PAGE, (page - 1) * PAST_A_PAGE),
                counts=counts,
                hours=curves(connection, scope, going_on, calendar, now),
                kinds=kinds,
                kind=kind,
                open_page=open_page,
                page=page,
            )

    def take_on(which: str, reason: str) -> bool:
        with writing(engine) as connection:
            return desk.acknowledge(
                connection, caller().scope, which, reason, caller().actor, datetime.now(UTC)
            )

    def tell(which: str) -> bool:
        with one_at_a_time, writing(engine) as connection:
            return desk.tell_shop(
                connection, caller().scope, issuer, which, caller().actor, datetime.now(UTC)
            )

    return Asks(
        found=found, take_on=take_on, tell=tell, may=lambda endpoint: caller().may(endpoint)
    )
