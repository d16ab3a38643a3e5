"""What checked hours say of the counts: of each camera, of shops, of the chain.

`accuracy_of` stands beside every footfall figure and is asked at each page: one question of one
small table, along its index.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Row, case, func, select

from cloud.accounts.scope import Scope
from cloud.counting.tables import count_check
from cloud.figures.accuracy import Accuracy, accuracy
from cloud.tables import store

LOOKED_AT: Final = timedelta(days=365)
"""Checks of the last year count."""
LISTED: Final = 100
"""Checks that the page lists."""


class Check(Struct, frozen=True, kw_only=True):
    """One drawn hour of a shop's camera, and what came of it; see `count_check`."""

    id: str
    store_id: str
    name: str
    timezone: str
    box_id: str
    camera: str
    hour: datetime
    way: str
    stratum: str
    seed: str
    among: int
    drawn_at: datetime
    state: str
    done_at: datetime | None
    done_as: str | None
    why: str | None
    entered_true: int | None
    entered_counted: int | None
    left_true: int | None
    left_counted: int | None


class CameraAccuracy(Struct, frozen=True, kw_only=True):
    """How right a camera counts who comes in, and who goes out (None: nobody looked at that)."""

    store_id: str
    name: str
    box_id: str
    camera: str
    entered: Accuracy
    left: Accuracy | None


def accuracy_of(
    connection: Connection, scope: Scope, now: datetime, shops: Collection[str] | None = None
) -> dict[str, Accuracy]:
    """Return how right shops count who comes in, by shop; one that nobody checked is not in it.

    Args:
        connection: a transaction on the hub's database.
        scope: which shops somebody sees.
        now: an aware moment; checks of the year before it count.
        shops: those that are asked for, None: all of the scope.
    """
    of = count_check.c.store
    named = () if shops is None else (of.in_(sorted(shops)),)
    rows = connection.execute(
        select(of, *_sums("entered")).where(_done(scope, now), *named).group_by(of)
    )
    return {row[0]: _accuracy(row[1:]) for row in rows.all()}


def accuracy_of_all(connection: Connection, scope: Scope, now: datetime) -> Accuracy | None:
    """Return how right all shops that somebody sees count together; None: nobody checked any."""
    row = connection.execute(select(*_sums("entered")).where(_done(scope, now))).one()
    return _accuracy(tuple(row)) if row[2] else None


def cameras_checked(
    connection: Connection, scope: Scope, now: datetime, shop: str | None = None
) -> list[CameraAccuracy]:
    """Return how right each camera counts that somebody checked, by shop."""
    keys = (count_check.c.store, store.c.name, count_check.c.box, count_check.c.camera)
    rows = connection.execute(
        select(*keys, *_sums("entered"), *_sums("left"))
        .join(store, store.c.id == count_check.c.store)
        .where(_done(scope, now), *_of(shop))
        .group_by(*keys)
        .order_by(*keys)
    )
    return [
        CameraAccuracy(
            store_id=row[0],
            name=row[1],
            box_id=row[2],
            camera=row[3],
            entered=_accuracy(row[4:9]),
            left=_accuracy(row[9:14]) if row[11] else None,
        )
        for row in rows.all()
    ]


def checks_of(
    connection: Connection, scope: Scope, state: str, shop: str | None = None
) -> list[Check]:
    """Return the checks of a state, the latest hour first; at most `LISTED`."""
    of = count_check.c
    rows = connection.execute(
        select(count_check, store.c.name, store.c.timezone)
        .join(store, store.c.id == of.store)
        .where(scope.only(of.store), of.state == state, *_of(shop))
        .order_by(of.hour.desc(), of.id)
        .limit(LISTED)
    )
    return [_check(row) for row in rows.all()]


def dropped_of(connection: Connection, scope: Scope, now: datetime) -> int:
    """Return how many hours of the last year were drawn and then given up."""
    of = count_check.c
    mine = (scope.only(of.store), of.state == "dropped", of.hour >= now - LOOKED_AT)
    return connection.execute(
        select(func.count()).select_from(count_check).where(*mine)
    ).scalar_one()


def shops_to_check(connection: Connection, scope: Scope) -> list[tuple[str, str]]:
    """Return the shops that somebody sees, with their names, by id."""
    of = store.c
    rows = connection.execute(select(of.id, of.name).where(scope.only(of.id)).order_by(of.id))
    return [(row[0], row[1]) for row in rows.all()]


def _done(scope: Scope, now: datetime) -> ColumnElement[bool]:
    of = count_check.c
    return scope.only(of.store) & (of.state == "done") & (of.hour >= now - LOOKED_AT)


def _of(shop: str | None) -> tuple[ColumnElement[bool], ...]:
    return () if shop is None else (count_check.c.store == shop,)


def _sums(way: str) -> tuple[ColumnElement[Any], ...]:
    """Return what `_accuracy` takes of those who went one way, in the hours in which that was
    looked at.
    """
    counted, true = count_check.c[f"{way}_counted"], count_check.c[f"{way}_true"]
    return (
        func.sum(counted),
        func.sum(true),
        func.count(true),
        func.sum(func.abs(counted - true)),
        func.max(case((true.is_not(None), count_check.c.done_at))),
    )


def _accuracy(sums: Any) -> Accuracy:
    counted, true, hours, off, last_at = sums
    return accuracy(
        counted=int(counted), true=int(true), hours=hours, off=int(off), last_at=last_at
    )


def _check(row: Row[Any]) -> Check:
    return Check(
        id=row.id,
        store_id=row.store,
        name=row.name,
        timezone=row.timezone,
        box_id=row.box,
        camera=row.camera,
        hour=row.hour,
        way=row.way,
        stratum=row.stratum,
        seed=row.seed,
        among=row.among,
        drawn_at=row.drawn_at,
        state=row.state,
        done_at=row.done_at,
        done_as=row.done_as,
        why=row.why,
        entered_true=row.entered_true,
        entered_counted=row.entered_counted,
        left_true=row.left_true,
        left_counted=row.left_counted,
    )
