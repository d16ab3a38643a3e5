"""Faces to identities: who is looked up, who is remembered, and that nobody else is."""

import gc
import itertools
import weakref
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from edge.core.book import VisitBook
from edge.core.geometry import Box
from edge.core.hours import OpeningHours
from edge.core.presentation import Prompt, Verdict, Why
from edge.core.retries import FAILURES, OPPOSITE, PAUSE_S
from edge.core.threshold import SURE_FPIR, threshold
from edge.core.tracking import Track
from edge.core.visit import Change, Opened, Raised, Revised, Visit, Window
from edge.faces.gallery import MemberGallery
from edge.faces.strangers import StrangerMemory
from edge.guests import GuestDesk
from edge.memory import STRANGERS_BYTES, SecretMemory, reserve
from edge.ports import Frame, Sighting, Vector
from edge.recognition import Recognition

NOON = datetime(2026, 11, 21, 4, tzinfo=UTC)
RNG = np.random.default_rng(7)


def somebody() -> Vector:
    """Return a face like no other."""
    vector = RNG.standard_normal(128).astype(np.float32)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def like(face: Vector) -> Vector:
    """Return another look at the same face, 0.2 away."""
    other = face + 0.2 * somebody()
    return np.asarray(other / np.linalg.norm(other), np.float32)


class Script:
    """A face watcher that has seen what the test says."""

    embedded = 5
    prompt: Prompt | None = None

    def __init__(self) -> None:
        self.next: list[Sighting] = []
        self.finished = 0

    def look(
        self, image: object, *, bodies: Sequence[Track], moving: Sequence[Box], at_s: float
    ) -> list[Sighting]:
        seen, self.next = self.next, []
        return seen

    def finish(self) -> list[Sighting]:
        self.finished += 1
        return self.look(None, bodies=(), moving=(), at_s=0.0)


class Door:
    """Recognition at one camera, over the real gallery and the real memory of strangers."""

    def __init__(
        self, *, everybody: bool = False, checkin: bool = False, asked: bool = False
    ) -> None:
        self.pauses: list[tuple[str, float]] = []
        self.script = Script()
        self.gallery = MemberGallery()
        self.newcomers: list[tuple[str, Vector]] = []
        ids = map("visit-{}".format, itertools.count(1))
        hours = OpeningHours(zone=ZoneInfo("Asia/Shanghai"), by_weekday=None)
        self.strangers = (
            StrangerMemory(SecretMemory(reserve(STRANGERS_BYTES)), 0.33) if everybody else None
        )
        self.recognition = Recognition(
            watchers={"door": self.script},
            checkins=["door"] if checkin or asked else [],
            guests=GuestDesk(
                ["door"] if asked else [],
                lambda camera, at, pause_s: self.pauses.append((camera, pause_s)),
            ),
            gallery=self.gallery,
            feed=self._feed,
            strangers=self.strangers,
            book=VisitBook(hours=hours, new_id=lambda _: next(ids)),
            window=Window(),
        )
        self.visits: dict[str, Visit] = {}
        self.alerts: list[str] = []

    def _feed(self, now: datetime) -> list[tuple[str, Vector]]:
        new, self.newcomers = self.newcomers, []
        return new

    def enrol(self, subject: str, face: Vector, at_s: float = 0.0) -> None:
        self.gallery.add(subject, face, 1)
        self.newcomers.append((subject, face.copy()))
        self.learn(self.recognition.refresh(NOON + timedelta(seconds=at_s)))

    def see(
        self,
        at_s: float,
        vector: Vector,
        *,
        face: int = 1,
        body: int | None = 1,
        ended: bool = False,
        early: bool = False,
        presentation: Verdict = "off",
        why: Why | None = None,
        staff: Collection[int] = (),
    ) -> None:
        self.script.next.append(
            Sighting(
                face=face,
                body=body,
                at_s=at_s,
                vector=vector,
                frames=5,
                ended=ended,
                early=early,
                presentation=presentation,
                why=why,
            )
        )
        frame = Frame(
            camera="door",
            at=NOON + timedelta(seconds=at_s),
            elapsed_s=at_s,
            image=np.zeros((4, 4, 3), np.uint8),
        )
        self.learn(self.recognition.take(frame, bodies=(), moving=(), staff=staff))

    def learn(self, changes: Sequence[Change]) -> None:
        for change in changes:
            match change:
                case Opened(visit=visit) | Revised(visit=visit):
                    self.visits[visit.id] = visit
                case Raised(subject=subject):
                    self.alerts.append(subject)


