"""What a page says of a figure: its value, or why there is none. Pure.

Used by the pages of shops and of the funnel. What is not known is never zero: `why` is a key of
the catalogue, `shops.why_...`.
"""

from dataclasses import dataclass
from typing import Final

from cloud.figures.metric import METRICS, Sums
from cloud.figures.suppress import Hidden, Shown

_KNOWN_BY: Final = {
    "faces_visitors": "no_faces",
    "members": "no_faces",
    "members_due": "no_faces",
    "members_returned": "no_faces",
    "desk_visitors": "no_desk",
    "served": "no_desk",
    "till_visitors": "no_till",
    "sales": "no_till",
    "passers": "no_wifi",
    "captured": "no_both",
    "visitors": "no_days",
}
"""What a shop lacks that does not know a count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure as a page says it. `value` is None where it is not known or hidden: `why` says so.

    `form`: count | share, as `cloud.figures.metric.Metric.form`.
    """

    key: str
    form: str
    value: float | None
    why: str


def figure_of(key: str, value: Shown, sums: Sums) -> Figure:
    """Return a figure: its value, None or HIDDEN, and the counts that it is made of."""
    hidden = isinstance(value, Hidden)
    return Figure(
        key=key,
        form=METRICS[key].form,
        value=None if isinstance(value, Hidden) else value,
        why="few" if hidden else "" if value is not None else why_missing(key, sums),
    )


def why_missing(key: str, sums: Sums) -> str:
    """Return why a figure is not known.

    >>> why_missing("conversion", {"sales": None, "till_visitors": None})
    'no_till'
    """
    metric = METRICS[key]
    for name in (*metric.bottom, *metric.top):
        if sums.get(name) is None:
            return _KNOWN_BY.get(name, "no_days")
    return "nobody" if key != "return_rate" else "not_due"
