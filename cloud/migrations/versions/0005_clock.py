"""Closes of visits are revised, too: a box moves them when its clock turns out to have been wrong.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add the revision; every close that is known was the first word on it."""
    op.add_column("visit", sa.Column("closed_rev", sa.Integer()))
    visit = sa.table(
        "visit", sa.column("closed_rev", sa.Integer()), sa.column("closed_at", sa.BigInteger())
    )
    op.execute(sa.update(visit).where(visit.c.closed_at.is_not(None)).values(closed_rev=0))
