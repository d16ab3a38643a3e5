"""Which figures of people are hidden, so that nobody is made out by them. Pure.

Footfall is not people and is shown; of members, bookings, greetings and sales (`PEOPLE`) a count of
1 to 9 is hidden, and so is whatever it could be worked out from: "cell suppression" with secondary
cells (Hundepool et al., Statistical Disclosure Control, 2012, chapter 4). Called by pages, API,
exports and the digest, of a chain's shops through `cloud.queries.hidden`.

    screen = suppress_rows({"nj-001": sums, ...}, totals)
    screen.shown(METRICS["members"], "nj-001")    a number, None (not known), or HIDDEN
    screen.total(METRICS["members"])

A table is a set of equations: each column's rows add up to its total, and in each row some counts
add up to another (`cells.LINKS`). Who knows all that is shown, and this rule, must be left with
every value from 1 to 9 for each count that is hidden for being small. So of an equation

- never one cell alone is hidden: the smallest other follows, at last the total;
- cells whose sum is shown are hidden only together with so many more that each of them could
  still be any number from 1 to 9 (two cells that sum to 3 are 1 and 2; a third one follows);
- of equal cells none is hidden without the others, so that the order of rows says nothing.

Zeros are always shown and never help: an empty cell says nothing of anybody. Tests play whoever
knows the rule: over all small tables, none leaves a hidden cell with one possible value.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Generic

from cloud.figures.cells import LEAST, LINKS, Link, Row, Table, families, safe, small, sums_of
from cloud.figures.metric import Metric, Sums, value_of

__all__ = [
    "HIDDEN",
    "LEAST",
    "LINKS",
    "PEOPLE",
    "Hidden",
    "Link",
    "Screen",
    "Shown",
    "shown",
    "small",
    "suppress_rows",
]


class Hidden(Enum):
    """What stands where a figure is hidden. Why it is, small or beside a small one, is not said."""

    HIDDEN = "hidden"


HIDDEN: Final = Hidden.HIDDEN
Shown = float | Hidden | None
PEOPLE: Final = frozenset(
    {
        *("members", "members_new", "members_back", "members_due", "members_returned"),
        *("wrong_person", "served", "greeted_30s", "served_members", "asked"),
        *("queued", "queue_back", "queue_gone", "sales", "sales_members", "returns"),
        *("booked", "kept", "late", "no_show", "cancelled"),
        # Of tables that are no shop's day: by channel, by staff, by reason.
        *("greeted", "follow_ups", "count"),
    }
)


def shown(metric: Metric, sums: Sums, least: int = LEAST) -> Shown:
    """Return a figure that stands alone, with no table beside it, or HIDDEN.

    A share is hidden where the people that it counts are few, where its denominator are few people,
    or where those are few who are in the denominator and not in the share.

    >>> from cloud.figures.metric import METRICS
    >>> shown(METRICS["greeted_share"], {"served": 100, "greeted_30s": 97})
    <Hidden.HIDDEN: 'hidden'>
    """
    for name in (*metric.top, *metric.bottom):
        if name in PEOPLE and small(sums.get(name), least):
            return HIDDEN
    if metric.bottom and PEOPLE.issuperset(metric.bottom):
        top = _summed(metric.top, sums)
        bottom = _summed(metric.bottom, sums)
        if top is not None and bottom is not None and small(bottom - top, least):
            return HIDDEN
    return value_of(metric, sums)


def _summed(names: Iterable[str], sums: Sums) -> int | None:
    total = 0
    for name in names:
        if (count := sums.get(name)) is None:
            return None
        total += count
    return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen(Generic[Row]):
    """What of a table may be seen. `hidden`: rows by count; `totals_hidden`: counts."""

    rows: Mapping[Row, Sums]
    totals: Sums
    hidden: Mapping[str, frozenset[Row]]
    totals_hidden: frozenset[str]
    least: int

    def hides(self, row: Row, count: str) -> bool:
        """Say whether a row's count is hidden."""
        return row in self.hidden.get(count, ())

    def hides_any(self, metric: Metric, row: Row) -> bool:
        """Say whether a row's figure is hidden for a count that it is made of."""
        return any(self.hides(row, name) for name in (*metric.top, *metric.bottom))

    def count(self, row: Row, name: str) -> int | Hidden | None:
        """Return a row's count."""
        return HIDDEN if self.hides(row, name) else self.rows[row].get(name)

    def shown(self, metric: Metric, row: Row) -> Shown:
        """Return a row's figure."""
        found = shown(metric, self.rows[row], self.least)
        return HIDDEN if self.hides_any(metric, row) else found

    def total(self, metric: Metric) -> Shown:
        """Return the figure of all rows together."""
        if not self.totals_hidden.isdisjoint((*metric.top, *metric.bottom)):
            return HIDDEN
        return shown(metric, self.totals, self.least)

    def total_of(self, metric: Metric, rows: Collection[Row], sums: Sums) -> Shown:
        """Return the figure of some rows together, which another page or caller sees summed.

        `sums` are theirs. The rows stay as hidden as they are; it is the sum that goes.
        """
        for name in (*metric.top, *metric.bottom):
            hidden = [self.rows[row].get(name) or 0 for row in rows if self.hides(row, name)]
            if not safe(hidden, self.least):
                return HIDDEN
        return shown(metric, sums, self.least)


def suppress_rows(
    rows: Mapping[Row, Sums],
    totals: Sums | None = None,
    least: int = LEAST,
    *,
    links: Sequence[Link] = LINKS,
    hidden: Collection[tuple[Row | None, str]] = (),
    settled: Collection[str] = (),
) -> Screen[Row]:
    """Return what may be seen of a table whose totals are seen, too.

    Args:
        rows: the counts of each row; counts that are no people, and None, are left alone.
        totals: the sums of all rows; None: they are summed here.
        least: from how many people on a count is shown.
        links: what adds up within a row.
        hidden: what is hidden from the start, because another page hides it: row (None for the
            total) and count.
        settled: counts of which no more is to be hidden than that, and what is small: it was
            decided elsewhere.
    """
    summed = sums_of(rows) if totals is None else totals
    table = Table(rows=rows, totals=summed, least=least, settled=frozenset(settled))
    for row, name in hidden:
        table.hidden[name].add(row)
    names = {
        name
        for sums in rows.values()
        for name, count in sums.items()
        if count is not None and name in PEOPLE
    }
    there = [link for link in links if names.issuperset(link.told)]
    for family in families(names, there):
        table.close(family, [link for link in there if link.whole in family])
    return Screen(
        rows=rows,
        totals=summed,
        hidden={
            name: frozenset(row for row in found if row is not None)
            for name, found in table.hidden.items()
            if name in names
        },
        totals_hidden=frozenset(name for name, found in table.hidden.items() if None in found),
        least=least,
    )
