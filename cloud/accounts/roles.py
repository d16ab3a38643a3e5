"""The roles of head office's people, and what follows from one. Pure; used by all rooms beside it.

head_office   every shop; people, programs, settings, the audit log
region        a set of shops
shop          one shop, or some
auditor       every shop and the audit log, members never by name, changes nothing
"""

from collections.abc import Iterable
from typing import Final, Literal, TypeGuard, get_args

from cloud.accounts.scope import Scope

Role = Literal["head_office", "region", "shop", "auditor"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
BOUND: Final = frozenset[Role]({"region", "shop"})
"""Who sees the shops that are named, and no other."""
_NAMES: Final = frozenset[Role]({"head_office", "region", "shop"})


def is_role(text: str) -> TypeGuard[Role]:
    """Say whether a text names a role."""
    return text in ROLES


def scope_of(role: Role, shops: Iterable[str]) -> Scope:
    """Return what somebody of a role sees; `shops` count for those who are bound to them."""
    bound = frozenset(shops) if role in BOUND else None
    return Scope(shops=bound, names=role in _NAMES)
