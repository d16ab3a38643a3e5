"""How many people are in the shop, though its doors miss some of them."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from edge.core.book import VisitBook
from edge.core.hours import OpeningHours
from edge.core.occupancy import Balance, Occupancy
from edge.core.visit import Direction, Occupied

OPENS = datetime(2026, 11, 21, 10, tzinfo=UTC)
OPEN_S = 12 * 3600
HOURS = OpeningHours(zone=ZoneInfo("UTC"), by_weekday=dict.fromkeys(range(7), (time(10), time(22))))
Step = tuple[float, Direction, str, bool]  # when, where to, by which door, whether it was counted


def day_of(seed: int, *, guests: int, missed: dict[tuple[str, Direction], float]) -> Iterator[Step]:
    """A day of guests who come by one of two doors, stay 25 minutes or so, and go by either."""
    chance = random.Random(seed)
    steps: list[Step] = []
    ways: tuple[Direction, Direction] = ("in", "out")
    for _ in range(guests):
        came_s = chance.uniform(0, OPEN_S - 3600)
        left_s = min(OPEN_S - 1, came_s + chance.expovariate(1 / 1500))
        for second, way in zip((came_s, left_s), ways, strict=True):
            door = chance.choice(("front", "back"))
            steps.append((second, way, door, chance.random() >= missed.get((door, way), 0.0)))
    return iter(sorted(steps))


def balance_of(days: list[list[Step]]) -> Balance:
    seen = [step for day in days for step in day if step[3]]
    entered = sum(way == "in" for _, way, _, _ in seen)
    return Balance(entered=entered, left=len(seen) - entered)


def worst_error(day: list[Step], balance: Balance) -> int:
    """The largest error of the occupancy on one day."""
    shop, inside, worst = Occupancy(), 0, 0
    shop.learn(balance)
    for _, way, _, counted in day:
        inside += 1 if way == "in" else -1
        if counted:
            people = shop.enter() if way == "in" else shop.leave()
            assert people >= 0
        worst = max(worst, abs(shop.people - inside))
    return worst


@pytest.mark.parametrize(
    ("missed", "plain_at_least"),
    [
        pytest.param({("back", "out"): 0.1}, 20, id="every tenth exit at the back door"),
        pytest.param({("back", "out"): 0.2, ("front", "out"): 0.1}, 60, id="exits at both doors"),
        pytest.param({("back", "in"): 0.2}, 15, id="every fifth entry at the back door"),
    ],
)
def test_what_one_door_misses_does_not_add_up_until_the_evening(
    missed: dict[tuple[str, Direction], float], plain_at_least: int
) -> None:
    week = [list(day_of(seed, guests=600, missed=missed)) for seed in range(7)]
    known = balance_of(week)
    errors, plain = [], []
    for seed in range(100, 110):
        day = list(day_of(seed, guests=600, missed=missed))
        errors.append(worst_error(day, known))
        plain.append(worst_error(day, Balance()))
    assert sum(plain) / len(plain) > plain_at_least
    assert sum(errors) < 0.5 * sum(plain), (errors, plain)
    assert max(errors) <= 25


def test_two_doors_make_one_occupancy_and_it_is_zero_after_closing() -> None:
    day = list(day_of(3, guests=60, missed={("back", "out"): 0.3}))
    book = VisitBook(hours=HOURS, new_id=lambda at: at.isoformat())
    for track, (second, way, door, counted) in enumerate(day):
        if counted:
            book.crossing(
                at=OPENS + timedelta(seconds=second), camera=door, direction=way, track=track,
                staff=False, turned_back=False,
            )  # fmt: skip
    book.tick(OPENS + timedelta(seconds=OPEN_S - 1))
    assert book.occupancy > 3
    closed = book.tick(OPENS + timedelta(seconds=OPEN_S))
    assert Occupied(at=OPENS + timedelta(seconds=OPEN_S), people=0) in closed
    assert book.occupancy == 0


def test_where_nothing_is_missed_the_occupancy_of_two_doors_is_exact() -> None:
    day = list(day_of(1, guests=600, missed={}))
    assert worst_error(day, balance_of([day] * 7)) == 0


@pytest.mark.parametrize(
    ("balance", "worth"),
    [
        pytest.param(Balance(), 1.0, id="nothing known"),
        pytest.param(Balance(entered=199, left=150), 1.0, id="too few days"),
        pytest.param(Balance(entered=1000, left=950), 1000 / 950, id="exits missed"),
        pytest.param(Balance(entered=950, left=1000), 0.95, id="entries missed"),
        pytest.param(Balance(entered=1000, left=400), 1.25, id="a camera that hardly counts"),
    ],
)
def test_an_exit_is_worth_what_the_closed_days_say(balance: Balance, worth: float) -> None:
    assert balance.exit_worth == pytest.approx(worth)


def test_fractions_of_people_do_not_add_up_to_one() -> None:
    shop = Occupancy()
    shop.learn(Balance(entered=900, left=1000))
    for _ in range(50):
        assert shop.enter() == 1
        assert shop.leave() == 0


def test_who_turns_back_at_the_door_leaves_as_many_as_before() -> None:
    shop = Occupancy(10)
    shop.learn(Balance(entered=1250, left=1000))
    for _ in range(20):
        shop.enter()
        shop.leave(turned_back=True)
        shop.leave()
        shop.enter(turned_back=True)
    assert shop.people == 10


def test_each_closing_is_learnt_from_once() -> None:
    asked: list[datetime] = []

    def balance(closing: datetime) -> Balance:
        asked.append(closing)
        return Balance()

    book = VisitBook(hours=HOURS, new_id=lambda at: at.isoformat(), balance=balance,
                     occupancy=Occupied(at=OPENS, people=3))  # fmt: skip
    for hour in range(30):
        book.tick(OPENS + timedelta(hours=hour))
    assert asked == [OPENS - timedelta(hours=12), OPENS + timedelta(hours=12)]
    assert book.occupancy == 0


def test_while_the_closed_days_cannot_be_told_counting_goes_on_and_they_are_asked_for_again() -> (
    None
):
    asked: list[datetime] = []
    known: list[Balance | None] = [None, None, Balance(entered=1250, left=1000)]

    def balance(closing: datetime) -> Balance | None:
        asked.append(now)
        return known[min(len(asked), len(known)) - 1]

    now = OPENS
    book = VisitBook(hours=HOURS, new_id=lambda at: at.isoformat(), balance=balance,
                     occupancy=Occupied(at=OPENS - timedelta(days=1), people=3))  # fmt: skip
    for minute in range(60):
        now = OPENS + timedelta(minutes=minute)
        for track, way in enumerate(("in", "in", "out")):
            book.crossing(at=now, camera="front", direction="in" if way == "in" else "out",
                          track=3 * minute + track, staff=False, turned_back=False)  # fmt: skip
    assert asked == [OPENS + timedelta(minutes=minute) for minute in (0, 10, 20)]
    assert book.occupancy == 20 * (2 - 1) + 40 * (2 - 1.25)
