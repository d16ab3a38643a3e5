"""Which shops somebody sees, and whether members may be named to them. Pure; calls nothing.

Every question that a page, the API or an export asks takes a `Scope` and selects its rows by it, so
that none can be asked without one. `cloud.app` makes it of who is signed in.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, true


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What one caller sees. `shops`: their ids, None for every shop that there is or will be.

    `names`: members may be named. Whoever shows a member asks this first.
    """

    shops: frozenset[str] | None
    names: bool

    def only(self, of: Column[Any]) -> ColumnElement[bool]:
        """Return the condition that a column with shops' ids holds one of this scope.

        >>> from cloud.tables import store
        >>> str(Scope(shops=frozenset(), names=False).only(store.c.id))
        'store.id IN (__[POSTCOMPILE_id_1])'
        """
        return true() if self.shops is None else of.in_(sorted(self.shops))


EVERYTHING: Final = Scope(shops=None, names=True)
"""What the machine itself sees: commands, benchmarks, and whoever is on loopback of a hub where
nobody has an account yet.
"""
