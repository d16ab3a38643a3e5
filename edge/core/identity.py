"""What is said of a recognised face, as records. From `edge.recognition` to `core.book`."""

from dataclasses import dataclass
from typing import Final

from edge.core.visit import Change

Body = tuple[str, int]
"""A camera, and a body track of that camera."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a face was seen: the camera, and the body track that the face belongs to, if any.

    `checkin`: people stop before this camera on purpose; what it opens is not in `visitors`.
    """

    camera: str
    body: int | None
    checkin: bool = False

    @property
    def track(self) -> Body | None:
        """The body among those of all cameras."""
        return None if self.body is None else (self.camera, self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How well a face fitted a member's template; `distance` None: a person said who it is.

    `sure` None: no face was looked at, the member showed a code.
    """

    distance: float | None
    sure: bool | None


BY_CODE: Final = Fit(distance=None, sure=None)
"""A member who showed a one-time code: the console's card says "by code"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """What a recognition makes known.

    `owner` is whose visit it is now, None outside opening hours; `began`: a stranger who was never
    seen before; `released` is a stranger's chain that has turned out to be somebody else's. `visit`
    is told of a code only: the one that it was shown on.
    """

    changes: list[Change]
    owner: str | None = None
    began: bool = False
    released: str | None = None
    visit: str | None = None
