"""What is kept of anomalies, and of what is expected. Used by this package; knows none of it.

expectation    a shop's model and how far its hours were looked at; "": the chain's
anomaly        what was told: of a shop, or of the chain (store "")
anomaly_ack    who took it on, and what they put it down to
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
)

from cloud.tables import METADATA, Instant

CHAIN: Final = ""
"""Stands for the shop in what is the whole chain's."""
OPEN: Final = text("closed_at IS NULL")

_ID: Final = String(64).with_variant(String(64, collation="C"), "postgresql")


def _store(**more: Any) -> Column[Any]:
    return Column("store", _ID, **more)


expectation: Final = Table(
    "expectation",
    METADATA,
    _store(primary_key=True),
    Column("learnt_at", Instant),
    # JSON of `cloud.expect.model.Model`; null: too few days are known.
    Column("model", Text),
    # What named days did: to this shop alone, or to the chain.
    Column("feasts", Text),
    # All hours that begin before it were looked at, as far as they can be known.
    Column("looked", BigInteger),
    # JSON of `cloud.anomalies.shop.Watched`.
    Column("state", Text),
    # The last day on which bookings were looked at.
    Column("booked", Date),
    sqlite_with_rowid=False,
)
anomaly: Final = Table(
    "anomaly",
    METADATA,
    Column("id", String(26), primary_key=True),
    _store(nullable=False),
    Column("kind", String(12), nullable=False),
    Column("reason", String(24), nullable=False),
    Column("since", Instant, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("ended", String(12)),
    # Since then, by the last look; `got` null: that is what nobody knows.
    Column("expected", Float, nullable=False),
    Column("low", Integer, nullable=False),
    Column("high", Integer, nullable=False),
    Column("got", BigInteger),
    # Of the chain: how many shops.
    Column("shops", Integer),
    Column("told_at", Instant),
    Column("told_by", String(64)),
    Index("anomaly_open", "store", sqlite_where=OPEN, postgresql_where=OPEN),
    Index("anomaly_by_time", "opened_at"),
    sqlite_with_rowid=False,
)
anomaly_ack: Final = Table(
    "anomaly_ack",
    METADATA,
    Column("anomaly", String(26), ForeignKey("anomaly.id"), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("reason", String(24)),
    sqlite_with_rowid=False,
)
