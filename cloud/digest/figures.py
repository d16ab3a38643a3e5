"""What stands in the digest: the first page's figures of a day, asked as that page asks.

    Mornings, overview.board    figures beside what is usual, by basis, suppressed
    fleet_of                    which boxes are in trouble now
    accuracy_of_all             how right the counting is
    anomalies                   what goes on and nobody has taken on

Called by `rounds` through `writer`; knows nothing of messages.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, Engine

from cloud.accounts.scope import Scope
from cloud.anomalies.desk import Anomaly
from cloud.db import reading
from cloud.figures.accuracy import Accuracy
from cloud.pages.overview.board import Board, board_of
from cloud.queries.counting import accuracy_of_all
from cloud.queries.fleet import fleet_of, troubles_in
from cloud.queries.morning import Mornings
from cloud.queries.morning_views import Asked

Anomalies = Callable[[Connection, Scope], Sequence[Anomaly]]
"""Asks for those that go on, and that nobody has taken on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What a digest says. `troubles`: how many of `boxes` have which; `troubled`: have any.

    `least`: from how many people on a figure is shown.
    """

    board: Board
    boxes: int
    troubled: int
    troubles: Mapping[str, int]
    accuracy: Accuracy | None
    accuracy_old: bool
    anomalies: tuple[Anomaly, ...]
    least: int


def gather(
    engine: Engine,
    mornings: Mornings,
    scope: Scope,
    day: date,
    now: datetime,
    anomalies: Anomalies,
) -> Digest:
    """Return what a digest of a day says to somebody who sees a scope.

    Args:
        engine: the hub's database.
        mornings: what the first page is read by.
        scope: which shops these are.
        day: a day that is over.
        now: an aware moment; boxes are as they are then.
        anomalies: asks for those that are open.
    """
    morning = mornings.read(scope, Asked(day=day), now)
    with reading(engine) as connection:
        boxes = fleet_of(connection, scope, now)
        accuracy = accuracy_of_all(connection, scope, now)
        told = anomalies(connection, scope)
    return Digest(
        board=board_of(morning, mornings.least),
        boxes=len(boxes),
        troubled=sum(bool(one.troubles) for one in boxes),
        troubles=troubles_in(boxes),
        accuracy=accuracy,
        accuracy_old=accuracy is not None and accuracy.is_old(now),
        anomalies=tuple(told),
        least=mornings.least,
    )
