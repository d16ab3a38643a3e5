"""The simulated chain: what follows from its seed, and that its days are a box's days."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cloud.simulate.box import boxes_of, told_between
from cloud.simulate.calendar import busyness, days_between, shares
from cloud.simulate.chain import SIMULATED, Shop, make_chain
from cloud.simulate.day import box_day
from cloud.simulate.step import Step
from cloud.simulate.truth import Truth
from edge.wire.codec import dump_event, load_event
from edge.wire.messages import (
    BODIES,
    CrossingMinute,
    Event,
    VisitClosed,
    VisitOpened,
    VisitRevised,
)

SATURDAY = date(2026, 11, 21)
START = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)  # noon in Shanghai

NOT_SIMULATED = {"config_reported", "member_linked", "order_refused", "hour_summary"}
"""Nobody orders anything of a simulated box, and its store is never full."""


def chain(seed: int = 7, shops: int = 40, **changes: object) -> tuple[Shop, ...]:
    return make_chain(seed=seed, shops=shops, visits_a_year=shops * 60_000, **changes)  # type: ignore[arg-type]


def steps(shops: tuple[Shop, ...], seed: int = 7) -> Iterator[tuple[Shop, Step]]:
    for shop, box in boxes_of(shops):
        for step in box_day(seed, shop, box, SATURDAY):
            yield shop, step


def test_the_same_seed_makes_the_same_chain_and_day_and_another_seed_another() -> None:
    once, again, other = (list(steps(chain(seed), seed)) for seed in (7, 7, 8))
    assert once == again
    assert once != other


def test_a_larger_chain_begins_with_the_shops_of_a_smaller_one() -> None:
    def faces(shops: tuple[Shop, ...]) -> list[object]:
        return [(shop.id, shop.name, shop.opens, shop.closes, shop.boxes) for shop in shops]

    assert faces(chain(shops=40))[:10] == faces(chain(shops=10))


def test_shops_can_be_told_from_real_ones_and_take_the_zones_in_turn() -> None:
    shops = chain(zones=("Asia/Shanghai", "Asia/Tokyo"))
    assert all(SIMULATED.fullmatch(shop.id) for shop in shops)
    assert [shop.zone for shop in shops[:3]] == [
        ZoneInfo("Asia/Shanghai"),
        ZoneInfo("Asia/Tokyo"),
        ZoneInfo("Asia/Shanghai"),
    ]
    assert sum(shop.visits_a_day for shop in shops) * 365 == pytest.approx(40 * 60_000)


def test_a_year_is_as_busy_as_its_visits_and_its_holidays_are_busier() -> None:
    year = days_between(date(2026, 1, 1), date(2027, 1, 1))
    assert sum(map(busyness, year)) == pytest.approx(365)
    golden_week, new_years_day = busyness(date(2026, 10, 3)), busyness(date(2026, 2, 17))
    assert golden_week > 2 * busyness(date(2026, 9, 15))
    assert new_years_day < 0.6


@pytest.mark.parametrize("weekend", [False, True])
def test_a_days_visitors_come_while_the_shop_is_open(weekend: bool) -> None:
    of_hours = shares(9 * 60 + 30, 22 * 60, weekend)
    assert sum(of_hours) == pytest.approx(1)
    assert {hour for hour, share in enumerate(of_hours) if share} == set(range(9, 22))
    assert of_hours[19] > of_hours[10] > of_hours[9]


def test_every_kind_of_fact_is_told_and_all_keep_the_wires_contract() -> None:
    kinds = set()
    shops = chain(shops=300)
    ailing = [shop for shop in shops if any(box.fault == "camera" for box in shop.boxes)]
    assert ailing
    for number, (_, step) in enumerate(steps((*shops[:60], ailing[0])), start=1):
        event = Event(epoch="e" * 32, seq=number, at=START, mono=1.0, clock="ok", body=step.body)
        if step.body.KIND not in kinds or number % 50 == 0:
            assert load_event(dump_event(event)) == event
        kinds.add(step.body.KIND)
    assert kinds == set(BODIES) - NOT_SIMULATED


def test_crossings_and_visits_of_a_day_agree() -> None:
    for shop, box in boxes_of(chain()):
        opened: dict[str, VisitOpened] = {}
        void: set[str] = set()
        closed: Counter[str] = Counter()
        minutes: dict[object, CrossingMinute] = {}
        before = 0
        for step in box_day(7, shop, box, SATURDAY):
            assert step.at >= before
            before = step.at
            match step.body:
                case VisitOpened() as body:
                    opened[body.visit] = body
                case VisitRevised() as body:
                    assert body.visit in opened
                    void |= {body.visit} if body.void else set()
                case VisitClosed() as body:
                    closed[body.visit] += 1
                case CrossingMinute() as body:
                    known = minutes.get((body.camera, body.minute))
                    assert body.rev == (known.rev + 1 if known else 1)
                    minutes[body.camera, body.minute] = body
        assert sum(one.entered for one in minutes.values()) == len(opened)
        left = sum(one.left + one.left_closed for one in minutes.values())
        came_before = sum(one.entered_closed for one in minutes.values())
        assert left == len(opened) + came_before
        assert sum(one.turned_back for one in minutes.values()) == len(void)
        # Everybody's visit ends, once; who turned back was never there.
        assert set(closed.values()) <= {1}
        assert opened.keys() - closed.keys() <= void


def test_only_boxes_that_recognise_members_tell_of_any() -> None:
    members: Counter[str] = Counter()
    for shop, box in boxes_of(chain()):
        told = [s.body for s in box_day(7, shop, box, SATURDAY) if isinstance(s.body, VisitOpened)]
        assert {body.basis for body in told} == {box.basis}
        assert all((body.who == "member") == (body.subject is not None) for body in told)
        members[box.mode] += sum(body.who == "member" for body in told)
    assert members["entrance"] > 100
    assert members["count"] == 0


def test_what_began_before_the_start_stays_out_whole() -> None:
    shop = chain()[0]
    truth = Truth({shop.id: shop.zone})
    known: set[str] = set()
    for box in shop.boxes:
        for step in told_between(7, shop, box, START, START + timedelta(hours=2)):
            assert START.timestamp() * 1000 <= step.since <= step.at
            match step.body:
                case VisitOpened(visit=visit):
                    known.add(visit)
                case VisitRevised(visit=visit) | VisitClosed(visit=visit):
                    assert visit in known
            truth.add(shop.id, step)
    rows = list(truth.rows())
    assert rows
    assert all(value >= 0 for row in rows for name, value in row.items() if name != "store")


@pytest.mark.parametrize("name", ["truth.csv", "truth.jsonl"])
def test_the_truth_is_written_by_shop_and_hour(tmp_path: Path, name: str) -> None:
    shops = chain(shops=3)
    truth = Truth({shop.id: shop.zone for shop in shops})
    for shop, step in steps(shops):
        truth.add(shop.id, step)
    truth.write(tmp_path / name)
    lines = (tmp_path / name).read_text(encoding="utf-8").splitlines()
    header = 1 if name.endswith("csv") else 0
    assert len(lines) == header + len(list(truth.rows()))
    assert "sim-0001" in lines[header]
