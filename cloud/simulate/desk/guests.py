"""Guests at a simulated desk: they are greeted, asked what brought them, and offered tea; some take
a number in the queue. Used by `with_desk`.
"""

import math
from random import Random
from typing import Any, Final

from cloud.simulate.desk.agenda import Agenda
from cloud.simulate.step import moment_of, ulid

_MEMBERS_TAKEN: Final = 0.8
_VISITORS_TAKEN: Final = 0.25
_TAKEN_AFTER_S: Final = (math.log(18), 0.7)  # of a log-normal time: half within 18 seconds
_LET_GO: Final = 0.04
_TEA_AFTER_MS: Final = 20 * 60_000
_TEA_TAKEN: Final = 0.6
_ASKED: Final = 0.4
_ASKED_AFTER_MS: Final = 150_000
_ASKED_ANEW: Final = 0.04
_UNSEEN: Final = 0.003  # of the guests: for each such one that no camera saw is asked
_WAITS: Final = 0.03  # of the guests whom nobody takes at once
_COME_BACK: Final = 0.85
_CALLED_AFTER_MS: Final = 30 * 60_000
SOURCES: Final = (
    # Channel, weight, its advertisements with their weights; None: that was not asked.
    ("passing", 0.30, ((None, 1.0),)),
    ("friend", 0.12, ((None, 1.0),)),
    ("dianping", 0.14, (("deal-99", 0.5), ("unknown", 0.3), (None, 0.2))),
    ("xiaohongshu", 0.16, (("ring-notes", 0.5), ("live-11", 0.3), ("unknown", 0.2))),
    ("douyin", 0.10, (("gold-film", 0.7), ("unknown", 0.3))),
    ("wechat", 0.07, (("members-day", 0.8), (None, 0.2))),
    ("app", 0.03, ((None, 1.0),)),
    ("web", 0.02, ((None, 1.0),)),
    ("other", 0.03, ((None, 1.0),)),
    ("unknown", 0.03, ((None, 1.0),)),
)
"""Ids of the list that boxes have at first (`edge.core.sources.USUAL`), and `unknown`."""


class Guest:
    """What the desk knows of somebody who is here."""

    __slots__ = ("member", "opened", "staff", "visit")

    def __init__(self, visit: str, opened: int, *, member: bool) -> None:
        self.visit, self.opened, self.member = visit, opened, member
        self.staff: str | None = None


class Guests:
    """The desk's part of a day.

    Args:
        agenda: what is to be told.
        random: of this day's guests.
        staff: who works here.
    """

    def __init__(self, agenda: Agenda, random: Random, staff: tuple[str, ...]) -> None:
        self._agenda, self._random, self._staff = agenda, random, staff

    def meet(self, guest: Guest, at: int) -> None:
        """Foresee what is done about somebody who has come in."""
        random = self._random
        if random.random() < _UNSEEN:
            self._ask(at, None, random.choice(self._staff), at)
        chance = _MEMBERS_TAKEN if guest.member else _VISITORS_TAKEN
        if random.random() < chance:
            self._take(guest, at)
        elif random.random() < _WAITS:
            self._queue(at)

    def _take(self, guest: Guest, at: int) -> None:
        random, visit = self._random, guest.visit
        who = random.choice(self._staff)
        taken = at + 1_000 + int(random.lognormvariate(*_TAKEN_AFTER_S) * 1_000)
        claim: dict[str, Any] = {"what": "claim", "id": visit, "since": at, "here": visit}
        self._agenda.expect(taken, **claim, staff=who, state="taken")
        if random.random() < _LET_GO:
            self._agenda.expect(taken + 90_000, **claim, state="released")
            return
        guest.staff = who
        if random.random() < _ASKED:
            self._ask(taken + _ASKED_AFTER_MS, visit, who, at)
        tea = "taken" if random.random() < _TEA_TAKEN else "declined"
        self._agenda.expect(
            at + _TEA_AFTER_MS + 45_000,
            since=at,
            here=visit,
            what="stay",
            id=visit,
            staff=who,
            tea=tea,
        )

    def _ask(self, at: int, visit: str | None, who: str, since: int) -> None:
        """Foresee that a guest is asked what brought them; now and then the answer is mended."""
        random = self._random
        thing, asked = visit or ulid(random, at), moment_of(at)
        answers = 2 if random.random() < _ASKED_ANEW else 1
        for number in range(answers):
            channel, _, adverts = random.choices(SOURCES, [one[1] for one in SOURCES])[0]
            advert = random.choices([one for one, _ in adverts], [part for _, part in adverts])[0]
            self._agenda.expect(
                at + number * 40_000,
                since=since,
                here=visit,
                what="source",
                id=thing,
                staff=who,
                about=asked,
                channel=channel,
                advert=advert,
            )

    def _queue(self, at: int) -> None:
        random = self._random
        number, passed = ulid(random, at), 0
        came = random.random() < _COME_BACK
        states = ("waiting", "called", "back", "served") if came else ("waiting", "gone")
        for state in states:
            self._agenda.expect(
                at + passed,
                since=at,
                what="queue",
                id=number,
                state=state,
                waited_s=passed // 1_000,
                about=moment_of(at),
            )
            passed += _CALLED_AFTER_MS if state == "waiting" else random.randrange(60_000, 600_000)
