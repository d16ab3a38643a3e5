"""What head office's first page shows, as it was read. Records only; made by `morning`.

Made into what is drawn by `cloud.pages.overview.board`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from msgspec import Struct

from cloud.figures.metric import Sums
from cloud.figures.ranking import Ranking

NAMED: Final = 5
"""So many of the shops that lack data are named."""
Bins = Mapping[int, int]
"""How many by the number of their bin (`cloud.figures.bins`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What of the page somebody wants to see. `day`: None for the last one that is over, which is
    also shown instead of one that is not over, or was before there were shops."""

    day: date | None = None
    find: str = ""
    page: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainDay:
    """A day of all shops together, by basis ("": of the shops' days on which nobody was counted).

    `history` is by how many weeks before it was; `known` says in how many of `shops` a count is
    known. `hidden`: by weeks before (0, 1 and 52) the figures, each with its basis, that would tell
    of few people (`cloud.queries.hidden`). Times of waiting have no basis.
    """

    sums: Mapping[str, Sums]
    history: Mapping[str, Mapping[int, Sums]]
    shops: Mapping[str, int]
    known: Mapping[str, Mapping[str, int]]
    hidden: Mapping[int, frozenset[tuple[str, str]]]
    waits: Bins
    waits_before: Mapping[int, Bins]


class ShopDays(Struct, frozen=True, kw_only=True):
    """A shop's visitors day by day; None: that day they were not counted, or by another basis.

    `known`: of how many days they are known; `most`: on the busiest of them.
    """

    store_id: str
    name: str
    basis: str
    days: tuple[int | None, ...]
    known: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Some of the shops, from place `start` on, of all `shops` that were looked for."""

    first: date
    last: date
    start: int
    shops: int
    rows: tuple[ShopDays, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataHealth:
    """How the data of `shops` are. `troubles`: in how many shops, by `cloud.queries.fleet`'s words.

    `lacking`: ids of shops that lack some of the day's. `modes`: boxes by mode; "": not told yet.
    """

    shops: int
    troubles: Mapping[str, int]
    lacking: frozenset[str]
    modes: Mapping[str, int]


class Answering(Struct, frozen=True, kw_only=True):
    """Who answers for faces by their boxes' declarations ("": no box tells), in how many of the
    `shops` where members' faces are stored, and whose `templates` these are.
    """

    controller: str
    shops: int
    templates: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Consents:
    """Members by what boxes told of them, since `since` (None: nothing was cleared yet).

    `templates`: members whose face is stored; `answering`: the same by who answers for them, who
    for most first.
    """

    given: int
    templates: int
    answering: tuple[Answering, ...]
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endings:
    """Members whose erasure or withdrawal `boxes` have not yet confirmed, since `oldest`."""

    members: int
    boxes: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Morning:
    """The first page. `now` is in the zone of most shops; `newest` the last whole day there.

    `today`: visitors so far, by basis. `uncounted`: shops where nobody was counted on the day, but
    a week before. `bases`: of the shops with counted days. `names`: of the shops in the rankings,
    and of the first of those that lack data.
    """

    now: datetime
    day: date
    newest: date
    today: Mapping[str, int]
    chain: ChainDay
    rankings: tuple[Ranking, ...]
    uncounted: frozenset[str]
    bases: Mapping[str, str]
    names: Mapping[str, str]
    grid: Grid
    find: str
    health: DataHealth
    consents: Consents
    endings: Endings
