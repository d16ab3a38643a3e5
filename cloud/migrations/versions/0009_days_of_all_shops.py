"""One day of all shops is read together, by every page."""

from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add an index."""
    op.create_index("daily_by_day", "daily", ["day"])
