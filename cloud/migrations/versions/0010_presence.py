"""What Wi-Fi says of minutes and hours, and its rollups; on PostgreSQL minutes are partitioned."""

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | None = None
depends_on: str | None = None

_ID = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")


def _required(kind: type[sa.Integer], *names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, kind(), nullable=False) for name in names]


def _stays() -> list[sa.Column[int]]:
    names = ("stays", "stays_5", "stays_10", "stays_20", "stays_40")
    return [sa.Column(name, sa.Integer()) for name in names]


def upgrade() -> None:
    """Add tables; nobody listened to Wi-Fi before."""
    op.create_table(
        "presence_minute",
        sa.Column("store", _ID, primary_key=True),
        sa.Column("minute", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("box", _ID, primary_key=True),
        *_required(sa.Integer, "rev", "classes", "near", "far", "footfall", "probes"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "presence_hour",
        sa.Column("store", _ID, primary_key=True),
        sa.Column("hour", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("box", _ID, primary_key=True),
        *_required(sa.Integer, "rev", "minutes", "footfall"),
        sa.Column("visitors", sa.Integer()),
        sa.Column("basis", sa.String(10), nullable=False),
        sa.Column("passers", sa.Integer()),
        sa.Column("error", sa.Integer()),
        *_required(sa.Integer, "learnt", "needed"),
        *_stays(),
        sqlite_with_rowid=False,
    )
    hour = sa.Column("hour", sa.BigInteger(), primary_key=True, autoincrement=False)
    for name, key in (("hourly", hour), ("daily", sa.Column("day", sa.Date(), primary_key=True))):
        op.create_table(
            f"presence_{name}",
            sa.Column("store", _ID, primary_key=True),
            key,
            *_required(sa.Integer, "minutes"),
            *_required(sa.BigInteger, "footfall"),
            *_required(sa.Integer, "peak"),
            *_required(sa.BigInteger, "probes"),
            sa.Column("passers", sa.BigInteger()),
            sa.Column("captured", sa.BigInteger()),
            sa.Column("error", sa.Integer()),
            sa.Column("basis", sa.String(10), nullable=False),
            *_required(sa.Integer, "learnt", "needed"),
            *_stays(),
            sqlite_with_rowid=False,
        )
    op.create_index("presence_daily_by_day", "presence_daily", ["day"])
    if op.get_bind().dialect.name == "postgresql":
        _partition()


def _partition() -> None:
    table = "presence_minute"
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey")
    op.execute(f"ALTER TABLE {table} RENAME TO {table}_default")
    op.execute(f"CREATE TABLE {table} (LIKE {table}_default) PARTITION BY RANGE (minute)")
    op.execute(f"ALTER TABLE {table} ATTACH PARTITION {table}_default DEFAULT")
    key = "PRIMARY KEY (store, minute, box)"
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_pkey {key}")
