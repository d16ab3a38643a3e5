"""Lays what the manager has drawn over the settings file. Called by `app`; pure.

    settings file  <  the manager's drawing  <  head office (`edge.desired`)

Head office sets no line and no area (DESIGN section 2: what a camera looks at is the shop's), so
a drawing always holds. It changes line, zone and staff zone of a camera, and nothing else.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from edge.config import EdgeConfig
from edge.config_sections import CameraSection
from edge.core.drawing import Drawing, flaws
from edge.core.geometry import Point

log = logging.getLogger(__name__)


def drawn_over(config: EdgeConfig, drawings: Mapping[str, Drawing]) -> EdgeConfig:
    """Return the settings with the drawings laid over them.

    A drawing that cannot be used any more, since the file asks for more now, leaves its camera as
    the file has it.
    """
    if not drawings:
        return config
    return replace(
        config, camera=tuple(_camera(config, c, drawings.get(c.name)) for c in config.camera)
    )


def zone_needed(config: EdgeConfig, camera: CameraSection) -> bool:
    """Say whether a camera's drawing must have a zone: in entrance mode, at an entrance."""
    return config.privacy.mode == "entrance" and camera.role == "entrance"


def file_drawing(camera: CameraSection) -> Drawing:
    """Return what a camera's section says, as a drawing."""
    line = cast(tuple[Point, Point], camera.line) if camera.line is not None else None
    return Drawing(line=line, inside=camera.inside, zone=camera.zone, staff_zone=camera.staff_zone)


def _camera(config: EdgeConfig, camera: CameraSection, drawing: Drawing | None) -> CameraSection:
    if drawing is None:
        return camera
    if found := flaws(drawing, zone_needed=zone_needed(config, camera)):
        log.warning(
            "camera %s: what was drawn is not used (%s); the settings file holds",
            camera.name,
            ", ".join(found),
        )
        return camera
    # As lists: they are checked once more, as the file's own are.
    drawn: dict[str, Any] = {
        "line": _listed(drawing.line) or None,
        "inside": drawing.inside,
        "zone": _listed(drawing.zone),
        "staff_zone": _listed(drawing.staff_zone),
    }
    return replace(camera, **drawn)


def _listed(points: Sequence[Point] | None) -> list[list[float]]:
    return [list(point) for point in points or ()]
