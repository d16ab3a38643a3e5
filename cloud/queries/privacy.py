"""What the hub knows of how members' data stand: consents, faces stored, erasures under way.

Names nobody. Called by `morning`.
"""

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from cloud.accounts.scope import Scope
from cloud.queries.morning_views import Privacy
from cloud.retention import kept_from
from cloud.tables import box_order, member_change
from edge.wire.orders import EraseOrder, WithdrawOrder

_ENDS: Final = ("consent_withdrawn", "consent_expired", "erased")
_ENDINGS: Final = (EraseOrder.KIND, WithdrawOrder.KIND)


def privacy_of(connection: Connection, scope: Scope) -> Privacy:
    """Return how members' data stand in somebody's shops."""
    told = member_change.c

    def last(*changes: str) -> ColumnElement[datetime | None]:
        return func.max(case((told.change.in_(changes), told.at)))

    each = (
        select(
            told.store,
            last("consent_given").label("given"),
            last(*_ENDS).label("ended"),
            last("template_stored").label("stored"),
            last("template_removed", *_ENDS).label("removed"),
        )
        .where(told.subject.is_not(None), scope.only(told.store))
        .group_by(told.store, told.subject)
        .subquery()
    )
    rows = connection.execute(
        select(
            func.sum(case((_holds(each.c.given, each.c.ended), 1), else_=0)),
            func.sum(case((_holds(each.c.stored, each.c.removed), 1), else_=0)),
        ).group_by(each.c.store)
    ).all()
    erasures, waiting, oldest = _under_way(connection, scope)
    cleared = kept_from(connection)
    return Privacy(
        consents=sum(int(row[0]) for row in rows),
        templates=sum(int(row[1]) for row in rows),
        most=max((int(row[1]) for row in rows), default=0),
        since=datetime.fromtimestamp(cleared / 1000, UTC) if cleared else None,
        erasures=erasures,
        waiting=waiting,
        oldest=oldest,
    )


def _holds(begun: ColumnElement[Any], ended: ColumnElement[Any]) -> ColumnElement[bool]:
    return and_(begun.is_not(None), or_(ended.is_(None), ended < begun))


def _under_way(connection: Connection, scope: Scope) -> tuple[int, int, datetime | None]:
    of = box_order.c
    rows = connection.execute(
        select(of.object, of.store, of.box, of.at)
        .where(of.acked_at.is_(None), of.kind.in_(_ENDINGS), scope.only(of.store))
        .distinct()
    ).all()
    return (
        len({row.object for row in rows}),
        len({(row.store, row.box) for row in rows}),
        min((row.at for row in rows), default=None),
    )
