"""Which cells of a table are hidden beside the small ones, so that these stay hidden. Pure.

Called by `suppress`, whose docstring says what is to be reached. A cell is a row's count, or a
total's; a count may also be what is left of another (`served-greeted_30s`), which no page shows.
"""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from cloud.figures.metric import Sums

Row = TypeVar("Row", bound=Hashable)
LEAST: Final = 10
"""From how many people on a count is shown, unless `[hub] suppress_below` says otherwise; with
fewer than 5 the rule would be too small to hide anything behind it."""


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


def sums_of(rows: Mapping[Row, Sums]) -> dict[str, int | None]:
    """Return the sum of each count over rows; what none of them knows is not known."""
    totals: dict[str, int | None] = {}
    for sums in rows.values():
        for name, count in sums.items():
            before = totals.get(name)
            totals[name] = before if count is None else count + (before or 0)
    return totals


def families(names: Collection[str], links: Sequence[Link]) -> Iterator[list[str]]:
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


def safe(hidden: Sequence[int], least: int, *, linked: bool = False) -> bool:
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
class Table(Generic[Row]):
    """A table on the way to be screened; row None is that of the totals.

    `settled`: counts of which no more cells are hidden for others' sake.
    """

    rows: Mapping[Row, Sums]
    totals: Sums
    least: int
    settled: frozenset[str] = frozenset()
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
                if name in self.settled:
                    continue
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
                rest = [name for name in rest if name not in self.settled]
                more = min(rest, key=lambda name: counts[name] or 0, default=whole)
                if row in self.hidden[more] or more in self.settled:
                    break  # it is the only one that is not zero, and hidden, or may not be
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
        cells = [column[row] for row in gone if row is not None and row in column]
        while not (bool(cells) if None in gone else safe(cells, self.least, linked=linked)):
            if rest:
                # Of two alike, the one that is shown would tell of the other one.
                at = place(rest[-1])
                while rest and place(rest[-1]) == at:
                    gone.add(rest[-1])
                    cells.append(column[rest.pop()])
            elif None in gone:
                return  # there is nothing but zeros beside it
            else:
                gone.add(None)
