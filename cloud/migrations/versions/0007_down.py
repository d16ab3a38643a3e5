"""Orders to boxes: what waits for each, settings that head office wishes, what became of them."""

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None

_ID = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add tables."""
    op.create_table(
        "box_order",
        sa.Column("pk", _SERIAL, primary_key=True, autoincrement=True),
        sa.Column("store", _ID, nullable=False),
        sa.Column("box", _ID, nullable=False),
        sa.Column("epoch", sa.String(32), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("object", sa.String(64)),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("acked_at", sa.BigInteger()),
        sa.Column("refused", sa.String(16)),
        sa.Column("settled_by", sa.BigInteger()),
        sa.UniqueConstraint("store", "box", "epoch", "seq"),
    )
    op.create_index("box_order_by_object", "box_order", ["store", "box", "kind", "object"])
    waiting = sa.text("acked_at IS NULL")
    op.create_index(
        "box_order_waiting",
        "box_order",
        ["store", "box", "pk"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.create_table(
        "order_line",
        sa.Column("store", _ID, primary_key=True),
        sa.Column("box", _ID, primary_key=True),
        sa.Column("session", sa.String(32)),
        sa.Column("mark", sa.String(32)),
        sa.Column("next_at", sa.BigInteger()),
        sa.Column("sent_to", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("order_line_due", "order_line", ["next_at"])
    op.create_table(
        "desired",
        sa.Column("store", _ID, primary_key=True),
        sa.Column("box", _ID, primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "config_report",
        sa.Column("store", _ID, primary_key=True),
        sa.Column("box", _ID, primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("code", sa.String(16)),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    _office()


def _office() -> None:
    op.create_table(
        "office_member",
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("ref", sa.String(64), nullable=False, unique=True),
        sa.Column("rev", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "office_member_shop",
        sa.Column("member", sa.String(26), sa.ForeignKey("office_member.id"), primary_key=True),
        sa.Column("store", _ID, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("office_member_shop_by_store", "office_member_shop", ["store"])
    op.create_table(
        "office_appointment",
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("ref", sa.String(64), nullable=False, unique=True),
        sa.Column("store", _ID, nullable=False),
        sa.Column("of", sa.String(64), nullable=False),
        sa.Column("rev", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary()),
    )
    op.create_index("office_appointment_by_store", "office_appointment", ["store", "at"])
    op.create_index("office_appointment_by_member", "office_appointment", ["of"])
    op.create_table(
        "member_link",
        sa.Column("subject", sa.String(26), primary_key=True),
        sa.Column("member", sa.String(26), nullable=False),
        sa.Column("store", _ID, nullable=False),
        sa.Column("box", _ID, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("member_link_by_member", "member_link", ["member"])
    op.create_table(
        "sealing_key",
        sa.Column("store", _ID, primary_key=True),
        sa.Column("box", _ID, primary_key=True),
        sa.Column("public", sa.String(64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
