"""What is counted by channel, currency, reason and colleague, summed over all shops."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0022"
down_revision: str | None = "0020"
branch_labels: str | None = None
depends_on: str | None = None

_SUMS = {
    "chain_money": ("money_tally", (("currency", 3),), "sales value back"),
    "chain_channel": ("channel_tally", (("channel", 32), ("advert", 32)), "asked booked sales"),
    "chain_channel_money": (
        "channel_money",
        (("channel", 32), ("advert", 32), ("currency", 3)),
        "value",
    ),
    "chain_booking": ("booking_tally", (("channel", 8),), "booked kept late no_show cancelled"),
    "chain_reason": ("reason_tally", (("reason", 24),), "count"),
    "chain_staff": (
        "staff_tally",
        (),
        "greeted greeted_30s members sales wrong_person follow_ups",
    ),
}


def upgrade() -> None:
    """Add the sums, and make them of the days that are counted already."""
    for name, (of, keys, text) in _SUMS.items():
        counts = text.split()
        columns: list[sa.Column[Any]] = [sa.Column("day", sa.Date(), primary_key=True)]
        columns += [sa.Column(key, sa.String(length), primary_key=True) for key, length in keys]
        columns += [sa.Column(count, sa.BigInteger(), nullable=False) for count in counts]
        op.create_table(name, *columns, sqlite_with_rowid=False)
        known = ", ".join(('"day"', *(f'"{key}"' for key, _ in keys)))
        told = ", ".join(f'"{count}"' for count in counts)
        sums = ", ".join(f'SUM("{count}")' for count in counts)
        op.execute(
            f"INSERT INTO {name} ({known}, {told})"
            f" SELECT {known}, {sums} FROM {of} GROUP BY {known}"
        )
