"""Which figures of people are hidden, so that nobody is made out by them. Pure.

Footfall is not people and is shown; of members, bookings, greetings and sales (`PEOPLE`) a count of
1 to 9 is hidden, and so is whatever it could be worked out from: "cell suppression" with secondary
cells (Hundepool et al., Statistical Disclosure Control, 2012, chapter 4). Called by pages, API,
exports and the digest, of a chain's shops through `cloud.queries.hidden`.

    screen = suppress_rows({"nj-001": sums, ...}, totals)
    screen.shown(METRICS["members"], "nj-001")    a number, None (not known), or HIDDEN
    screen.total(METRICS["members"])

A table is a set of equations: each column's rows add up to its total, and in each row some counts
add up to another (`LINKS`). Who knows all that is shown, and this rule, must be left with every
value from 1 to 9 for each count that is hidden for being small. So of an equation

- never one cell alone is hidden: the smallest other follows, at last the total;
- cells whose sum is shown are hidden only together with so many more that each of them could
  still be any number from 1 to 9 (two cells that sum to 3 are 1 and 2; a third one follows);
- of equal cells none is hidden without the others, so that the order of rows says nothing.

Zeros are always shown and never help: an empty cell says nothing of anybody. Tests play whoever
knows the rule: over all small tables, none leaves a hidden cell with one possible value.
"""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Generic, TypeVar

from cloud.figures.metric import Metric, Sums, value_of

Row = TypeVar("Row", bound=Hashable)


class Hidden(Enum):
    """What stands where a figure is hidden. Why it is, small or beside a small one, is not said."""

    HIDDEN = "hidden"


HIDDEN: Final = Hidden.HIDDEN
Shown = float | Hidden | None
LEAST: Final = 10
"""From how many people on a count is shown, unless `[hub] suppress_below` says otherwise; with
fewer than 5 the rule would be too small to hide anything behind it."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Counts of one row that add up to another one of it.

    A part that no table has, such as `served-greeted_30s`, is what is left of the whole.
    """

    whole: str
    parts: tuple[str, str]

    @property
    def told(self) -> set[str]:
        """Those of them that a table has."""
        return {name for name in (self.whole, *self.parts) if "-" not in name}


def _rest(whole: str, part: str) -> Link:
    return Link(whole=whole, parts=(part, f"{whole}-{part}"))


LINKS: Final = (
    Link(whole="members", parts=("members_new", "members_back")),
    Link(whole="booked", parts=("kept", "no_show")),
    _rest("members_due", "members_returned"),
    _rest("served", "greeted_30s"),
    _rest("served", "served_members"),
    _rest("queued", "queue_gone"),
    _rest("kept", "late"),
    _rest("sales", "sales_members"),
)
"""What is left of footfall is footfall, and no such part."""


def small(count: int | None, least: int = LEAST) -> bool:
    """Say whether a count of people is hidden for itself.

    >>> small(9), small(10), small(0), small(None)
    (True, False, False, False)
    """
    return count is not None and 1 <= count < least


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
            if not _safe(hidden, self.least):
                return HIDDEN
        return shown(metric, sums, self.least)


def suppress_rows(
    rows: Mapping[Row, Sums],
    totals: Sums | None = None,
    least: int = LEAST,
    *,
    links: Sequence[Link] = LINKS,
    hidden: Collection[tuple[Row | None, str]] = (),
) -> Screen[Row]:
    """Return what may be seen of a table whose totals are seen, too.

    Args:
        rows: the counts of each row; counts that are no people, and None, are left alone.
        totals: the sums of all rows; None: they are summed here.
        least: from how many people on a count is shown.
        links: what adds up within a row.
        hidden: what is hidden from the start, because another page hides it: row (None for the
            total) and count.
    """
    summed = _totals(rows) if totals is None else totals
    table = _Table(rows=rows, totals=summed, least=least)
    for row, name in hidden:
        table.hidden[name].add(row)
    names = {name for sums in rows.values() for name in sums if name in PEOPLE}
    there = [link for link in links if names.issuperset(link.told)]
    for family in _families(names, there):
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


def _totals(rows: Mapping[Row, Sums]) -> Sums:
    totals: dict[str, int | None] = {}
    for sums in rows.values():
        for name, count in sums.items():
            before = totals.get(name)
            totals[name] = before if count is None else count + (before or 0)
    return totals


