"""What the hub knows of how members' data stand: consents, faces stored, erasures under way.

Names nobody. Called by `morning`.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from cloud.accounts.scope import Scope
from cloud.queries.morning_views import Answering, Consents, Endings
from cloud.retention import kept_from
from cloud.tables import box, box_order, member_change
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
            each.c.store,
            func.sum(case((_holds(each.c.given, each.c.ended), 1), else_=0)),
            func.sum(case((_holds(each.c.stored, each.c.removed), 1), else_=0)),
        ).group_by(each.c.store)
    ).all()
    cleared = kept_from(connection)
    return Consents(
        given=sum(int(row[1]) for row in rows),
        templates=sum(int(row[2]) for row in rows),
        answering=_answering(
            _controllers(connection, scope), {row[0]: int(row[2]) for row in rows if row[2]}
        ),
        since=datetime.fromtimestamp(cleared / 1000, UTC) if cleared else None,
    )


def _controllers(connection: Connection, scope: Scope) -> dict[str, str]:
    """Return who answers for faces in each shop, as its boxes tell; of several, the last by name.

    Names that differ in spaces or capitals only are one; it is written as in most shops.
    """
    of = box.c
    rows = connection.execute(
        select(of.store, func.max(of.controller))
        .where(of.controller.is_not(None), scope.only(of.store))
        .group_by(of.store)
    ).all()
    told = {shop: " ".join(name.split()) for shop, name in rows}
    written: dict[str, Counter[str]] = defaultdict(Counter)
    for name in told.values():
        written[name.casefold()][name] += 1
    return {shop: written[name.casefold()].most_common(1)[0][0] for shop, name in told.items()}


def _answering(controllers: Mapping[str, str], stored: Mapping[str, int]) -> tuple[Answering, ...]:
    shops: Counter[str] = Counter()
    templates: Counter[str] = Counter()
    for shop, count in stored.items():
        shops[controllers.get(shop, "")] += 1
        templates[controllers.get(shop, "")] += count
    return tuple(
        Answering(controller=name, shops=shops[name], templates=count)
        for name, count in sorted(templates.items(), key=lambda one: (-one[1], one[0]))
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
