"""Whole weeks as the pages tell them, and the views for BI tools over them."""

import sqlalchemy as sa
from alembic import op

from cloud import bi_views

revision: str = "0026"
down_revision: str | None = "0025"
branch_labels: str | None = None
depends_on: str | None = None

_ID = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
_BOOKINGS = "booked kept late no_show cancelled"
_COUNTS = (
    "visitors entered left reentries staff faces_visitors members members_new members_back"
    " members_due members_returned wrong_person passers captured desk_visitors served greeted_30s"
    " served_members asked queued queue_back queue_gone till_visitors sales sales_members returns"
    f" items {_BOOKINGS}"
)


def upgrade() -> None:
    """Add the tables, which the hub fills, and make the views anew."""
    bi_views.unmake(op.execute)
    op.create_table(
        "told_week",
        sa.Column("week", sa.Date(), primary_key=True),
        sa.Column("store", _ID, primary_key=True),
        sa.Column("basis", sa.String(10), primary_key=True),
        sa.Column("shops", sa.Integer(), nullable=False),
        sa.Column("least", sa.Integer(), nullable=False),
        *_known(_COUNTS),
        sqlite_with_rowid=False,
    )
    op.create_index("told_week_by_shop", "told_week", ["store", "week"])
    op.create_table(
        "told_channel",
        sa.Column("week", sa.Date(), primary_key=True),
        sa.Column("channel", sa.String(32), primary_key=True),
        sa.Column("advert", sa.String(32), primary_key=True),
        *_known("asked booked sales"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "told_booking",
        sa.Column("week", sa.Date(), primary_key=True),
        sa.Column("channel", sa.String(8), primary_key=True),
        *_known(_BOOKINGS),
        sqlite_with_rowid=False,
    )
    bi_views.make(op.execute, op.get_context().dialect.name)


def _known(names: str) -> list["sa.Column[int]"]:
    return [sa.Column(name, sa.BigInteger()) for name in names.split()]


def downgrade() -> None:
    """Refuse: a hub goes back to an older release from its backup, not by a migration."""
    raise NotImplementedError("there is no way back from 0026; restore the backup")
