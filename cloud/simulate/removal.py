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
from cloud.tally.sums import sum_days
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

    The chain's days are then summed up anew, of the shops that are left.

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
    if simulated:
        with writing(engine) as connection:
            sum_days(connection)
    return len(simulated)


def _remove_one(connection: Connection, name: str) -> None:
    pks = list(connection.execute(select(epoch.c.pk).where(epoch.c.store == name)).scalars())
    for table in _OF_EPOCHS:
        for pk in pks:
            connection.execute(delete(table).where(table.c.epoch_pk == pk))
    for table in _OF_STORES:
        connection.execute(delete(table).where(table.c.store == name))
    connection.execute(delete(set_aside).where(set_aside.c.topic.like(f"{ROOT}/{name}/%")))
    connection.execute(delete(store).where(store.c.id == name))
    count_up(connection, {CHANGES: 1})
