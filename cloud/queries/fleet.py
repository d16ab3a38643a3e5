"""How every box is, as the hub last heard it: what the page of the fleet shows.

Reads the rows of boxes, never facts. What is a trouble is said here once: the page, the first
page's strip and the digest count the same ones.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from msgspec import Struct
from sqlalchemy import Connection, Text, and_, cast, func, select

from cloud.accounts.scope import Scope
from cloud.anomalies.tables import anomaly
from cloud.orders import WHOLE_SHOP
from cloud.queries.today import SILENT_AFTER, cameras_of
from cloud.tables import INCOMPLETE, box, box_order, config_report, desired, epoch, store
from cloud.views import BACKLOG_NORMAL, CAMERA_FAULTS

HOT_C: Final = 80
"""From here on a Raspberry Pi slows itself down (Raspberry Pi documentation, "Frequency management
and thermal control": the throttling of all models begins at 80 to 85 degrees)."""
DISK_LEFT: Final = 0.10
"""A disk with less room than this share is nearly full."""
LAGS_AFTER: Final = timedelta(minutes=15)
"""What has waited longer than this is no ordinary delay."""
TROUBLES: Final = (
    *("silent", "never", "camera", "storage", "disk", "lagging", "missing", "hot", "clock"),
    "config",
)
"""What may be wrong with a box, what costs figures first."""


class Config(Struct, frozen=True, kw_only=True):
    """How far a box is with head office's settings. `state`: none | waiting | applied | refused |
    newer, as `cloud.desired.Standing`; `body` is what was wished, as a JSON object.
    """

    state: str
    wanted: int | None = None
    reported: int | None = None
    code: str | None = None
    at: datetime | None = None
    body: str | None = None


NO_CONFIG: Final = Config(state="none")


class FleetBox(Struct, frozen=True, kw_only=True):
    """One box. `state`: online | offline | silent. `troubles` are of `TROUBLES`.

    `orders` wait since `ordered_at`. `lost`: numbers that neither the box nor the hub has.
    """

    store_id: str
    name: str
    timezone: str
    box_id: str
    state: str
    last_seen: datetime | None
    version: str | None
    mode: str | None
    mode_wanted: str | None
    mode_why: str | None
    clock: str | None
    backlog: int | None
    oldest_unacked_at: datetime | None
    missing: int
    storage: str | None
    cameras: tuple[tuple[str, str], ...]
    temperature_c: int | None
    disk_mb: int | None
    disk_free_mb: int | None
    config: Config
    orders: int
    ordered_at: datetime | None
    troubles: tuple[str, ...]

    @property
    def lowered(self) -> bool:
        """Whether it runs in a lower mode than its settings ask for."""
        return None not in (self.mode, self.mode_wanted) and self.mode != self.mode_wanted


def fleet_of(connection: Connection, scope: Scope, now: datetime) -> list[FleetBox]:
    """Return every box that somebody sees, by shop and name; `now` is aware."""
    missing = _missing(connection, scope)
    orders = _orders(connection, scope)
    wishes = _wishes(connection, scope)
    rows = connection.execute(_BOXES.where(scope.only(box.c.store))).all()
    return [_box(row, now, missing, orders, wishes) for row in rows]


def silences(connection: Connection, scope: Scope) -> dict[str, tuple[str, bool]]:
    """Return the anomaly of each shop whose data are missing, or that has an alert of a box; and
    whether the shop was told.
    """
    of = anomaly.c
    rows = connection.execute(
        select(of.store, of.id, of.told_at)
        .where(of.closed_at.is_(None), of.kind.in_(("silent", "box")), scope.only(of.store))
        .order_by(of.opened_at)
    )
    return {row[0]: (row[1], row[2] is not None) for row in rows if row[0]}


def troubles_in(boxes: list[FleetBox]) -> Counter[str]:
    """Return how many boxes have each trouble; one with several counts at each."""
    return Counter(trouble for one in boxes for trouble in one.troubles)


_CONFIG: Final = ("version", "state", "code", "at")
_BOXES: Final = (
    select(
        *(box.c.store, store.c.name, store.c.timezone, box.c.id, box.c.state, box.c.last_seen),
        *(box.c.version, box.c.mode, box.c.mode_wanted, box.c.mode_why, box.c.clock),
        *(box.c.backlog, box.c.oldest_unacked_at, box.c.storage, cast(box.c.cameras, Text)),
        *(box.c.temperature_c, box.c.disk_mb, box.c.disk_free_mb),
        *(config_report.c[name] for name in _CONFIG),
    )
    .join(store, store.c.id == box.c.store)
    .join(
        config_report,
        and_(config_report.c.store == box.c.store, config_report.c.box == box.c.id),
        isouter=True,
    )
    .order_by(box.c.store, box.c.id)
)
_Key = tuple[str, str]


class _Wish(NamedTuple):
    version: int
    body: str


def _missing(connection: Connection, scope: Scope) -> Mapping[_Key, int]:
    found: dict[_Key, int] = defaultdict(int)
    # Added up here: a box may declare numbers whose sum no column holds.
    of = select(epoch.c.store, epoch.c.box, epoch.c.missing).where(INCOMPLETE)
    for store_id, box_id, count in connection.execute(of.where(scope.only(epoch.c.store))):
        found[store_id, box_id] += count
    return found


def _orders(connection: Connection, scope: Scope) -> Mapping[_Key, tuple[int, datetime]]:
    of = box_order.c
    rows = connection.execute(
        select(of.store, of.box, func.count(), func.min(of.at))
        .where(of.acked_at.is_(None), scope.only(of.store))
        .group_by(of.store, of.box)
    )
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


def _wishes(connection: Connection, scope: Scope) -> Mapping[_Key, _Wish]:
    rows = connection.execute(select(desired).where(scope.only(desired.c.store)))
    return {(row.store, row.box): _Wish(row.version, row.body) for row in rows}


def _box(
    row: Any,
    now: datetime,
    missing: Mapping[_Key, int],
    orders: Mapping[_Key, tuple[int, datetime]],
    wishes: Mapping[_Key, _Wish],
) -> FleetBox:
    shop, name, zone, box_id, told, seen, version, mode, wanted, why, clock, *rest = row
    backlog, oldest, storage, cameras, degrees, disk, free, *report = rest
    key = (shop, box_id)
    state = told or "online"
    if state == "online" and (seen is None or now - seen > SILENT_AFTER):
        state = "silent"
    waiting, since = orders.get(key, (0, None))
    states = cameras_of(cameras)
    config = _config(_wished(wishes, shop, box_id), report) if wishes or report[0] else NO_CONFIG
    lacks = missing.get(key, 0)
    wrong = {
        "never": seen is None,
        "silent": seen is not None and state != "online",
        "camera": state == "online" and any(one in CAMERA_FAULTS for _, one in states),
        "storage": storage not in (None, "ok"),
        "disk": disk is not None and free is not None and free < disk * DISK_LEFT,
        "lagging": _lags(backlog, oldest, now),
        "missing": lacks > 0,
        "hot": degrees is not None and degrees >= HOT_C,
        "clock": clock == "suspect",
        "config": config.state in ("refused", "newer"),
    }
    return FleetBox(
        store_id=shop,
        name=name,
        timezone=zone,
        box_id=box_id,
        state=state,
        last_seen=seen,
        version=version,
        mode=mode,
        mode_wanted=wanted,
        mode_why=why,
        clock=clock,
        backlog=backlog,
        oldest_unacked_at=oldest,
        missing=lacks,
        storage=storage,
        cameras=states,
        temperature_c=degrees,
        disk_mb=disk,
        disk_free_mb=free,
        config=config,
        orders=waiting,
        ordered_at=since,
        troubles=tuple(code for code in TROUBLES if wrong[code]),
    )


def _lags(backlog: int | None, oldest: datetime | None, now: datetime) -> bool:
    if not backlog:
        return False
    return backlog > BACKLOG_NORMAL or (oldest is not None and now - oldest > LAGS_AFTER)


def _wished(wishes: Mapping[_Key, _Wish], shop: str, box_id: str) -> _Wish | None:
    """Return what was wished last, for the shop or for the one box (`cloud.desired.of_box`)."""
    found = [w for w in (wishes.get((shop, WHOLE_SHOP)), wishes.get((shop, box_id))) if w]
    return max(found, key=lambda wish: wish.version) if found else None


def _config(wish: _Wish | None, report: list[Any]) -> Config:
    version, state, code, at = report
    wanted = wish.version if wish else None
    if version is not None and (wanted is None or version > wanted):
        standing = "newer"
    elif wanted is None:
        standing = "none"
    else:
        standing = state if version == wanted else "waiting"
    return Config(
        state=standing,
        wanted=wanted,
        reported=version,
        code=code if version == wanted else None,
        at=at,
        body=wish.body if wish else None,
    )
