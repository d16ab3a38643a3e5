"""Anomalies: what is known of boxes, what is learnt of which days, and what is told of many."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from cloud.accounts.scope import EVERYTHING
from cloud.anomalies import desk, weekly
from cloud.anomalies.heard import heard_of
from cloud.anomalies.hours import curves
from cloud.anomalies.learning import learn_shop
from cloud.anomalies.tables import CHAIN, anomaly, expectation
from cloud.db import reading, writing
from cloud.expect.calendar import EMPTY
from cloud.orders import Issuer
from cloud.tables import box as boxes
from cloud.tables import daily, epoch
from tests.hub.conftest import on_sqlite
from tests.hub.test_anomalies import DAY, HOUR, NOW, SHOP, Chain, since
from tests.support import tallies
from tests.support.footfall import ZONE, past

pytestmark = on_sqlite
MINUTE = timedelta(minutes=1)


@pytest.fixture
def chain(engine: Engine) -> Chain:
    return Chain(engine)


def there(chain: Chain, name: str, **values: Any) -> None:
    """Say how one of the shop's boxes is."""
    row = {"state": "online", "last_seen": chain.now, "oldest_unacked_at": None, "cameras": []}
    with writing(chain.engine) as connection:
        tallies.shop(connection, SHOP)
        connection.execute(insert(boxes), [{"store": SHOP, "id": name, **row, **values}])


def heard(chain: Chain) -> tuple[datetime, str]:
    with reading(chain.engine) as connection:
        found = heard_of(connection, chain.now)[SHOP]
    return found.until, found.why


# What is known of boxes


@pytest.mark.parametrize(
    ("values", "until", "why"),
    [
        ({}, NOW, ""),
        ({"last_seen": NOW - 9 * MINUTE}, NOW, ""),
        ({"last_seen": NOW - 11 * MINUTE}, NOW - 11 * MINUTE, "box_silent"),
        ({"state": "offline", "last_seen": NOW - MINUTE}, NOW - MINUTE, "box_silent"),
        (
            {"last_seen": NOW - 11 * MINUTE, "oldest_unacked_at": NOW - HOUR},
            NOW - HOUR,
            "box_silent",
        ),
        ({"oldest_unacked_at": NOW - 29 * MINUTE}, NOW, ""),
        ({"oldest_unacked_at": NOW - 31 * MINUTE}, NOW - 31 * MINUTE, "lagging"),
        ({"cameras": [["door", "ok"], ["side", "lost"]]}, NOW, "camera_lost"),
        ({"cameras": [["door", "frozen"]]}, NOW, "camera_lost"),
        ({"cameras": [["door", "unreadable"]]}, NOW, "camera_lost"),
        ({"cameras": [["door", "ok"]]}, NOW, ""),
    ],
)
def test_until_when_a_box_has_told_everything(
    chain: Chain, values: dict[str, Any], until: datetime, why: str
) -> None:
    there(chain, "a", **values)
    assert heard(chain) == (until, why)


def test_a_shop_is_known_as_far_as_the_box_of_which_the_least_is(chain: Chain) -> None:
    there(chain, "a")
    there(chain, "b", last_seen=NOW - HOUR)
    assert heard(chain) == (NOW - HOUR, "box_silent")


def test_a_box_that_is_silent_for_a_week_beside_another_was_taken_away(chain: Chain) -> None:
    there(chain, "a")
    there(chain, "b", last_seen=NOW - timedelta(days=8))
    assert heard(chain) == (NOW, "")


def test_a_shops_only_box_is_silent_however_long(chain: Chain) -> None:
    there(chain, "a", last_seen=NOW - timedelta(days=8))
    assert heard(chain) == (NOW - timedelta(days=8), "box_silent")


def test_while_events_of_a_box_are_missing_its_last_two_days_are_waited_for(chain: Chain) -> None:
    there(chain, "a")
    known = {"epoch": "e", "through": 5, "top": 9, "declared": 9, "missing": 2, "lost": 0}
    with writing(chain.engine) as connection:
        connection.execute(insert(epoch), [{"store": SHOP, "box": "a", **known}])
    assert heard(chain) == (NOW - 48 * HOUR, "")


# What is learnt of which days


def expects(chain: Chain) -> float:
    """Return the level that is learnt of the shop now."""
    with reading(chain.engine) as connection:
        learnt = learn_shop(connection, SHOP, ZONE, EMPTY, {}, NOW)
    assert learnt is not None
    return learnt.model.level


