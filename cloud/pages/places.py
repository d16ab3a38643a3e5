"""The places of head office, in the order in which they are read. Pure; used by every page.

A place is shown once its page is there (`cloud.app`) and the caller may open it.
"""

from collections.abc import Callable, Collection
from typing import Final

PLACES: Final = (
    ("overview.page", "overview"),
    ("chain.chain", "today"),
    ("shops.page", "shops"),
    ("funnel.page", "funnel"),
    ("channels.page", "channels"),
    ("consultants.page", "consultants"),
    ("street.street", "street"),
    ("anomalies.page", "anomalies"),
    ("fleet.page", "fleet"),
    ("counting.page", "counting"),
    ("glossary.page", "glossary"),
)


def places(there: Collection[str], may: Callable[[str], bool]) -> tuple[tuple[str, str], ...]:
    """Return the places that somebody may open: endpoint, and `nav.` name."""
    return tuple((page, name) for page, name in PLACES if page in there and may(page))
