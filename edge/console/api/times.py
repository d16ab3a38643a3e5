"""API: the box's time, and somebody's word for it while the box cannot know."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from edge.console.api.problems import Refused
from edge.console.api.route import Body, Topic
from edge.console.clock import ClockDesk, Problem
from edge.core.timeline import Word
from edge.store.tokens import Token

_REFUSALS: Final = ("time_known", "time_stale", "time_slow", "time_implausible")
Timeline = Annotated[int, Field(ge=0, le=2**62)]


class Confirmed(Body):
    """Which time is right: the `timeline` that GET /time told."""

    timeline: Timeline


class Told(Body):
    """What time it is: UTC milliseconds of a clock that was read after GET /time told `asked`."""

    timeline: Timeline
    utc_ms: Annotated[int, Field(ge=0, le=2**53)]
    asked: Annotated[float, Field(ge=0, le=2**53, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxTime:
    """The box's time, and by whose word. `timeline` and `asked` go back with one's own word."""

    now: datetime
    word: Word
    timeline: int
    asked: float


def time_api(desk: ClockDesk) -> Topic:
    """Declare the topic."""
    topic = Topic("time", "The box's time")

    @topic.get("/time", scope="read:shop")
    def box_time() -> BoxTime:
        """The box's time, and by whose word it is."""
        shown = desk.shown()
        return BoxTime(now=shown.now, word=shown.word, timeline=shown.timeline, asked=desk.asked())

    @topic.post("/time/confirm", scope="manage:time", problems=_REFUSALS)
    def confirm_time(caller: Token, body: Confirmed) -> None:
        """Give one's word that the box's time is right."""
        _sound(desk.confirm(str(body.timeline), actor=caller.actor))

    @topic.post("/time", scope="manage:time", problems=_REFUSALS)
    def set_time(caller: Token, body: Told) -> None:
        """Give one's word for another time, while the box cannot know better."""
        told = str(body.timeline), str(body.utc_ms), str(body.asked)
        _sound(desk.set_to(*told, actor=caller.actor))

    return topic


def _sound(problem: Problem | None) -> None:
    if problem is not None:
        raise Refused(f"time_{problem}")
