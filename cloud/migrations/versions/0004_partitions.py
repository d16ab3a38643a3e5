"""On PostgreSQL: facts partitioned by month, ids in the order of their bytes. Nothing on SQLite."""

from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None

_IDS = {
    "store": ("id",),
    "box": ("store", "id"),
    "epoch": ("store", "box"),
    "visit": ("store", "box"),
    "alert": ("store",),
    "member_change": ("store",),
    "crossing_minute": ("store", "box"),
    "dirty": ("store",),
    "hour_summary": ("store", "box"),
    "hourly": ("store",),
    "daily": ("store",),
    "key_release": ("store", "box"),
}


def upgrade() -> None:
    """Make today's tables the default partitions of new ones; the months come later."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, columns in _IDS.items():
        changes = ", ".join(
            f'ALTER COLUMN "{name}" TYPE varchar(64) COLLATE "C"' for name in columns
        )
        op.execute(f'ALTER TABLE "{table}" {changes}')
    op.execute('ALTER TABLE visit ALTER COLUMN visit TYPE varchar(26) COLLATE "C"')
    op.execute("ALTER TABLE event DROP CONSTRAINT event_epoch_pk_fkey")
    for index in ("event_by_subject", "visit_by_subject", "visit_by_time"):
        op.execute(f"DROP INDEX {index}")
    _partition("event", "epoch_pk, seq, at", by="at")
    _partition("visit", "store, box, visit", by="visit")
    _partition("crossing_minute", "store, minute, box, camera", by="minute")
    op.execute("CREATE INDEX visit_by_time ON visit (store, opened_at)")
    for table in ("event", "visit"):
        op.execute(
            f"CREATE INDEX {table}_by_subject ON {table} (subject) WHERE subject IS NOT NULL"
        )


def _partition(table: str, key: str, *, by: str) -> None:
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey")
    op.execute(f"ALTER TABLE {table} RENAME TO {table}_default")
    op.execute(f"CREATE TABLE {table} (LIKE {table}_default) PARTITION BY RANGE ({by})")
    op.execute(f"ALTER TABLE {table} ATTACH PARTITION {table}_default DEFAULT")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_pkey PRIMARY KEY ({key})")
