"""Anomalies: what is expected of each shop, what was told, who took it on."""

import sqlalchemy as sa
from alembic import op

revision: str = "0018"
down_revision: str | None = "0017"
branch_labels: str | None = None
depends_on: str | None = None

_ID = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
_OPEN = sa.text("closed_at IS NULL")


def upgrade() -> None:
    """Add the tables; models are learnt of the hours that there are."""
    op.create_table(
        "expectation",
        sa.Column("store", _ID, primary_key=True),
        sa.Column("learnt_at", sa.BigInteger()),
        sa.Column("model", sa.Text()),
        sa.Column("feasts", sa.Text()),
        sa.Column("looked", sa.BigInteger()),
        sa.Column("state", sa.Text()),
        sa.Column("booked", sa.Date()),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "anomaly",
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("store", _ID, nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("reason", sa.String(24), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger()),
        sa.Column("ended", sa.String(12)),
        sa.Column("expected", sa.Float(), nullable=False),
        sa.Column("low", sa.Integer(), nullable=False),
        sa.Column("high", sa.Integer(), nullable=False),
        sa.Column("got", sa.BigInteger()),
        sa.Column("shops", sa.Integer()),
        sa.Column("told_at", sa.BigInteger()),
        sa.Column("told_by", sa.String(64)),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "anomaly_open", "anomaly", ["store"], sqlite_where=_OPEN, postgresql_where=_OPEN
    )
    op.create_index("anomaly_by_time", "anomaly", ["opened_at"])
    op.create_table(
        "anomaly_ack",
        sa.Column("anomaly", sa.String(26), sa.ForeignKey("anomaly.id"), primary_key=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(24)),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Refuse: a hub goes back to an older release from its backup, not by a migration."""
    raise NotImplementedError("there is no way back from 0018; restore the backup")
