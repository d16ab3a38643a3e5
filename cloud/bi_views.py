"""The views that Grafana and other BI tools read: footfall as it is, few people never. One place.

    bi_shop_day      a shop's day                bi_shop_hour   its hours, footfall only
    bi_chain_day     all shops' day, by basis    bi_channel_day, bi_booking_day   all shops' day

A migration makes them, a test reads them; nothing else of the hub does. No view has a subject, a
visit or anybody of the staff.

What is hidden (null). A count of 1 to 9 people, and a part of people of whom 1 to 9 are not in it
(`suppress.LINKS`): such a cell stands for a number from 1 to 9 that must not be worked out. From a
total it could be, less all that is shown. So a total of the chain is shown only where each of the
n cells hidden in it could still be any of these numbers: where they come to n + 8 or more and to
9n - 8 or less; otherwise the total is hidden, and not one more shop. Counts that add up to each
other (members: new and back) are shown or hidden together in totals.

Whoever changes the views makes them anew in a migration of their own (`unmake`, `make`), and takes
the making out of the older one: that would meet tables that are not there yet. SQLite remakes a
table to change it: views are taken away before that, too.
"""

from collections.abc import Callable
from typing import Final

from cloud.figures.suppress import LEAST, LINKS, PEOPLE
from cloud.tally.tables import BOOKINGS, COUNTS

VIEWS: Final = ("bi_shop_day", "bi_chain_day", "bi_shop_hour", "bi_channel_day", "bi_booking_day")
_NAMES: Final = {"entered": "entries", "left": "exits", "staff": "staff_crossings"}
"""Plain names; `left` is a word of SQL, and staff crossings are no people."""
_CHANNEL: Final = ("asked", "booked", "sales")
_MOST: Final = LEAST - 1


def make(execute: Callable[[str], object], dialect: str) -> None:
    """Make the views.

    Args:
        execute: runs a statement.
        dialect: `sqlite` or `postgresql`.
    """
    for name, query in queries(dialect).items():
        execute(f"CREATE VIEW {name} AS {query}")


def unmake(execute: Callable[[str], object]) -> None:
    """Take the views away, where they are."""
    for name in VIEWS:
        execute(f"DROP VIEW IF EXISTS {name}")


def queries(dialect: str) -> dict[str, str]:
    """Return the query of each view."""
    found = (
        *(_shop_day(), _chain_day(), _shop_hour(dialect)),
        *(_of_day("chain_channel", ("channel", "advert"), _CHANNEL, ("asked",)),),
        *(_of_day("chain_booking", ("channel",), BOOKINGS, BOOKINGS),),
    )
    return dict(zip(VIEWS, found, strict=True))


def _shop_day() -> str:
    counts = ", ".join(f"{_shown(name, COUNTS)} AS {_named(name)}" for name in COUNTS)
    return (
        "SELECT s.id AS shop, s.name AS shop_name, s.timezone AS timezone, t.day AS day,"
        f" t.basis AS basis, {counts} FROM day_tally t JOIN store s ON s.id = t.store"
    )


def _chain_day() -> str:
    counts = ", ".join(f"{_total(name, COUNTS)} AS {_named(name)}" for name in COUNTS)
    return (
        f"SELECT t.day AS day, t.basis AS basis, t.shops AS shops, {counts}"
        f" FROM ({_added(COUNTS, basis=True)}) t"
    )


def _shop_hour(dialect: str) -> str:
    begins = {
        "sqlite": "strftime('%Y-%m-%dT%H:%M:%SZ', t.hour, 'unixepoch')",
        "postgresql": "to_timestamp(t.hour)",
    }[dialect]
    footfall = ", ".join(
        f't."{name}" AS {_named(name)}'
        for name in ("visitors", "entered", "left", "reentries", "staff")
    )
    return (
        "SELECT s.id AS shop, s.name AS shop_name, s.timezone AS timezone,"
        f" {begins} AS hour, t.hour AS hour_unix, t.basis AS basis, {footfall},"
        " p.passers AS passers, p.captured AS captured"
        " FROM hourly t JOIN store s ON s.id = t.store"
        " LEFT JOIN presence_hourly p ON p.store = t.store AND p.hour = t.hour"
    )


