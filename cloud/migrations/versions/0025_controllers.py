"""Who answers for faces in a shop, as its boxes' declarations say."""

import sqlalchemy as sa
from alembic import op

revision: str = "0025"
down_revision: str | None = "0024"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add a column; boxes fill it with their next word."""
    op.add_column("box", sa.Column("controller", sa.String(80)))
