"""What pages ask of anomalies, and what people do with them. Called by `cloud.app`.

Every question takes a `Scope`; the chain's own anomalies are for who sees the whole chain.
"""

from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    func,
    insert,
    select,
    true,
)

from cloud import aside
from cloud.accounts import people
from cloud.accounts.scope import EVERYTHING, Scope
from cloud.anomalies.tables import CHAIN, anomaly, anomaly_ack
from cloud.anomalies.word import tell
from cloud.expect.model import Model
from cloud.orders import Issuer
from cloud.queries.overview import commonest_zone
from cloud.tables import box, box_order, store
from edge.wire.orders import NoticeOrder

KINDS: Final = ("chain", "drop", "surge", "bookings", "silent", "box")
REASONS: Final = (
    *("weather", "event", "works", "closed", "camera", "counting"),
    *("staff", "expected", "other"),
)
"""What people may put an anomaly down to."""
DRAWN: Final = ("drop", "surge", "silent")
_DAY: Final = timedelta(days=1)
_DIGESTED: Final = 100
_HOURS_DRAWN: Final = 48
_MODEL: Final = msgspec.json.Decoder(Model)


class Anomaly(Struct, frozen=True, kw_only=True):
    """An anomaly as it is shown. `store` "": the chain's. `got` None: nobody knows.

    `told_to`: by how many of the shop's boxes a notice was taken; `refused`: by how many it was
    not, since their release does not know of notices.
    """

    id: str
    store: str
    name: str
    timezone: str
    kind: str
    reason: str
    since: datetime
    opened_at: datetime
    closed_at: datetime | None
    ended: str | None
    expected: float
    low: int
    high: int
    got: int | None
    shops: int | None
    told_at: datetime | None
    told_to: int
    refused: int
    has_box: bool
    ack_at: datetime | None
    ack_by: str | None
    ack_reason: str | None

    @property
    def state(self) -> Literal["open", "acknowledged", "over"]:
        """How far it has come."""
        if self.closed_at is not None:
            return "over"
        return "open" if self.ack_at is None else "acknowledged"


def open_ones(
    connection: Connection, scope: Scope, limit: int, offset: int = 0, kind: str = ""
) -> tuple[Anomaly, ...]:
    """Return anomalies that go on: those that nobody took on first, the chain's before shops',
    and what was seen before what could not be. `kind`: of which kind, "" of all.
    """
    asked = (
        _asked(scope)
        .where(anomaly.c.closed_at.is_(None), true() if not kind else anomaly.c.kind == kind)
        .order_by(
            anomaly_ack.c.at.is_not(None),
            anomaly.c.store != CHAIN,
            anomaly.c.kind == "silent",
            anomaly.c.opened_at.desc(),
            anomaly.c.id,
        )
        .limit(limit)
        .offset(offset)
    )
    return _shown(connection, asked)


def not_taken_on(connection: Connection, scope: Scope) -> tuple[Anomaly, ...]:
    """Return the anomalies that go on and that nobody has acknowledged, for the digest."""
    return tuple(one for one in open_ones(connection, scope, _DIGESTED) if one.state == "open")


def past_ones(
    connection: Connection, scope: Scope, limit: int, offset: int = 0
) -> tuple[Anomaly, ...]:
    """Return anomalies that are over, the last first."""
    asked = (
        _asked(scope)
        .where(anomaly.c.closed_at.is_not(None))
        .order_by(anomaly.c.closed_at.desc(), anomaly.c.id)
        .limit(limit)
        .offset(offset)
    )
    return _shown(connection, asked)


def how_many(connection: Connection, scope: Scope) -> tuple[int, int, int]:
    """Return how many nobody took on, how many somebody did, and how many are over."""
    over = anomaly.c.closed_at.is_not(None)
    taken = anomaly_ack.c.at.is_not(None)
    counts = (
        func.count(case((and_(~over, ~taken), 1))),
        func.count(case((and_(~over, taken), 1))),
        func.count(case((over, 1))),
    )
    row = connection.execute(
        select(*counts).select_from(anomaly).outerjoin(anomaly_ack).where(_only(scope))
    ).one()
    return int(row[0]), int(row[1]), int(row[2])


def by_kind(connection: Connection, scope: Scope) -> dict[str, int]:
    """Return how many of each kind go on, in the order of `KINDS`."""
    rows = connection.execute(
        select(anomaly.c.kind, func.count())
        .where(anomaly.c.closed_at.is_(None), _only(scope))
        .group_by(anomaly.c.kind)
    )
    found = {kind: int(count) for kind, count in rows}
    return {kind: found[kind] for kind in KINDS if kind in found}


