"""Which day's digest went to whom: so that each goes once."""

import sqlalchemy as sa
from alembic import op

revision: str = "0020"
down_revision: str | None = "0019"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "digest_mail",
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("recipient", sa.String(64), primary_key=True),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.BigInteger()),
        sqlite_with_rowid=False,
    )
