"""What a receipt of the till ties to: a member, a visit, or nobody. Pure.

Called by `edge.store.receipts` whenever a receipt comes, and again when what is known of a visit
has changed since. In this order, and never a guess: what stands on a member's card was that
member's.

    member      the till names one that is known here; the visit is the member's last before then
    queue       a number of that day; the visit is that of the number's member, if it has one
    consultant  whoever sold; the visit is the only one that this person had claimed at that time
    none        else
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

Kind = Literal["sale", "return", "exchange"]
Buyer = Literal["guest", "staff"]
Tied = Literal["member", "queue", "consultant", "none"]
Why = Literal[
    "named",
    "only_claim",
    "no_visit",
    "no_member",
    "no_number",
    "no_consultant",
    "no_claim",
    "several",
    "another",
    "nothing",
    "staff",
]
"""`named` and `only_claim`: how the visit was found. Without a visit: `no_visit` of that member in
the hours before; the till's word is of nobody here (`no_member`, `no_number`, `no_consultant`); the
consultant greeted nobody then (`no_claim`) or `several`; that one guest is `another` than whom the
till names; the till says `nothing`, or that `staff` bought."""
SLACK: Final = timedelta(minutes=5)
"""By how much the till's clock may be ahead of the box's."""
STAYS: Final = timedelta(hours=6)
"""A visit that nobody has ended is taken for over after so long, as the arrivals' page does."""
QUEUE_NUMBER: Final = r"^[A-Za-z]{0,2}([0-9]{1,5})$"
"""As a guest's slip has it, such as A007, or the number alone."""
PAYS_WITHIN: Final = timedelta(minutes=30)
"""Who has left pays no more, by whatever clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What the till says of whom a receipt is. `member`: it names one, by a number of the shop's;
    `subject` is that member here, None if there is none; likewise `number`, `ticket` and
    `ticket_subject` (a ticket may be nobody's), and `seller` and `staff`.
    """

    buyer: Buyer = "guest"
    member: bool = False
    subject: str | None = None
    number: bool = False
    ticket: str | None = None
    ticket_subject: str | None = None
    seller: bool = False
    staff: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stayed:
    """A visit; `claimed_at` is when the consultant in question claimed it, `released_at` when
    somebody let go of it; None: nobody did.
    """

    visit: str
    opened_at: datetime
    closed_at: datetime | None = None
    subject: str | None = None
    claimed_at: datetime | None = None
    released_at: datetime | None = None

    def goes_on(self, at: datetime) -> bool:
        """Say whether the guest may have been in the shop, or just out of it."""
        ended = self.closed_at + PAYS_WITHIN if self.closed_at else self.opened_at + STAYS
        return self.opened_at <= at + SLACK and at <= ended

    def is_claimed(self, at: datetime) -> bool:
        """Say whether the claim was open."""
        if self.released_at is not None:
            return at <= self.released_at
        return self.claimed_at is not None and self.claimed_at <= at + SLACK


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """To what a receipt ties, and why. `subject` is whose purchase it is, if anybody's."""

    tied: Tied
    why: Why
    visit: str | None = None
    subject: str | None = None


def queue_number(text: str) -> int | None:
    """Return the number of a slip, None for a text that is none."""
    found = re.fullmatch(QUEUE_NUMBER, text, re.ASCII)
    return int(found[1]) if found else None


def tie(at: datetime, named: Named, *, visits: Sequence[Stayed], claimed: Sequence[Stayed]) -> Tie:
    """Return what a receipt ties to.

    Args:
        at: the receipt's time, by the till's clock.
        named: what the till says.
        visits: of the member that it names, by number or in the queue.
        claimed: that the consultant whom it names has claimed.
    """
    if named.buyer == "staff":
        return Tie(tied="none", why="staff")
    if named.subject is not None:
        return _of_member("member", at, named.subject, visits)
    if named.ticket is not None:
        if named.ticket_subject is None or named.member:  # the till knows better whose it is
            return Tie(tied="queue", why="no_visit")
        return _of_member("queue", at, named.ticket_subject, visits)
    if named.staff is not None:
        return _of_consultant(at, claimed, named)
    return Tie(tied="none", why=_unknown(named))


def _of_member(
    tied: Literal["member", "queue"], at: datetime, subject: str, visits: Sequence[Stayed]
) -> Tie:
    then = [one for one in visits if one.subject == subject and one.goes_on(at)]
    if not then:
        return Tie(tied=tied, why="no_visit", subject=subject)
    last = max(then, key=lambda one: one.opened_at)
    return Tie(tied=tied, why="named", visit=last.visit, subject=subject)


def _of_consultant(at: datetime, claimed: Sequence[Stayed], named: Named) -> Tie:
    then = [one for one in claimed if one.goes_on(at) and one.is_claimed(at)]
    if len(then) != 1:
        return Tie(tied="consultant", why="several" if then else "no_claim")
    (only,) = then
    if named.member and only.subject is not None:  # the till means somebody who is unknown here
        return Tie(tied="consultant", why="another")
    return Tie(tied="consultant", why="only_claim", visit=only.visit, subject=only.subject)


def _unknown(named: Named) -> Why:
    if named.member:
        return "no_member"
    if named.number:
        return "no_number"
    return "no_consultant" if named.seller else "nothing"
