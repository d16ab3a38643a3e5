"""What the store's tests share: an empty database, brought up to date."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database

from edge.store.database import connect, migrate


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = connect(tmp_path)
    migrate(database)
    yield database
    database.close()
