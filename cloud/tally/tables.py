"""The tables of counted days. Filled by the modules beside it, read by `cloud.queries`.

    dirty_day, dirty_chain     days of shops, and of the chain, that must be counted anew
    chain_revision             how often each day of the chain was
    told_day                   days on which a shop's till, desk, bookings or faces said anything
    day_tally                  a shop's day: each count, null where the shop cannot know it
    chain_tally                the sum of all shops' days, by basis; null where no shop knows
    hour_tally                 who was served, what was sold and how many worked in an hour
    bin_tally                  a shop's day as a histogram in the fixed bins of `figures.bins`:
                               until a guest was claimed (`wait`), of visits that ended by tap
                               or receipt (`dwell`), until the turn came (`queue`)
    money_tally                what sales came to, by currency
    channel_tally, channel_money   what brought guests, and what they bought
    booking_tally, reason_tally    appointments by how they were booked, and why nobody came
    service_tally              tickets by kind and state
    staff_tally                who greeted how many, and what came of it
    chain_money, chain_channel, chain_channel_money, chain_booking, chain_reason, chain_staff
                               what these come to in all shops together (`sums`)
    subject_day                on which days members came, for who came back
    correction                 visits of which somebody said "wrong person"

A day is one of the shop's own zone. A count of a share stands beside the count that it is a
share of, taken in the same shops: `sales` beside `till_visitors`, the visitors of shops that have
a till. So sums over shops with and without one divide to the right share.

`basis` is null for a day on which nobody was counted, of which something is known all the same:
one that is booked ahead.
"""

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Date, Index, Integer, String, Table

from cloud.tables import METADATA, Instant, desk_fact, visit

FOOTFALL: Final = ("visitors", "entered", "left", "reentries", "staff")
"""Who crossed the door, as `daily` has it. Totals of people passing, not people."""
FACES: Final = (
    *("faces_visitors", "members", "members_new", "members_back", "members_due"),
    *("members_returned", "wrong_person"),
)
"""Of shops that recognise members. `faces_visitors`: their visitors. `members`: members' visits
that are no re-entries, as `daily` has them. Those of somebody who is known, by the shop or as one
person in several: `members_back`, of who had come on another day of the 90 before; `members_new`,
of who had not; `members_due`, whose 90 days after are over; `members_returned`, those of the latter
of somebody who came again on a later of those days. `wrong_person`: visits that are not void, of
which it was said."""
STREET: Final = ("passers", "captured")
DESK: Final = (
    *("desk_visitors", "served", "greeted_30s", "served_members", "asked"),
    *("queued", "queue_back", "queue_gone"),
)
"""Of shops with a desk. `desk_visitors`: their visitors. `served`: visits that began on the day,
are not void and not of staff, and that somebody claimed and did not release, re-entries too;
`greeted_30s`: those claimed within 30 seconds, 30 included. `asked`: guests who were asked what
brought them, whether they knew or not. `queued`: numbers; `queue_back`: who was there when called.
"""
TILL: Final = ("till_visitors", "sales", "sales_members", "returns", "items")
"""Of shops with a till. `sales`: kept receipts of a sale to a guest; `items`: what is on them;
`sales_members`: those tied to a visit of a member. An exchange is neither sale nor return."""
BOOKINGS: Final = ("booked", "kept", "late", "no_show", "cancelled")
"""Appointments by the day that they are for. `kept`: somebody came, late or not; `late`: of those.
`booked`: all but the cancelled ones."""
BROUGHT: Final = ("asked", "booked", "sales")
"""Guests whom a channel brought; of them those with an appointment that was not cancelled, and
those who bought, whenever the receipt is of."""
COUNTS: Final = (*FOOTFALL, *FACES, *STREET, *DESK, *TILL, *BOOKINGS)

_ID: Final = String(64).with_variant(String(64, collation="C"), "postgresql")


def _of_days(name: str, *more: Column[Any], by: tuple[str, ...] = ("day",)) -> Table:
    """Declare a table of shops' days, found by `by`, too."""
    shops_day = (
        Column("store", _ID, primary_key=True),
        Column("day", Date, primary_key=True),
    )
    by_day = Index(f"{name}_by_day", *by)
    return Table(name, METADATA, *shops_day, *more, by_day, sqlite_with_rowid=False)


def _key(name: str, length: int = 32) -> Column[Any]:
    return Column(name, String(length), primary_key=True)


def _counts(*names: str) -> tuple[Column[Any], ...]:
    return tuple(Column(name, BigInteger, nullable=False) for name in names)


def _known(*names: str) -> tuple[Column[Any], ...]:
    return tuple(Column(name, BigInteger) for name in names)


