"""How guests are called back: by a message, or by whoever takes the task. For `edge.desk.queue`."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from edge.core.moments import Mark
from edge.core.queue import (
    Message,
    Waits,
    number_text,
)
from edge.desk.means import Means
from edge.desk.named import external_id_of
from edge.keys.profiles import ProfileKeys
from edge.store import outbound, queue
from edge.store.outbound import Content, Outgoing
from edge.store.queue import Ticket

KIND: Final = "queue.call"
Reach = Literal["phone", "member", "all"]
"""Whom a target reaches: who left a phone number; members too; everybody, as a group's bot does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calling:
    """How guests are called. `target` None: by consultants alone. `text` as `[queue]` has it."""

    target: str | None
    reach: Reach
    shop: str
    text: str


class QueueCaller:
    """Calls guests.

    Args:
        means: what every desk works with.
        calling: how guests are called.
        lives: for how long a message is news.
    """

    def __init__(self, means: Means, calling: Calling, lives: timedelta) -> None:
        self._means = means
        self._calling = calling
        self._lives = lives

    def waits(self, one: Ticket) -> Waits:
        """Return how a ticket waits."""
        by_number, by_member = one.sealed is not None, one.subject is not None
        reachable = {"phone": by_number, "member": by_number or by_member, "all": True}
        return Waits(
            state=one.state,
            taken=one.taken,
            called=one.called,
            told=one.told,
            reachable=self._calling.target is not None and reachable[self._calling.reach],
            task=one.task_why is not None,
        )

    def message(self, one: Ticket) -> Message:
        """Return what became of the message of a call."""
        if one.state != "called" or one.told:
            return "open"
        state = outbound.state_of(self._means.db(), key_of(one))
        if state in ("waiting", "sending"):
            return "open"
        return "sent" if state in ("sent", "unsure") else "lost"

    def call(self, one: Ticket, mark: Mark) -> bool:
        """Call a ticket in the caller's transaction: by a message, or by whoever takes the task.

        Without the key of the profiles it waits for that, until it is late.
        """
        db, keys = self._means.db(), self._means.keys()
        if not self.waits(one).reachable or self._calling.target is None:
            return queue.note_called(db, one, mark, "no_way")
        if keys is None:
            return False
        message = Outgoing(
            kind=KIND,
            target=self._calling.target,
            key=key_of(one),
            content=self._content(one, keys),
            lives=self._lives,
            subject=one.subject,
        )
        full = outbound.enqueue(db, message, mark, keys) == "full"
        return queue.note_called(db, one, mark, "not_sent" if full else None)

    def _content(self, one: Ticket, keys: ProfileKeys) -> Content:
        """Return what is said; whom it goes to is no business of a bot's."""
        number = number_text(one.number)
        text = self._calling.text.replace("{shop}", self._calling.shop).replace("{number}", number)
        if self._calling.reach == "all":
            return Content(text=text)
        return Content(
            text=text,
            phone=queue.phone_of(self._means.db(), keys, one),
            data={
                "number": number,
                "ticket": one.id,
                "member": external_id_of(self._means.db(), keys, one.subject),
            },
        )


def key_of(ticket: Ticket) -> str:
    """Return the key of a ticket's message."""
    return f"queue/{ticket.id}/call"
