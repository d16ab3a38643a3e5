"""The names of shops that somebody sees, and which day it is there."""

from datetime import date, datetime
from typing import Final

from sqlalchemy import Connection, func, select

from cloud.accounts.scope import Scope
from cloud.hours import zone_named
from cloud.queries.days import Shops
from cloud.tables import store

FEW: Final = 60
"""So many shops can be chosen from a list; of more one is found by its number."""


def names(connection: Connection, scope: Scope, shops: Shops = None) -> dict[str, str]:
    """Return the names of shops by their ids, in order of the ids."""
    chosen = select(store.c.id, store.c.name).where(scope.only(store.c.id)).order_by(store.c.id)
    if shops is not None:
        chosen = chosen.where(store.c.id.in_(sorted(shops)))
    return {row[0]: row[1] for row in connection.execute(chosen)}


def few_names(connection: Connection, scope: Scope) -> dict[str, str]:
    """Return the names of all shops by their ids if they are few, or else none."""
    chosen = select(store.c.id, store.c.name).where(scope.only(store.c.id)).order_by(store.c.id)
    found = {row[0]: row[1] for row in connection.execute(chosen.limit(FEW + 1))}
    return found if len(found) <= FEW else {}


def today_of(connection: Connection, scope: Scope, now: datetime) -> date:
    """Return the date in the zone that most of the shops are in."""
    zone = connection.execute(
        select(store.c.timezone)
        .where(scope.only(store.c.id))
        .group_by(store.c.timezone)
        .order_by(func.count().desc(), store.c.timezone)
        .limit(1)
    ).scalar()
    try:
        return now.astimezone(zone_named(zone or "UTC")).date()
    except ValueError:
        return now.date()
