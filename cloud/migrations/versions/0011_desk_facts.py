"""What people at the shops' desks did: one table for all of it, the highest revision of each."""

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | None = None
depends_on: str | None = None

_ID = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "desk_fact",
        sa.Column("store", _ID, primary_key=True),
        sa.Column("box", _ID, primary_key=True),
        sa.Column("what", sa.String(16), primary_key=True),
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("about", sa.BigInteger(), nullable=False),
        sa.Column("visit", sa.String(26)),
        sa.Column("staff", sa.String(26)),
        sa.Column("told", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("desk_fact_by_time", "desk_fact", ["store", "about"])
