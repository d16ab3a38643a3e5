"""Random lives of a small chain, told as boxes tell them: for the proof of the counted days.

Everything that may go differently does somewhere: guests at midnight, members of two shops, claims
taken back, visits told anew and dated anew, receipts voided, appointments moved, members erased.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from edge.wire.messages import (
    Body,
    CrossingMinute,
    DeskFact,
    Event,
    HourSummary,
    MemberChanged,
    MemberLinked,
    PresenceHour,
    VisitClosed,
    VisitOpened,
    VisitRevised,
)
from tests.hub.conftest import MINUTE, FakeBox, ulid

FIRST = datetime(2026, 10, 12, tzinfo=UTC)
"""A month from then: clocks go back in Berlin on the 25th, in New York a week later."""
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
ZONES = ("Asia/Kolkata", "Europe/Berlin", "America/New_York", "Asia/Shanghai")
STAFF = [ulid(900 + n) for n in range(4)]
MEMBERS = [ulid(700 + n) for n in range(3)]


@dataclass
class Life:
    """One box of a shop and what happens there; `told` are its events, in order."""

    random: Random
    box: FakeBox
    subjects: list[str]
    has: frozenset[str]
    ids: Any
    told: list[Event] = field(default_factory=list)

    def tell(self, body: Body, at: datetime) -> None:
        event = Event(
            epoch=self.box.epoch, seq=len(self.told) + 1, at=at, mono=1.5, clock="ok", body=body
        )
        self.told.append(event)

    def maybe(self, chance: float) -> bool:
        return self.random.random() < chance

    def moment(self) -> datetime:
        """Return some time: of the month mostly, at noon or about a midnight."""
        day = self.random.randrange(30)
        if self.maybe(0.2):  # for who comes back, and who does not
            day = self.random.choice((-95, -89, -60, -2, 45, 88, 95))
        midnight = FIRST + day * DAY + timedelta(hours=self.random.choice((4, 18, 23, 24)))
        noon = FIRST + day * DAY + timedelta(hours=self.random.choice((5, 9, 15)))
        at = self.random.choice((midnight, noon, noon))
        return at + self.random.randrange(-5_400_000, 5_400_000) * timedelta(milliseconds=1)

    def live(self, visits: int) -> None:
        for _ in range(visits):
            self.guest()
        for _ in range(visits // 6):
            self.bookings()
            self.queue()
            self.ticket()
            self.receipt(self.moment(), None, None)
            self.minute()
        for _ in range(visits // 12):
            self.hour()

    # Visits

    def guest(self) -> None:
        at, visit = self.moment(), next(self.ids)
        first = self.identity()
        self.tell(VisitOpened(visit=visit, **first), at)
        opened = self.revise(visit, at, first)
        for rev in range(self.random.choice((0, 1, 1, 2))):
            reason = self.random.choice(("tap", "receipt", "occupancy_zero", "closing_time"))
            gone = opened + self.random.choice((-5, 59, 60, 400, 1_800, 9_999)) * SECOND
            self.tell(VisitClosed(visit=visit, reason=reason, rev=rev), gone)
        if "desk" in self.has and self.maybe(0.6):
            self.claim(visit, opened)
        if "desk" in self.has and self.maybe(0.4):
            self.source(visit, opened)
        if "till" in self.has and self.maybe(0.4):
            for _ in range(self.random.choice((1, 1, 2))):
                self.receipt(opened + self.later(), visit, None)
        if "bookings" in self.has and self.maybe(0.2):
            self.bookings(visit, opened)

    def later(self) -> timedelta:
        return self.random.choice((1, 20, 90, 1_500)) * MINUTE

    def identity(self) -> dict[str, Any]:
        who = self.random.choice(("visitor", "visitor", "staff"))
        if "faces" in self.has and self.maybe(0.5):
            who = "member"
        return {
            "camera": "door",
            "who": who,
            "subject": self.random.choice(self.subjects) if who == "member" else None,
            "reentry": self.maybe(0.2),
            "first_visit": None,
            "basis": "distinct" if "distinct" in self.has else "crossings",
            "counted": self.maybe(0.9),
        }

    def revise(self, visit: str, at: datetime, first: dict[str, Any]) -> datetime:
        """Tell a visit anew, some times; return when it began by the last word."""
        for rev in range(1, self.random.choice((1, 1, 1, 2, 3))):
            now = self.identity() if self.maybe(0.6) else first
            if self.maybe(0.3):
                at += self.random.choice((-1_500, -3, 40, 1_400, 2_900)) * MINUTE
            reason = self.random.choice(("late_identity", "wrong_person", "staff", "clock_fixed"))
            body = VisitRevised(
                visit=visit, rev=rev, opened_at=at, void=self.maybe(0.15), reason=reason, **now
            )
            self.tell(body, at + rev * MINUTE)
        return at

    # The desk

    def say(self, what: str, about: datetime, **said: Any) -> None:
        known: dict[str, Any] = {"id": next(self.ids), "rev": 1, "visit": None, "staff": None}
        at = about + said.get("rev", 1) * SECOND
        self.tell(DeskFact(**{**known, "what": what, "about": about, **said}), at)

    def someone(self) -> str | None:
        return self.random.choice((*STAFF, None))

    def claim(self, visit: str, opened: datetime) -> None:
        of: dict[str, Any] = {"id": visit, "visit": visit}
        late = self.random.choice((-4_000, 1, 29_999, 30_000, 30_001, 200_000, 7_300_000))
        about = opened + late * timedelta(milliseconds=1)
        for rev in range(1, self.random.choice((2, 2, 3, 4))):
            state = self.random.choice(("taken", "taken", "released"))
            self.say("claim", about, rev=rev, staff=self.someone(), state=state, **of)
        if self.maybe(0.3):
            self.say("stay", about + self.later(), staff=self.someone(), tea="taken", **of)

    def source(self, visit: str | None, opened: datetime) -> None:
        known: dict[str, Any] = {"id": visit or next(self.ids)}
        for rev in range(1, self.random.choice((2, 3))):
            channel = self.random.choice(("note", "friend", "unknown"))
            advert = self.random.choice((None, "n-11")) if channel == "note" else None
            self.say(
                "source",
                opened + self.later() if self.maybe(0.1) else opened,
                rev=rev,
                visit=visit if self.maybe(0.9) else None,
                staff=self.someone(),
                channel=channel,
                advert=advert,
                **known,
            )

    def receipt(self, about: datetime, visit: str | None, staff: str | None) -> None:
        if "till" not in self.has:
            return
        kind = self.random.choice(("sale", "sale", "sale", "return", "exchange"))
        value = self.random.choice((None, 19_900, 250_000))
        if kind == "return" and value and self.maybe(0.5):
            value = -value
        said: dict[str, Any] = {
            "id": next(self.ids),
            "staff": self.someone(),
            "kind": kind,
            "value": value,
            "currency": self.random.choice(("CNY", "CNY", "EUR")),
            "items": self.random.choice((None, 1, 3)),
            "buyer": self.random.choice(("guest", "guest", "guest", "staff")),
        }
        for rev in range(1, self.random.choice((2, 2, 2, 3, 4))):
            tied = visit if self.maybe(0.85) else None
            state = "voided" if rev > 1 and self.maybe(0.5) else "kept"
            how = "member" if tied else "none"
            self.say("receipt", about, rev=rev, visit=tied, state=state, tied=how, **said)

    def bookings(self, visit: str | None = None, about: datetime | None = None) -> None:
        if "bookings" not in self.has:
            return
        about = about or self.moment() + self.random.choice((0, 0, 40)) * DAY
        known: dict[str, Any] = {"id": next(self.ids), "staff": self.someone()}
        known["channel"] = self.random.choice(("app", "phone", None))
        for rev in range(1, self.random.choice((2, 3, 4))):
            states = ("expected", "arrived", "kept", "no_show", "cancelled")
            state = self.random.choice(states)
            said: dict[str, Any] = {"state": state}
            if state == "no_show":
                said["reason"] = self.random.choice((None, "ill", "weather"))
            if state in ("arrived", "kept"):
                said |= {"late_min": self.random.choice((None, 0, 7)), "visit": visit}
            if self.maybe(0.25):
                about += self.random.choice((-2, 1, 9)) * DAY
            self.say("appointment", about, rev=rev, **said, **known)

    def queue(self) -> None:
        if "desk" not in self.has:
            return
        about, number = self.moment(), next(self.ids)
        for rev in range(1, self.random.choice((2, 3, 4))):
            state = self.random.choice(("waiting", "called", "back", "served", "gone"))
            self.say("queue", about, id=number, rev=rev, state=state, waited_s=rev * 290)

    def ticket(self) -> None:
        if "desk" not in self.has:
            return
        about, number = self.moment(), next(self.ids)
        kind = self.random.choice(("repair", "styling"))
        for rev in range(1, self.random.choice((2, 3))):
            state = self.random.choice(("taken_in", "collected", "settled", "done", "ready"))
            known: dict[str, Any] = {"id": number, "rev": rev, "kind": kind, "state": state}
            self.say("service", about, staff=self.someone(), **known)

    # Doors and street

    def minute(self) -> None:
        at = self.moment().replace(second=0, microsecond=0)
        for rev in range(1, self.random.choice((2, 3))):
            counts = ("entered", "left", "entered_closed", "left_closed", "staff", "turned_back")
            told = {name: self.random.randrange(5) for name in counts}
            self.tell(CrossingMinute(camera="door", minute=at, rev=rev, **told), at + MINUTE)

    def hour(self) -> None:
        hour = self.moment().replace(minute=0, second=0, microsecond=0)
        rev, few = self.random.randrange(1, 3), self.random.randrange(3)
        if "street" in self.has:
            stays = dict.fromkeys(("stays", "stays_5", "stays_10", "stays_20", "stays_40"))
            told: dict[str, Any] = {
                "visitors": self.random.choice((None, 2, 2)),
                "passers": self.random.choice((None, 40, 60)),
            }
            known: dict[str, Any] = {"minutes": 60, "footfall": 5, "basis": "crossings"}
            known |= {"error": 14, "learnt": 26, "needed": 20, **stays}
            self.tell(PresenceHour(hour=hour, rev=rev, **told, **known), hour + 60 * MINUTE)
        elif self.maybe(0.5):
            counts = ("staff", "entered", "left", "entered_closed", "left_closed", "turned_back")
            summed = {name: self.random.randrange(9) for name in counts}
            summed |= {"visitors": few, "reentries": 1, "members": few // 2}
            basis = self.random.choice(("crossings", "distinct"))
            self.tell(HourSummary(hour=hour, rev=rev, basis=basis, **summed), hour + 60 * MINUTE)


@dataclass
class Chain:
    """Shops with their boxes, who is whom, and who is erased."""

    lives: list[Life]
    links: dict[str, str]
    erased: frozenset[str]

    @property
    def zones(self) -> dict[str, str]:
        return {life.box.store: life.box.timezone for life in self.lives}


def chain_of(seed: int, visits: int) -> Chain:
    """Return a chain of four shops, one of two boxes, that has lived for a month."""
    random = Random(seed)
    ids = (ulid(10_000 + n) for n in range(10**9))
    shops = [
        ("s1", ["faces", "distinct", "desk", "till", "bookings"]),
        ("s2", ["faces", "desk", "till", "bookings", "street"]),
        ("s3", ["desk"]),
        ("s4", ["till", "bookings", "street"]),
    ]
    shared = ulid(600)  # a member whom two shops know by one subject
    lives: list[Life] = []
    for number, (store, has) in enumerate(shops):
        subjects = [shared, *(ulid(610 + 10 * number + n) for n in range(4))]
        for letter in "ab" if store == "s2" else "a":
            box = FakeBox(store=store, box=f"{store}-{letter}", timezone=ZONES[number])
            box.epoch = f"{seed * 100 + len(lives):032x}"
            lives.append(Life(random, box, subjects, frozenset(has), ids))
    links = {ulid(610): MEMBERS[0], ulid(620): MEMBERS[0], ulid(611): MEMBERS[1]}
    links |= {ulid(621): MEMBERS[1], shared: MEMBERS[2], ulid(622): MEMBERS[2]}
    for life in lives:
        life.live(visits)
    for subject, member in links.items():
        random.choice(lives[:2]).tell(MemberLinked(subject=subject, member=member), FIRST)
    # Each box that knows somebody tells the end: head office has ordered it of all of them.
    erased = random.choice(([ulid(611), ulid(621), ulid(613)], [ulid(623)], [shared, ulid(622)]))
    for subject in erased:
        change = MemberChanged(subject=subject, change="erased")
        random.choice(lives[:2]).tell(change, FIRST + 20 * DAY)
    return Chain(lives, links, frozenset(erased))