def test_a_member_is_named_and_nobody_else() -> None:
    door, anna = Door(), somebody()
    door.enrol("anna", anna)
    door.see(1, somebody(), face=1)
    assert door.visits == {}
    door.see(2, like(anna), face=2, body=2)
    assert [v.subject for v in door.visits.values()] == ["anna"]
    assert door.alerts == ["anna"]


@pytest.mark.parametrize("matched", [False, True])
def test_a_vector_without_a_basis_is_gone_when_the_call_returns(matched: bool) -> None:
    door, anna = Door(), somebody()
    door.enrol("anna", anna)
    vector = like(anna) if matched else somebody()
    gone = weakref.ref(vector)
    door.see(1, vector)
    del vector
    gc.collect()
    assert gone() is None


def test_with_a_basis_a_stranger_is_remembered_for_the_window_and_not_longer() -> None:
    door, face = Door(everybody=True), somebody()
    assert door.strangers is not None
    door.see(1, face, face=1, ended=True)
    door.see(3600, like(face), face=2, body=2)
    assert [v.reentry for v in door.visits.values()] == [False, True]
    assert len(door.strangers.chains()) == 1
    door.recognition.tick(NOON + timedelta(hours=3, minutes=59))
    assert len(door.strangers.chains()) == 1
    door.recognition.tick(NOON + timedelta(hours=4, seconds=2))
    assert door.strangers.chains() == []


def test_a_face_that_was_named_is_named_nobody_else_while_it_is_in_view() -> None:
    door, anna, ben = Door(), somebody(), somebody()
    door.enrol("anna", anna)
    door.enrol("ben", ben)
    door.see(1, like(anna))
    door.see(2, like(ben))  # the same face track
    assert [v.subject for v in door.visits.values()] == ["anna"]
    door.see(3, like(ben), ended=True)
    door.see(60, like(ben), body=2)  # another face
    assert [v.subject for v in door.visits.values()] == ["anna", "ben"]


def double(anna: Vector, apart: float) -> Vector:
    """Return a look at somebody that lies so far from a member's template."""
    other = somebody()
    other -= anna * (other @ anna)
    other /= np.linalg.norm(other)
    angle = 2 * np.arcsin(apart / 2)
    return np.asarray(np.cos(angle) * anna + np.sin(angle) * other, np.float32)


# From a template in a gallery of one: between the distances of 1 % and of 0.1 %, and within both.
LIKELY, SURE = (threshold(1, 1, 5) + threshold(1, 1, 5, SURE_FPIR)) / 2, 0.2


def test_early_only_who_is_beyond_doubt_is_named() -> None:
    door, anna = Door(everybody=True), somebody()
    door.enrol("anna", anna)
    door.see(1, double(anna, LIKELY), early=True)
    door.see(1, somebody(), face=2, body=2, early=True)
    assert door.visits == {}
    door.see(2, double(anna, SURE), early=True)
    assert [(v.subject, v.sure) for v in door.visits.values()] == [("anna", True)]
    assert door.alerts == ["anna"]


def test_a_decision_is_revised_once_and_then_stands() -> None:
    door, anna = Door(), somebody()
    door.enrol("anna", anna)
    door.see(1, somebody())  # nobody yet
    assert door.visits == {}
    door.see(2, double(anna, LIKELY))  # the revision
    (visit,) = door.visits.values()
    assert (visit.subject, visit.sure) == ("anna", False)
    door.see(3, double(anna, SURE))
    (after,) = door.visits.values()
    assert (after.subject, after.sure) == ("anna", False)


def test_a_likely_member_becomes_a_sure_one_and_stays_it() -> None:
    door, anna = Door(), somebody()
    door.enrol("anna", anna)
    for at_s, apart in ((1, LIKELY), (2, SURE), (3, LIKELY)):
        door.see(at_s, double(anna, apart))
    (visit,) = door.visits.values()
    assert (visit.subject, visit.sure) == ("anna", True)
    assert door.alerts == ["anna"]


