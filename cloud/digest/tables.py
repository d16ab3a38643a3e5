"""The table of digests that were, or are being, sent."""

from typing import Final

from sqlalchemy import Column, Date, Integer, String, Table

from cloud.tables import METADATA, Instant

digest_mail: Final = Table(
    "digest_mail",
    METADATA,
    # The day that it tells of.
    Column("day", Date, primary_key=True),
    # The SHA-256 of the address.
    Column("recipient", String(64), primary_key=True),
    # open | sent | refused (the server will not take it for this address)
    Column("state", String(8), nullable=False),
    # Until then nobody else tries: somebody is at it, or waits for the server.
    Column("until", Instant, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("sent_at", Instant),
    sqlite_with_rowid=False,
)
