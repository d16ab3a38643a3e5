"""What brought guests, as it is drawn: rows in order of value, few people hidden. Pure.

Called by the package; `bookings` beside it draws the appointments. Holds codes and numbers, the
templates turn them into words.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cloud.figures.metric import METRICS, OF_TABLES, Metric, Sums
from cloud.figures.splits import split_rows
from cloud.figures.suppress import (
    HIDDEN,
    LEAST,
    Hidden,
    Link,
    Screen,
    Shown,
    small,
)
from cloud.queries.channels import Asked, Brought
from cloud.tally.tables import BROUGHT

LINKS: Final = tuple(
    Link(whole="asked", parts=(part, f"asked-{part}")) for part in ("booked", "sales")
)
UNKNOWN: Final = "unknown"
"""The guest was asked and did not know."""
Money = tuple[tuple[str, int], ...]
"""Amounts in minor units by currency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A channel, or one of its advertisements.

    `bar`: its value in the first currency as a share of the greatest; None: it is hidden.
    """

    channel: str
    advert: str
    asked: Shown
    booked: Shown
    booked_share: Shown
    sales: Shown
    sales_share: Shown
    value: Money | Hidden
    bar: float | None
    adverts: tuple["Line", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Of the visitors of shops with a desk, by basis, those who were asked what brought them."""

    basis: str
    visitors: int
    asked: Shown
    share: Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelBoard:
    """What brought guests: all of them together, and by channel."""

    parts: tuple[Part, ...]
    total: Line | None
    lines: tuple[Line, ...]
    currencies: tuple[str, ...]


def channel_board(asked: Asked, least: int = LEAST) -> ChannelBoard:
    """Work out the table; nothing is in it while nobody was asked.

    Args:
        asked: what the page is about.
        least: from how many people on a count is shown.
    """
    by_channel: dict[str, dict[str, Brought]] = defaultdict(dict)
    for (channel, advert), one in asked.brought.items():
        by_channel[channel][advert] = one
    summed = {channel: _together(adverts) for channel, adverts in by_channel.items()}
    table = _Table(
        rows=summed,
        least=least,
        wholes=asked.screen.wholes(["asked"], asked.shop),
        # A currency in which few ever paid would tell what each of them paid.
        paid=tuple(code for code, one in asked.takings.items() if not small(one.sales, least)),
    )
    first = table.paid[0] if table.paid else ""
    lines = tuple(
        _with_adverts(table.line(channel, channel), by_channel[channel], table)
        for channel in sorted(summed, key=lambda channel: table.place(channel, first))
    )
    return ChannelBoard(
        parts=_parts(asked),
        total=table.total() if summed else None,
        lines=lines,
        currencies=table.paid,
    )


def _together(adverts: Mapping[str, Brought]) -> Brought:
    value: dict[str, int] = defaultdict(int)
    for one in adverts.values():
        for currency, minor in one.value.items():
            value[currency] += minor
    told = adverts.values()
    return Brought(
        asked=sum(one.asked for one in told),
        booked=sum(one.booked for one in told),
        sales=sum(one.sales for one in told),
        value=dict(value),
    )


def _counts(one: Brought) -> Sums:
    return {"asked": one.asked, "booked": one.booked, "sales": one.sales}


class _Table:
    """A table while its lines are made."""

    def __init__(
        self,
        *,
        rows: Mapping[str, Brought],
        least: int,
        paid: tuple[str, ...],
        wholes: Mapping[str, bool],
        scale: int = 0,
    ) -> None:
        """`wholes`: counts whose sum stands elsewhere, too, and whether it is hidden there.
        `scale`: value of a whole bar.
        """
        self.paid, self.least, self._rows, self._scale = paid, least, rows, scale
        self.screen: Screen[str] = split_rows(
            {name: _counts(one) for name, one in rows.items()}, wholes, least, links=LINKS
        )

    def gone(self, name: str) -> frozenset[str]:
        """Return the counts of a row that are hidden."""
        return frozenset(one for one in _counts(self._rows[name]) if self.screen.hides(name, one))

    def place(self, name: str, currency: str) -> tuple[bool, bool, int, int, str]:
        """Return by what rows are sorted: value, who is unknown last, and hidden ones by id."""
        one, gone = self._rows[name], self.gone(name)
        unseen = "sales" in gone or "asked" in gone
        value, count = (0, 0) if unseen else (one.value.get(currency, 0), one.asked)
        return name == UNKNOWN, unseen, -value, -count, name

    def line(self, name: str, channel: str, advert: str = "") -> Line:
        """Return a row as it is shown."""
        screen = self.screen
        value = self._money(self._rows[name].value, hidden=screen.hides(name, "sales"))
        return Line(
            channel=channel,
            advert=advert,
            asked=screen.shown(OF_TABLES["asked"], name),
            booked=screen.count(name, "booked"),
            booked_share=screen.shown(OF_TABLES["brought_booked"], name),
            sales=screen.count(name, "sales"),
            sales_share=screen.shown(OF_TABLES["brought_sales"], name),
            value=value,
            bar=self._bar(name, value),
        )

    def total(self) -> Line:
        """Return all rows together."""
        screen, together = self.screen, _together(self._rows)
        return Line(
            channel="",
            advert="",
            asked=screen.total(OF_TABLES["asked"]),
            booked=screen.total(METRICS["booked"]),
            booked_share=screen.total(OF_TABLES["brought_booked"]),
            sales=screen.total(METRICS["sales"]),
            sales_share=screen.total(OF_TABLES["brought_sales"]),
            value=self._money(together.value, hidden="sales" in screen.totals_hidden),
            bar=None,
        )

    def _money(self, value: Mapping[str, int], *, hidden: bool) -> Money | Hidden:
        if hidden:
            return HIDDEN
        return tuple((code, value[code]) for code in self.paid if code in value)

    def most(self) -> int:
        """Return the greatest value that is seen, in the first currency."""
        seen = [
            one.value.get(self.paid[0], 0)
            for name, one in self._rows.items()
            if self.paid and not self.screen.hides(name, "sales")
        ]
        return max(seen, default=0)

    def _bar(self, name: str, value: Money | Hidden) -> float | None:
        if isinstance(value, Hidden) or not self.paid:
            return None
        return self._rows[name].value.get(self.paid[0], 0) / (self._scale or self.most() or 1)


def _with_adverts(line: Line, adverts: Mapping[str, Brought], of: _Table) -> Line:
    if set(adverts) == {""}:
        return line
    gone = of.gone(line.channel)
    table = _Table(
        rows=adverts,
        least=of.least,
        paid=of.paid,
        wholes={name: name in gone for name in BROUGHT},
        scale=of.most(),
    )
    first = of.paid[0] if of.paid else ""
    order = sorted(adverts, key=lambda advert: table.place(advert, first))
    below = tuple(table.line(advert, line.channel, advert) for advert in order)
    return Line(
        **{name: getattr(line, name) for name in Line.__slots__ if name != "adverts"},
        adverts=below,
    )


def _parts(asked: Asked) -> tuple[Part, ...]:
    def figure(metric: Metric, basis: str, sums: Sums) -> Shown:
        if asked.shop is None:
            return asked.screen.of_all(metric, basis, sums)
        return asked.screen.of_shop(metric, asked.shop, basis, sums)

    return tuple(
        Part(
            basis=basis,
            visitors=sums["desk_visitors"] or 0,
            asked=figure(OF_TABLES["asked"], basis, sums),
            share=figure(METRICS["asked_share"], basis, sums),
        )
        for basis, sums in sorted(asked.desks.items())
        if sums.get("desk_visitors")
    )
