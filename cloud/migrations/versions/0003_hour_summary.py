"""Hours that full boxes sent instead of their visits and minutes; how full their storage is."""

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None

_FIGURES = (
    *("visitors", "reentries", "members", "staff", "entered", "left"),
    *("entered_closed", "left_closed", "turned_back"),
)


def upgrade() -> None:
    """Add the table and the column; no box of before had a full storage."""
    op.add_column("box", sa.Column("storage", sa.String(8)))
    op.create_table(
        "hour_summary",
        sa.Column("store", sa.String(64), primary_key=True),
        sa.Column("hour", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("box", sa.String(64), primary_key=True),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("rev", *_FIGURES)),
        sa.Column("basis", sa.String(10), nullable=False),
        sqlite_with_rowid=False,
    )