def _of_day(
    table: str, keys: tuple[str, ...], counts: tuple[str, ...], totals: tuple[str, ...]
) -> str:
    """Return the query of a table of the chain's days split into rows.

    The rows of a day add up to totals of `bi_chain_day`: where those are hidden, all rows are.
    Where the rows that are hidden for themselves could be worked out from the total, so are all.
    """
    shown = ", ".join(
        f"CASE WHEN {_may_be_told(name, counts, totals)} THEN {_shown(name, counts)} END AS {name}"
        for name in counts
    )
    columns = ", ".join(f"t.{key} AS {key}" for key in keys)
    return (
        f"SELECT t.day AS day, {columns}, {shown}"
        f" FROM (SELECT c.*, {_in_windows(counts)} FROM {table} c) t"
        f" JOIN (SELECT t.day AS day, {_safe_days(totals)} FROM ({_added(COUNTS)}) t) d"
        " ON d.day = t.day"
    )


def _may_be_told(name: str, counts: tuple[str, ...], totals: tuple[str, ...]) -> str:
    conditions = [_is_wide(one) for one in _together(name, counts)]
    conditions += [f"d.{name}_told"] if name in totals else []
    return " AND ".join(conditions)


def _in_windows(counts: tuple[str, ...]) -> str:
    """Return how many rows of a day are hidden, and what they stand for, by count."""
    day = "OVER (PARTITION BY c.day)"
    return ", ".join(
        f"COUNT({risk}) {day} AS {name}_n, SUM({risk}) {day} AS {name}_sum"
        for name in counts
        for risk in (_risk(name, counts, "c"),)
    )


def _safe_days(totals: tuple[str, ...]) -> str:
    return ", ".join(f"({_is_told(name, COUNTS)}) AS {name}_told" for name in totals)


def _added(counts: tuple[str, ...], *, basis: bool = False) -> str:
    """Return the query of the shops' counts by day, with what is hidden among them."""
    keys = "c.day" + (", COALESCE(c.basis, '')" if basis else "")
    columns = "c.day AS day" + (", COALESCE(c.basis, '') AS basis" if basis else "")
    sums = ", ".join(f'SUM(c."{name}") AS "{name}"' for name in counts)
    hidden = ", ".join(
        f"COUNT({risk}) AS {name}_n, SUM({risk}) AS {name}_sum"
        for name in counts
        if name in PEOPLE
        for risk in (_risk(name, counts, "c"),)
    )
    return f"SELECT {columns}, COUNT(*) AS shops, {sums}, {hidden} FROM day_tally c GROUP BY {keys}"


def _total(name: str, counts: tuple[str, ...]) -> str:
    if name not in PEOPLE:
        return f't."{name}"'
    return f'CASE WHEN {_is_told(name, counts)} THEN t."{name}" END'


def _is_told(name: str, counts: tuple[str, ...]) -> str:
    """Return the condition that a total may be shown: it, and those that it adds up with."""
    return " AND ".join(
        f"{_risk(one, counts, 't')} IS NULL AND {_is_wide(one)}" for one in _together(name, counts)
    )


def _is_wide(name: str) -> str:
    """Return the condition that each hidden cell could be any number."""
    count, total = f"t.{name}_n", f"t.{name}_sum"
    slack = LEAST - 2
    return f"({count} = 0 OR {total} BETWEEN {count} + {slack} AND {_MOST} * {count} - {slack})"


def _together(name: str, counts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the counts of which none can be shown where another one is hidden."""
    found = {name}
    for link in LINKS:
        members = {link.whole, *link.parts}
        if name in members and members <= set(counts):
            found |= members
    return tuple(sorted(found))


def _shown(name: str, counts: tuple[str, ...]) -> str:
    if name not in PEOPLE:
        return f't."{name}"'
    return f'CASE WHEN {_risk(name, counts, "t")} IS NULL THEN t."{name}" END'


def _risk(name: str, counts: tuple[str, ...], of: str) -> str:
    """Return the number from 1 to 9 that a cell stands for if it must be hidden, or else null.

    Its own, or, where the rest of what it is a part of is so small, what that rest is short of 10:
    the larger the one, the smaller the other, whatever the whole is.
    """
    few = f"BETWEEN 1 AND {_MOST}"
    rest = _rest(name, counts, of)
    told = f"WHEN {of}.{name} {few} THEN {of}.{name}"
    if rest is not None:
        told += f" WHEN {of}.{name} > 0 AND {rest} {few} THEN {LEAST} - ({rest})"
    return f"CASE {told} END"


def _rest(name: str, counts: tuple[str, ...], of: str) -> str | None:
    """Return what is left of the count that another one is a part of."""
    for link in LINKS:
        if name in link.parts and link.whole in counts:
            other = next(one for one in link.parts if one != name)
            if other in counts:
                return f"{of}.{other}"
            return f"{of}.{link.whole} - {of}.{name}"
    return None


def _named(name: str) -> str:
    return _NAMES.get(name, name)