def _only(scope: Scope) -> ColumnElement[bool]:
    return true() if scope.shops is None else scope.only(anomaly.c.store)


def _asked(scope: Scope) -> Select[Any]:
    def boxes(*conditions: ColumnElement[bool]) -> Any:
        return (
            select(func.count(box_order.c.box.distinct()))
            .where(
                box_order.c.store == anomaly.c.store,
                box_order.c.kind == NoticeOrder.KIND,
                box_order.c.object == anomaly.c.id,
                *conditions,
            )
            .correlate(anomaly)
            .scalar_subquery()
        )

    taken = boxes(box_order.c.acked_at.is_not(None), box_order.c.refused.is_(None))
    refused = boxes(box_order.c.refused.is_not(None))
    has_box = select(box.c.id).where(box.c.store == anomaly.c.store).correlate(anomaly).exists()
    return (
        select(
            anomaly,
            store.c.name,
            store.c.timezone,
            anomaly_ack.c.at.label("ack_at"),
            anomaly_ack.c.actor,
            anomaly_ack.c.reason.label("ack_reason"),
            # Asked only where a shop was told: the orders have no index for it.
            case((anomaly.c.told_at.is_not(None), taken), else_=0).label("told_to"),
            case((anomaly.c.told_at.is_not(None), refused), else_=0).label("refused"),
            has_box.label("has_box"),
        )
        .select_from(anomaly)
        .outerjoin(store, store.c.id == anomaly.c.store)
        .outerjoin(anomaly_ack, anomaly_ack.c.anomaly == anomaly.c.id)
        .where(_only(scope))
    )


def _shown(connection: Connection, asked: Select[Any]) -> tuple[Anomaly, ...]:
    rows = connection.execute(asked).all()
    names = _names(connection) if any(row.actor for row in rows) else {}
    whole = any(row.store == CHAIN for row in rows)
    # As of the first page: the chain has no zone of its own.
    zone = commonest_zone(connection, EVERYTHING) if whole else "UTC"
    return tuple(
        Anomaly(
            id=row.id,
            store=row.store,
            name=row.name or row.store,
            timezone=row.timezone or zone,
            kind=row.kind,
            reason=row.reason,
            since=row.since,
            opened_at=row.opened_at,
            closed_at=row.closed_at,
            ended=row.ended,
            expected=row.expected,
            low=row.low,
            high=row.high,
            got=row.got,
            shops=row.shops,
            told_at=row.told_at,
            told_to=row.told_to,
            refused=row.refused,
            has_box=bool(row.has_box),
            ack_at=row.ack_at,
            ack_by=names.get(row.actor, row.actor),
            ack_reason=row.ack_reason,
        )
        for row in rows
    )


def _names(connection: Connection) -> dict[str, str]:
    return {one.actor: one.shown for one in people.all_accounts(connection)}


def acknowledge(
    connection: Connection, scope: Scope, which: str, reason: str, by: str, now: datetime
) -> bool:
    """Take an anomaly on; say whether it is taken on now. Somebody else may have been quicker.

    Args:
        connection: of the transaction.
        scope: what the caller sees.
        which: the anomaly.
        reason: one of `REASONS`, "" where nobody knows yet.
        by: the caller.
        now: the time.
    """
    if reason and reason not in REASONS:
        return False
    row = connection.execute(
        select(anomaly.c.id, anomaly_ack.c.at)
        .outerjoin(anomaly_ack, anomaly_ack.c.anomaly == anomaly.c.id)
        .where(anomaly.c.id == which, anomaly.c.closed_at.is_(None), _only(scope))
        .with_for_update(of=anomaly)
    ).first()
    if row is None or row.at is not None:
        return False
    connection.execute(
        insert(anomaly_ack),
        [{"anomaly": which, "at": now, "actor": by, "reason": reason or None}],
    )
    aside.count_up(connection, {aside.CHANGES: 1})
    return True


def tell_shop(
    connection: Connection, scope: Scope, issuer: Issuer, which: str, by: str, now: datetime
) -> bool:
    """Let the shop's manager know; say whether they are told now."""
    row = connection.execute(
        select(anomaly.c.id).where(anomaly.c.id == which, _only(scope))
    ).first()
    return row is not None and tell(connection, issuer, which, by, now)
