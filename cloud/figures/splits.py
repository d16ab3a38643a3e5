"""Counts of people told in parts whose sum another page tells: by channel, way, reason, day. Pure.

Called by pages and the API with what `cloud.queries.hidden` decided of the sums, beside `suppress`,
which decides what stands in one table alone.

- Where the sum is hidden, so are all of its parts, also those that are 0: of some, the rest of it
  would be known, and with it those whom the sum is hidden for.
- Where the sum is shown elsewhere, it cannot be hidden here. Where the parts would need that, since
  no part is left to hide the small ones behind, none of them is told, nor of what is linked.
"""

from collections.abc import Collection, Mapping, Sequence

from cloud.figures.cells import LEAST, LINKS, Link, Row, families, small, sums_of
from cloud.figures.metric import Sums
from cloud.figures.suppress import PEOPLE, Screen, suppress_rows


def split_rows(
    rows: Mapping[Row, Sums],
    wholes: Mapping[str, bool],
    least: int = LEAST,
    *,
    links: Sequence[Link] = LINKS,
    hidden: Collection[tuple[Row | None, str]] = (),
    settled: Collection[str] = (),
) -> Screen[Row]:
    """Return what may be seen of a table of parts.

    Args:
        rows: the counts of each part.
        wholes: of those counts whose sum over the rows stands elsewhere, too, whether it is hidden
            there.
        least: from how many people on a count is shown.
        links: what adds up within a row.
        hidden: cells that are hidden from the start, by row (None for the sum) and count.
        settled: counts of which no more is to be hidden: it was decided elsewhere.
    """
    totals = sums_of(rows)
    names = [name for name in totals if name in PEOPLE]
    # What has grown small since it was decided is hidden for itself.
    gone = {name for name in names if wholes.get(name) or small(totals[name], least)}
    start = [(row, name) for name in gone & wholes.keys() for row in (None, *rows)]
    screen = suppress_rows(
        rows, totals, least, links=links, hidden=[*start, *hidden], settled=settled
    )
    told = wholes.keys() - gone
    lost = {
        name
        for family in families(names, links)
        if not screen.totals_hidden.isdisjoint(told & set(family))
        for name in family
        if name not in settled
    }
    every = frozenset(rows)
    return Screen(
        rows=rows,
        totals=totals,
        hidden={**screen.hidden, **dict.fromkeys(lost & set(names), every)},
        totals_hidden=screen.totals_hidden - told,
        least=least,
    )
