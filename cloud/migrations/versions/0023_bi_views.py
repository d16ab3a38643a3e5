"""Read-only views for Grafana and other BI tools."""

from alembic import op

from cloud import bi_views

revision: str = "0023"
down_revision: str | None = "0022"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the views; they take up no room."""
    bi_views.make(op.execute, op.get_context().dialect.name)
