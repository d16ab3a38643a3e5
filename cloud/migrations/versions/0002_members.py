"""Members: alerts, changes, erasure, visits that are not counted; release of keys."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(name: str, length: int, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length), **options)


def _whole(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), **options)


def upgrade() -> None:
    """Add columns and tables; every visit that is known was counted."""
    op.add_column("box", _text("mode_why", 24))
    op.add_column("visit", sa.Column("counted", sa.Boolean()))
    opened = sa.table("visit", sa.column("counted", sa.Boolean()), sa.column("rev", sa.Integer()))
    op.execute(sa.update(opened).where(opened.c.rev >= 0).values(counted=True))
    _index_by_subject("visit")
    op.add_column("event", _text("subject", 26))
    _index_by_subject("event")
    _facts("alert", _text("alert", 24, nullable=False), _text("visit", 26, nullable=False))
    _facts("member_change", _text("change", 24, nullable=False))
    op.create_table(
        "erased_subject",
        _text("hash", 64, primary_key=True),
        _whole("at", nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "key_release",
        _text("store", 64, primary_key=True),
        _text("box", 64, primary_key=True),
        *(_whole(name) for name in ("first_at", "last_at", "revoked_at")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "key_master",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        _text("fingerprint", 64, nullable=False),
    )


def _facts(name: str, *columns: sa.Column[Any]) -> None:
    op.create_table(
        name,
        sa.Column("epoch_pk", _SERIAL, sa.ForeignKey("epoch.pk"), primary_key=True),
        _whole("seq", primary_key=True, autoincrement=False),
        _text("store", 64, nullable=False),
        _whole("at", nullable=False),
        *columns,
        _text("subject", 26),
        sqlite_with_rowid=False,
    )
    op.create_index(f"{name}_by_time", name, ["store", "at"])
    _index_by_subject(name)


def _index_by_subject(table: str) -> None:
    named = sa.text("subject IS NOT NULL")
    op.create_index(
        f"{table}_by_subject", table, ["subject"], sqlite_where=named, postgresql_where=named
    )
