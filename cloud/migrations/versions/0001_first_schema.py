"""The first schema: facts, what is derived from them, and what could not be taken."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(name: str, length: int, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length), **options)


def _whole(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), **options)


def _counts(kind: type[sa.Integer], *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind(), nullable=False) for name in names]


def _bucket() -> list[sa.Column[Any]]:
    return [
        *_counts(sa.BigInteger, "visitors", "reentries", "members", "staff", "entered", "left"),
        *_counts(sa.BigInteger, "entered_closed", "left_closed", "turned_back"),
        _text("basis", 10, nullable=False),
    ]


def upgrade() -> None:
    """Make all tables."""
    _boxes()
    _facts()
    _derived()
    _own()


def _boxes() -> None:
    op.create_table(
        "store",
        _text("id", 64, primary_key=True),
        _text("name", 80, nullable=False),
        _text("timezone", 64, nullable=False),
    )
    op.create_table(
        "box",
        sa.Column("store", sa.String(64), sa.ForeignKey("store.id"), primary_key=True),
        _text("id", 64, primary_key=True),
        _text("session", 32),
        _text("state", 8),
        _whole("last_seen"),
        _whole("last_fact_at"),
        _text("version", 64),
        _text("mode", 8),
        _text("mode_wanted", 8),
        _text("clock", 8),
        _whole("heartbeat_at"),
        _whole("backlog"),
        _whole("oldest_unacked_at"),
        sa.Column("occupancy", sa.Integer()),
        sa.Column("cameras", sa.JSON(), nullable=False),
    )


def _facts() -> None:
    op.create_table(
        "epoch",
        sa.Column("pk", _SERIAL, primary_key=True, autoincrement=True),
        _text("store", 64, nullable=False),
        _text("box", 64, nullable=False),
        _text("epoch", 32, nullable=False),
        *_counts(sa.BigInteger, "through", "top", "declared", "missing", "lost"),
        sa.UniqueConstraint("store", "box", "epoch"),
    )
    op.create_table(
        "gap",
        sa.Column("epoch_pk", _SERIAL, sa.ForeignKey("epoch.pk"), primary_key=True),
        _whole("low", primary_key=True, autoincrement=False),
        _whole("high", nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event",
        sa.Column("epoch_pk", _SERIAL, sa.ForeignKey("epoch.pk"), primary_key=True),
        _whole("seq", primary_key=True, autoincrement=False),
        _text("kind", 32, nullable=False),
        _whole("at", nullable=False),
        sa.Column("mono", sa.Float(), nullable=False),
        _text("clock", 8, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )


def _derived() -> None:
    op.create_table(
        "visit",
        _text("store", 64, primary_key=True),
        _text("box", 64, primary_key=True),
        _text("visit", 26, primary_key=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        _whole("opened_at"),
        _text("camera", 32),
        _text("who", 8),
        _text("subject", 26),
        sa.Column("reentry", sa.Boolean()),
        _text("first_visit", 26),
        _text("basis", 10),
        sa.Column("void", sa.Boolean(), nullable=False),
        _whole("closed_at"),
        _text("close_reason", 16),
        sqlite_with_rowid=False,
    )
    op.create_index("visit_by_time", "visit", ["store", "opened_at"])
    op.create_table(
        "crossing_minute",
        _text("store", 64, primary_key=True),
        _whole("minute", primary_key=True, autoincrement=False),
        _text("box", 64, primary_key=True),
        _text("camera", 32, primary_key=True),
        *_counts(sa.Integer, "rev", "entered", "left", "entered_closed", "left_closed"),
        *_counts(sa.Integer, "staff", "turned_back"),
        sqlite_with_rowid=False,
    )


def _own() -> None:
    for name, key in (
        ("dirty", _whole("hour", primary_key=True, autoincrement=False)),
        ("hourly", _whole("hour", primary_key=True, autoincrement=False)),
        ("daily", sa.Column("day", sa.Date(), primary_key=True)),
    ):
        rest = [_whole("mark", nullable=False)] if name == "dirty" else _bucket()
        op.create_table(
            name, _text("store", 64, primary_key=True), key, *rest, sqlite_with_rowid=False
        )
    op.create_table(
        "set_aside",
        sa.Column("id", _SERIAL, primary_key=True, autoincrement=True),
        _whole("at", nullable=False),
        _text("topic", 200, nullable=False),
        _text("reason", 500, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        _text("epoch", 32),
        _whole("seq"),
    )
    op.create_table(
        "meter",
        _text("name", 32, primary_key=True),
        _whole("value", nullable=False),
        sqlite_with_rowid=False,
    )
