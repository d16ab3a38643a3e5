"""A box's queue with a clock that the test moves, and a target that the test plays."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from edge.clock import SteadyClock, marks_of
from edge.core.queue import Rules
from edge.desk.queue import QueueDesk
from edge.desk.queue_caller import Calling, Reach
from edge.store import outbound
from edge.store.database import connect
from edge.store.outbound import End
from tests.support.people import NOW
from tests.web.shopbox import ShopBox

RULES = Rules(
    call_after=timedelta(minutes=30),
    back_within=timedelta(minutes=15),
    late_after=timedelta(minutes=30),
)


class Queue:
    """The desk over a real store; `restart` is another process, `reboot` another start."""

    def __init__(self, folder: Path) -> None:
        self.box = ShopBox(folder, now=NOW)
        self.boot = "this start"
        self.target: str | None = "sms"
        self.reach: Reach = "phone"
        self.restart()

    def restart(self) -> None:
        """Begin anew on what the store holds."""
        box = self.box
        box.db_of_thread = type(box.db_of_thread)(lambda: connect(box.folder))
        box.clock = SteadyClock(box.hands, box.timelines().follow(box.hands))
        self.desk = QueueDesk(
            replace(box.means, clock=box.clock, mark=marks_of(box.clock, self.boot)),
            rules=RULES,
            calling=Calling(
                target=self.target, reach=self.reach, shop="南京东路店", text="【{shop}】{number}"
            ),
        )

    def reboot(self, minutes: float) -> None:
        """Switch the machine off for so long."""
        assert self.box.fixed
        self.box.fixed += timedelta(minutes=minutes)
        self.box.hands.seconds = 5.0
        self.boot += "+"
        self.restart()

    def after(self, minutes: float) -> int:
        """Let time go by, and return how many steps were taken then."""
        assert self.box.fixed
        self.box.fixed += timedelta(minutes=minutes)
        self.box.hands.seconds += 60 * minutes
        return self.desk.fire()

    def take(self, phone: str = "13800138000", code: str = "", member: str = "") -> str:
        """Give out a number."""
        given = self.desk.take(phone=phone, code=code, member=member, actor="local")
        assert given.problem is None, given
        return given.number

    def id_of(self, number: str) -> str:
        """Return a ticket's id."""
        row = self.box.db.execute(
            "SELECT id FROM queue_ticket WHERE number = ?", [int(number[1:])]
        ).fetchone()
        return str(row[0])

    def states(self) -> dict[str, str]:
        """Return the state of each ticket by number, with `!` where somebody has to call."""
        view = self.desk.shown("local")
        lines = [*view.tasks, *view.called, *view.waiting, *view.back, *view.ended]
        return {one.number: one.state + (f"!{one.task}" if one.task else "") for one in lines}

    def messages(self) -> list[str]:
        """Return the state of each message."""
        return [row[0] for row in self.box.db.execute("SELECT state FROM outbound ORDER BY id")]

    def goes_out(self, state: End = "sent") -> None:
        """Do what the courier does with the next message."""
        message = outbound.next_for(self.box.db, "sms")
        assert message
        outbound.end(self.box.db, message, state, self.box.now())


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = Queue(tmp_path)
    yield made
    made.box.db.close()
