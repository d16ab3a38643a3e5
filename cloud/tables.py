"""The hub's tables. Used by `ingest`'s rooms, `rollup` and `queries`; knows none of them.

    event                      every fact once, append only
      -> visit, crossing_minute   what is now known of each, derived when a fact is first taken
      -> alert, member_change     what was said, and what became of members
      -> dirty                    which hours that touches
           -> hourly, daily          recomputed by `rollup`
    store, box, epoch, gap     who speaks, and what of each epoch is held
    erased_subject             whom nothing here may name any more, by hash
    key_release, key_master    which box has its share of a key, and of which master
    set_aside, meter           what could not be taken, and the hub's own counters

Instants are whole milliseconds since 1970, `hour` whole seconds: both compare and index alike
on SQLite and PostgreSQL. The migrations in `migrations/versions` make the same tables; a test
compares the two.
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
_ID: Final = String(64)
METADATA: Final = MetaData()


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
    Column("cameras", JSON, nullable=False),
)

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
    Column("visit", String(26), primary_key=True),
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


FIGURES: Final = (
    *("visitors", "reentries", "members", "staff", "entered", "left"),
    *("entered_closed", "left_closed", "turned_back"),
)
"""What a bucket counts. `members` are visits of members that are no re-entries, those that only
a check-in knows of as well; `staff` are staff crossings.
"""

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
