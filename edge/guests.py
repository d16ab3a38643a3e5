"""The guests' screens beside check-in cameras: what each says, and when check-in by face pauses.

Called by `edge.recognition`; calls `core.retries`. Names nobody: who has passed hears "welcome" or
"your code", who has not hears "your code", a member or not.
"""

import logging
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final, Literal

from edge.core.presentation import Prompt
from edge.core.retries import Mirror, Retries
from edge.ports import Sighting

log = logging.getLogger(__name__)

OUTCOME_S: Final = 6.0
"""How long the guest's screen says what came of it."""
Told = Literal["front", "left", "right", "both", "welcome", "code", "pause"]
"""What the guest's screen says: what `core.presentation` asks, or what came of it. `code` is for
whoever could not be confirmed and for whoever is no member alike; `pause` for everybody, while
nobody's face is read there."""
Paused = Callable[[str, datetime, float], None]
"""Keeps that check-in pauses: the camera, since when, for how many seconds."""


def _keep_nothing(camera: str, at: datetime, pause_s: float) -> None:
    """Where nobody is asked there are no pauses."""


class GuestDesk:
    """What guests before the check-in cameras of one shop are told.

    Args:
        asked: the cameras at which guests are asked to turn: there retries are limited.
        paused: keeps that one of these pauses.
    """

    def __init__(self, asked: Collection[str] = (), paused: Paused = _keep_nothing) -> None:
        self._retries = {camera: Retries() for camera in asked}
        self._mirrors = {camera: Mirror() for camera in asked}
        self._keep_pause = paused
        self._outcomes: dict[str, tuple[Told, float]] = {}

    @property
    def mirrored(self) -> bool:
        """Whether a camera's picture seems to be mirrored (`core.retries.Mirror`)."""
        return any(mirror.likely for mirror in self._mirrors.values())

    def paused(self, camera: str, at_s: float) -> bool:
        """Whether nobody's face may be read at a camera just now."""
        retries = self._retries.get(camera)
        return retries is not None and retries.paused(at_s)

    def told(self, camera: str, at_s: float, prompt: Prompt | None) -> Told | None:
        """Return what the screen says; None: nobody is told anything. `prompt`: what is asked."""
        if self.paused(camera, at_s):
            return "pause"
        if prompt is not None:
            return prompt
        told, until_s = self._outcomes.get(camera, (None, 0.0))
        return told if at_s < until_s else None

    def passed(self, camera: str, sighting: Sighting, subject: str | None) -> None:
        """Take that a face was seen to be a head; `subject`: the member it was found to be."""
        self._tell(camera, sighting, "code" if subject is None else "welcome")
        if sighting.presentation == "passed" and camera in self._retries:
            self._mirrors[camera].add(passed=True, why=None)
            if subject is not None:
                self._retries[camera].passed(subject, sighting.at_s)

    def failed(self, camera: str, at: datetime, sighting: Sighting, subject: str | None) -> None:
        """Take that a face was not; `subject`: the member it looks like."""
        self._tell(camera, sighting, "code")
        if sighting.presentation != "refused" or camera not in self._retries:
            return
        if self._mirrors[camera].add(passed=False, why=sighting.why):
            log.warning(
                "camera %s: all who were asked to turn turned to the other side; if its picture is"
                " mirrored, set mirrored = true for it, else recordings are being held up",
                camera,
            )
        if subject is None:
            return
        pause_s = self._retries[camera].failed(subject, sighting.at_s)
        if pause_s is not None:
            log.warning(
                "camera %s: check-in by face pauses for %d s: too many were not seen to be a head",
                camera,
                pause_s,
            )
            self._keep_pause(camera, at, pause_s)

    def _tell(self, camera: str, sighting: Sighting, told: Told) -> None:
        """Tell the guest what came of it, who is still there to read it."""
        if not sighting.ended:
            self._outcomes[camera] = (told, sighting.at_s + OUTCOME_S)