def test_a_better_look_finds_the_member_and_forgets_the_stranger() -> None:
    door, anna = Door(everybody=True), somebody()
    assert door.strangers is not None
    door.enrol("anna", anna)
    door.see(1, somebody())
    assert len(door.strangers.chains()) == 1
    door.see(2, like(anna))
    assert door.strangers.chains() == []
    assert [v.subject for v in door.visits.values()] == ["anna"]


def test_who_enrols_within_the_window_gets_the_entry_and_leaves_the_strangers() -> None:
    door, anna = Door(everybody=True), somebody()
    assert door.strangers is not None
    door.see(1, like(anna), ended=True)
    door.enrol("anna", anna, at_s=60)
    assert [(v.subject, v.reentry) for v in door.visits.values()] == [("anna", False)]
    assert door.strangers.chains() == []
    assert door.alerts == []
    door.see(3600, like(anna), face=2, body=2)
    assert [v.reentry for v in door.visits.values()] == [False, True]
    assert door.alerts == ["anna"]


def test_a_stranger_at_a_checkin_is_nobody() -> None:
    door = Door(everybody=True, checkin=True)
    assert door.strangers is not None
    door.see(1, somebody(), body=None)
    assert door.visits == {}
    assert door.strangers.chains() == []


def test_wiping_leaves_neither_members_nor_strangers() -> None:
    door, anna = Door(everybody=True), somebody()
    assert door.strangers is not None
    door.enrol("anna", anna)
    door.see(1, somebody())
    door.recognition.wipe()
    assert len(door.gallery) == 0
    assert door.strangers.chains() == []
    door.see(2, like(anna), face=2, body=2)
    assert all(v.subject is None for v in door.visits.values())


def test_a_stranger_who_only_resembles_the_newcomer_keeps_the_entry() -> None:
    door, anna = Door(everybody=True), somebody()
    assert door.strangers is not None
    for number in range(500):
        door.see(1, somebody(), face=number + 2, body=number + 2, ended=True)
    double = anna + 0.315 * somebody()
    double = np.asarray(double / np.linalg.norm(double), np.float32)
    assert 0.29 < np.linalg.norm(anna - double) < 0.33
    door.see(2, double, ended=True)
    door.enrol("anna", anna, at_s=60)
    assert all(v.subject is None for v in door.visits.values())
    assert len(door.strangers.chains()) == 501


def test_the_staffs_faces_are_not_looked_up() -> None:
    door, anna = Door(everybody=True), somebody()
    assert door.strangers is not None
    door.enrol("anna", anna)
    door.see(1, like(anna), staff={1})
    door.see(2, somebody(), face=2, body=2, staff={1, 2})
    assert door.visits == {}
    assert door.strangers.chains() == []
    door.see(3, like(anna), face=3, body=3, staff={1, 2})
    assert [v.subject for v in door.visits.values()] == ["anna"]


