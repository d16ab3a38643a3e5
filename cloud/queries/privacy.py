"""What the hub knows of how members' data stand: consents, faces stored, erasures under way.

Names nobody. Called by `morning`.
"""

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from cloud.accounts.scope import Scope
from cloud.queries.morning_views import Consents, Endings
from cloud.retention import kept_from
from cloud.tables import box_order, member_change
from edge.wire.orders import EraseOrder, WithdrawOrder

_ENDS: Final = ("consent_withdrawn", "consent_expired", "erased")
_ENDINGS: Final = (EraseOrder.KIND, WithdrawOrder.KIND)


def consents_of(connection: Connection, scope: Scope) -> Consents:
    """Return the consents in force and the stored faces of somebody's shops.

    Reads every word on members that is kept: not for every look.
    """
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
    cleared = kept_from(connection)
    return Consents(
        given=sum(int(row[0]) for row in rows),
        templates=sum(int(row[1]) for row in rows),
        most=max((int(row[1]) for row in rows), default=0),
        since=datetime.fromtimestamp(cleared / 1000, UTC) if cleared else None,
    )


def _holds(begun: ColumnElement[Any], ended: ColumnElement[Any]) -> ColumnElement[bool]:
    return and_(begun.is_not(None), or_(ended.is_(None), ended < begun))


def endings_of(connection: Connection, scope: Scope) -> Endings:
    """Return the erasures and withdrawals that boxes of somebody's shops have not confirmed."""
    of = box_order.c
    rows = connection.execute(
        select(of.object, of.store, of.box, of.at)
        .where(of.acked_at.is_(None), of.kind.in_(_ENDINGS), scope.only(of.store))
        .distinct()
    ).all()
    return Endings(
        members=len({row.object for row in rows}),
        boxes=len({(row.store, row.box) for row in rows}),
        oldest=min((row.at for row in rows), default=None),
    )