def _families(names: Collection[str], links: Sequence[Link]) -> Iterator[list[str]]:
    """Yield the counts that are linked with each other, each with what is left of them."""
    left = sorted(names)
    while left:
        family = [left.pop(0)]
        for name in family:
            for link in links:
                about = (link.whole, *link.parts)
                if name in about:
                    family += [one for one in about if one not in family]
        yield family
        left = [name for name in left if name not in family]


def _safe(hidden: Sequence[int], least: int, *, linked: bool = False) -> bool:
    """Say whether hidden counts, none of them 0, may be hidden while their sum is shown.

    Only what everybody knows decides, how many they are and their sum; so that it is decided so
    tells nothing more. Each could be any small one; and it is not so that they must nearly all be
    `least` - 1, unless one of them is none of the small ones. Two alone look the same with the
    small one first or last, unless they are alike, or are linked with other counts of their rows.
    """
    if not hidden:
        return True
    several, total, most = len(hidden), sum(hidden), least - 1
    if several == 1 or total - (several - 1) < most:
        return False
    if several == 2 and not linked:
        return total != 2 * most
    return not (several - 1) * most + 1 < total <= several * most


@dataclass(slots=True, kw_only=True)
class _Table(Generic[Row]):
    """A table on the way to be screened; row None is that of the totals."""

    rows: Mapping[Row, Sums]
    totals: Sums
    least: int
    hidden: dict[str, set[Row | None]] = field(default_factory=lambda: defaultdict(set))

    def close(self, names: Sequence[str], links: Sequence[Link]) -> None:
        """Hide of counts that are linked what must be hidden."""
        columns = {name: self._column(name) for name in names}
        for name, column in columns.items():
            self.hidden[name] |= {row for row, count in column.items() if small(count, self.least)}
        before = -1
        while before != (before := sum(len(self.hidden[name]) for name in names)):
            touched = set().union(*(self.hidden[name] for name in names))
            for link in links:
                self._close_link(link, columns, touched)
            for name, column in columns.items():
                self._close_column(name, column, touched, linked=bool(links))

    def _column(self, name: str) -> dict[Row | None, int]:
        """Return a column's counts that are known, also those of what is left of a whole."""
        whole, _, part = name.partition("-")
        found: dict[Row | None, int] = {}
        for row, sums in ((None, self.totals), *self.rows.items()):
            count = sums.get(whole)
            if count is not None and part:
                of = sums.get(part)
                count = None if of is None else max(0, count - of)
            if count is not None:
                found[row] = count
        return found

    def _close_link(
        self,
        link: Link,
        columns: Mapping[str, Mapping[Row | None, int]],
        touched: Collection[Row | None],
    ) -> None:
        whole, parts = link.whole, link.parts
        for row in touched:
            counts = {name: columns[name].get(row) for name in (whole, *parts)}
            if None in counts.values():
                continue  # nothing adds up where one is not known
            while True:
                gone = [name for name in parts if row in self.hidden[name]]
                seen_whole = row not in self.hidden[whole]
                if len(gone) == 2 or bool(gone) != seen_whole:
                    break  # none is hidden, or none is hidden alone
                rest = [name for name in parts if name not in gone and counts[name]]
                more = min(rest, key=lambda name: counts[name] or 0, default=whole)
                if row in self.hidden[more]:
                    break  # it is the only one that is not zero, and hidden
                self.hidden[more].add(row)

    def _close_column(
        self,
        name: str,
        column: Mapping[Row | None, int],
        touched: Collection[Row | None],
        *,
        linked: bool,
    ) -> None:
        gone = self.hidden[name]
        if not gone:
            return

        def place(row: Row | None) -> tuple[bool, int]:
            # Rows of which something is hidden anyhow come first, then the smallest.
            return row not in touched, column[row]

        rest = [row for row, count in column.items() if row is not None and count]
        rest = sorted((row for row in rest if row not in gone), key=place, reverse=True)
        while not self._column_safe(name, column, linked=linked):
            if rest:
                # Of two alike, the one that is shown would tell of the other one.
                at = place(rest[-1])
                while rest and place(rest[-1]) == at:
                    gone.add(rest.pop())
            elif None in gone:
                return  # there is nothing but zeros beside it
            else:
                gone.add(None)

    def _column_safe(self, name: str, column: Mapping[Row | None, int], *, linked: bool) -> bool:
        gone = self.hidden[name]
        cells = [column[row] for row in gone if row is not None and row in column]
        return bool(cells) if None in gone else _safe(cells, self.least, linked=linked)
