"""Read-only views for Grafana and other BI tools: made by 0026, over tables of its own."""

revision: str = "0023"
down_revision: str | None = "0022"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Do nothing: a hub that has the views gets others."""
