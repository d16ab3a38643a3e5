"""The settings that head office wishes boxes to have, and what became of them.

Called by `config` commands, by `order_post` for what is sent, and by `ingest` for what boxes say.
The file for a shop looks like a box's own, but holds only what may be set from afar, which only
ever lowers what the box's file allows:

    [store]   name                 [dedup]  window_at_most, since = "first_seen", who = "members"
    [hours]   mon ... sun          [wifi]   enabled = false
    [privacy] mode_at_most               [[channel]] id, zh, en, active, [[channel.advert]]
"""

import json
import re
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator
from pydantic.dataclasses import dataclass as settings
from sqlalchemy import Connection, Row, and_, func, or_, select

from cloud.db import upsert
from cloud.orders import WHOLE_SHOP, Issuer, boxes_of, configuration
from cloud.tables import box, box_order, config_report, store
from cloud.tables import desired as wishes
from edge.wire.channels import Listed, channels
from edge.wire.checks import milliseconds, shop_text
from edge.wire.orders import WINDOW_S_MAX, ConfigOrder
from edge.wire.topics import BoxAddress
from menkou.settings import STRICT, Fault, SettingsFault, build, read_toml

_DURATION: Final = re.compile(r"(\d{1,7})\s*(s|min|h|d)")
_UNIT_S: Final = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_AT_THE_BOX: Final = re.compile(
    r"camera|declaration|console|uplink|box|store\.(id|timezone)|privacy\.(mode|key)|dedup\.window"
)


def _duration(value: str) -> str:
    found = _DURATION.fullmatch(value)
    if found and 1 <= int(found[1]) * _UNIT_S[found[2]] <= WINDOW_S_MAX:
        return value
    raise ValueError(f"expected a duration such as 90s, 10min, 3h (30d at most), got {value!r}")


def _off(value: bool) -> bool:
    if value:
        raise ValueError("expected false: only the manager at the box turns Wi-Fi on; got true")
    return value


def _hours(value: list[str]) -> list[str]:
    if len(value) == 2 and value[0] != value[1] and all(_CLOCK.fullmatch(one) for one in value):
        return value
    raise ValueError(f'expected ["HH:MM", "HH:MM"] such as ["09:30", "22:00"], got {value!r}')


_Hours = Annotated[list[str], AfterValidator(_hours)] | None


@settings(frozen=True, kw_only=True, config=STRICT)
class _Store:
    name: Annotated[str, AfterValidator(shop_text)] | None = None


@settings(frozen=True, kw_only=True, config=STRICT)
class _Week:
    mon: _Hours = None
    tue: _Hours = None
    wed: _Hours = None
    thu: _Hours = None
    fri: _Hours = None
    sat: _Hours = None
    sun: _Hours = None


@settings(frozen=True, kw_only=True, config=STRICT)
class _Privacy:
    mode_at_most: Literal["count", "checkin", "entrance"] | None = None


@settings(frozen=True, kw_only=True, config=STRICT)
class _Dedup:
    window_at_most: Annotated[str, AfterValidator(_duration)] | None = None
    since: Literal["first_seen"] | None = None
    who: Literal["members"] | None = None


@settings(frozen=True, kw_only=True, config=STRICT)
class _Wifi:
    enabled: Annotated[bool, AfterValidator(_off)] | None = None


@settings(frozen=True, kw_only=True, config=STRICT)
class _Advert:
    id: str
    zh: str
    en: str
    active: bool = True


@settings(frozen=True, kw_only=True, config=STRICT)
class _Channel:
    id: str
    zh: str
    en: str
    active: bool = True
    advert: tuple[_Advert, ...] = ()

    @property
    def listed(self) -> Listed:
        """As the order has it."""
        told = asdict(self)
        adverts = list(told.pop("advert"))
        return {**told, "adverts": adverts}


def _listed(value: tuple[_Channel, ...]) -> tuple[_Channel, ...]:
    channels([one.listed for one in value])
    return value


@settings(frozen=True, kw_only=True, config=STRICT)
class _Desired:
    store: _Store = field(default_factory=_Store)
    hours: _Week | None = None
    privacy: _Privacy = field(default_factory=_Privacy)
    dedup: _Dedup = field(default_factory=_Dedup)
    wifi: _Wifi = field(default_factory=_Wifi)
    channel: Annotated[tuple[_Channel, ...], AfterValidator(_listed)] | None = None


def read_desired(path: Path) -> ConfigOrder:
    """Read a file of desired settings; its version is given when it is set.

    Raises:
        SettingsFault: with every fault, each with its line.
    """
    raw, lines = read_toml(path)
    try:
        wished = build(_Desired, raw, path.name, lines)
    except SettingsFault as exc:
        raise SettingsFault([_explained(fault) for fault in exc.faults]) from None
    week = asdict(wished.hours) if wished.hours is not None else None
    hours = {day: tuple(pair) for day, pair in week.items() if pair} if week else None
    if hours == {}:
        line = lines.get(("hours",), 0)
        text = 'expected at least one day such as mon = ["10:00", "22:00"], got none'
        raise SettingsFault([Fault(file=path.name, line=line, key="hours", text=text)])
    window = wished.dedup.window_at_most
    return ConfigOrder(
        version=1,
        name=wished.store.name,
        hours=hours,
        mode_at_most=wished.privacy.mode_at_most,
        window_s_at_most=_seconds(window) if window else None,
        since=wished.dedup.since,
        who=wished.dedup.who,
        wifi=None if wished.wifi.enabled is None else "off",
        channels=[one.listed for one in wished.channel] if wished.channel else None,
    )


