"""The hub's tables. Used by `ingest`'s rooms, `rollup` and `queries`; knows none of them.

    event                      every fact once, append only
      -> visit, crossing_minute   what is now known of each, derived when a fact is first taken
      -> hour_summary             what a full box sent instead of an hour's visits and minutes
      -> presence_minute, presence_hour   what Wi-Fi says, of boxes that listen to it
      -> alert, member_change     what was said, and what became of members
      -> desk_fact                what people at the shops' desks did, as it stands now
      -> dirty                    which hours that touches
           -> hourly, daily          recomputed by `rollup`
           -> presence_hourly, presence_daily   the same of Wi-Fi, where there is any
    store, box, epoch, gap     who speaks, and what of each epoch is held
    erased_subject             whom nothing here may name any more, by hash
    key_release, key_master    which box has its share of a key, and of which master
    set_aside, meter           what could not be taken, and the hub's own counters
    box_order, order_line      what each box is ordered, and how far that has come
    desired, config_report     settings of head office for boxes, and what became of them
    office_member, office_member_shop, member_merge, office_appointment, member_link, sealing_key
                               members and appointments of head office, sealed, and for whom
    box_key, box_wish, shared  keys that boxes signed, who asked for those of which shops, and
                               sealed members on their way from box to box

Instants are whole milliseconds since 1970, `hour` whole seconds: both compare and index alike
on SQLite and PostgreSQL. The migrations in `migrations/versions` make the same tables; a test
compares the two.

On PostgreSQL event, visit, crossing_minute and presence_minute are partitioned by month
(`partitions`); the key of event there holds `at` as well, as that of a partitioned table must, and
no foreign key leads from it to epoch: it would be looked up for each event, and `ledger` has just
made the row. Ids sort by their bytes there, as in Python: whoever locks several rows does so in the
same order.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, kept as whole milliseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Turn a moment into milliseconds.

        Raises:
            ValueError: the datetime is naive.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"expected an aware datetime, got naive {value.isoformat()}")
        return (value - _EPOCH) // _MS

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Turn milliseconds into a moment in UTC."""
        return None if value is None else _EPOCH + int(value) * _MS


# SQLite numbers rows by itself only for a column that is exactly INTEGER.
_SERIAL: Final = BigInteger().with_variant(Integer(), "sqlite")
_ID: Final = String(64).with_variant(String(64, collation="C"), "postgresql")
METADATA: Final = MetaData()
FIGURES: Final = (
    *("visitors", "reentries", "members", "staff", "entered", "left"),
    *("entered_closed", "left_closed", "turned_back"),
)
"""What a bucket counts. `members` are visits of members that are no re-entries, those that only
a check-in knows of as well; `staff` are staff crossings.
"""


def _by_subject(table: str) -> Index:
    """Return an index of the few rows that name a subject: an erasure must find them all."""
    named = text("subject IS NOT NULL")
    return Index(f"{table}_by_subject", "subject", sqlite_where=named, postgresql_where=named)


store: Final = Table(
    "store",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("name", String(80), nullable=False),
    Column("timezone", String(64), nullable=False),
)

box: Final = Table(
    "box",
    METADATA,
    Column("store", _ID, ForeignKey("store.id"), primary_key=True),
    Column("id", _ID, primary_key=True),
    Column("session", String(32)),
    Column("state", String(8)),
    Column("last_seen", Instant),
    Column("last_fact_at", Instant),
    Column("version", String(64)),
    Column("mode", String(8)),
    Column("mode_wanted", String(8)),
    Column("mode_why", String(24)),
    Column("clock", String(8)),
    Column("heartbeat_at", Instant),
    Column("backlog", BigInteger),
    Column("oldest_unacked_at", Instant),
    Column("occupancy", Integer),
    Column("storage", String(8)),
    Column("cameras", JSON, nullable=False),
    # Of the board: its hottest sensor, and the disk under the store; null: it does not tell.
    Column("temperature_c", Integer),
    Column("disk_mb", BigInteger),
    Column("disk_free_mb", BigInteger),
    # Who answers for faces there, by the box's declaration; null: it has none, or does not tell.
    Column("controller", String(80)),
)

