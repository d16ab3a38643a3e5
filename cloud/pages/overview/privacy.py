"""Works out the privacy strip of head office's first page: consents, faces, who answers. Pure.

Called by `board`. What is of few people is hidden, and that by which it could be worked out.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cloud.figures.suppress import HIDDEN, Hidden, Screen, Shown, small, suppress_rows
from cloud.queries.morning_views import Answering, Endings, Morning

FILING: Final = 100_000
"""Stored faces from which on a controller files with the authorities (China, Security Management
Measures for the Application of Face Recognition Technology, 2025, article 15)."""
FILINGS: Final = 5
"""So many of those who answer for faces are shown, who are nearest to the threshold."""
_NEAR: Final = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """One who answers for faces ("": no box says who) beside the threshold of `FILING`.

    `share`: of it, None where the faces are few; `state`: ok | near (four fifths) | reached.
    """

    controller: str
    shops: int
    templates: Shown
    share: float | None
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    """How members' data stand; few are hidden. `filings`: by who answers for faces, the first
    `FILINGS` of them, and `more` others.
    """

    consents: Shown
    templates: Shown
    filings: tuple[Filing, ...]
    more: int
    since: datetime | None
    endings: Endings


def privacy_of(morning: Morning, least: int) -> Privacy:
    """Work out the strip; figures of fewer people than `least` are hidden."""

    def seen(count: int) -> int | Hidden:
        return HIDDEN if small(count, least) else count

    told = morning.consents
    rows = {one.controller: {"members": one.templates} for one in told.answering}
    screen = suppress_rows(rows, least=least)
    filings = tuple(_filing(one, screen) for one in told.answering)
    return Privacy(
        consents=seen(told.given),
        templates=HIDDEN if "members" in screen.totals_hidden else seen(told.templates),
        filings=filings[:FILINGS],
        more=len(filings[FILINGS:]),
        since=told.since,
        endings=morning.endings,
    )


def _filing(one: Answering, screen: Screen[str]) -> Filing:
    count = screen.count(one.controller, "members")
    share = None if count is None or isinstance(count, Hidden) else count / FILING
    state = "ok"
    if share is not None and share >= _NEAR:
        state = "reached" if share >= 1 else "near"
    return Filing(
        controller=one.controller, shops=one.shops, templates=count, share=share, state=state
    )
