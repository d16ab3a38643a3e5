"""What the box learns by itself: only from hours in which cameras and Wi-Fi both worked."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlite_utils import Database

from edge.core.dwell import Dwell
from edge.core.footfall import HOURS_NEEDED
from edge.core.hours import OpeningHours
from edge.core.presence import PresenceMinute
from edge.core.visit import Opened, Visit
from edge.learning import LearningLog, estimate, learnt, learnt_hours
from edge.modes import Basis
from edge.ports import Fact
from edge.store.database import connect, migrate
from edge.store.ledger import SqliteVisitLog
from edge.store.outbox import Outbox, Reading
from edge.store.presence import Hour, PresenceLog, add_by_hand, hours_between
from edge.street import street_view
from edge.wire import messages
from edge.wire.messages import Health

SHANGHAI = ZoneInfo("Asia/Shanghai")
TEN = datetime(2026, 11, 21, 2, tzinfo=UTC)
AN_HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
OPEN = OpeningHours(zone=SHANGHAI, by_weekday=dict.fromkeys(range(7), (time(10), time(22))))


class Box:
    """A box with a camera, a radio and a clock that the test sets."""

    def __init__(self, db: Database, hours: OpeningHours = OPEN) -> None:
        self.db = db
        self.now = TEN
        self.clock = "ok"
        self.epoch = Outbox(db).begin_epoch(TEN, "run")
        reading = self.reading
        self.log = LearningLog(
            PresenceLog(db, self.epoch, "run", reading=reading),
            db,
            self.epoch,
            hours=lambda: hours,
            cameras=["door"],
            reading=reading,
            dwell=lambda: self.dwell,
        )
        self._visits = 0
        self._heard = False
        self.dwell: Dwell | None = None
        self.hours = hours

    def reading(self) -> Reading:
        return Reading(at=self.now, mono=1.0, clock=self.clock)

    def camera(self, state: str, at: datetime) -> None:
        reading = Reading(at=at, mono=1.0, clock="ok")
        health = Health(part="camera", camera="door", state=state)
        log = SqliteVisitLog(self.db, self.epoch, "run")
        log.health(health, reading)
        if state == "ok" and not self._heard:
            self._heard = True
            self.radio("ok", at)

    def radio(self, state: str, at: datetime) -> None:
        reading = Reading(at=at, mono=1.0, clock="ok")
        health = Health(part="radio", camera=None, state=state)
        SqliteVisitLog(self.db, self.epoch, "run").health(health, reading)

    def visitors(self, count: int, at: datetime = TEN, basis: Basis = "crossings") -> None:
        log = SqliteVisitLog(self.db, self.epoch, "run", basis=basis)
        facts = []
        for _ in range(count):
            self._visits += 1
            visit = Visit(
                id=f"01M7XXA33GXJBZ1TSAYX{self._visits:06}",
                rev=0,
                opened_at=at,
                camera="door",
                who="visitor",
            )
            facts.append(Fact(change=Opened(visit=visit), mono=1.0, clock="ok"))
        log.commit(facts)

    def listen(self, start: datetime, minutes: int = 60, index: float = 2.0) -> None:
        """Hear an hour, and close it."""
        heard = [
            PresenceMinute(
                minute_s=int((start + number * MINUTE).timestamp()),
                classes=3,
                near=2,
                far=1,
                index=index,
                probes=20,
            )
            for number in range(minutes)
        ]
        self.now = start + AN_HOUR + 6 * MINUTE
        self.log.keep(heard)

    def closed(self) -> list[Hour]:
        return hours_between(self.db, TEN - timedelta(days=9), TEN + timedelta(days=99))


@pytest.fixture
def box(tmp_path_factory: pytest.TempPathFactory) -> Box:
    db = connect(tmp_path_factory.mktemp("box"))
    migrate(db)
    return Box(db)


def test_an_hour_that_both_saw_whole_teaches(box: Box) -> None:
    box.camera("ok", TEN - MINUTE)
    box.visitors(17)
    box.listen(TEN)
    (hour,) = box.closed()
    assert (hour.start, hour.minutes, hour.index) == (TEN, 60, 120.0)
    assert (hour.visitors, hour.basis) == (17, "crossings")
    assert learnt_hours(box.db, "crossings") == (1, HOURS_NEEDED)


def test_an_hour_is_closed_once_and_not_before_its_visits_have_settled(box: Box) -> None:
    box.camera("ok", TEN - MINUTE)
    box.listen(TEN)
    box.log.keep([])
    assert len(box.closed()) == 1
    box.now = TEN + 2 * AN_HOUR + 4 * MINUTE
    at = int((TEN + AN_HOUR).timestamp())
    box.log.keep([PresenceMinute(minute_s=at, classes=0, near=0, far=0, index=0.0, probes=0)])
    assert len(box.closed()) == 1, "a U-turn may still come"
    box.now += 2 * MINUTE
    box.log.keep([])
    assert len(box.closed()) == 2


def test_the_camera_that_was_away_for_a_moment_teaches_nothing_of_its_hour(box: Box) -> None:
    box.camera("ok", TEN - MINUTE)
    box.camera("lost", TEN + 20 * MINUTE)
    box.camera("ok", TEN + 21 * MINUTE)
    box.visitors(7)
    box.listen(TEN)
    assert [hour.visitors for hour in box.closed()] == [None]
    assert learnt_hours(box.db, "crossings")[0] == 0


def test_the_radio_that_was_started_anew_counted_part_of_its_hour_twice(box: Box) -> None:
    box.camera("ok", TEN - MINUTE)
    box.radio("restarted", TEN + 20 * MINUTE)
    box.radio("ok", TEN + 20 * MINUTE)
    box.visitors(7)
    box.listen(TEN)
    assert [hour.visitors for hour in box.closed()] == [None]


def test_an_hour_that_wi_fi_missed_a_part_of_teaches_nothing(box: Box) -> None:
    box.camera("ok", TEN - MINUTE)
    box.visitors(7)
    box.listen(TEN, minutes=50)
    assert [(hour.minutes, hour.visitors) for hour in box.closed()] == [(50, None)]


def test_an_hour_in_which_the_shop_was_not_open_throughout_teaches_nothing(box: Box) -> None:
    box.camera("ok", TEN - 9 * AN_HOUR)
    box.listen(TEN - AN_HOUR)
    box.listen(TEN)
    assert [hour.visitors for hour in box.closed()] == [None, 0]


def test_hours_of_two_bases_are_learnt_from_apart(box: Box) -> None:
    for number in range(HOURS_NEEDED):
        start = TEN - timedelta(days=30) + number * AN_HOUR
        known: tuple[tuple[Basis, int], ...] = (("crossings", 30), ("distinct", 20))
        for basis, visitors in known:
            hour = Hour(
                start=start,
                minutes=60,
                index=120.0,
                classes=180,
                near=120,
                visitors=visitors,
                basis=basis,
            )
            add_by_hand(box.db, hour)
        if number + 1 < HOURS_NEEDED:
            assert learnt(box.db, "crossings", SHANGHAI) is None
            assert learnt_hours(box.db, "crossings") == (number + 1, HOURS_NEEDED)
            assert estimate(box.db, "crossings", 120.0, SHANGHAI) is None
    assert estimate(box.db, "crossings", 120.0, SHANGHAI) == pytest.approx(30, rel=0.05)
    assert estimate(box.db, "distinct", 120.0, SHANGHAI) == pytest.approx(20, rel=0.05)


def test_where_hardly_anybody_comes_the_box_says_that_it_needs_more_hours(box: Box) -> None:
    box.camera("ok", TEN - MINUTE)
    for number in range(HOURS_NEEDED):
        start = TEN + number * AN_HOUR
        box.visitors(4, start)
        box.listen(start)
    assert learnt(box.db, "crossings", SHANGHAI) is None
    # Or the page would say that it knows enough, and show nothing.
    assert learnt_hours(box.db, "crossings") == (HOURS_NEEDED, 25)


def test_the_street_is_heard_on_where_hardly_anybody_ever_comes_or_phones_are_made_up(
    box: Box,
) -> None:
    """The hub takes numbers up to a bound; one beyond it would end the radio at each start."""
    for number in range(200):
        start = TEN - AN_HOUR * (number + 1)
        known = Hour(
            start=start,
            minutes=60,
            index=2.0,
            classes=9,
            near=9,
            visitors=int(number == 0),
            basis="crossings",
        )
        add_by_hand(box.db, known)
    box.camera("ok", TEN - MINUTE)
    box.listen(TEN)
    assert learnt_hours(box.db, "crossings") == (201, 9_999)
    later = TEN + AN_HOUR
    box.visitors(1_000, later)
    box.listen(later)
    box.listen(later + AN_HOUR, index=37_500.0)
    assert [hour.passers for hour in box.closed()] == [None, None, 1_000_000]


def test_passers_by_are_estimated_once_the_box_has_learnt_with_their_error(box: Box) -> None:
    box.camera("ok", TEN - MINUTE)
    for number in range(HOURS_NEEDED + 1):
        start = TEN + number * AN_HOUR
        box.visitors(30, start)
        box.listen(start)
    *before, last = box.closed()
    assert {hour.passers for hour in before[: HOURS_NEEDED - 1]} == {None}
    # Two of three kinds of phones are near: what is inside is two thirds of what came by.
    assert last.passers == pytest.approx(45, abs=1)
    assert last.error is not None
    assert 1 < last.error < 100
    view = street_view(box.db, OPEN, box.now)
    assert view.passers is not None
    assert view.captured is not None
    assert view.captured / view.passers == pytest.approx(2 / 3, rel=0.05)
    assert view.error == last.error


def test_how_long_guests_stayed_is_told_when_enough_stays_are_known(box: Box) -> None:
    box.camera("ok", TEN - MINUTE)
    box.listen(TEN)
    assert street_view(box.db, OPEN, box.now).stays == ()
    box.dwell = Dwell(stays=64, shares=(0.41, 0.33, 0.2, 0.06))
    box.listen(TEN + AN_HOUR)
    assert street_view(box.db, OPEN, box.now).stays == (64, 41, 33, 20, 6)
    rows = Outbox(box.db).waiting(after=0, limit=500)
    told = [row.event.body for row in rows if isinstance(row.event.body, messages.PresenceHour)]
    assert [(body.stays, body.stays_40) for body in told] == [(None, None), (64, 6)]


def test_the_hub_is_told_of_each_hour_with_how_much_was_learnt(box: Box) -> None:
    box.camera("ok", TEN - MINUTE)
    box.visitors(14)
    box.listen(TEN)
    rows = Outbox(box.db).waiting(after=0, limit=500)
    (told,) = [row.event for row in rows if isinstance(row.event.body, messages.PresenceHour)]
    body = told.body
    assert isinstance(body, messages.PresenceHour)
    assert told.at == TEN + AN_HOUR
    assert (body.visitors, body.footfall, body.passers, body.error) == (14, 12_000, None, None)
    assert (body.learnt, body.needed) == (1, HOURS_NEEDED)


def test_while_nobody_vouches_for_the_time_no_hour_closes(box: Box) -> None:
    box.clock = "suspect"
    box.listen(TEN)
    assert (box.closed(), box.log.unkept) == ([], 60)


def test_the_page_shows_minutes_that_were_not_heard_as_unknown(box: Box) -> None:
    box.camera("ok", TEN - MINUTE)
    box.visitors(14)
    box.listen(TEN, minutes=60, index=1.5)
    view = street_view(box.db, OPEN, box.now)
    first = (TEN - view.start) // MINUTE
    assert view.minutes[first - 1 : first + 2] == (None, 3, 3)
    assert len(view.minutes) == 24 * 60
    assert (view.passers, view.captured, view.error) == (None, None, None)
    assert (view.learnt, view.needed) == (1, HOURS_NEEDED)
    assert [(hour.minutes, hour.visitors) for hour in view.hours] == [(60, 14)]