dirty_day: Final = _of_days(
    "dirty_day",
    Column("mark", BigInteger, nullable=False),
    # Whether `subject_day` holds the day as it is: all days of a shop are brought there before
    # one is counted, or each would be counted again for every later one.
    Column("placed", Boolean, nullable=False),
    by=("day", "store"),
)
dirty_chain: Final = Table(
    "dirty_chain",
    METADATA,
    Column("day", Date, primary_key=True),
    Column("mark", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
chain_revision: Final = Table(
    "chain_revision",
    METADATA,
    Column("day", Date, primary_key=True),
    # How often its sums were made: they are others as soon as it is.
    Column("revision", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
told_day: Final = Table(
    "told_day",
    METADATA,
    Column("store", _ID, primary_key=True),
    _key("kind", 8),
    Column("day", Date, primary_key=True),
    sqlite_with_rowid=False,
)
day_tally: Final = _of_days("day_tally", Column("basis", String(10)), *_known(*COUNTS))
chain_tally: Final = Table(
    "chain_tally",
    METADATA,
    Column("day", Date, primary_key=True),
    # "": of the shops' days that have none.
    _key("basis", 10),
    Column("shops", Integer, nullable=False),
    *_known(*COUNTS),
    sqlite_with_rowid=False,
)
hour_tally: Final = Table(
    "hour_tally",
    METADATA,
    Column("store", _ID, primary_key=True),
    # As in `hourly`.
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    # `served` by when the visit began. `on_duty`: how many of the staff took a guest, asked,
    # offered or sold something in that hour.
    *_counts("served", "sales", "on_duty"),
    sqlite_with_rowid=False,
)
bin_tally: Final = _of_days(
    "bin_tally",
    _key("measure", 8),
    Column("bin", Integer, primary_key=True, autoincrement=False),
    *_counts("count"),
    by=("day", "measure"),
)
money_tally: Final = _of_days(
    "money_tally",
    # In minor units; `back`: what was paid back, as a positive number.
    _key("currency", 3),
    *_counts("sales", "value", "back"),
)
channel_tally: Final = _of_days(
    "channel_tally",
    _key("channel"),
    # "": none was said.
    _key("advert"),
    # Guests whom it brought on that day; of them those with an appointment that was not
    # cancelled, and those who bought, whenever the receipt is of.
    *_counts(*BROUGHT),
)
channel_money: Final = _of_days(
    "channel_money",
    _key("channel"),
    _key("advert"),
    _key("currency", 3),
    *_counts("value"),
)
booking_tally: Final = _of_days(
    "booking_tally",
    _key("channel", 8),
    *_counts(*BOOKINGS),
)
reason_tally: Final = _of_days(
    "reason_tally",
    # "": nobody said why.
    _key("reason", 24),
    *_counts("count"),
)
service_tally: Final = _of_days(
    "service_tally",
    _key("kind", 8),
    _key("state", 16),
    *_counts("count"),
)
staff_tally: Final = _of_days(
    "staff_tally",
    _key("staff", 26),
    # `sales`: greeted visits of guests who bought, `members`: of members; `wrong_person`: that
    # were said to be somebody else's; `follow_ups`: tickets of the day, brought to their end.
    *_counts("greeted", "greeted_30s", "members", "sales", "wrong_person", "follow_ups"),
)


def _chains(name: str, of: Table) -> Table:
    """Declare the sums of a table over all shops: without the shop, and without who it was."""
    kept = [column for column in of.columns if column.name not in ("store", "staff")]
    copies = [
        Column(one.name, one.type, primary_key=one.primary_key, nullable=one.nullable)
        for one in kept
    ]
    return Table(name, METADATA, *copies, sqlite_with_rowid=False)


chain_money: Final = _chains("chain_money", money_tally)
chain_channel: Final = _chains("chain_channel", channel_tally)
chain_channel_money: Final = _chains("chain_channel_money", channel_money)
chain_booking: Final = _chains("chain_booking", booking_tally)
chain_reason: Final = _chains("chain_reason", reason_tally)
chain_staff: Final = _chains("chain_staff", staff_tally)
subject_day: Final = Table(
    "subject_day",
    METADATA,
    _key("subject", 26),
    Column("day", Date, primary_key=True),
    Column("store", _ID, primary_key=True),
    Column("visits", Integer, nullable=False),  # those that are no re-entries
    Index("subject_day_by_shop", "store", "day"),
    sqlite_with_rowid=False,
)
correction: Final = Table(
    "correction",
    METADATA,
    Column("store", _ID, primary_key=True),
    Column("box", _ID, primary_key=True),
    Column(
        "visit",
        String(26).with_variant(String(26, collation="C"), "postgresql"),
        primary_key=True,
    ),
    Column("at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
ITS_VISIT: Final = (
    (desk_fact.c.store == visit.c.store)
    & (desk_fact.c.visit == visit.c.visit)
    & (desk_fact.c.box == visit.c.box)
    & desk_fact.c.visit.is_not(None)
)
"""By what a desk's document and the visit that it names are joined."""
SUBJECTS_KEPT: Final = timedelta(days=92)
"""So much longer than facts is it kept on which days a member came: 90 days, and what zones differ.
"""
OF_DAYS: Final = (
    *(day_tally, bin_tally, money_tally, channel_tally, channel_money, booking_tally),
    *(reason_tally, service_tally, staff_tally),
)
"""What is counted of a shop's day; a day is counted by deleting its rows and inserting them."""
SUMMED: Final = (
    *((money_tally, chain_money), (channel_tally, chain_channel)),
    *((channel_money, chain_channel_money), (booking_tally, chain_booking)),
    *((reason_tally, chain_reason), (staff_tally, chain_staff)),
)
"""Which tables are summed over all shops, and where to."""
