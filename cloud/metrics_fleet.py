"""What the database knows of the fleet and of the hub's work, for Prometheus.

Asked at each scrape; served by `serve` only, so that it is told once however many ingest
processes there are. Labels are ids of shops and boxes: as many as there are boxes.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from cloud import aside
from cloud.db import reading
from cloud.queries.today import SILENT_AFTER
from cloud.tables import box, dirty, epoch, presence_daily

_log = logging.getLogger(__name__)
STATES: Final = ("online", "offline", "silent")
WIFI_STATES: Final = ("known", "learning", "waiting")
_PER_BOX: Final[tuple[tuple[str, str, "Callable[[BoxLag], float | None]"], ...]] = (
    ("online", "Whether the box is connected and speaks", lambda one: one.state == "online"),
    ("last_seen_age_seconds", "Since the box last spoke", lambda one: one.silent_s),
    ("backlog_events", "Events that the box says wait", lambda one: one.backlog),
    ("oldest_unacked_age_seconds", "Age of the oldest of them", lambda one: one.oldest_s),
    ("missing_events", "Events known of and not held", lambda one: one.missing),
    ("lost_events", "Events that the box does not hold either", lambda one: one.lost),
)
_COUNTERS: Final = (
    ("set_aside", "Messages and events that could not be taken", aside.SET_ASIDE),
    ("messages_dropped", "Messages dropped by all ingest processes", aside.DROPPED),
    ("database_errors", "Sets that could not be written at once", aside.DATABASE_ERRORS),
    ("keys_denied", "Requests for keys that were not answered", aside.KEYS_DENIED),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxLag:
    """How far a box is behind. Ages are seconds; None where nothing is known."""

    store: str
    box: str
    state: str
    silent_s: float | None
    backlog: int | None
    oldest_s: float | None
    missing: int
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What the database says at one moment. `wifi`: shops of the last two days by what their radios
    know: `known`, `learning`, or `waiting` for a whole hour.
    """

    boxes: Sequence[BoxLag]
    dirty_hours: int
    counters: Mapping[str, int]
    ingest_silent_s: float | None
    wifi: Mapping[str, int]


def fleet(connection: Connection, now: datetime) -> Fleet:
    """Read the fleet's state; `now` is aware."""
    missing: dict[tuple[str, str], int] = defaultdict(int)
    lost: dict[tuple[str, str], int] = defaultdict(int)
    # Added up here: a box may declare numbers whose sum no column holds.
    columns = (epoch.c.store, epoch.c.box, epoch.c.missing, epoch.c.lost)
    for row in connection.execute(
        select(*columns).where((epoch.c.missing > 0) | (epoch.c.lost > 0))
    ):
        missing[row.store, row.box] += row.missing
        lost[row.store, row.box] += row.lost
    wanted = (box.c.store, box.c.id, box.c.state, box.c.last_seen, box.c.backlog)
    rows = connection.execute(select(*wanted, box.c.oldest_unacked_at))
    counters = aside.meters(connection)
    return Fleet(
        boxes=[
            BoxLag(
                store=row.store,
                box=row.id,
                state=_state(row.state, row.last_seen, now),
                silent_s=_age_s(row.last_seen, now),
                backlog=row.backlog,
                # A box that says that nothing waits says so by naming no time.
                oldest_s=0.0 if row.backlog == 0 else _age_s(row.oldest_unacked_at, now),
                missing=missing[row.store, row.id],
                lost=lost[row.store, row.id],
            )
            for row in rows
        ],
        dirty_hours=connection.execute(select(func.count()).select_from(dirty)).scalar_one(),
        counters=counters,
        ingest_silent_s=_age_s(aside.seen_at(counters), now),
        wifi=_wifi(connection, now),
    )


def _wifi(connection: Connection, now: datetime) -> dict[str, int]:
    of = presence_daily.c
    # A shop's newest day of the two counts: its own today may be UTC's yesterday or tomorrow.
    rows = connection.execute(
        select(of.store, of.learnt, of.needed, of.passers)
        .where(of.day >= (now - timedelta(days=1)).date(), of.minutes > 0)
        .order_by(of.day)
    )
    found = {
        shop: "known" if passers is not None else "learning" if learnt < needed else "waiting"
        for shop, learnt, needed, passers in rows.all()
    }
    counted = Counter(found.values())
    return {state: counted[state] for state in WIFI_STATES}


def _state(told: str | None, last_seen: datetime | None, now: datetime) -> str:
    if told == "offline":
        return "offline"
    return "silent" if last_seen is None or now - last_seen > SILENT_AFTER else "online"


def _age_s(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else max(0.0, (now - moment).total_seconds())


class FleetCollector(Collector):
    """Reads the database at each scrape.

    Args:
        engine: the database.
        per_box: whether each box gets series of its own.
        now: the aware time.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        per_box: bool = True,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._per_box = per_box
        self._now = now

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the registry is then not asked for figures before the first scrape."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every figure; without a database only that it does not answer."""
        try:
            with reading(self._engine) as connection:
                found = fleet(connection, self._now())
        except SQLAlchemyError as exc:
            _log.warning("metrics: the database does not answer: %s", type(exc).__name__)
            yield _gauge("database_up", "Whether the database answers", 0)
            return
        yield _gauge("database_up", "Whether the database answers", 1)
        yield from _whole(found)
        if self._per_box:
            yield from _each(found.boxes)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"menkou_hub_{name}", text, value=value)


def _whole(found: Fleet) -> Iterator[Metric]:
    states = GaugeMetricFamily("menkou_hub_boxes", "Boxes by state", labels=["state"])
    counted = Counter(one.state for one in found.boxes)
    for state in STATES:
        states.add_metric([state], counted[state])
    yield states
    wifi = GaugeMetricFamily(
        "menkou_hub_wifi_shops", "Shops heard by Wi-Fi lately, by what is known", labels=["state"]
    )
    for state, count in found.wifi.items():
        wifi.add_metric([state], count)
    yield wifi
    backlog = sum(one.backlog or 0 for one in found.boxes)
    yield _gauge("backlog_events", "Events that wait on all boxes", backlog)
    oldest_s = max((one.oldest_s or 0.0 for one in found.boxes), default=0.0)
    yield _gauge("oldest_unacked_age_seconds", "Age of the oldest of them", oldest_s)
    missing = sum(one.missing for one in found.boxes)
    yield _gauge("missing_events", "Events known of and not held", missing)
    yield _gauge("dirty_hours", "Hours that wait to be counted anew", found.dirty_hours)
    if found.ingest_silent_s is not None:
        text = "Since any ingest process said that it is alive"
        yield _gauge("ingest_last_seen_age_seconds", text, found.ingest_silent_s)
    for name, text, meter in _COUNTERS:
        value = found.counters.get(meter, 0)
        yield CounterMetricFamily(f"menkou_hub_{name}", text, value=value)


def _each(boxes: Sequence[BoxLag]) -> Iterator[Metric]:
    for name, text, value_of in _PER_BOX:
        family = GaugeMetricFamily(f"menkou_hub_box_{name}", text, labels=["store", "box"])
        for one in boxes:
            if (value := value_of(one)) is not None:
                family.add_metric([one.store, one.box], value)
        yield family
