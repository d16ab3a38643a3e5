"""Opens the box's database and guards its directory. Called by `app` and the command line."""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlite_utils import Database

from edge.store.schema import migrations
from menkou.errors import MenkouFault

FILE_NAME: Final = "menkou.db"
BUSY_TIMEOUT_S: Final = 5.0
PAGE_BYTES: Final = 2048
"""A commit writes a dozen pages of which little is new: small ones spare the card (ADR 10)."""
LOG_BYTES: Final = 8 * 1024 * 1024
"""To this the write-ahead log is cut down; it is moved into the database at half of it."""
LEFT_FREE_BYTES: Final = 2 * LOG_BYTES
_LEFT_FREE_SHARE: Final = 1 / 16
"""Of a disk, which a database leaves free: so many bytes, or that share if it is less. On a disk
that it has filled to the last page nothing can be written, not even what the hub has: then nothing
of it can ever go."""
_DISK_CODES: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY)


class StoreFault(MenkouFault):
    """The box's store cannot be used. Base of this package's errors."""


class StoreAway(StoreFault):
    """Nothing can be kept now, but later perhaps; nothing of the call was kept. Try again."""


class StoreFull(StoreAway):
    """There is no room on the disk, or it cannot be written."""


class StoreLocked(StoreAway):
    """Another process holds the database for longer than `BUSY_TIMEOUT_S`."""


class StoreBusy(StoreFault):
    """Another process of this box works in the same data directory."""


class StoreLock:
    """Holds a data directory for one box process tree (an advisory lock on `lock` in it).

    The descriptor may be handed to child processes: the directory is free only when the last
    of them has ended, so a killed supervisor's children can never write beside a new one.

    Raises:
        StoreBusy: it is held, even after `patience_s`.
        StoreFault: the directory cannot be made or written.
    """

    def __init__(self, data_dir: Path, *, patience_s: float = 3.0) -> None:
        path = data_dir / "lock"
        try:
            data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise StoreFault(
                f"[box] data_dir {data_dir}: expected a directory that can be written, got:"
                f" {exc.strerror}; make it and give it to the user that runs this, or set another"
            ) from exc
        deadline = time.monotonic() + patience_s
        while not self._try():
            if time.monotonic() > deadline:
                os.close(self._fd)
                raise StoreBusy(
                    f"{data_dir}: another menkou-edge works in this data directory; stop it first,"
                    " or give this one another [box] data_dir"
                )
            time.sleep(0.05)

    def _try(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    @property
    def fd(self) -> int:
        """The descriptor, for `pass_fds` of a child process."""
        return self._fd

    def release(self) -> None:
        """Let go of the directory, as far as this process holds it."""
        os.close(self._fd)


def fitting(data_dir: Path, limit_bytes: int) -> int:
    """Return what the database may take: `limit_bytes`, or what its disk holds if that is less.

    Raises:
        StoreAway: the disk does not answer.
    """
    path = data_dir / FILE_NAME
    try:
        disk = os.statvfs(data_dir)
        size = path.stat().st_size if path.exists() else 0
    except OSError as exc:
        raise StoreAway(f"{path}: cannot be read: {exc.strerror}; check the disk") from exc
    left = min(LEFT_FREE_BYTES, int(disk.f_blocks * disk.f_frsize * _LEFT_FREE_SHARE))
    return min(limit_bytes, max(0, size + disk.f_bavail * disk.f_frsize - left))


def connect(data_dir: Path, *, limit_bytes: int | None = None) -> Database:
    """Open the database of a data directory for use by one thread at a time.

    WAL, and `synchronous=FULL`: what was committed survives a power cut (FINDINGS, "From box to
    hub"). Transactions are begun by `transaction`, never implicitly.

    Args:
        data_dir: where it is, or is to be made.
        limit_bytes: what the database may take; a transaction through this connection that would
            make it larger is refused as `StoreFull`; see `bound`. None: what the disk holds.

    Raises:
        StoreFault: no database there, a damaged one, or one of a newer version.
    """
    path = data_dir / FILE_NAME
    if not data_dir.is_dir():
        raise StoreFault(f"[box] data_dir {data_dir}: not there yet; run or replay makes it")
    try:
        conn = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        conn.execute(f"PRAGMA page_size={PAGE_BYTES}")  # of a new database; others keep theirs
        conn.execute("PRAGMA journal_mode=WAL")
        conn.execute("PRAGMA synchronous=FULL")
        conn.execute("PRAGMA foreign_keys=ON")
        # What is erased is overwritten, not only unlinked from its page.
        conn.execute("PRAGMA secure_delete=ON")
        # A WAL that a long reader made large is cut down again at the next checkpoint.
        conn.execute(f"PRAGMA journal_size_limit={LOG_BYTES}")
        (page,) = conn.execute("PRAGMA page_size").fetchone()
        # Pages that are written again and again reach the database once a checkpoint.
        conn.execute(f"PRAGMA wal_autocheckpoint={LOG_BYTES // page // 2}")
        if limit_bytes is not None:
            _bound(conn, fitting(data_dir, limit_bytes))
        db = Database(conn)
        known = {migration.name for migration in migrations.pending(db)}
        applied = {migration.name for migration in migrations.applied(db)}
    except sqlite3.Error as exc:
        raise translated(exc, path) from exc
    ours = known | {m.name for m in migrations._migrations}
    if newer := applied - ours:
        raise StoreFault(
            f"{path}: was written by a newer version of menkou ({max(newer)});"
            " install that version again, or restore a backup"
        )
    return db


def bound(db: Database, limit_bytes: int) -> None:
    """Let no transaction through this connection make the database larger than that.

    Raises:
        StoreFault: SQLite's own error, translated.
    """
    try:
        _bound(db.conn, limit_bytes)
    except sqlite3.Error as exc:
        raise translated(exc, FILE_NAME) from exc


def _bound(conn: sqlite3.Connection, limit_bytes: int) -> None:
    (page,) = conn.execute("PRAGMA page_size").fetchone()
    conn.execute(f"PRAGMA max_page_count={max(1, limit_bytes // page)}")


def migrate(db: Database) -> None:
    """Bring the database's tables up to date; each step in a transaction of its own.

    Raises:
        StoreFull: no room; the database is as it was.
    """
    try:
        migrations.apply(db)
    except sqlite3.Error as exc:
        raise translated(exc, FILE_NAME) from exc


def translated(exc: sqlite3.Error, where: object) -> StoreFault:
    """Turn SQLite's error into ours."""
    code = getattr(exc, "sqlite_errorcode", 0) & 0xFF
    if code in _DISK_CODES:
        return StoreFull(f"{where}: the disk is full or cannot be written ({exc}); make room")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreLocked(f"{where}: held by another process for over {BUSY_TIMEOUT_S:g} s")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreFault(f"{where}: the database is damaged ({exc}); restore it from a backup")
    return StoreFault(f"{where}: {exc}")


@contextmanager
def transaction(db: Database) -> Iterator[Database]:
    """Run a block in one short write transaction; all of it is kept or none.

    `BEGIN IMMEDIATE` takes the write lock at once, so that two writers wait for each other
    instead of one failing half-way.

    Raises:
        StoreFault: SQLite's own error, translated; the transaction was rolled back.
    """
    try:
        db.conn.execute("BEGIN IMMEDIATE")
        yield db
        db.conn.execute("COMMIT")
    except BaseException as exc:
        # A full disk ends the transaction by itself; a second rollback would hide the reason.
        if db.conn.in_transaction:
            db.conn.execute("ROLLBACK")
        if isinstance(exc, sqlite3.Error):
            raise translated(exc, FILE_NAME) from exc
        raise