# Written out: for a value that is only bound later SQLite would not use the index.
INCOMPLETE: Final = text("missing > 0")
"""Of a box's epochs only a few lack something, and every page asks which."""

epoch: Final = Table(
    "epoch",
    METADATA,
    Column("pk", _SERIAL, primary_key=True, autoincrement=True),
    Column("store", _ID, nullable=False),
    Column("box", _ID, nullable=False),
    Column("epoch", String(32), nullable=False),
    # All up to here is held; `top` is the highest number held, `declared` the highest known of.
    Column("through", BigInteger, nullable=False),
    Column("top", BigInteger, nullable=False),
    Column("declared", BigInteger, nullable=False),
    Column("missing", BigInteger, nullable=False),
    # Numbers that the box itself no longer holds and the hub never had.
    Column("lost", BigInteger, nullable=False),
    UniqueConstraint("store", "box", "epoch"),
    Index("epoch_incomplete", "store", "box", sqlite_where=INCOMPLETE, postgresql_where=INCOMPLETE),
)

gap: Final = Table(
    "gap",
    METADATA,
    Column("epoch_pk", _SERIAL, ForeignKey("epoch.pk"), primary_key=True),
    Column("low", BigInteger, primary_key=True, autoincrement=False),
    Column("high", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

event: Final = Table(
    "event",
    METADATA,
    Column("epoch_pk", _SERIAL, ForeignKey("epoch.pk"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(32), nullable=False),
    Column("at", Instant, nullable=False),
    Column("mono", Float, nullable=False),
    Column("clock", String(8), nullable=False),
    # Without the subject, which stands beside it, where an erasure finds it.
    Column("body", Text, nullable=False),
    Column("subject", String(26)),
    _by_subject("event"),
    sqlite_with_rowid=False,
)

visit: Final = Table(
    "visit",
    METADATA,
    Column("store", _ID, primary_key=True),
    Column("box", _ID, primary_key=True),
    # A ULID begins with its time: by that the table is partitioned.
    Column(
        "visit",
        String(26).with_variant(String(26, collation="C"), "postgresql"),
        primary_key=True,
    ),
    # -1: only its close is known yet; 0: the opening; from 1: a revision.
    Column("rev", Integer, nullable=False),
    Column("opened_at", Instant),
    Column("camera", String(32)),
    Column("who", String(8)),
    Column("subject", String(26)),
    Column("reentry", Boolean),
    Column("first_visit", String(26)),
    Column("basis", String(10)),
    Column("counted", Boolean),
    Column("void", Boolean, nullable=False),
    Column("closed_at", Instant),
    Column("close_reason", String(16)),
    Column("closed_rev", Integer),
    Index("visit_by_time", "store", "opened_at"),
    _by_subject("visit"),
    sqlite_with_rowid=False,
)


def _told(name: str, *columns: Column[Any]) -> Table:
    """Return a table of facts that stand for themselves, under the identity of their events."""
    return Table(
        name,
        METADATA,
        Column("epoch_pk", _SERIAL, ForeignKey("epoch.pk"), primary_key=True),
        Column("seq", BigInteger, primary_key=True, autoincrement=False),
        Column("store", _ID, nullable=False),
        Column("at", Instant, nullable=False),
        *columns,
        Column("subject", String(26)),
        Index(f"{name}_by_time", "store", "at"),
        _by_subject(name),
        sqlite_with_rowid=False,
    )


alert: Final = _told(
    "alert",
    Column("alert", String(24), nullable=False),
    Column("visit", String(26), nullable=False),
)

member_change: Final = _told("member_change", Column("change", String(24), nullable=False))

erased_subject: Final = Table(
    "erased_subject",
    METADATA,
    Column("hash", String(64), primary_key=True),
    Column("at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

crossing_minute: Final = Table(
    "crossing_minute",
    METADATA,
    Column("store", _ID, primary_key=True),
    Column("minute", Instant, primary_key=True),
    Column("box", _ID, primary_key=True),
    Column("camera", String(32), primary_key=True),
    Column("rev", Integer, nullable=False),
    Column("entered", Integer, nullable=False),
    Column("left", Integer, nullable=False),
    Column("entered_closed", Integer, nullable=False),
    Column("left_closed", Integer, nullable=False),
    Column("staff", Integer, nullable=False),
    Column("turned_back", Integer, nullable=False),
    sqlite_with_rowid=False,
)

hour_summary: Final = Table(
    "hour_summary",
    METADATA,
    Column("store", _ID, primary_key=True),
    Column("hour", Instant, primary_key=True),
    Column("box", _ID, primary_key=True),
    Column("rev", Integer, nullable=False),
    *(Column(name, Integer, nullable=False) for name in FIGURES),
    Column("basis", String(10), nullable=False),
    sqlite_with_rowid=False,
)

_NAMED: Final = text("visit IS NOT NULL")
desk_fact: Final = Table(
    "desk_fact",
    METADATA,
    Column("store", _ID, primary_key=True),
    Column("box", _ID, primary_key=True),
    Column("what", String(16), primary_key=True),
    Column("id", String(26), primary_key=True),
    Column("rev", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    # The moment that it is about: by that it belongs to a day.
    Column("about", Instant, nullable=False),
    Column("visit", String(26)),
    Column("staff", String(26)),
    # What this `what` has besides (`edge.wire.messages.DESK_FIELDS`), as a JSON object.
    Column("told", Text, nullable=False),
    Index("desk_fact_by_time", "store", "about"),
    # What else is known of a guest.
    Index("desk_fact_by_visit", "store", "visit", sqlite_where=_NAMED, postgresql_where=_NAMED),
    sqlite_with_rowid=False,
)

PRESENCE: Final = ("classes", "near", "far", "footfall", "probes")
"""What a minute of Wi-Fi comes to. `footfall` is what it adds to its hour's index, in hundredths;
an hour's is good for comparing a shop with itself only."""

STAYS: Final = ("stays", "stays_5", "stays_10", "stays_20", "stays_40")
"""How many stays of a day are known so far, and the percentages of 5 to 10 minutes, to 20, to 40,
and longer; null: too few."""

presence_minute: Final = Table(
    "presence_minute",
    METADATA,
    Column("store", _ID, primary_key=True),
    Column("minute", Instant, primary_key=True),
    Column("box", _ID, primary_key=True),
    Column("rev", Integer, nullable=False),
    *(Column(name, Integer, nullable=False) for name in PRESENCE),
    sqlite_with_rowid=False,
)

presence_hour: Final = Table(
    "presence_hour",
    METADATA,
    Column("store", _ID, primary_key=True),
    Column("hour", Instant, primary_key=True),
    Column("box", _ID, primary_key=True),
    Column("rev", Integer, nullable=False),
    Column("minutes", Integer, nullable=False),
    Column("footfall", Integer, nullable=False),
    # Null: not every entrance camera of the box saw the whole hour.
    Column("visitors", Integer),
    Column("basis", String(10), nullable=False),
    # Null: the box has not learnt from enough hours: `learnt` of `needed`.
    Column("passers", Integer),
    Column("error", Integer),
    Column("learnt", Integer, nullable=False),
    Column("needed", Integer, nullable=False),
    *(Column(name, Integer) for name in STAYS),
    sqlite_with_rowid=False,
)

dirty: Final = Table(
    "dirty",
    METADATA,
    Column("store", _ID, primary_key=True),
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Column("mark", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)


def _figures() -> list[Column[Any]]:
    return [
        *(Column(name, BigInteger, nullable=False) for name in FIGURES),
        Column("basis", String(10), nullable=False),
    ]


hourly: Final = Table(
    "hourly",
    METADATA,
    Column("store", _ID, primary_key=True),
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    *_figures(),
    sqlite_with_rowid=False,
)

daily: Final = Table(
    "daily",
    METADATA,
    Column("store", _ID, primary_key=True),
    Column("day", Date, primary_key=True),
    *_figures(),
    Index("daily_by_day", "day"),  # every page asks for one day of all shops
    sqlite_with_rowid=False,
)


def _sensed() -> list[Column[Any]]:
    return [
        Column("minutes", Integer, nullable=False),
        Column("footfall", BigInteger, nullable=False),
        # Kinds of phones heard in the busiest minute.
        Column("peak", Integer, nullable=False),
        Column("probes", BigInteger, nullable=False),
        # Who came by, and of them who came in, in the hours in which both are known.
        Column("passers", BigInteger),
        Column("captured", BigInteger),
        Column("error", Integer),
        Column("basis", String(10), nullable=False),
        Column("learnt", Integer, nullable=False),
        Column("needed", Integer, nullable=False),
        *(Column(name, Integer) for name in STAYS),
    ]


presence_hourly: Final = Table(
    "presence_hourly",
    METADATA,
    Column("store", _ID, primary_key=True),
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    *_sensed(),
    sqlite_with_rowid=False,
)

presence_daily: Final = Table(
    "presence_daily",
    METADATA,
    Column("store", _ID, primary_key=True),
    Column("day", Date, primary_key=True),
    *_sensed(),
    Index("presence_daily_by_day", "day"),
    sqlite_with_rowid=False,
)

set_aside: Final = Table(
    "set_aside",
    METADATA,
    Column("id", _SERIAL, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("topic", String(200), nullable=False),
    Column("reason", String(500), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("epoch", String(32)),
    Column("seq", BigInteger),
)

meter: Final = Table(
    "meter",
    METADATA,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

key_release: Final = Table(
    "key_release",
    METADATA,
    Column("store", _ID, primary_key=True),
    Column("box", _ID, primary_key=True),
    # Null: revoked before it ever asked.
    Column("first_at", Instant),
    Column("last_at", Instant),
    Column("revoked_at", Instant),
    sqlite_with_rowid=False,
)

key_master: Final = Table(
    "key_master",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("fingerprint", String(64), nullable=False),
)

box_order: Final = Table(
    "box_order",
    METADATA,
    Column("pk", _SERIAL, primary_key=True, autoincrement=True),
    Column("store", _ID, nullable=False),
    Column("box", _ID, nullable=False),
    Column("epoch", String(32), nullable=False),
    Column("seq", BigInteger, nullable=False),
    # What it is about, no more: what is said of it is read when it is sent. Null: void.
    Column("kind", String(16), nullable=False),
    Column("object", String(64)),
    Column("at", Instant, nullable=False),
    # Null: it waits. `settled_by`: the checkpoint with which it may be forgotten.
    Column("acked_at", Instant),
    Column("refused", String(16)),
    Column("settled_by", BigInteger),
    UniqueConstraint("store", "box", "epoch", "seq"),
    Index("box_order_by_object", "store", "box", "kind", "object"),
    Index(
        "box_order_waiting",
        *("store", "box", "pk"),
        sqlite_where=text("acked_at IS NULL"),
        postgresql_where=text("acked_at IS NULL"),
    ),
)

order_line: Final = Table(
    "order_line",
    METADATA,
    Column("store", _ID, primary_key=True),
    Column("box", _ID, primary_key=True),
    # Of the connection on which the box last told what it holds; null: it never did.
    Column("session", String(32)),
    # The checkpoint that the box must know, or else it has missed what was forgotten with it.
    Column("mark", String(32)),
    # When to send again, null: nothing waits; up to which order was sent, and how often in vain.
    Column("next_at", Instant),
    Column("sent_to", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Index("order_line_due", "next_at"),
    sqlite_with_rowid=False,
)

desired: Final = Table(
    "desired",
    METADATA,
    Column("store", _ID, primary_key=True),
    # "" for all boxes of the shop.
    Column("box", _ID, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    sqlite_with_rowid=False,
)

config_report: Final = Table(
    "config_report",
    METADATA,
    Column("store", _ID, primary_key=True),
    Column("box", _ID, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("state", String(12), nullable=False),
    Column("code", String(16)),
    Column("at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

office_member: Final = Table(
    "office_member",
    METADATA,
    Column("id", String(26), primary_key=True),
    # Of the external id, under a key of the hub's secret; what is known is sealed under another.
    Column("ref", String(64), nullable=False, unique=True),
    Column("rev", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

# Who turned out to be somebody else: `gone` was its id, `ref` what its external id is found by,
# `sealed` that external id. `kept` is always one that is here.
member_merge: Final = Table(
    "member_merge",
    METADATA,
    Column("gone", String(26), primary_key=True),
    Column("ref", String(64), nullable=False, unique=True),
    Column("kept", String(26), ForeignKey("office_member.id"), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("at", Instant, nullable=False),
    Index("member_merge_by_kept", "kept"),
    sqlite_with_rowid=False,
)
office_member_shop: Final = Table(
    "office_member_shop",
    METADATA,
    Column("member", String(26), ForeignKey("office_member.id"), primary_key=True),
    Column("store", _ID, primary_key=True),
    Index("office_member_shop_by_store", "store"),
    sqlite_with_rowid=False,
)

office_appointment: Final = Table(
    "office_appointment",
    METADATA,
    Column("id", String(26), primary_key=True),
    Column("ref", String(64), nullable=False, unique=True),
    Column("store", _ID, nullable=False),
    # Of whom, as `office_member.ref`: an erasure finds it.
    Column("of", String(64), nullable=False),
    Column("rev", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    # Null: cancelled.
    Column("sealed", LargeBinary),
    Index("office_appointment_by_store", "store", "at"),
    Index("office_appointment_by_member", "of"),
)

member_link: Final = Table(
    "member_link",
    METADATA,
    Column("subject", String(26), primary_key=True),
    Column("member", String(26), nullable=False),
    Column("store", _ID, nullable=False),
    Column("box", _ID, nullable=False),
    Index("member_link_by_member", "member"),
    sqlite_with_rowid=False,
)

sealing_key: Final = Table(
    "sealing_key",
    METADATA,
    Column("store", _ID, primary_key=True),
    Column("box", _ID, primary_key=True),
    Column("public", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

box_key: Final = Table(
    "box_key",
    METADATA,
    Column("store", _ID, primary_key=True),
    Column("box", _ID, primary_key=True),
    # The box's own word on when, and when the hub took it.
    Column("at", BigInteger, nullable=False),
    Column("taken_at", Instant, nullable=False),
    # As the box said and signed it; whether to believe it is for the other boxes.
    Column("statement", Text, nullable=False),
    sqlite_with_rowid=False,
)

box_wish: Final = Table(
    "box_wish",
    METADATA,
    Column("store", _ID, primary_key=True),
    Column("box", _ID, primary_key=True),
    Column("shop", _ID, primary_key=True),
    Index("box_wish_by_shop", "shop"),
    sqlite_with_rowid=False,
)

shared: Final = Table(
    "shared",
    METADATA,
    Column("pk", _SERIAL, primary_key=True, autoincrement=True),
    Column("store", _ID, nullable=False),
    Column("box", _ID, nullable=False),
    Column("to_store", _ID, nullable=False),
    Column("to_box", _ID, nullable=False),
    # The SHA-256 of the subject: an erasure finds it, and it names nobody who was erased.
    Column("id", String(64), nullable=False),
    Column("rev", BigInteger, nullable=False),
    # Whether it says that the sharing ends.
    Column("ends", Boolean, nullable=False),
    # Sealed and signed by the sender; null once the receiver has it.
    Column("bundle", Text),
    UniqueConstraint("store", "box", "to_store", "to_box", "id"),
    Index("shared_by_receiver", "to_store", "to_box"),
    Index("shared_by_id", "id"),
)