def _seconds(duration: str) -> int:
    found = _DURATION.fullmatch(duration)
    assert found is not None
    return int(found[1]) * _UNIT_S[found[2]]


def _explained(fault: Fault) -> Fault:
    if fault.text.startswith("unknown key") and _AT_THE_BOX.match(fault.key):
        text = "head office cannot set this: it takes the manager at the box"
        return Fault(file=fault.file, line=fault.line, key=fault.key, text=text)
    return fault


def set_desired(
    connection: Connection,
    issuer: Issuer,
    place: tuple[str, str],
    wish: ConfigOrder,
    now: datetime,
) -> tuple[int, list[BoxAddress]]:
    """Wish settings for a shop, or one box of it, and order its boxes to have them.

    What was wished last holds, whether it was for the shop or for the one box.

    Returns:
        The version, and the boxes that were ordered.
    """
    store_id, box_id = place
    highest = connection.execute(
        select(func.max(wishes.c.version)).where(wishes.c.store == store_id)
    ).scalar()
    version = max(milliseconds(now), (highest or 0) + 1)
    statement = upsert(connection, wishes)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=wishes.primary_key.columns,
            set_={"version": statement.excluded.version, "body": statement.excluded.body},
        ),
        {"store": store_id, "box": box_id, "version": version, "body": _text(wish)},
    )
    known = boxes_of(connection, store_id)
    ordered = [one for one in known if box_id in (WHOLE_SHOP, one.box)]
    for address in ordered:
        issuer.issue(connection, address, [configuration(now)], now)
    return version, ordered


def _text(wish: ConfigOrder) -> str:
    held = {name: value for name, value in asdict(wish).items() if name != "version"}
    return json.dumps(held, ensure_ascii=False)


def of_box(connection: Connection, address: BoxAddress) -> ConfigOrder | None:
    """Return the settings that are wished of a box, None while there are none."""
    row = connection.execute(
        select(wishes.c.version, wishes.c.body)
        .where(wishes.c.store == address.store, wishes.c.box.in_([WHOLE_SHOP, address.box]))
        .order_by(wishes.c.version.desc())
        .limit(1)
    ).first()
    return None if row is None else ConfigOrder(version=row.version, **json.loads(row.body))


def of_place(connection: Connection, place: tuple[str, str]) -> ConfigOrder | None:
    """Return the settings that were wished for exactly this shop, or this box."""
    row = connection.execute(
        select(wishes.c.version, wishes.c.body).where(
            wishes.c.store == place[0], wishes.c.box == place[1]
        )
    ).first()
    return None if row is None else ConfigOrder(version=row.version, **json.loads(row.body))


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a box is with its settings.

    `state`: none (nothing was wished) | waiting | applied | refused | newer (the box has settings
    that this hub does not know of: it was restored; set them again).
    """

    address: BoxAddress
    desired: int | None
    reported: int | None
    state: str
    code: str | None
    at: datetime | None


def standings(connection: Connection) -> list[Standing]:
    """Return how far each box is, by shop and name."""
    told = [config_report.c[name] for name in ("version", "state", "code", "at")]
    rows = connection.execute(
        select(box.c.store, box.c.id, *told)
        .join(
            config_report,
            and_(config_report.c.store == box.c.store, config_report.c.box == box.c.id),
            isouter=True,
        )
        .order_by(box.c.store, box.c.id)
    ).all()
    return [_standing(connection, row) for row in rows]


def _standing(connection: Connection, row: Row[Any]) -> Standing:
    address = BoxAddress(store=row.store, box=row.id)
    wish = of_box(connection, address)
    wanted = wish.version if wish else None
    return Standing(
        address=address,
        desired=wanted,
        reported=row.version,
        state=_state(wanted, row),
        code=row.code if row.version == wanted else None,
        at=row.at,
    )


def _state(wanted: int | None, row: Row[Any]) -> str:
    reported: int | None = row.version
    if reported is not None and (wanted is None or reported > wanted):
        return "newer"
    if wanted is None:
        return "none"
    return str(row.state) if reported == wanted else "waiting"


def note_report(
    connection: Connection,
    address: BoxAddress,
    version: int,
    state: str,
    code: str | None,
    at: datetime,
) -> None:
    """Keep what a box says of its settings; of two words on one version the later one holds."""
    statement = upsert(connection, config_report)
    held = (config_report.c.version, config_report.c.at)
    told = (statement.excluded.version, statement.excluded.at)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=config_report.primary_key.columns,
            set_={name: statement.excluded[name] for name in ("version", "state", "code", "at")},
            where=or_(held[0] < told[0], and_(held[0] == told[0], held[1] <= told[1])),
        ),
        {
            "store": address.store,
            "box": address.box,
            "version": version,
            "state": state,
            "code": code,
            "at": at,
        },
    )


def refused(
    connection: Connection, address: BoxAddress, order: tuple[str, int], code: str, at: datetime
) -> None:
    """Note that a box does not even understand the settings that it was sent."""
    row = connection.execute(
        select(box_order.c.kind).where(
            box_order.c.store == address.store,
            box_order.c.box == address.box,
            box_order.c.epoch == order[0],
            box_order.c.seq == order[1],
        )
    ).first()
    wish = of_box(connection, address)
    if row is not None and row.kind == ConfigOrder.KIND and wish is not None:
        note_report(connection, address, wish.version, "refused", code, at)


def is_known(connection: Connection, place: tuple[str, str]) -> bool:
    """Say whether the hub ever heard of a shop, or of a box of it."""
    if place[1] == WHOLE_SHOP:
        return connection.execute(select(store).where(store.c.id == place[0])).first() is not None
    return place[1] in {one.box for one in boxes_of(connection, place[0])}
