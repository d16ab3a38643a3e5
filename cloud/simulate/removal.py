"""Takes simulated shops out of a database, and tells whether real ones are in it.

Called by `command`. A shop is simulated if its id is `sim-` and digits, nothing else decides.
"""

from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, Engine, delete, select

from cloud.aside import CHANGES, count_up
from cloud.db import reading, writing
from cloud.simulate.chain import SIMULATED
from cloud.tables import METADATA, epoch, set_aside, store
from cloud.tally.marks import mark_chain
from cloud.tally.sums import sum_days
from cloud.tally.tables import day_tally, dirty_chain
from edge.wire.topics import ROOT

_OF_EPOCHS: Final = [table for table in METADATA.sorted_tables if "epoch_pk" in table.columns]
_OF_STORES: Final = [
    table
    for table in reversed(METADATA.sorted_tables)  # what refers to others goes first
    if "store" in table.columns and "epoch_pk" not in table.columns
]


def shops_in(engine: Engine) -> tuple[list[str], list[str]]:
    """Return the ids of simulated and of real shops, in order."""
    with reading(engine) as connection:
        ids = connection.execute(select(store.c.id).order_by(store.c.id)).scalars().all()
    simulated = [one for one in ids if SIMULATED.fullmatch(one)]
    return simulated, [one for one in ids if not SIMULATED.fullmatch(one)]


def remove(engine: Engine, told: Callable[[int], None]) -> int:
    """Delete every simulated shop with all that is held of it, one shop a transaction.

    The chain's days are then summed up anew, of the shops that are left. Each transaction marks the
    days that it takes a shop out of: who is killed before the sums leaves them to `tally.recount`,
    or to whoever calls this again.

    Args:
        engine: the database.
        told: is told after each shop how many are gone.

    Returns:
        How many shops were deleted.
    """
    simulated, _ = shops_in(engine)
    for number, name in enumerate(simulated, start=1):
        with writing(engine) as connection:
            _remove_one(connection, name)
        told(number)
    with writing(engine) as connection:
        # Deleted first: what somebody marks meanwhile waits, and is marked anew afterwards.
        if connection.execute(delete(dirty_chain)).rowcount or simulated:
            sum_days(connection)
            count_up(connection, {CHANGES: 1})
    return len(simulated)


def _remove_one(connection: Connection, name: str) -> None:
    pks = list(connection.execute(select(epoch.c.pk).where(epoch.c.store == name)).scalars())
    for table in _OF_EPOCHS:
        for pk in pks:
            connection.execute(delete(table).where(table.c.epoch_pk == pk))
    days = select(day_tally.c.day).where(day_tally.c.store == name).distinct()
    mark_chain(connection, connection.execute(days).scalars())
    for table in _OF_STORES:
        connection.execute(delete(table).where(table.c.store == name))
    connection.execute(delete(set_aside).where(set_aside.c.topic.like(f"{ROOT}/{name}/%")))
    connection.execute(delete(store).where(store.c.id == name))
    count_up(connection, {CHANGES: 1})
