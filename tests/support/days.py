"""Days of a shop for tests: facts as the eyes make them, kept through the ordinary ledger."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from random import Random

from sqlite_utils import Database
from ulid import ULID

from edge.core.visit import Change, Closed, Crossed, Opened, Raised, Revised, Visit
from edge.ports import Fact
from edge.store.ledger import SqliteVisitLog

SUBJECT = "01M7XXA33GXJBZ1TSAYXW5Y5ZZ"
BEGAN = datetime(2026, 9, 1, 2, 0, tzinfo=UTC)  # 10:00 in Shanghai


def _crossed(at: datetime, direction: str) -> Crossed:
    return Crossed(
        at=at,
        camera="door",
        direction="in" if direction == "in" else "out",
        track=1,
        staff=False,
        turned_back=False,
        hours_open=True,
    )


def day_of(number: int, visitors: int, chance: Random) -> Iterator[list[Change]]:
    """Yield what becomes known together on a day: who comes and goes, turns back, is a member."""
    opens = BEGAN + timedelta(days=number)
    visits = []
    for n in range(visitors):
        at = opens + timedelta(seconds=36_000 * n / visitors)
        visit = Visit(
            id=str(ULID.from_datetime(at)), rev=0, opened_at=at, camera="door", who="visitor"
        )
        visits.append(visit)
        yield [_crossed(at, "in"), Opened(visit=visit)]
        later = at + timedelta(seconds=5)
        if chance.random() < 0.1:
            void = dataclasses.replace(visit, rev=1, void=True)
            yield [Revised(at=later, visit=void, reason="u_turn")]
        elif chance.random() < 0.2:
            member = dataclasses.replace(visit, rev=1, who="member", subject=SUBJECT)
            raised = Raised(at=later, kind="member_arrived", visit=visit.id, subject=SUBJECT)
            yield [Revised(at=later, visit=member, reason="late_identity"), raised]
        yield [_crossed(at + timedelta(minutes=9), "out")]
    closes = opens + timedelta(hours=12)
    yield [Closed(at=closes, visit=visit.id, reason="closing_time") for visit in visits]


def keep_days(
    db: Database,
    epoch: str,
    days: int,
    *,
    first: int = 0,
    visitors: int = 20,
    at_once: bool = False,
) -> None:
    """Keep some days in an epoch; the same days are the same each time but for their ids.

    `at_once`: each day in one transaction, for many visitors.
    """
    log = SqliteVisitLog(db, epoch, "run")
    for number in range(first, first + days):
        told = list(day_of(number, visitors, Random(number)))
        if at_once:
            told = [list(chain.from_iterable(told))]
        for changes in told:
            log.commit([Fact(change=change, mono=1.0, clock="ok") for change in changes])
