"""Members who turned out to be one: what the other was called leads to the one that is kept."""

import sqlalchemy as sa
from alembic import op

revision: str = "0016"
down_revision: str | None = "0012"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "member_merge",
        sa.Column("gone", sa.String(26), primary_key=True),
        sa.Column("ref", sa.String(64), nullable=False, unique=True),
        sa.Column("kept", sa.String(26), sa.ForeignKey("office_member.id"), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("member_merge_by_kept", "member_merge", ["kept"])
