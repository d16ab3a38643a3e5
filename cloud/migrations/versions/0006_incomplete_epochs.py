"""An index of the epochs that lack something: every page asks for them."""

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add the index."""
    lacks = sa.text("missing > 0")
    op.create_index(
        "epoch_incomplete", "epoch", ["store", "box"], sqlite_where=lacks, postgresql_where=lacks
    )
