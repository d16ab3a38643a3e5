"""The names of shops that somebody sees, of all of them or to choose from."""

from typing import Final

from sqlalchemy import Connection, select

from cloud.accounts.scope import Scope
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
