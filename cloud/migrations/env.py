"""What Alembic runs for each upgrade: all steps, in the transaction that `cloud.db` opened."""

from alembic import context

from cloud.accounts import tables as _accounts  # noqa: F401  (its tables are of METADATA, too)
from cloud.anomalies import tables as _anomalies  # noqa: F401
from cloud.counting import tables as _counting  # noqa: F401
from cloud.digest import tables as _digest  # noqa: F401
from cloud.tables import METADATA
from cloud.tally import tables as _tally  # noqa: F401

# The connection is handed over by the caller; there is no alembic.ini to read an address from.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
