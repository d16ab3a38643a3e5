"""The table of hours that are, or were, counted by a person beside a camera."""

from typing import Final

from sqlalchemy import Column, Index, Integer, String, Table

from cloud.tables import METADATA, Instant

_ID: Final = String(64).with_variant(String(64, collation="C"), "postgresql")

count_check: Final = Table(
    "count_check",
    METADATA,
    Column("id", String(26), primary_key=True),
    Column("store", _ID, nullable=False),
    Column("box", _ID, nullable=False),
    Column("camera", String(32), nullable=False),
    # When the hour begins.
    Column("hour", Instant, nullable=False),
    # video: a past one, of the shop's own video; door: one to come, by somebody who stands there.
    Column("way", String(8), nullable=False),
    # busy | quiet, of the shop's week.
    Column("stratum", String(8), nullable=False),
    # The draw is the same again from these: the seed, and among how many hours it was drawn.
    Column("seed", String(32), nullable=False),
    Column("among", Integer, nullable=False),
    Column("drawn_at", Instant, nullable=False),
    Column("drawn_by", String(64), nullable=False),
    # open | done | dropped
    Column("state", String(8), nullable=False),
    Column("done_at", Instant),
    Column("done_by", String(64)),
    Column("done_as", String(16)),
    # Why it was dropped.
    Column("why", String(16)),
    # What the camera had counted when the person's count was entered: it outlives the facts.
    *(
        Column(name, Integer)
        for name in ("entered_true", "entered_counted", "left_true", "left_counted")
    ),
    Index("count_check_by_shop", "store", "state", "hour"),
)
