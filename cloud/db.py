"""Opens the hub's database and brings its schema up to date. SQLite by default, or PostgreSQL.

Called by `app` and `cli`; knows nothing of messages. SQLite writes through a write-ahead log,
synced at every commit; a writer takes the write lock as it begins, so that two writers wait for
each other instead of failing half-way.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from cloud.db_faults import shown, why_unopened
from cloud.errors import DatabaseFault

_BUSY_TIMEOUT_S: Final = 5
LET_GO_S: Final = 10
"""A process that says nothing for so long within a transaction (it is stopped, its machine paused)
loses it: PostgreSQL would keep its locks on shops for ever, and its peers waiting."""
# A chain writes to thousands of places at once: where each shop's facts end. These pages should
# stay in memory, and be written from the log into the database once for many transactions.
_CACHE_KIB: Final = 64 * 1024
_LOG_PAGES: Final = 16_384  # 64 MB
_SILENCE: Final = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
"""libpq's, unless the address says otherwise: a server that is cut off without a word is given up
after 25 s. By the system's own settings an ingest would wait for it for two hours."""
_SCRIPTS: Final = Path(__file__).parent / "migrations"
# Any fixed number: whoever migrates a PostgreSQL database holds this lock.
_MIGRATION_LOCK: Final = 6_213_702
_WRITES: Final = "menkou_writes"
_LOST: Final = ("40P01", "40001")  # deadlock, serialization failure
_TRIES: Final = 5
T = TypeVar("T")


def open_engine(url: str) -> Engine:
    """Return an engine; nothing is opened or made yet.

    Args:
        url: `sqlite:////var/lib/menkou-hub/hub.db` or `postgresql+psycopg://user:...@host/name`.

    Raises:
        DatabaseFault: the driver for it is not installed.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        try:
            engine = create_engine(
                parsed,
                connect_args={n: v for n, v in _SILENCE.items() if n not in parsed.query},
                pool_pre_ping=True,
                hide_parameters=True,
            )
        except ImportError as exc:  # its text names the driver and no address
            raise DatabaseFault(
                f"database {shown(parsed)}: expected its driver, got: {exc};"
                " pip install 'menkou[hub]'"
            ) from exc
        event.listen(engine, "connect", _prepare_postgresql)
        return engine
    connect_args = {"timeout": _BUSY_TIMEOUT_S}
    engine = create_engine(parsed, connect_args=connect_args, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    connection.execute(f"SET idle_in_transaction_session_timeout = '{LET_GO_S}s'")
    connection.commit()


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # The driver's own transactions begin too late and end too early; ours are explicit.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_S * 1000}")
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA cache_size = {-_CACHE_KIB}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
    connection.execute("PRAGMA foreign_keys = ON")


def _write_ahead(connection: sqlite3.Connection) -> None:
    # Two that open a new file at once: SQLite refuses one at once, whatever the busy timeout.
    until = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that writes; it commits at the end, or rolls back on an error."""
    with engine.execution_options(**{_WRITES: True}).begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that only reads: one consistent state, on SQLite at least."""
    with engine.connect() as connection:
        yield connection


def again(transaction: Callable[[], T]) -> T:
    """Run a whole transaction; once more, and again, if it lost against one that ran beside it.

    PostgreSQL ends one of two that wait for each other; the other one has then done its work.

    Raises:
        sqlalchemy.exc.DBAPIError: it lost five times, or failed for another reason.
    """
    for _ in range(_TRIES - 1):
        try:
            return transaction()
        except DBAPIError as exc:
            if getattr(exc.orig, "sqlstate", None) not in _LOST:
                raise
    return transaction()


Upsert = sqlite.Insert | postgresql.Insert


def upsert(connection: Connection, table: Table) -> Upsert:
    """Return an insert that has `on_conflict_do_update` and `on_conflict_do_nothing`."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrate(engine: Engine) -> None:
    """Bring the schema up to date. Does nothing when it is; two at once wait for each other.

    Raises:
        DatabaseFault: the database cannot be opened, or is newer than this program.
    """
    try:
        if (file := _file_of(engine)) is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        with writing(engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK}
                )
            if _state(connection) == "newer":
                raise DatabaseFault(_NEWER)
            command.upgrade(_config(connection), "head")
    except OSError as exc:
        raise DatabaseFault(
            f"database {shown(engine.url)}: its folder cannot be made: {exc.strerror}; set"
            " [hub] data_dir or database_url to a place that this user may write"
        ) from exc
    except DBAPIError as exc:
        raise DatabaseFault(why_unopened(engine.url, exc)) from exc


def check_schema(engine: Engine, remedy: str = "menkou-hub migrate") -> None:
    """Make sure that the database has the schema which this program needs; make nothing.

    Args:
        engine: the database.
        remedy: the command that brings it up to date.

    Raises:
        DatabaseFault: it cannot be opened, is not migrated, or is newer than this program.
    """
    file = _file_of(engine)
    if file is not None and not file.exists():  # SQLite would make an empty one
        raise DatabaseFault(
            f"database {shown(engine.url)}: expected one that is there, got no file; is its address"
            f" right? To make it run `{remedy}`"
        )
    try:
        with reading(engine) as connection:
            state = _state(connection)
    except DBAPIError as exc:
        raise DatabaseFault(why_unopened(engine.url, exc)) from exc
    if state == "newer":
        raise DatabaseFault(_NEWER)
    if state == "older":
        raise DatabaseFault(
            f"database {shown(engine.url)}: expected this program's schema, got none or an older"
            f" one; run `{remedy}`"
        )


def _file_of(engine: Engine) -> Path | None:
    """Return SQLite's file; None for a server, and for a database in memory."""
    name = engine.url.database
    if engine.dialect.name != "sqlite" or not name or name == ":memory:":
        return None
    return Path(name)


_NEWER: Final = (
    "database: its schema is newer than this program;"
    " install the newer menkou-hub, then run `menkou-hub migrate`"
)


def _state(connection: Connection) -> str:
    """Return whether the schema is `current`, `older` (or absent) or `newer`."""
    scripts = ScriptDirectory.from_config(_config())
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision == scripts.get_current_head():
        return "current"
    known = {script.revision for script in scripts.walk_revisions()}
    return "older" if revision is None or revision in known else "newer"
