"""Works out what the page of anomalies draws. Pure; holds codes, the template has the words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from cloud.anomalies.desk import Anomaly
from cloud.anomalies.hours import HourPoint
from cloud.boxes import zone_or_utc
from cloud.figures.suppress import HIDDEN, LEAST, Hidden
from cloud.pages.export import Cell, Column
from menkou.web.chart import Curve, Tick, curve, ribbon, scale, ticks

OPEN_A_PAGE: Final = 12
PAST_A_PAGE: Final = 50
_HOUR_S: Final = 3600
_EDGE: Final = 14
"""Percent: nearer to a side there is no room for half a date."""
COLUMNS: Final = (
    Column(key="shop", title="anomalies.shop"),
    Column(key="shop_id"),
    Column(key="kind", title="anomalies.kind"),
    Column(key="reason"),
    Column(key="state", title="anomalies.state"),
    Column(key="since", title="anomalies.since", kind="moment"),
    Column(key="opened_at", kind="moment"),
    Column(key="closed_at", kind="moment"),
    Column(key="expected", title="anomalies.expected", kind="count", people=True),
    Column(key="low", kind="count", people=True),
    Column(key="high", kind="count", people=True),
    Column(key="got", title="anomalies.got", kind="count", people=True),
    Column(key="put_down_to"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is asked: a page of those that go on, one of those that are over, and how many of each
    there are (nobody took them on, somebody did, over). `hours`: by id, what is drawn. `kinds`: how
    many of each kind go on; `kind`: the one that is asked for.
    """

    now: datetime
    going_on: Sequence[Anomaly]
    past: Sequence[Anomaly]
    counts: tuple[int, int, int]
    hours: Mapping[str, Sequence[HourPoint]]
    kinds: Mapping[str, int]
    kind: str = ""
    open_page: int = 1
    page: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A word under the plot; `x` in percent; `side`: on which side of it there is room."""

    x: float
    side: str
    hour: int
    day: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Hours in a row: the band of what is expected, and the visitors. `begun`: where it began, in
    percent; `runs`: the curve, broken where nothing is known; `missing`: (x, width) of that.
    """

    band: str
    mean: str
    runs: tuple[Curve, ...]
    missing: tuple[tuple[float, float], ...]
    begun: float
    ticks: tuple[Tick, ...]
    labels: tuple[Label, ...]
    hours: tuple[tuple[datetime, HourPoint], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One anomaly. `share`: by how much it is off, as a fraction of what was expected; None: what
    came is not known, or hidden. `since`, `local_now`: in the shop's own zone.
    """

    one: Anomaly
    since: datetime
    local_now: datetime
    got: int | Hidden | None
    share: float | None
    plot: Plot | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The page."""

    now: datetime
    cards: tuple[Card, ...]
    past: tuple[Card, ...]
    waiting: int
    taken: int
    over: int
    kinds: tuple[tuple[str, int], ...]
    kind: str
    open_page: int
    open_pages: int
    page: int
    pages: int

    @property
    def first(self) -> int:
        """The number of the first past one on this page."""
        return (self.page - 1) * PAST_A_PAGE + 1

    @property
    def last(self) -> int:
        """The number of the last past one on this page."""
        return min(self.page * PAST_A_PAGE, self.over)

    @property
    def shops(self) -> int:
        """How many past ones there are in all."""
        return self.over


def board_of(found: Found) -> Board:
    """Work out the page."""
    waiting, taken, over = found.counts
    many = found.kinds[found.kind] if found.kind else waiting + taken
    return Board(
        now=found.now,
        cards=tuple(_card(one, found) for one in found.going_on),
        past=tuple(_card(one, found) for one in found.past),
        waiting=waiting,
        taken=taken,
        over=over,
        open_page=found.open_page,
        open_pages=max(1, -(-many // OPEN_A_PAGE)),
        kinds=tuple(found.kinds.items()),
        kind=found.kind,
        page=found.page,
        pages=max(1, -(-over // PAST_A_PAGE)),
    )


def rows_of(found: Found) -> Iterator[tuple[Cell, ...]]:
    """Yield the rows of the page's table, those that go on first."""
    for one in (*found.going_on, *found.past):
        few = one.kind == "bookings"
        numbers: tuple[Cell, ...] = (
            round(one.expected),
            one.low,
            one.high,
            _got(one) if few else one.got,
        )
        if one.kind == "box":
            numbers = (None,) * len(numbers)
        yield (
            one.name,
            one.store,
            one.kind,
            one.reason,
            one.state,
            one.since,
            one.opened_at,
            one.closed_at,
            *numbers,
            one.ack_reason,
        )


def _got(one: Anomaly) -> int | Hidden | None:
    """Return what came; of bookings, which are people, few are hidden."""
    if one.kind == "bookings" and one.got is not None and 0 < one.got < LEAST:
        return HIDDEN
    return one.got


def _card(one: Anomaly, found: Found) -> Card:
    zone = zone_or_utc(one.timezone)
    got = _got(one)
    known = got if isinstance(got, int) else None
    points = found.hours.get(one.id, ())
    return Card(
        one=one,
        since=one.since.astimezone(zone),
        local_now=found.now.astimezone(zone),
        got=got,
        share=None if known is None or not one.expected else known / one.expected - 1,
        plot=_plot(one, points, zone) if len(points) > 1 else None,
    )


def _plot(one: Anomaly, points: Sequence[HourPoint], zone: ZoneInfo) -> Plot:
    many = len(points)
    width = 100 / many
    tops = [max(point.high, point.got or 0) for point in points]
    lines = scale(max(tops))
    top = lines[-1]
    begun = next(
        (n for n, point in enumerate(points) if point.start + _HOUR_S > one.since.timestamp()), many
    )
    starts = [datetime.fromtimestamp(point.start, UTC).astimezone(zone) for point in points]
    return Plot(
        band=ribbon([point.low for point in points], [point.high for point in points], top),
        mean=curve([point.mean for point in points], top, many).path,
        runs=tuple(_runs(points, top)),
        missing=tuple(
            (round(n * width, 3), round(width, 3))
            for n, point in enumerate(points)
            if point.got is None
        ),
        begun=round(begun * width, 3),
        ticks=ticks(lines),
        labels=tuple(_labels(starts, width)),
        hours=tuple(zip(starts, points, strict=True)),
    )


def _runs(points: Sequence[HourPoint], top: float) -> Iterator[Curve]:
    """Yield the curve's unbroken parts."""
    whole = curve([point.got or 0 for point in points], top, len(points)).points
    run: list[tuple[float, float]] = []
    for place, point in zip((*whole, (0.0, 0.0)), (*points, None), strict=True):
        if point is not None and point.got is not None:
            run.append(place)
        elif run:
            yield Curve(path="M" + "L".join(f"{x:g} {y:g}" for x, y in run), points=tuple(run))
            run = []


def _labels(starts: Sequence[datetime], width: float) -> Iterator[Label]:
    """Yield the words below: every sixth hour, and each new day."""
    day = None
    for n, start in enumerate(starts):
        fresh = start.date() != day
        if fresh or (start.hour % 6 == 0):
            x = round((n + 0.5) * width, 3)
            side = "start" if x < _EDGE else "end" if x > 100 - _EDGE else "middle"
            yield Label(x=x, side=side, hour=start.hour, day=start if fresh else None)
        day = start.date()
