"""Counts a day's visits by what is known of them besides: who took the guest, when, for how long.

Called by `day`. A visit stands if it is not void and not of the staff. Everything here belongs to
the day on which the visit began, also what was said after midnight. Footfall is not counted here
but taken from `daily`. A box that sent a summary of an hour instead of its visits is in
`daily` with it; what is counted here of such hours is what of its visits is known.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, Column, Connection, bindparam, select, type_coerce

from cloud.figures.bins import bin_of
from cloud.tables import desk_fact, visit
from cloud.tally.desk import is_sale, said_in
from cloud.tally.shop_day import Part, ShopDay, rows_of
from cloud.tally.tables import ITS_VISIT, bin_tally, correction

_GREETED_MS: Final = 30_000
_ENDED: Final = ("tap", "receipt")
"""The ends that somebody knew of; only these say how long a guest stayed."""


class _Visit(NamedTuple):
    """A visit of the day with its claim, if any; moments in milliseconds since 1970."""

    box: str
    visit: str
    opened: int
    who: str
    subject: str | None
    reentry: bool
    basis: str
    closed: int | None
    close_reason: str | None
    wrong: str | None
    staff: str | None
    claimed: int | None
    said: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Visits:
    """What a day's visits come to.

    `members` are the visits of each member who is known, without re-entries; `distinct` says
    whether any visit was counted by faces.
    """

    part: Part
    members: Counter[str]
    distinct: bool


def count_visits(connection: Connection, day: ShopDay) -> Visits:
    """Count the visits of a day that stand."""
    known = [_Visit._make(row) for row in connection.execute(_OF_DAY, day.span).all()]
    visits = [one for one in known if one.who != "staff"]
    taken = [one for one in visits if one.said is not None and _is_taken(one.said)]
    waits = [(one.claimed or 0) - one.opened for one in taken]
    greeted = sum(wait <= _GREETED_MS for wait in waits)
    times: Counter[tuple[Any, ...]] = Counter(("wait", bin_of("wait", ms / 1000)) for ms in waits)
    times.update(
        ("dwell", bin_of("dwell", (one.closed - one.opened) / 1000))
        for one in visits
        if one.close_reason in _ENDED and one.closed is not None
    )
    members = [one for one in visits if one.who == "member"]
    part = Part(
        counts={
            "served": len(taken),
            "greeted_30s": greeted,
            "served_members": sum(one.who == "member" for one in taken),
            # Of staff, too: that it was one of them, nobody knew when the face was mistaken.
            "wrong_person": sum(one.wrong is not None for one in known),
        },
        told=_told(members, visits),
        tables={bin_tally: rows_of(("count",), {"count": times})},
        hours={"served": Counter(day.hour_of(one.opened) for one in taken)},
        staff=_by_staff(taken, _bought(connection, day)),
    )
    return Visits(
        part=part,
        members=Counter(
            one.subject for one in members if one.subject is not None and not one.reentry
        ),
        distinct=any(one.basis == "distinct" for one in visits),
    )


def _told(members: Sequence[_Visit], visits: Sequence[_Visit]) -> frozenset[str]:
    kinds = {"faces": bool(members), "desk": any(one.said is not None for one in visits)}
    return frozenset(kind for kind, is_there in kinds.items() if is_there)


def members_of(connection: Connection, day: ShopDay) -> Counter[str]:
    """Return the visits of each known member on a day, without re-entries."""
    return Counter(connection.execute(_MEMBERS, day.span).scalars().all())


def _is_taken(said: str) -> bool:
    return bool(said_in(said)["state"] == "taken")


def _by_staff(taken: Sequence[_Visit], bought: set[tuple[str, str]]) -> dict[str, Counter[str]]:
    """Return what came of the visits that each consultant took, by columns of `staff_tally`."""
    names = ("greeted", "greeted_30s", "members", "sales", "wrong_person")
    by: dict[str, Counter[str]] = {name: Counter() for name in names}
    for one in taken:
        if one.staff is None:
            continue  # a device of which nobody has said whose it is
        by["greeted"][one.staff] += 1
        by["greeted_30s"][one.staff] += (one.claimed or 0) - one.opened <= _GREETED_MS
        by["members"][one.staff] += one.who == "member"
        by["sales"][one.staff] += (one.box, one.visit) in bought
        by["wrong_person"][one.staff] += one.wrong is not None
    return by


def _bought(connection: Connection, day: ShopDay) -> set[tuple[str, str]]:
    """Return the visits of a day, by box and visit, whose guests bought something."""
    rows = connection.execute(_RECEIPTS, day.span).all()
    return {(box, of) for box, of, told in rows if is_sale(said_in(told))}


def _ms(column: Column[Any]) -> Any:
    return type_coerce(column, BigInteger)


_CLAIM: Final = desk_fact.alias("claim")
_WITHIN: Final = (
    (visit.c.store == bindparam("of"))
    & (_ms(visit.c.opened_at) >= bindparam("since"))
    & (_ms(visit.c.opened_at) < bindparam("until"))
    & visit.c.void.is_(False)
)
_OF_DAY: Final = (
    select(
        *(visit.c.box, visit.c.visit, _ms(visit.c.opened_at), visit.c.who, visit.c.subject),
        *(visit.c.reentry, visit.c.basis, _ms(visit.c.closed_at), visit.c.close_reason),
        *(correction.c.visit, _CLAIM.c.staff, _ms(_CLAIM.c.about), _CLAIM.c.told),
    )
    .outerjoin(
        _CLAIM,
        (_CLAIM.c.store == visit.c.store)
        & (_CLAIM.c.box == visit.c.box)
        & (_CLAIM.c.what == "claim")
        & (_CLAIM.c.id == visit.c.visit),
    )
    .outerjoin(
        correction,
        (correction.c.store == visit.c.store)
        & (correction.c.box == visit.c.box)
        & (correction.c.visit == visit.c.visit),
    )
    .where(_WITHIN)
)
_RECEIPTS: Final = (
    select(desk_fact.c.box, desk_fact.c.visit, desk_fact.c.told)
    .select_from(visit)
    .join(desk_fact, ITS_VISIT)
    .where(_WITHIN, desk_fact.c.what == "receipt")
)
_MEMBERS: Final = (
    select(visit.c.subject)
    .where(_WITHIN, visit.c.who == "member", visit.c.reentry.is_(False))
    .where(visit.c.subject.is_not(None))
)
