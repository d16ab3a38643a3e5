"""How warm a box is and how full its disk; hours that people counted beside the cameras."""

import sqlalchemy as sa
from alembic import op

revision: str = "0019"
down_revision: str | None = "0018"
branch_labels: str | None = None
depends_on: str | None = None

_ID = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")


def upgrade() -> None:
    """Add columns and a table; what boxes tell of themselves comes with their next word."""
    op.add_column("box", sa.Column("temperature_c", sa.Integer()))
    op.add_column("box", sa.Column("disk_mb", sa.BigInteger()))
    op.add_column("box", sa.Column("disk_free_mb", sa.BigInteger()))
    op.create_table(
        "count_check",
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("store", _ID, nullable=False),
        sa.Column("box", _ID, nullable=False),
        sa.Column("camera", sa.String(32), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("way", sa.String(8), nullable=False),
        sa.Column("stratum", sa.String(8), nullable=False),
        sa.Column("seed", sa.String(32), nullable=False),
        sa.Column("among", sa.Integer(), nullable=False),
        sa.Column("drawn_at", sa.BigInteger(), nullable=False),
        sa.Column("drawn_by", sa.String(64), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("done_at", sa.BigInteger()),
        sa.Column("done_by", sa.String(64)),
        sa.Column("done_as", sa.String(16)),
        sa.Column("why", sa.String(16)),
        *(
            sa.Column(name, sa.Integer())
            for name in ("entered_true", "entered_counted", "left_true", "left_counted")
        ),
    )
    op.create_index("count_check_by_shop", "count_check", ["store", "state", "hour"])