def halved(chain: Chain, days: int) -> None:
    """Have half as many visitors in the last days."""
    with writing(chain.engine) as connection:
        past(connection, SHOP, NOW, 120, since(NOW - days * DAY, 0.5))


def told(chain: Chain, of: str, kind: str, begun: datetime) -> None:
    row = {"id": f"{of}{kind}", "store": of, "kind": kind, "reason": "", "since": begun}
    row |= {"opened_at": begun, "expected": 1.0, "low": 0, "high": 2}
    with writing(chain.engine) as connection:
        connection.execute(insert(anomaly), [row])


@pytest.mark.parametrize(
    ("of", "kind", "days", "usual"),
    [
        (SHOP, "drop", 21, True),
        (SHOP, "drop", 35, False),
        (SHOP, "silent", 35, True),
        (CHAIN, "chain", 35, True),
        ("another", "silent", 35, False),
        (SHOP, "bookings", 21, False),
    ],
    ids=["a drop", "one that lasts", "silent", "the chain's", "another shop's", "bookings"],
)
def test_days_that_were_not_as_usual_teach_nothing_unless_they_last_four_weeks(
    chain: Chain, of: str, kind: str, days: int, usual: bool
) -> None:
    halved(chain, days)
    told(chain, of, kind, NOW - days * DAY)
    assert (expects(chain) > 350) is usual


def test_days_that_were_counted_otherwise_teach_nothing(chain: Chain) -> None:
    halved(chain, 40)
    assert expects(chain) < 250
    with writing(chain.engine) as connection:
        connection.execute(
            update(daily)
            .where(daily.c.day < (NOW - 40 * DAY).date())
            .values(basis="distinct", visitors=9_000)
        )
    assert 150 < expects(chain) < 250
    with reading(chain.engine) as connection:
        learnt = learn_shop(connection, SHOP, ZONE, EMPTY, {}, NOW)
    assert learnt is not None
    assert learnt.model.days == 40


# What is told


def opened(chain: Chain, shops: int = 12) -> Chain:
    chain.open(SHOP, *(f"sh-{number:03}" for number in range(shops - 1)))
    return chain


def test_many_silent_shops_are_one_word_for_the_chain(chain: Chain) -> None:
    opened(chain)
    for shop in chain.shops:
        chain.has_box(shop, last_seen=chain.now)
    chain.live(since(chain.now - HOUR, 0.0), hours=4)
    (one,) = chain.told()
    assert (one.store, one.kind, one.reason, one.shops, one.got) == (
        *(CHAIN, "chain", "silent", 12, None),
    )


def test_shops_that_were_told_before_the_crowd_are_folded_into_the_chains(chain: Chain) -> None:
    opened(chain)
    began = chain.now
    told(chain, SHOP, "drop", began)
    chain.live(since(began - HOUR, 0.5), hours=9)
    (one,) = chain.told()
    assert (one.store, one.kind) == (CHAIN, "chain")
    (folded,) = (row for row in chain.ever() if row.store == SHOP)
    assert folded.ended == "chain"
    # And for a day after the chain's is over, what is left of it is nobody's own.
    chain.live(hours=30)
    assert chain.told() == ()
    assert {row.store for row in chain.ever()} == {CHAIN, SHOP}


@pytest.mark.parametrize(("ago", "own"), [(1, False), (30, True)], ids=["lately", "long ago"])
def test_for_a_day_after_the_chains_is_over_shops_have_no_word_of_their_own(
    chain: Chain, ago: int, own: bool
) -> None:
    chain.open(SHOP)
    told(chain, CHAIN, "chain", NOW - 40 * HOUR)
    with writing(chain.engine) as connection:
        over = {"closed_at": NOW - ago * HOUR, "ended": "recovered", "reason": "fewer"}
        connection.execute(update(anomaly).values(**over))
    chain.live(since(NOW - HOUR, 0.4), hours=9)
    assert [one.kind for one in chain.told()] == (["drop"] if own else [])


def test_the_page_lists_what_nobody_took_on_first_then_the_chains_then_what_was_seen(
    chain: Chain,
) -> None:
    with writing(chain.engine) as connection:
        tallies.shop(connection, SHOP)
    for n, (of, kind) in enumerate(
        [(SHOP, "silent"), (SHOP, "drop"), (CHAIN, "chain"), (SHOP, "surge")]
    ):
        told(chain, of, kind, NOW - n * HOUR)
    with writing(chain.engine) as connection:
        assert desk.acknowledge(connection, EVERYTHING, f"{CHAIN}chain", "", "li", NOW)
        kinds = [one.kind for one in desk.open_ones(connection, EVERYTHING, 9)]
        assert kinds == ["drop", "surge", "silent", "chain"]
        waiting = [one.kind for one in desk.not_taken_on(connection, EVERYTHING)]
        assert waiting == ["drop", "surge", "silent"]
    told(chain, CHAIN, "bookings", NOW - 9 * HOUR)
    assert chain.told()[0].kind == "bookings"


