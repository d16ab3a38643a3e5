"""Works out what the funnel draws: its steps by basis, and the shops that add up to them. Pure.

Called by the room's blueprint. A step's number is that of all shops that know it; its share is
taken of the step before among those that know both, and of visitors where steps do not contain
each other: who is served need not be known, and who buys need not have been served by name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cloud.figures.metric import METRICS, Metric, Sums
from cloud.figures.period import Period
from cloud.figures.suppress import Hidden, Shown
from cloud.pages.channels.board import Line
from cloud.pages.known import Figure, figure_of, why_missing
from cloud.queries.funnel import COUNTED, STEPS, Knowing, Screens, Step
from cloud.queries.shops import Named, OfShops
from cloud.views import PAGE_SHOPS

_COUNTS: Final[Mapping[str, Metric]] = {
    step.key: METRICS.get(step.count) or Metric(key=step.count, top=(step.count,), people=True)
    for step in STEPS
}
"""Each step's number as a figure; those who came back have one for their share only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepShown:
    """A step as it is drawn. `count` None: not known or hidden, `why` says so.

    `share`: of the step before; None: it has none. `of`: the count of which it is one. `knowing`:
    in how many shops both are known, None: that was not asked.
    """

    key: str
    count: int | None
    why: str
    share: Figure | None
    of: str | None
    knowing: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelRow:
    """A shop's steps, or those of several together (`shop` None)."""

    shop: Named | None
    steps: tuple[StepShown, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelGroup:
    """The funnel of one basis; `shops`: in how many shops it was counted on the last day.

    `rows`: the shops on the page; `page`: they together, None: they are all there are.
    """

    basis: str
    shops: int | None
    all: FunnelRow
    rows: tuple[FunnelRow, ...]
    page: FunnelRow | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shops:
    """Which shops the table lists: all by their names, and those on the page.

    `alone`: the funnel is that of one shop, and nothing is added up.
    """

    every: Sequence[Named]
    here: Sequence[Named]
    number: int
    alone: bool = False

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return 1 if len(self.here) == len(self.every) else -(-len(self.every) // PAGE_SHOPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelBoard:
    """The page."""

    period: Period
    groups: tuple[FunnelGroup, ...]
    page: int
    pages: int
    first: int
    last: int
    shops: int


def funnel_board(
    period: Period,
    sums: Mapping[str, Sums],
    of_shops: OfShops,
    shops: Shops,
    knowing: Mapping[str, Knowing],
    screens: Screens,
) -> FunnelBoard:
    """Work out the page.

    Args:
        period: its days.
        sums: the counts of all shops by basis.
        of_shops: those of the shops on the page.
        shops: which these are; of one alone it is that shop's funnel.
        knowing: how many shops know what.
        screens: what is hidden.
    """
    # Days on which nobody was counted have no visitors, but may have passers-by or sales.
    bases = [basis for basis in sorted(sums, key=lambda one: one or "~") if _says(sums[basis])]
    first = (shops.number - 1) * PAGE_SHOPS + 1
    return FunnelBoard(
        period=period,
        groups=tuple(
            _group(basis, sums[basis], of_shops, shops, knowing.get(basis), screens)
            for basis in bases
        ),
        page=shops.number,
        pages=shops.pages,
        first=min(first, len(shops.every)),
        last=first + len(shops.here) - 1,
        shops=len(shops.every),
    )


def _says(sums: Sums) -> bool:
    return any(sums[step.count] is not None for step in STEPS)


def _group(
    basis: str,
    sums: Sums,
    of_shops: OfShops,
    shops: Shops,
    knowing: Knowing | None,
    screens: Screens,
) -> FunnelGroup:
    def own(shop: Named) -> FunnelRow:
        counts = of_shops[shop.store_id, basis].sums
        return _row(
            shop,
            counts,
            lambda one: screens.of(one).of_shop(one, shop.store_id, basis, counts),
        )

    here = [shop for shop in shops.here if (shop.store_id, basis) in of_shops]
    rows = tuple(own(shop) for shop in here)
    page = None
    if shops.pages > 1:
        ids = [shop.store_id for shop in here]
        added = _added([of_shops[one, basis].sums for one in ids])
        page = _row(None, added, lambda one: screens.of(one).of_all(one, basis, added, ids))
    if shops.alone:
        top = _row(None, sums, lambda one: _alone(shops, screens, one, basis, sums), knowing)
    else:
        top = _row(None, sums, lambda one: screens.of(one).of_all(one, basis, sums), knowing)
    return FunnelGroup(
        basis=basis, shops=knowing.shops if knowing else None, all=top, rows=rows, page=page
    )


def _alone(shops: Shops, screens: Screens, metric: Metric, basis: str, sums: Sums) -> Shown:
    return screens.of(metric).of_shop(metric, shops.here[0].store_id, basis, sums)


def _added(rows: Sequence[Sums]) -> Sums:
    """Add counts up; what none of them knows is not known."""
    total: dict[str, int | None] = dict.fromkeys(COUNTED)
    for row in rows:
        for name, count in row.items():
            if count is not None:
                total[name] = (total[name] or 0) + count
    return total


def _row(
    shop: Named | None,
    sums: Sums,
    see: Callable[[Metric], Shown],
    knowing: Knowing | None = None,
) -> FunnelRow:
    return FunnelRow(shop=shop, steps=tuple(_step(step, sums, see, knowing) for step in STEPS))


def _step(
    step: Step, sums: Sums, see: Callable[[Metric], Shown], knowing: Knowing | None
) -> StepShown:
    count = see(_COUNTS[step.key])
    if step.key == "returned" and not sums.get("members_due"):
        count = None  # nobody could have come back yet
    hidden = isinstance(count, Hidden)
    share = figure_of(step.share, see(METRICS[step.share]), sums) if step.share else None
    return StepShown(
        key=step.key,
        count=None if count is None or isinstance(count, Hidden) else int(count),
        why="few" if hidden else "" if count is not None else _why(step, sums),
        share=share,
        of=step.of,
        knowing=knowing.by_step.get(step.key) if knowing else None,
    )


def _why(step: Step, sums: Sums) -> str:
    return why_missing(step.share or step.count, sums) if step.key != "visitors" else "no_days"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSteps:
    """What one channel brought, as its line on the page of channels has it: guests who said so,
    and who of them bought.

    None: nobody named it, or it is hidden: `why`.
    """

    channel: str
    asked: int | None
    sales: int | None
    share: float | None
    why: str


def channel_steps(channel: str, lines: Sequence[Line]) -> ChannelSteps:
    """Return a channel's steps from the lines of the page of channels."""
    line = next((one for one in lines if one.channel == channel), None)
    if line is None:
        return ChannelSteps(channel=channel, asked=None, sales=None, share=None, why="no_channel")
    asked, sales, share = (_seen(one) for one in (line.asked, line.sales, line.sales_share))
    return ChannelSteps(
        channel=channel,
        asked=None if asked is None else int(asked),
        sales=None if sales is None else int(sales),
        share=share,
        why="few" if asked is None else "",
    )


def _seen(value: Shown) -> float | None:
    return None if isinstance(value, Hidden) else value
