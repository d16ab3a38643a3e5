"""An empty store, a receiver, and what the tests send."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from edge.core.moments import Mark
from edge.keys.profiles import ProfileKeys
from edge.outbound.courier import Courier
from edge.outbound.line import Line
from edge.outbound.target import Target
from edge.store.database import connect, migrate, transaction
from edge.store.outbound import Content, Outgoing, Taken, enqueue
from tests.support.people import NOW, profile_keys
from tests.support.receiver import Receiver, receiving


class Out:
    """A box's queue of messages and its clock; `sent_to` makes what carries them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.db: Database = connect(folder)
        migrate(self.db)
        self.keys: ProfileKeys | None = profile_keys()
        self.mark = Mark(at=NOW, boot="this start", mono=1000.0)

    def goes_by(self, seconds: float) -> None:
        """Let time go by."""
        self.mark = Mark(
            at=self.mark.at + timedelta(seconds=seconds),
            boot=self.mark.boot,
            mono=self.mark.mono + seconds,
        )

    def put(self, key: str = "queue/1/call", **changes: Any) -> Taken:
        """Enqueue a call by phone, or what the test says."""
        content = Content(text="您的号码 A012 快到了", phone="13800138000", data={"number": "A012"})
        message = {
            "kind": "queue.call",
            "target": "out",
            "key": key,
            "content": content,
            "lives": timedelta(minutes=30),
            **changes,
        }
        with transaction(self.db):
            return enqueue(self.db, Outgoing(**message), self.mark, self.keys)

    def sent_to(self, target: Target, ca: Path | None = None) -> Courier:
        """Return what carries messages to a target."""
        return Courier(
            name="out",
            target=target,
            line=Line(ca),
            db=lambda: self.db,
            keys=lambda: self.keys,
            mark=lambda: self.mark,
            chance=lambda: 1.0,
        )

    def states(self) -> list[str]:
        """Return the state of each message, in order."""
        return [row[0] for row in self.db.execute("SELECT state FROM outbound ORDER BY id")]


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Out]:
    made = Out(tmp_path)
    yield made
    made.db.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made
