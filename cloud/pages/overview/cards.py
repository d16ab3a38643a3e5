"""The cards of head office's first page: a figure of the day beside what it was. Pure.

Called by `board`, which puts them together. Figures of different basis are never added; those of
people are the same whatever their visits are counted by.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cloud.figures.compare import YEAR, Comparison, compare
from cloud.figures.metric import Form, Metric, Sums
from cloud.figures.suppress import HIDDEN
from cloud.figures.times import compare_times
from cloud.queries.morning_views import Morning


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A figure of the day beside what it was. `form`: count | share | time.

    It is known in `known` of `shops`.
    """

    key: str
    form: Form | str
    better: str
    compare: Comparison
    known: int
    shops: int


def card(metric: Metric, basis: str, morning: Morning, least: int) -> Card:
    """Return a figure of the shops of one basis."""
    chain = morning.chain
    known = chain.known.get(basis, {})
    hidden = {week for week, gone in chain.hidden.items() if (basis, metric.key) in gone}
    sums, history = chain.sums.get(basis, {}), chain.history.get(basis, {})
    return Card(
        key=metric.key,
        form=metric.form,
        better=metric.better,
        compare=_compared(metric, sums, history, hidden, least),
        known=min(known.get(name, 0) for name in (*metric.top, *metric.bottom)),
        shops=chain.shops.get(basis, 0),
    )


def card_of_all(metric: Metric, morning: Morning, least: int) -> Card:
    """Return a figure of people, who are the same whatever their visits are counted by.

    It is hidden with that of either basis: other pages show the one beside it.
    """
    chain = morning.chain
    weeks = {week for history in chain.history.values() for week in history}
    history = {
        week: _added(of[week] for of in chain.history.values() if week in of) for week in weeks
    }
    hidden = {week for week, gone in chain.hidden.items() if metric.key in {key for _, key in gone}}
    names = (*metric.top, *metric.bottom)
    return Card(
        key=metric.key,
        form=metric.form,
        better=metric.better,
        compare=_compared(metric, _added(chain.sums.values()), history, hidden, least),
        known=min(known_in(chain.known, name) for name in names),
        shops=_counting(morning),
    )


def _compared(
    metric: Metric, sums: Sums, history: Mapping[int, Sums], hidden: set[int], least: int
) -> Comparison:
    """Return a figure beside what it was; `hidden`: the weeks before of which nothing is told."""
    seen = {week: then for week, then in history.items() if week not in hidden}
    found = compare(metric, sums, seen, least)
    return Comparison(
        value=HIDDEN if 0 in hidden else found.value,
        week_ago=HIDDEN if 1 in hidden else found.week_ago,
        year_ago=HIDDEN if YEAR in hidden else found.year_ago,
        low=None if 0 in hidden else found.low,
        high=None if 0 in hidden else found.high,
        verdict="unknown" if 0 in hidden else found.verdict,
    )


def waiting_cards(morning: Morning, least: int) -> tuple[Card, ...]:
    """Return how long guests waited: the median, and the slowest tenth."""
    chain = morning.chain
    return tuple(
        Card(
            key=key,
            form="time",
            better="less",
            compare=compare_times("wait", share, chain.waits, chain.waits_before, least),
            known=known_in(chain.known, "served"),
            shops=_counting(morning),
        )
        for key, share in (("wait_median", 0.5), ("wait_p90", 0.9))
    )


def _counting(morning: Morning) -> int:
    return sum(count for basis, count in morning.chain.shops.items() if basis)


def known_in(known: Mapping[str, Mapping[str, int]], name: str) -> int:
    """Return in how many shops of any basis a count is known."""
    return sum(of.get(name, 0) for of in known.values())


def _added(every: Iterable[Sums]) -> Sums:
    """Return the sums of sums; what one does not know, the others may."""
    found: dict[str, int | None] = {}
    for sums in every:
        for name, count in sums.items():
            before = found.get(name)
            found[name] = before if count is None else count + (before or 0)
    return found
