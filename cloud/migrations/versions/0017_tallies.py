"""Counted days: what head office's pages show beside footfall."""

from datetime import date
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0017"
down_revision: str | None = "0016"
branch_labels: str | None = None
depends_on: str | None = None

_ID = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
_VISIT = sa.String(26).with_variant(sa.String(26, collation="C"), "postgresql")
_COUNTS = (
    *("visitors", "entered", "left", "reentries", "staff", "faces_visitors", "members"),
    *("members_new", "members_back", "members_due", "members_returned", "wrong_person"),
    *("passers", "captured", "desk_visitors", "served", "greeted_30s", "served_members"),
    *("asked", "queued", "queue_back", "queue_gone", "till_visitors", "sales"),
    *("sales_members", "returns", "items", "booked", "kept", "late", "no_show", "cancelled"),
)
_DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1)
_ROWS_AT_ONCE = 10_000
_DAILY = sa.table("daily", sa.column("store", sa.String()), sa.column("day", sa.Date()))
_DESK = sa.table("desk_fact", sa.column("store", sa.String()), sa.column("about", sa.BigInteger()))
_DIRTY = sa.table(
    "dirty_day",
    sa.column("store", sa.String()),
    sa.column("day", sa.Date()),
    sa.column("mark", sa.BigInteger()),
    sa.column("placed", sa.Boolean()),
)


def _key(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), primary_key=True)


def _counts(names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names.split()]


def _known() -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger()) for name in _COUNTS]


def _of_day(name: str, *columns: sa.Column[Any], index: tuple[str, ...] = ("day",)) -> None:
    op.create_table(
        name,
        sa.Column("store", _ID, primary_key=True),
        sa.Column("day", sa.Date(), primary_key=True),
        *columns,
        sqlite_with_rowid=False,
    )
    if index:
        op.create_index(f"{name}_by_day", name, list(index))


def upgrade() -> None:
    """Add tables, and mark every day that there is: it is counted from its facts."""
    placed: sa.Column[bool] = sa.Column("placed", sa.Boolean(), nullable=False)
    _of_day("dirty_day", *_counts("mark"), placed, index=("day", "store"))
    op.create_table(
        "told_day",
        sa.Column("store", _ID, primary_key=True),
        _key("kind", 8),
        sa.Column("day", sa.Date(), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dirty_chain",
        sa.Column("day", sa.Date(), primary_key=True),
        *_counts("mark"),
        sqlite_with_rowid=False,
    )
    _of_day("day_tally", sa.Column("basis", sa.String(10)), *_known())
    op.create_table(
        "chain_tally",
        sa.Column("day", sa.Date(), primary_key=True),
        _key("basis", 10),
        sa.Column("shops", sa.Integer(), nullable=False),
        *_known(),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "hour_tally",
        sa.Column("store", _ID, primary_key=True),
        sa.Column("hour", sa.BigInteger(), primary_key=True, autoincrement=False),
        *_counts("served sales on_duty"),
        sqlite_with_rowid=False,
    )
    number = sa.Column("bin", sa.Integer(), primary_key=True, autoincrement=False)
    _of_day("bin_tally", _key("measure", 8), number, *_counts("count"), index=("day", "measure"))
    _of_day("money_tally", _key("currency", 3), *_counts("sales value back"))
    _of_day(
        "channel_tally", _key("channel", 32), _key("advert", 32), *_counts("asked booked sales")
    )
    _of_day(
        "channel_money",
        *(_key("channel", 32), _key("advert", 32), _key("currency", 3)),
        *_counts("value"),
    )
    _of_day("booking_tally", _key("channel", 8), *_counts("booked kept late no_show cancelled"))
    _of_day("reason_tally", _key("reason", 24), *_counts("count"))
    _of_day("service_tally", _key("kind", 8), _key("state", 16), *_counts("count"))
    _of_day(
        "staff_tally",
        _key("staff", 26),
        *_counts("greeted greeted_30s members sales wrong_person follow_ups"),
    )
    op.create_table(
        "subject_day",
        _key("subject", 26),
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("store", _ID, primary_key=True),
        sa.Column("visits", sa.Integer(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("subject_day_by_shop", "subject_day", ["store", "day"])
    op.create_table(
        "correction",
        sa.Column("store", _ID, primary_key=True),
        sa.Column("box", _ID, primary_key=True),
        sa.Column("visit", _VISIT, primary_key=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    named = sa.text("visit IS NOT NULL")
    op.create_index(
        "desk_fact_by_visit",
        "desk_fact",
        ["store", "visit"],
        sqlite_where=named,
        postgresql_where=named,
    )
    _mark()


def _mark() -> None:
    """Mark each day that has footfall, and those about which a desk said anything.

    The latter by UTC, with the days beside them: where there was nothing, nothing is counted.
    """
    connection = op.get_bind()
    counted = connection.execute(sa.select(_DAILY.c.store, _DAILY.c.day))
    days = {(shop, day) for shop, day in counted}
    since = _DESK.c.about // _DAY_MS
    told = connection.execute(sa.select(_DESK.c.store, since).distinct())
    for shop, number in told:
        first = _EPOCH.toordinal() + int(number)
        days |= {(shop, date.fromordinal(first + step)) for step in (-1, 0, 1)}
    rows = [{"store": shop, "day": day, "mark": 1, "placed": False} for shop, day in sorted(days)]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        connection.execute(sa.insert(_DIRTY), rows[start : start + _ROWS_AT_ONCE])