def test_a_stranger_is_counted_once_a_track_and_a_member_never(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    door, counted = Door(), []
    monkeypatch.setattr(door.gallery, "note_stranger", lambda *seen: counted.append(seen[1]))
    anna = somebody()
    door.enrol("anna", anna)
    door.see(1, like(anna))
    door.see(2, somebody(), ended=True)  # a worse look at her, from the side
    assert counted == []
    door.see(3, somebody(), face=2, body=2)
    door.see(4, somebody(), face=2, body=2, ended=True)
    assert counted == [5]


@pytest.mark.parametrize("presentation", ["open", "refused"])
def test_at_a_checkin_nobody_is_named_whose_face_was_not_seen_to_be_a_head(
    presentation: Verdict,
) -> None:
    door, anna = Door(checkin=True), somebody()
    door.enrol("anna", anna)
    door.see(1, like(anna), presentation=presentation)
    door.see(2, like(anna), presentation=presentation)
    door.see(3, like(anna), presentation=presentation, ended=True)
    assert (door.visits, door.alerts) == ({}, [])
    assert door.recognition.refused == 1
    assert door.recognition.prompts == ({"door": "code"} if presentation == "refused" else {})


def test_who_was_seen_to_be_a_head_later_is_named_then() -> None:
    door, anna = Door(checkin=True), somebody()
    door.enrol("anna", anna)
    door.see(1, like(anna), presentation="open")
    assert door.visits == {}
    door.see(4, like(anna), presentation="passed")
    assert [(v.subject, v.sure) for v in door.visits.values()] == [("anna", True)]
    door.see(5, like(anna), presentation="passed", ended=True)
    assert door.recognition.refused == 0
    assert door.recognition.prompts == {"door": "welcome"}


def test_of_a_face_that_is_gone_nothing_stays_however_its_check_ended() -> None:
    door, anna = Door(checkin=True), somebody()
    door.enrol("anna", anna)
    door.see(1, like(anna), presentation="passed")
    door.see(2, like(anna), presentation="refused", ended=True)  # a screen's pattern, seen late
    assert not door.recognition._said
    assert not door.recognition._owners


def test_who_was_only_seen_to_move_is_at_most_likely() -> None:
    door, anna = Door(checkin=True), somebody()
    door.enrol("anna", anna)
    door.see(1, anna.copy(), presentation="moved")
    assert [(v.subject, v.sure) for v in door.visits.values()] == [("anna", False)]


def test_a_stranger_who_is_a_picture_is_counted_nowhere_and_told_the_same() -> None:
    door = Door(checkin=True)
    door.enrol("anna", somebody())
    door.see(1, somebody(), presentation="refused")
    assert door.recognition.refused == 0
    assert door.recognition.prompts == {"door": "code"}
    door.see(2, somebody(), face=2, presentation="passed")
    assert door.recognition.prompts == {"door": "code"}


def test_the_guests_screen_says_what_is_asked_then_what_came_of_it_then_nothing() -> None:
    door, anna = Door(checkin=True), somebody()
    door.enrol("anna", anna)
    door.script.prompt = "left"
    door.see(1, like(anna), presentation="open")
    assert door.recognition.prompts == {"door": "left"}
    door.script.prompt = None
    door.see(2, like(anna), presentation="passed")
    assert door.recognition.prompts == {"door": "welcome"}
    door.see(9, somebody(), face=2, presentation="open")
    assert door.recognition.prompts == {}


def test_after_too_many_refusals_of_a_members_face_nobody_is_looked_at_for_a_while() -> None:
    door, anna = Door(asked=True), somebody()
    door.enrol("anna", anna)
    for number in range(FAILURES):
        assert door.pauses == []
        door.see(number, like(anna), face=number, presentation="refused", ended=number % 2 == 0)
    assert door.pauses == [("door", PAUSE_S)]
    assert door.script.finished == 1, "no face is kept over a pause"
    ends_s = FAILURES - 1 + PAUSE_S
    door.see(ends_s - 0.1, like(anna), face=8, presentation="passed")
    assert door.visits == {}
    assert door.recognition.prompts == {"door": "pause"}
    door.script.next.clear()
    door.see(ends_s, like(anna), face=9, presentation="passed")
    assert [visit.subject for visit in door.visits.values()] == ["anna"]
    assert door.recognition.prompts == {"door": "welcome"}


def test_who_looks_like_no_member_and_who_has_passed_pauses_nothing() -> None:
    door, anna = Door(asked=True), somebody()
    door.enrol("anna", anna)
    door.see(1, like(anna), face=1, presentation="passed")
    for number in range(2, 3 * FAILURES):
        who = somebody() if number % 2 else like(anna)
        door.see(number, who, face=number, presentation="refused")
    assert door.pauses == []
    assert door.recognition.prompts == {"door": "code"}


def test_guests_who_all_turn_to_the_other_side_make_the_picture_suspect(
    caplog: pytest.LogCaptureFixture,
) -> None:
    door = Door(asked=True)
    for number in range(OPPOSITE):
        assert not door.recognition.mirrored
        door.see(2 * number, somebody(), face=2 * number, presentation="refused", why="side")
        door.see(2 * number + 1, somebody(), face=100, presentation="refused", why="time")
    assert door.recognition.mirrored
    assert caplog.text.count("set mirrored = true") == 1
    door.see(50, somebody(), face=51, presentation="passed")
    assert not door.recognition.mirrored
