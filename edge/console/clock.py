"""The page on which a manager says what time it is, while the box cannot know.

Called by `edge.console.app`. A box without a clock battery that reaches no time server has only
people to ask. What they say holds for this start of the machine, until the kernel is synchronised.
The system's own clock is left alone: setting it takes a right that no part of the box has.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlite_utils import Database

from edge.clock import SteadyClock
from edge.console.access import caller
from edge.console.page import shop_page
from edge.console.view import ShopView
from edge.core.timeline import RELEASED, Timeline, Word
from edge.store.audit import Audit, Code
from edge.store.database import transaction
from edge.store.devices import Devices
from edge.store.figures import last_sure_event_at
from edge.store.timelines import Timelines

ROUND_TRIP_MAX_S: Final = 5.0
"""Half of it is how wrong the time may be set: far below what a minute's figures need."""
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Problem = Literal["known", "stale", "slow", "implausible"]
"""Why a word was not taken: the box knows better, the page was old, the answer took too long, or
it cannot be that time, since the box was sure of a later one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeShown:
    """The box's time for the page. `timeline` names what a tap would confirm."""

    now: datetime
    word: Word
    timeline: int


class ClockDesk:
    """What people may say of the time.

    Args:
        db: a connection of the calling thread.
        clock: the box's clock; it follows a person's word at once.
        timelines: what this start of the machine dates by, over the calling thread's connection.
        boot: names this start of the machine.
        wake: tells the eyes and the other screens to look into the database.
    """

    def __init__(
        self,
        *,
        db: Callable[[], Database],
        clock: SteadyClock,
        timelines: Callable[[], Timelines],
        boot: str,
        wake: Callable[[], None],
    ) -> None:
        self._db = db
        self._clock = clock
        self._timelines = timelines
        self._boot = boot
        self._wake = wake

    def shown(self) -> TimeShown:
        """Return the box's time."""
        timeline = self._clock.timeline
        return TimeShown(now=self._clock.now(), word=timeline.word, timeline=timeline.id)

    def asked(self) -> float:
        """Return what a device sends back with its time, so that the way there is measured."""
        return self._clock.mono()

    def confirm(self, timeline: str, *, actor: str) -> Problem | None:
        """Take a person's word that the box's time is right."""
        return self._take(timeline, None, actor)

    def set_to(self, timeline: str, device: str, asked: str, *, actor: str) -> Problem | None:
        """Take the time of a person's device, UTC milliseconds, read after `asked`."""
        now = self._clock.mono()
        try:
            since, moment = float(asked), _EPOCH + timedelta(milliseconds=int(device))
        except (ValueError, OverflowError):
            return "slow"  # the page's script did not get to fill it in
        if not 0 <= now - since <= ROUND_TRIP_MAX_S:
            return "slow"
        # It was read at some time on the way: in the middle, as far as anybody knows.
        return self._take(timeline, moment - timedelta(seconds=(since + now) / 2), actor)

    def _take(self, timeline: str, zero: datetime | None, actor: str) -> Problem | None:
        """Begin a timeline by a person's word; `zero` None: the one that there is was right."""
        timelines = self._timelines()
        with transaction(self._db()):
            last = timelines.last()
            if last is None or str(last.id) != timeline:
                return "stale"
            if last.sure:
                return "known"
            told = Timeline(id=0, zero=last.zero if zero is None else zero, word="person")
            now = told.at(self._clock.mono())
            if zero is not None and not self._earliest() <= now < LATEST:
                return "implausible"
            begun = timelines.begin(told)
            how = "confirmed" if zero is None else "set"
            by_s = round((begun.zero - last.zero).total_seconds())
            detail: dict[str, Code] = {"how": how, "by_s": by_s}
            Audit(self._db()).append(at=now, what="clock", actor=actor, detail=detail)
            Devices(self._db()).sets_the_time(actor, now)
        self._clock.take(begun)
        self._wake()
        return None

    def _earliest(self) -> datetime:
        """Return what it cannot be earlier than: when this was written, what was known for sure."""
        return max(last_sure_event_at(self._db(), self._boot) or RELEASED, RELEASED)


def clock_pages(view: Callable[[], ShopView], desk: ClockDesk) -> Blueprint:
    """Make the page and its two forms."""
    pages = Blueprint("time", __name__, url_prefix="/time")

    def page(problem: Problem | None = None) -> str:
        shop = shop_page(view())
        return render_template(
            "time.html", page=shop, view=shop.view, time=desk.shown(), problem=problem
        )

    def answer(problem: Problem | None) -> ResponseReturnValue:
        if problem is not None:
            return page(problem), 409
        return redirect(url_for(".shown"), code=303)

    @pages.get("")
    def shown() -> str:
        return page()

    @pages.get("/asked")
    def asked() -> ResponseReturnValue:
        return jsonify({"asked": desk.asked()})

    @pages.post("/confirm")
    def confirm() -> ResponseReturnValue:
        return answer(desk.confirm(request.form.get("timeline", ""), actor=caller().actor))

    @pages.post("/set")
    def set_to() -> ResponseReturnValue:
        form = request.form
        told = (form.get(name, "") for name in ("timeline", "device", "asked"))
        return answer(desk.set_to(*told, actor=caller().actor))

    return pages
