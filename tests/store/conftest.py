"""What the store's tests share: an empty database, brought up to date."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from edge.store.database import FILE_NAME, PAGE_BYTES, connect, migrate


@pytest.fixture
def page_bytes() -> int:
    """How large the pages of the database are; boxes of before this release have 4096."""
    return PAGE_BYTES


@pytest.fixture
def db(tmp_path: Path, page_bytes: int) -> Iterator[Database]:
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as made:
        made.execute(f"PRAGMA page_size={page_bytes}")
        made.execute("VACUUM")
    database = connect(tmp_path)
    migrate(database)
    yield database
    database.close()
