"""What programs may do by the box's API. Pure; used by `edge.store.tokens`, `senders` and
`edge.console.api`.

A scope names what is opened, never who asks: a till gets one, a display another.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Literal, get_args

Scope = Literal[
    "read:shop",
    "read:arrivals",
    "read:names",
    "write:desk",
    "manage:desk",
    "read:members",
    "write:members",
    "manage:members",
    "manage:faces",
    "manage:codes",
    "manage:devices",
    "manage:time",
    "manage:shop",
    "write:receipts",
    "write:appointments",
]
"""`read:shop`: figures, notices, the time. `read:arrivals`: who came in, as visits without names.
`read:names`: names and what stands on the card beside `read:arrivals`; each is a view in the audit
log. `write:desk`: what a consultant does. `read:members`: any member's profile, each a view;
`write:members`: make and change them, import; `manage:members`: export, erase, others' notes.
`manage:...`: what the manager does. `write:receipts`:
receipts of the till, by a program that signs what it sends, or has a certificate.
`write:appointments`: bookings of a booking system, signed too."""
SENDER_SCOPES: Final[tuple[Scope, ...]] = ("write:receipts", "write:appointments")
"""What a sender may be let do (`edge.store.senders`); no token opens these."""
SCOPES: Final[tuple[Scope, ...]] = tuple(s for s in get_args(Scope) if s not in SENDER_SCOPES)
"""What a token may be let do."""


class UnknownScope(ValueError):
    """A text that names no scope."""


def read_scopes(texts: Iterable[str], known: Sequence[Scope] = SCOPES) -> tuple[Scope, ...]:
    """Return scopes by their names, each once, in the order of `known`.

    Raises:
        UnknownScope: one of them is none, or there is none.
    """
    wanted = set(texts)
    if unknown := sorted(wanted - set(known)):
        raise UnknownScope(f"expected {', '.join(known)}; got {', '.join(unknown)!r}")
    if not wanted:
        raise UnknownScope(f"expected one or more of {', '.join(known)}; got none")
    return tuple(scope for scope in known if scope in wanted)
