"""Which boxes were given their share of a key, and which must not be. Used by `shares` and `cli`.

A revocation holds for a name, whether or not it ever asked, until it is taken back.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, select

from cloud.db import upsert
from cloud.tables import key_release
from edge.wire.topics import BoxAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One box: when it first and last got its share, and since when it gets none."""

    address: BoxAddress
    first_at: datetime | None
    last_at: datetime | None
    revoked_at: datetime | None


def _of(address: BoxAddress) -> ColumnElement[bool]:
    return and_(key_release.c.store == address.store, key_release.c.box == address.box)


def every_release(connection: Connection) -> list[Release]:
    """Return all boxes that ever asked or are revoked, by shop and name."""
    rows = connection.execute(
        select(key_release).order_by(key_release.c.store, key_release.c.box)
    ).mappings()
    return [
        Release(
            address=BoxAddress(store=row["store"], box=row["box"]),
            first_at=row["first_at"],
            last_at=row["last_at"],
            revoked_at=row["revoked_at"],
        )
        for row in rows
    ]


def is_revoked(connection: Connection, address: BoxAddress) -> bool:
    """Return whether a box must not be given its share."""
    row = connection.execute(select(key_release.c.revoked_at).where(_of(address))).first()
    return row is not None and row.revoked_at is not None


def note_release(connection: Connection, address: BoxAddress, now: datetime) -> None:
    """Note that a box was given its share."""
    statement = upsert(connection, key_release)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=key_release.primary_key.columns,
            set_={
                "first_at": func.coalesce(key_release.c.first_at, statement.excluded.first_at),
                "last_at": statement.excluded.last_at,
            },
        ),
        {"store": address.store, "box": address.box, "first_at": now, "last_at": now},
    )


def revoke(connection: Connection, address: BoxAddress, now: datetime) -> None:
    """Give a box no share from now on; one that is revoked keeps the moment it had."""
    statement = upsert(connection, key_release)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=key_release.primary_key.columns,
            set_={
                "revoked_at": func.coalesce(key_release.c.revoked_at, statement.excluded.revoked_at)
            },
        ),
        {"store": address.store, "box": address.box, "revoked_at": now},
    )


def restore(connection: Connection, address: BoxAddress) -> bool:
    """Take a revocation back; return whether there was one."""
    done = connection.execute(
        key_release.update()
        .where(_of(address), key_release.c.revoked_at.is_not(None))
        .values(revoked_at=None)
    )
    return done.rowcount > 0
