"""The figures of head office: what each is made of. Pure.

The only place that says how a figure comes of counts (`cloud.tally.tables.COUNTS`). Pages, API,
exports, digest and glossary all ask `value_of`; the glossary's words are `metric.KEY`,
`metric.KEY.means` and `metric.KEY.formula` in the catalogue.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Form = Literal["count", "share"]
Sums = Mapping[str, int | None]
"""Counts by their names, summed over days or shops; None: nobody knows."""
Better = Literal["more", "less", "neither"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A figure: the sum of counts, or that sum as a share of another.

    `people`: it counts persons who are known, and is suppressed where they are few; footfall is
    not (DESIGN 2). `of_visitors`: it has a `basis` and is compared within one basis only.
    `better`: which way is good news.
    """

    key: str
    top: tuple[str, ...]
    bottom: tuple[str, ...] = ()
    people: bool = False
    of_visitors: bool = False
    better: Better = "more"

    @property
    def form(self) -> Form:
        """How it is written: a number, or a percentage."""
        return "share" if self.bottom else "count"


def _metric(
    key: str,
    top: str,
    bottom: str = "",
    *,
    people: bool = False,
    of_visitors: bool = False,
    better: Better = "more",
) -> Metric:
    """Return a metric of counts whose names stand in a row, as `members faces_visitors`."""
    return Metric(
        key=key,
        top=tuple(top.split()),
        bottom=tuple(bottom.split()),
        people=people,
        of_visitors=of_visitors,
        better=better,
    )


METRICS: Final[Mapping[str, Metric]] = {
    one.key: one
    for one in (
        _metric("visitors", "visitors", of_visitors=True),
        _metric("entered", "entered", better="neither"),
        _metric("reentries", "reentries", better="neither"),
        _metric("staff", "staff", better="neither"),
        _metric("passers", "passers", better="neither"),
        _metric("capture_rate", "captured", "passers", of_visitors=True),
        _metric("members", "members", people=True),
        _metric("member_share", "members", "faces_visitors", people=True, of_visitors=True),
        _metric("members_new", "members_new", people=True),
        _metric("members_back", "members_back", people=True),
        _metric("back_share", "members_back", "members_new members_back", people=True),
        _metric("return_rate", "members_returned", "members_due", people=True),
        _metric("wrong_share", "wrong_person", "members wrong_person", people=True, better="less"),
        _metric("served", "served", people=True),
        _metric("served_share", "served", "desk_visitors", people=True, of_visitors=True),
        _metric("greeted_share", "greeted_30s", "served", people=True),
        _metric("asked_share", "asked", "desk_visitors", people=True, of_visitors=True),
        _metric("queue_left", "queue_gone", "queued", people=True, better="less"),
        _metric("sales", "sales", people=True),
        _metric("conversion", "sales", "till_visitors", people=True, of_visitors=True),
        _metric("booked", "booked", people=True),
        _metric("kept_share", "kept", "kept no_show", people=True),
        _metric("late_share", "late", "kept", people=True, better="less"),
        _metric("no_show_share", "no_show", "kept no_show", people=True, better="less"),
    )
}
"""Every figure that comes of counts; times come of `bins`, money of `cloud.queries.money`."""
OF_TABLES: Final[Mapping[str, Metric]] = {
    one.key: one
    for one in (
        _metric("left", "left", better="neither"),
        _metric("captured", "captured", better="neither"),
        _metric("members_served", "served_members", "members", people=True),
        _metric("asked", "asked", people=True),
        _metric("brought_booked", "booked", "asked", people=True),
        _metric("brought_sales", "sales", "asked", people=True),
        _metric("cancelled", "cancelled", people=True, better="less"),
        _metric("no_shows", "count", people=True, better="less"),
        _metric("greeted", "greeted", people=True),
        _metric("greeted_quick", "greeted_30s", "greeted", people=True),
        _metric("greeted_sales", "sales", "greeted", people=True),
        _metric(
            "greeted_wrong", "wrong_person", "members wrong_person", people=True, better="less"
        ),
        _metric("follow_ups", "follow_ups", people=True),
    )
}
"""Figures of single pages, and of tables that are not of a shop's day: by channel, by reason, by
consultant.
"""
DEFINED: Final[Mapping[str, Metric]] = {**METRICS, **OF_TABLES}


def value_of(metric: Metric, sums: Sums) -> float | None:
    """Return a figure from summed counts; a share as a fraction of 1.

    None: a count that it needs is not known, or there is nothing that it could be a share of.

    >>> value_of(METRICS["conversion"], {"sales": 3, "till_visitors": 12})
    0.25
    """
    top = _sum(metric.top, sums)
    if top is None or not metric.bottom:
        return top
    bottom = _sum(metric.bottom, sums)
    return None if not bottom else top / bottom


def _sum(names: tuple[str, ...], sums: Sums) -> int | None:
    found = [sums.get(name) for name in names]
    return None if None in found else sum(one for one in found if one is not None)
