"""How often each day of the chain was added up."""

import sqlalchemy as sa
from alembic import op

revision: str = "0024"
down_revision: str | None = "0023"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add the counters; a day that has none was not added up since."""
    op.create_table(
        "chain_revision",
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
