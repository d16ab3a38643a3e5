"""A receipt as a till sends it. Pure; read by the desk, the drop folder and the API."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from edge.core.receipts import Buyer, Kind

LINES_MAX: Final = 50
_ITEMS_MAX: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a receipt; `amount` in minor units."""

    what: str = field(repr=False)
    quantity: int = 1
    amount: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A receipt as a till sends it. `at` is aware, `total` in minor units of `currency`.

    `rev`: a later word on the same number has a higher one. `member` is the number in the shop's
    own systems, `queue` a queue number of that day, `consultant` an id or a name of the staff list.
    `voids`: the number of a receipt that this one takes back.
    """

    number: str
    at: datetime
    total: int
    currency: str
    rev: int = 1
    kind: Kind = "sale"
    buyer: Buyer = "guest"
    lines: tuple[Line, ...] = field(default=(), repr=False)
    member: str | None = field(default=None, repr=False)
    queue: int | None = None
    consultant: str | None = field(default=None, repr=False)
    voids: str | None = None

    @property
    def items(self) -> int | None:
        """How many pieces; None: the till does not say."""
        return min(_ITEMS_MAX, sum(one.quantity for one in self.lines)) if self.lines else None

    @property
    def named(self) -> str:
        """Which of member, queue number and consultant are given, as letters."""
        given = {"m": self.member, "q": self.queue, "c": self.consultant}
        return "".join(letter for letter, value in given.items() if value not in (None, ""))
