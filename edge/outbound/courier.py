"""Carries what waits in the store's queue to one target; one thread each, in the front process.

Put together by `edge.app.outbound`. A message is connected for first, then noted as being sent,
then said, then noted as sent: whenever the box is cut off, it is known what may have left.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

from sqlite_utils import Database

from edge.core.backoff import wait_s
from edge.core.moments import Mark
from edge.keys.profiles import ProfileKeys
from edge.outbound.line import Line, NoAnswer, NotSent
from edge.outbound.target import Request, Target
from edge.store import outbound
from edge.store.database import StoreAway
from edge.store.outbound import End, MessageUnreadable, NoKeys, Waiting

log = logging.getLogger(__name__)

POLL_S: Final = 1.0
SWEEP_EVERY_S: Final = 5.0
_LOCKED_S: Final = 30.0


class Courier:
    """Brings one target its messages, oldest first.

    Args:
        name: of the target, as messages and settings name it.
        target: what it is.
        line: the way to it.
        db: a connection of the calling thread.
        keys: the key of the profiles, None while there is none.
        mark: the moment, by the box's clock.
        chance: 0 to 1, anew at each call.
        ended: is told when a message came to an end.
    """

    def __init__(
        self,
        *,
        name: str,
        target: Target,
        line: Line,
        db: Callable[[], Database],
        keys: Callable[[], ProfileKeys | None],
        mark: Callable[[], Mark],
        chance: Callable[[], float],
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self._target = target
        self._line = line
        self._db = db
        self._keys = keys
        self._mark = mark
        self._chance = chance
        self._ended = ended
        self._recovered = False
        self._silent = 0
        self._put_off: dict[int, float] = {}
        self._unkept: tuple[Waiting, End | None] | None = None

    def run(self, stop: threading.Event) -> None:
        """Send until `stop` is set."""
        while not stop.is_set():
            stop.wait(self.step())
        self._line.close()

    def cut(self) -> None:
        """End a request that is under way, from another thread."""
        self._line.cut()

    def step(self) -> float:
        """Send one message, if one waits; return how many seconds to wait before the next."""
        try:
            return self._step()
        except StoreAway as exc:
            log.warning("messages to %s have to wait: %s", self.name, exc)
            return POLL_S

    def _step(self) -> float:
        db, mark = self._db(), self._mark()
        if not self._recovered:
            outbound.recover(db, self.name, mark.at, repeatable=self._target.repeatable)
            self._recovered = True
        if self._unkept is not None:  # the store was away when this one came to its end
            self._keep(*self._unkept)
        self._put_off = {i: due for i, due in self._put_off.items() if due > mark.mono}
        message = outbound.next_for(db, self.name, self._put_off)
        if message is None:
            return POLL_S
        try:
            content = outbound.open_message(db, message, self._keys())
        except NoKeys:
            self._put_off[message.id] = mark.mono + _LOCKED_S
            return 0.0
        except MessageUnreadable as exc:
            log.warning("%s; it is not sent", exc)
            return self._end(message, "refused")
        request = self._target.request(message, content, mark.at)
        if request is None:
            log.warning("message %s is none for %s; it is not sent", message.key, self.name)
            return self._end(message, "refused")
        return self._send(message, request)

    def _send(self, message: Waiting, request: Request) -> float:
        try:
            self._line.connect(self._target.url)
        except NotSent as exc:
            self._silent += 1
            if self._silent == 1:  # once is enough: a network may be away for days
                log.warning("messages to %s have to wait: %s", self.name, exc)
            return wait_s(self._silent, self._chance())
        try:
            if not outbound.begin(self._db(), message, self._mark()):
                self._ended()
                return 0.0
            return self._said(message, request)
        finally:
            self._line.close()

    def _said(self, message: Waiting, request: Request) -> float:
        try:
            answer = self._line.say(request)
        except NoAnswer as exc:
            log.warning("message %s to %s: %s", message.key, self.name, exc)
            if not self._target.repeatable:
                return self._end(message, "unsure")
            return self._later(message, None)
        if self._silent:
            log.info("%s answers again", self.name)
        self._silent = 0
        match self._target.judge(answer):
            case "sent":
                return self._end(message, "sent")
            case "refused":
                log.warning(
                    "message %s: %s refused it with %d", message.key, self.name, answer.status
                )
                return self._end(message, "refused")
            case _:
                log.warning(
                    "message %s: %s did not take it: %d", message.key, self.name, answer.status
                )
                return self._later(message, answer.retry_after_s)

    def _later(self, message: Waiting, asked_s: float | None) -> float:
        """Put a message off; the others wait too if the target asks for it."""
        self._keep(message, None)
        pause_s = wait_s(message.tries + 1, self._chance())
        self._put_off[message.id] = self._mark().mono + max(pause_s, asked_s or 0.0)
        return max(self._target.pace_s, asked_s or POLL_S)

    def _end(self, message: Waiting, state: End) -> float:
        self._keep(message, state)
        self._ended()
        return self._target.pace_s

    def _keep(self, message: Waiting, state: End | None) -> None:
        """Keep what became of a message; None: it waits anew. Tried again while the store is away:
        else it would stay one that is being sent.
        """
        self._unkept = message, state
        if state is None:
            outbound.again(self._db(), message)
        else:
            outbound.end(self._db(), message, state, self._mark().at)
        self._unkept = None


class Sweeper:
    """Ends what is too late, for all targets; and cuts their requests when the box stops.

    Args:
        couriers: those of all targets.
        db: a connection of the calling thread.
        mark: the moment, by the box's clock.
        ended: is told when messages came to an end.
    """

    def __init__(
        self,
        couriers: Sequence[Courier],
        *,
        db: Callable[[], Database],
        mark: Callable[[], Mark],
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        self._couriers = couriers
        self._names = frozenset(courier.name for courier in couriers)
        self._db = db
        self._mark = mark
        self._ended = ended

    def run(self, stop: threading.Event) -> None:
        """Look every few seconds until `stop` is set."""
        while not stop.is_set():
            self.step()
            stop.wait(SWEEP_EVERY_S)
        for courier in self._couriers:
            courier.cut()

    def step(self) -> None:
        """Look once."""
        try:
            if count := outbound.sweep(self._db(), self._names, self._mark()):
                log.warning("%d messages came too late, or their target is gone", count)
                self._ended()
        except StoreAway as exc:
            log.warning("late messages have to wait: %s", exc)
