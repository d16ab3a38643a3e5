"""Members shared from box to box: signed keys, who wants whose, and what is on its way, sealed."""

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | None = None
depends_on: str | None = None

_ID = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add tables."""
    op.create_table(
        "box_key",
        sa.Column("store", _ID, primary_key=True),
        sa.Column("box", _ID, primary_key=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "box_wish",
        sa.Column("store", _ID, primary_key=True),
        sa.Column("box", _ID, primary_key=True),
        sa.Column("shop", _ID, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("box_wish_by_shop", "box_wish", ["shop"])
    op.create_table(
        "shared",
        sa.Column("pk", _SERIAL, primary_key=True, autoincrement=True),
        sa.Column("store", _ID, nullable=False),
        sa.Column("box", _ID, nullable=False),
        sa.Column("to_store", _ID, nullable=False),
        sa.Column("to_box", _ID, nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("rev", sa.BigInteger(), nullable=False),
        sa.Column("ends", sa.Boolean(), nullable=False),
        sa.Column("bundle", sa.Text()),
        sa.UniqueConstraint("store", "box", "to_store", "to_box", "id"),
    )
    op.create_index("shared_by_receiver", "shared", ["to_store", "to_box"])
    op.create_index("shared_by_id", "shared", ["id"])
