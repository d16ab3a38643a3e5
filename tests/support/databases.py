"""A hub's SQLite database with today's schema: migrated once, copied for each test.

A copy takes a hundredth of the time. How the schema comes about is for `tests/hub/test_database.py`
and those who run `menkou-hub migrate`.
"""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from cloud.db import migrate, open_engine


@cache
def _migrated() -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "hub.db"
        engine = open_engine(f"sqlite:///{file}")
        migrate(engine)
        engine.dispose()  # what stood in its log is in the file now
        assert list(Path(folder).iterdir()) == [file]
        return file.read_bytes()


def make_hub_database(file: Path) -> None:
    """Make a database that has the schema and nothing else; its folder too."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.write_bytes(_migrated())
