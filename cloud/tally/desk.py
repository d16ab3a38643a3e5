"""Counts what a shop's desk and its till said of a day. Called by `day`.

Everything belongs to the day that it is about: appointments to that for which they were booked,
tickets to that on which they were made, receipts to the till's. Claims are counted with their
visits (`visits`); here they only say who was at work.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from msgspec.json import Decoder
from sqlalchemy import BigInteger, Column, Connection, bindparam, select, type_coerce

from cloud.figures.bins import bin_of
from cloud.tables import desk_fact, visit
from cloud.tally.shop_day import Part, ShopDay, rows_of
from cloud.tally.tables import (
    BOOKINGS,
    bin_tally,
    booking_tally,
    channel_money,
    channel_tally,
    money_tally,
    reason_tally,
    service_tally,
)

Said = dict[str, Any]
said_in: Final = Decoder(Said).decode
"""Reads what a document says besides."""
_DESK: Final = frozenset({"claim", "stay", "queue", "source"})
_AT_WORK: Final = frozenset({"claim", "stay", "source", "receipt"})
"""Documents of which `about` is the moment at which `staff` did something."""
_ENDED: Final = frozenset({"collected", "settled", "done"})
_CAME: Final = frozenset({"arrived", "kept"})
_CALLED_IN: Final = frozenset({"back", "served"})


class Document(NamedTuple):
    """A document of the day; `who` is that of the visit it names, null of none that stands."""

    what: str
    box: str
    about: int
    visit: str | None
    staff: str | None
    said: Said
    who: str | None


def count_desk(connection: Connection, day: ShopDay) -> Part:
    """Count the documents that are about a day."""
    documents: defaultdict[str, list[Document]] = defaultdict(list)
    at_work: defaultdict[int, set[str]] = defaultdict(set)
    for row in connection.execute(_OF_DAY, day.span).all():
        one = Document(*row[:5], said_in(row[5]), None if row[7] else row[6])
        documents[one.what].append(one)
        if one.staff is not None and one.what in _AT_WORK:
            at_work[day.hour_of(one.about)].add(one.staff)
    sales = [one for one in documents["receipt"] if is_sale(one.said)]
    sources = _sources(documents["source"], _known_of_guests(connection, day))
    bookings = _bookings(documents["appointment"])
    return Part(
        counts={
            **bookings.counts,
            **_queue(documents["queue"]),
            **_till(documents["receipt"], sales),
            "asked": len(documents["source"]),
        },
        told=_told(documents),
        tables={
            **bookings.tables,
            **sources.tables,
            bin_tally: _waits(documents["queue"]),
            money_tally: _money(documents["receipt"]),
            service_tally: _tickets(documents["service"]),
        },
        hours={
            "sales": Counter(day.hour_of(one.about) for one in sales),
            "on_duty": Counter({hour: len(staff) for hour, staff in at_work.items()}),
        },
        staff={"follow_ups": _follow_ups(documents["service"])},
    )


def is_sale(said: Said) -> bool:
    """Say whether a receipt stands, and is of a sale to a guest."""
    return _is_kept(said) and said["kind"] == "sale"


def _is_kept(said: Said) -> bool:
    return bool(said["state"] == "kept" and said["buyer"] == "guest")


def _told(documents: Mapping[str, Sequence[Document]]) -> frozenset[str]:
    there = {what for what, of in documents.items() if of}
    kinds = {
        "till": "receipt" in there,
        "desk": bool(there & _DESK),
        "bookings": "appointment" in there,
    }
    return frozenset(kind for kind, is_there in kinds.items() if is_there)


def _bookings(documents: Sequence[Document]) -> Part:
    """Count appointments. Who arrived has kept it; expected ones of days gone by are booked, but
    neither kept nor missed: nobody said.
    """
    by_channel: dict[str, Counter[tuple[Any, ...]]] = {name: Counter() for name in BOOKINGS}
    reasons: Counter[tuple[Any, ...]] = Counter()
    for one in documents:
        state, key = one.said["state"], (one.said["channel"] or "",)
        came = state in _CAME
        by_channel["cancelled"][key] += state == "cancelled"
        by_channel["booked"][key] += state != "cancelled"
        by_channel["kept"][key] += came
        by_channel["late"][key] += came and (one.said["late_min"] or 0) > 0
        by_channel["no_show"][key] += state == "no_show"
        if state == "no_show":
            reasons[one.said["reason"] or "",] += 1
    return Part(
        counts={name: by_channel[name].total() for name in BOOKINGS},
        tables={
            booking_tally: rows_of(BOOKINGS, by_channel),
            reason_tally: rows_of(("count",), {"count": reasons}),
        },
    )


def _queue(documents: Sequence[Document]) -> dict[str, int]:
    states = Counter(one.said["state"] for one in documents)
    return {
        "queued": len(documents),
        "queue_back": sum(states[state] for state in _CALLED_IN),
        "queue_gone": states["gone"],
    }


def _waits(documents: Sequence[Document]) -> dict[tuple[Any, ...], dict[str, int]]:
    """Return how long those waited in the queue whose turn came."""
    waits: Counter[tuple[Any, ...]] = Counter(
        ("queue", bin_of("queue", one.said["waited_s"]))
        for one in documents
        if one.said["state"] in _CALLED_IN and one.said["waited_s"] is not None
    )
    return rows_of(("count",), {"count": waits})


def _till(receipts: Sequence[Document], sales: Sequence[Document]) -> dict[str, int]:
    kept = [one.said["kind"] for one in receipts if _is_kept(one.said)]
    return {
        "sales": len(sales),
        "sales_members": sum(one.who == "member" for one in sales),
        "returns": kept.count("return"),
        "items": sum(one.said["items"] or 0 for one in sales),
    }


def _money(receipts: Sequence[Document]) -> dict[tuple[Any, ...], dict[str, int]]:
    """Add up what sales came to, and what was paid back, whatever sign the till gave it.

    An exchange is neither.
    """
    names = ("sales", "value", "back")
    sums: dict[str, Counter[tuple[Any, ...]]] = {name: Counter() for name in names}
    for one in receipts:
        value, currency = one.said["value"], one.said["currency"]
        if not _is_kept(one.said) or value is None or currency is None:
            continue
        if one.said["kind"] == "sale":
            sums["sales"][currency,] += 1
            sums["value"][currency,] += value
        elif one.said["kind"] == "return":
            sums["back"][currency,] += abs(value)
    return rows_of(names, sums)


class _Guest(NamedTuple):
    """What else is known of a guest who was asked: an appointment, and what was bought."""

    booked: bool
    bought: bool
    money: Counter[str]


def _known_of_guests(connection: Connection, day: ShopDay) -> dict[tuple[str, str], _Guest]:
    """Return what else is known of the visits of guests who were asked, by box and visit."""
    found: dict[tuple[str, str], _Guest] = {}
    for what, _, box, of, told in connection.execute(_OF_GUESTS, day.span).all():
        said = said_in(told)
        guest = found.get((box, of), _Guest(booked=False, bought=False, money=Counter()))
        if what == "appointment":
            guest = guest._replace(booked=guest.booked or said["state"] != "cancelled")
        elif is_sale(said):
            if said["value"] is not None and said["currency"] is not None:
                guest.money[said["currency"]] += said["value"]
            guest = guest._replace(bought=True)
        found[box, of] = guest
    return found


def _sources(documents: Sequence[Document], known: Mapping[tuple[str, str], _Guest]) -> Part:
    """Count what brought guests, and what became of it on whatever day."""
    names = ("asked", "booked", "sales")
    counts: dict[str, Counter[tuple[Any, ...]]] = {name: Counter() for name in names}
    money: Counter[tuple[Any, ...]] = Counter()
    for one in documents:
        key = (one.said["channel"] or "", one.said["advert"] or "")
        counts["asked"][key] += 1
        guest = known.get((one.box, one.visit)) if one.visit is not None else None
        if guest is not None:
            counts["booked"][key] += guest.booked
            counts["sales"][key] += guest.bought
            for currency, value in guest.money.items():
                money[(*key, currency)] += value
    return Part(
        tables={
            channel_tally: rows_of(names, counts),
            channel_money: rows_of(("value",), {"value": money}),
        }
    )


def _tickets(documents: Sequence[Document]) -> dict[tuple[Any, ...], dict[str, int]]:
    tickets: Counter[tuple[Any, ...]] = Counter(
        (one.said["kind"] or "", one.said["state"] or "") for one in documents
    )
    return rows_of(("count",), {"count": tickets})


def _follow_ups(documents: Sequence[Document]) -> Counter[str]:
    return Counter(
        one.staff for one in documents if one.staff is not None and one.said["state"] in _ENDED
    )


def _ms(column: Column[Any]) -> Any:
    return type_coerce(column, BigInteger)


_OF_DAY: Final = (
    select(
        *(desk_fact.c.what, desk_fact.c.box, _ms(desk_fact.c.about), desk_fact.c.visit),
        *(desk_fact.c.staff, desk_fact.c.told, visit.c.who, visit.c.void),
    )
    .outerjoin(
        visit,
        (visit.c.store == desk_fact.c.store)
        & (visit.c.box == desk_fact.c.box)
        & (visit.c.visit == desk_fact.c.visit),
    )
    .where(desk_fact.c.store == bindparam("of"))
    .where(_ms(desk_fact.c.about) >= bindparam("since"))
    .where(_ms(desk_fact.c.about) < bindparam("until"))
)
_SOURCE: Final = desk_fact.alias("source")
_OF_GUESTS: Final = (
    select(*(desk_fact.c[name] for name in ("what", "id", "box", "visit", "told")))
    .distinct()  # a guest may have been asked twice
    .select_from(_SOURCE)
    .join(
        desk_fact,
        (desk_fact.c.store == _SOURCE.c.store)
        & (desk_fact.c.visit == _SOURCE.c.visit)
        & (desk_fact.c.box == _SOURCE.c.box)
        & desk_fact.c.visit.is_not(None),
    )
    .where(_SOURCE.c.store == bindparam("of"), _SOURCE.c.what == "source")
    .where(_ms(_SOURCE.c.about) >= bindparam("since"))
    .where(_ms(_SOURCE.c.about) < bindparam("until"))
    .where(desk_fact.c.what.in_(("receipt", "appointment")))
)
