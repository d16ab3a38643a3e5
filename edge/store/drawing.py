"""Keeps what the manager draws on the cameras' pictures. Written by `edge.desk.corner`.

Each change is a revision of its own, the highest one holds: so it can be seen since when people
are counted as they are.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlite_utils import Database

from edge.core.drawing import Drawing
from edge.wire.codec import utc_text

KEPT: Final = 50
"""Revisions of a camera."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A camera's drawing. `drawing` None: somebody went back to the settings file."""

    camera: str
    rev: int
    at: datetime
    actor: str
    drawing: Drawing | None


def drawings(db: Database) -> dict[str, Drawn]:
    """Return the last drawing of each camera, by its name."""
    rows = db.execute(
        "SELECT camera, max(rev), at, actor, value FROM drawing GROUP BY camera"
    ).fetchall()
    return {row[0]: _drawn(row) for row in rows}


def history(db: Database, camera: str) -> tuple[Drawn, ...]:
    """Return what was drawn on a camera's picture, the newest first."""
    rows = db.execute(
        "SELECT camera, rev, at, actor, value FROM drawing WHERE camera = ? ORDER BY rev DESC",
        [camera],
    ).fetchall()
    return tuple(_drawn(row) for row in rows)


def keep(db: Database, camera: str, drawing: Drawing | None, now: datetime, *, actor: str) -> int:
    """Write a drawing under its next revision, in the caller's transaction; return that."""
    value = json.dumps(asdict(drawing)) if drawing is not None else None
    (rev,) = db.execute(
        "INSERT INTO drawing SELECT ?, coalesce(max(rev), 0) + 1, ?, ?, ? FROM drawing"
        " WHERE camera = ? RETURNING rev",
        [camera, utc_text(now), actor, value, camera],
    ).fetchone()
    db.execute("DELETE FROM drawing WHERE camera = ? AND rev <= ?", [camera, rev - KEPT])
    return int(rev)


def _drawn(row: Any) -> Drawn:
    return Drawn(
        camera=row[0],
        rev=row[1],
        at=datetime.fromisoformat(row[2]),
        actor=row[3],
        drawing=_drawing(json.loads(row[4])) if row[4] else None,
    )


def _drawing(kept: dict[str, Any]) -> Drawing:
    (zone, staff) = (tuple((x, y) for x, y in kept[name]) for name in ("zone", "staff_zone"))
    line = kept["line"]
    return Drawing(
        line=((line[0][0], line[0][1]), (line[1][0], line[1][1])) if line else None,
        inside=kept["inside"],
        zone=zone,
        staff_zone=staff,
    )
