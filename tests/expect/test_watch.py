"""The watch over hours: what is found, what is not, and once only. The full years take minutes
(scripts/measure-anomalies); here are a few shops' weeks, the same ones each time.
"""

from cloud.anomalies.watch import State, evidence, step
from cloud.expect.model import Expected, variance
from tests.support.measure_anomalies import Noise, measure

HOUR = 3600


def run(counts: list[int], mean: float = 50.0, state: State | None = None) -> list[str]:
    """Return what is told of hours, ten a day, of each of which 50 are expected."""
    now, found = state or State(), []
    for n, got in enumerate(counts):
        chance = Expected(day=n // 10, mean=mean, whole=10 * mean, of_hour=0.002, of_day=0.005)
        now, told = step(now, n * HOUR, chance, got)
        if told:
            found.append(f"{told} {now.raised.kind if now.raised else ''}{n}".strip())
    return found


def test_a_drop_is_raised_once_while_it_lasts_and_over_when_it_is() -> None:
    assert run([50] * 30 + [30] * 60 + [50] * 30) == ["raised drop32", "over 92"]


def test_what_is_as_expected_or_a_little_off_raises_nothing() -> None:
    assert run([50] * 200) == []
    assert run([46, 54] * 100) == []
    assert run([45] * 100) == []


def test_a_handful_of_visitors_says_nothing() -> None:
    assert run([0] * 40, mean=3.0) == []
    assert run([0] * 80, mean=3.0) != []


def test_one_empty_hour_is_no_anomaly_where_hours_are_small() -> None:
    assert run([50] * 20 + [10] + [50] * 20) == []


def test_one_poor_hour_of_a_busy_shop_says_nothing_until_a_fifth_of_a_day_was_expected() -> None:
    assert run([400] * 20 + [250] + [400] * 20, mean=400.0) == []
    assert run([400] * 20 + [250] * 2 + [400] * 20, mean=400.0)[0] == "raised drop21"


def test_a_surge_is_raised_too() -> None:
    assert run([50] * 30 + [110] * 20)[0].startswith("raised surge")


def test_where_hours_share_nothing_the_evidence_is_page_s() -> None:
    # Lucas 1985, of Poisson counts: got * ln(ratio) - (ratio - 1) * mean.
    assert round(evidence(120, 200.0, 200.0, 0.6), 3) == round(120 * -0.5108256 + 80, 3)


def test_since_is_where_it_began() -> None:
    now = State()
    for n in range(40):
        chance = Expected(day=n // 10, mean=50, whole=500, of_hour=0.002, of_day=0.005)
        now, _ = step(now, n * HOUR, chance, 50 if n < 30 else 28)
    assert now.raised is not None
    assert now.raised.since == 30 * HOUR
    assert (round(now.raised.expected), now.raised.got) == (500, 280)


def test_the_band_of_what_goes_on_grows_as_that_of_its_hours() -> None:
    now, hours = State(), list[Expected]()
    for n in range(60):
        chance = Expected(day=n // 10, mean=50, whole=500, of_hour=0.002, of_day=0.005)
        hours.append(chance)
        now, _ = step(now, n * HOUR, chance, 50 if n < 30 else 28)
    assert now.raised is not None
    mean, spread = variance(hours[now.raised.since // HOUR :])
    assert round(now.raised.expected) == round(mean)
    # And beyond that the level itself is known to a twentieth.
    assert round(now.raised.variance) == round(spread + (0.05 * mean) ** 2)


def test_what_is_kept_stays_small() -> None:
    now = State()
    for n in range(2000):
        chance = Expected(day=n // 12, mean=5, whole=60, of_hour=0.002, of_day=0.005)
        now, _ = step(now, n * HOUR, chance, 5)
    assert len(now.held) < 50


def test_a_moment_is_forgotten_after_600_expected_visitors_or_three_weeks() -> None:
    for mean in (50.0, 1.0):
        now = State()
        for n in range(400):
            chance = Expected(day=n // 10, mean=mean, whole=10 * mean, of_hour=0.002, of_day=0.005)
            now, _ = step(now, n * HOUR, chance, round(mean))
        first, *later = now.held
        if mean == 50.0:
            assert sum(one.mean for one in later) <= 600
        else:
            assert now.held[-1].day - first.day == 21


def test_drops_of_a_few_simulated_shops_are_found_and_little_else_is_told() -> None:
    lived = measure(shops=4, days=90, seed=5, noise=Noise())
    faults = [fault for one in lived for fault in one.faults]
    due = [fault for fault in faults if fault.one_day_enough]
    assert len(due) >= 6
    assert sum(fault.within_a_day for fault in due) >= 0.9 * len(due)
    alarms = sum(one.drops + one.surges for one in lived)
    assert alarms / (4 * 90 / 30.44) <= 1.25


def test_one_better_hour_does_not_end_what_goes_on() -> None:
    told = run([50] * 30 + [30] * 20 + [50] * 2 + [30] * 20)
    assert told == ["raised drop32"]