def test_what_is_over_is_neither_taken_on_nor_told_to_the_shop(chain: Chain) -> None:
    with writing(chain.engine) as connection:
        tallies.shop(connection, SHOP)
    there(chain, "a")
    told(chain, SHOP, "drop", NOW - HOUR)
    with writing(chain.engine) as connection:
        connection.execute(update(anomaly).values(closed_at=NOW, ended="recovered"))
        which = f"{SHOP}drop"
        assert not desk.acknowledge(connection, EVERYTHING, which, "", "li", NOW)
        assert not desk.tell_shop(connection, EVERYTHING, Issuer(), which, "li", NOW)


def test_a_shop_without_a_box_is_not_told_and_not_said_to_be(chain: Chain) -> None:
    with writing(chain.engine) as connection:
        tallies.shop(connection, SHOP)
    told(chain, SHOP, "drop", NOW - HOUR)
    with writing(chain.engine) as connection:
        assert not desk.tell_shop(connection, EVERYTHING, Issuer(), f"{SHOP}drop", "li", NOW)
        assert connection.execute(select(anomaly.c.told_at)).scalar_one() is None


def test_hours_in_which_nothing_was_heard_are_drawn_as_unknown_and_not_as_empty(
    chain: Chain,
) -> None:
    chain.open(SHOP)
    gone = chain.now
    chain.has_box(last_seen=gone)
    chain.live(since(gone - HOUR, 0.0), hours=5)
    (one,) = chain.told()
    assert one.kind == "silent"
    with reading(chain.engine) as connection:
        points = curves(connection, EVERYTHING, [one], EMPTY, chain.now)[one.id]
    after = [point.got for point in points if point.start >= gone.timestamp()]
    before = [point.got for point in points if point.start < gone.timestamp() - 7200]
    assert len(after) >= 4
    assert set(after) == {None}
    assert all(before), "each of them had visitors, also the first, of which the day is a part"


# Bookings week on week


def booked(chain: Chain, counts: dict[date, int]) -> None:
    with writing(chain.engine) as connection:
        for on, count in counts.items():
            tallies.day(connection, SHOP, on, booked=count)
        connection.execute(insert(expectation), [{"store": SHOP}])


def weeks(chain: Chain, now: datetime) -> int:
    return weekly.look(chain.engine, Issuer(), now)


def test_a_week_of_bookings_is_looked_at_from_four_oclock_on_once_a_day(chain: Chain) -> None:
    today = NOW.astimezone(ZONE).date()
    booked(chain, {today - n * DAY: 8 if n <= 7 else 20 for n in range(1, 64)})
    night = datetime(today.year, today.month, today.day, 3, 59, tzinfo=ZONE).astimezone(UTC)
    assert weeks(chain, night) == 0
    assert weeks(chain, night + MINUTE) == 1
    assert weeks(chain, night + HOUR) == 0


def test_bookings_that_turn_from_fewer_to_more_are_another_anomaly(chain: Chain) -> None:
    today = NOW.astimezone(ZONE).date()
    counts = {today - n * DAY: 8 if n <= 7 else 20 for n in range(1, 64)}
    booked(chain, counts | {today + n * DAY: 60 for n in range(7)})
    assert weeks(chain, NOW) == 1
    assert weeks(chain, NOW + 7 * DAY) == 1
    fewer, more = chain.ever()
    assert (fewer.reason, fewer.ended) == ("down", "recovered")
    assert (more.reason, more.closed_at) == ("up", None)


def test_bookings_that_are_as_usual_again_are_over(chain: Chain) -> None:
    today = NOW.astimezone(ZONE).date()
    counts = {today - n * DAY: 8 if n <= 7 else 20 for n in range(1, 64)}
    booked(chain, counts | {today + n * DAY: 20 for n in range(7)})
    assert weeks(chain, NOW) == 1
    assert weeks(chain, NOW + 7 * DAY) == 0
    (one,) = chain.ever()
    assert (one.ended, one.closed_at) == ("recovered", NOW + 7 * DAY)
