"""The views that Grafana and other BI tools read: what is no people as it is, people by the week.

    bi_shop_day, bi_chain_day      a shop's day, and all shops' by basis: footfall only
    bi_shop_hour                   a shop's hours, footfall only
    bi_shop_week, bi_chain_week    whole weeks from Monday to Sunday, people too
    bi_channel_week, bi_booking_week   all shops' week by channel

A migration makes them, a test reads them; nothing else of the hub does. No view has a subject, a
visit or anybody of the staff.

No view decides what is hidden. People stand in tables of weeks (`told_week` and those beside it),
and there as the pages tell them of the same days: `cloud.bi_weeks` asks whom the pages ask. So who
reads the views knows nothing that the pages would not tell. Days of people are in no view: beside
the weeks they would be a second table of the same people, which nothing screens with the first.

Whoever changes the views makes them anew in a migration of their own (`unmake`, `make`), and takes
the making out of the older one: that would meet tables that are not there yet. SQLite remakes a
table to change it: views are taken away before that, too.
"""

from collections.abc import Callable, Iterable
from typing import Final

from cloud.figures.suppress import PEOPLE
from cloud.tally.tables import BOOKINGS, BROUGHT, COUNTS

VIEWS: Final = (
    *("bi_shop_day", "bi_chain_day", "bi_shop_hour", "bi_shop_week", "bi_chain_week"),
    *("bi_channel_week", "bi_booking_week"),
)
_ONCE: Final = ("bi_channel_day", "bi_booking_day")
"""Views of earlier releases, which told people by the day."""
_NAMES: Final = {"entered": "entries", "left": "exits", "staff": "staff_crossings"}
"""Plain names; `left` is a word of SQL, and staff crossings are no people."""
FOOTFALL: Final = tuple(name for name in COUNTS if name not in PEOPLE and name != "items")
"""What is told of days. Of a day on which one thing was sold, `items` would tell of one guest."""
_SHOP: Final = "s.id AS shop, s.name AS shop_name, s.timezone AS timezone"


def make(execute: Callable[[str], object], dialect: str) -> None:
    """Make the views.

    Args:
        execute: runs a statement.
        dialect: `sqlite` or `postgresql`.
    """
    for name, query in queries(dialect).items():
        execute(f"CREATE VIEW {name} AS {query}")


def unmake(execute: Callable[[str], object]) -> None:
    """Take the views away, where they are, those of earlier releases too."""
    for name in (*VIEWS, *_ONCE):
        execute(f"DROP VIEW IF EXISTS {name}")


def queries(dialect: str) -> dict[str, str]:
    """Return the query of each view."""
    found = (
        f"SELECT {_SHOP}, t.day AS day, t.basis AS basis, {_counts(FOOTFALL)}"
        " FROM day_tally t JOIN store s ON s.id = t.store",
        "SELECT t.day AS day, t.basis AS basis, t.shops AS shops,"
        f" {_counts(FOOTFALL)} FROM chain_tally t",
        _shop_hour(dialect),
        f"SELECT {_SHOP}, t.week AS week, t.basis AS basis, {_counts(COUNTS)}"
        " FROM told_week t JOIN store s ON s.id = t.store",
        f"SELECT t.week AS week, t.basis AS basis, t.shops AS shops, {_counts(COUNTS)}"
        " FROM told_week t WHERE t.store = ''",
        "SELECT t.week AS week, t.channel AS channel, t.advert AS advert,"
        f" {_counts(BROUGHT)} FROM told_channel t",
        f"SELECT t.week AS week, t.channel AS channel, {_counts(BOOKINGS)} FROM told_booking t",
    )
    return dict(zip(VIEWS, found, strict=True))


def _shop_hour(dialect: str) -> str:
    begins = {
        "sqlite": "strftime('%Y-%m-%dT%H:%M:%SZ', t.hour, 'unixepoch')",
        "postgresql": "to_timestamp(t.hour)",
    }[dialect]
    return (
        f"SELECT {_SHOP}, {begins} AS hour, t.hour AS hour_unix, t.basis AS basis,"
        f" {_counts(('visitors', 'entered', 'left', 'reentries', 'staff'))},"
        " p.passers AS passers, p.captured AS captured"
        " FROM hourly t JOIN store s ON s.id = t.store"
        " LEFT JOIN presence_hourly p ON p.store = t.store AND p.hour = t.hour"
    )


def _counts(names: Iterable[str]) -> str:
    return ", ".join(f't."{name}" AS {_NAMES.get(name, name)}' for name in names)
