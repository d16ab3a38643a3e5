"""Body tracks that stand where a test wants them."""

from edge.core.geometry import Box
from edge.core.tracking import Track


def body(number: int, left: float, right: float, top: float = 0.0, bottom: float = 1.0) -> Track:
    """Return a body that has just been seen between these edges, in fractions of the frame."""
    box = Box(left=left, top=top, right=right, bottom=bottom)
    return Track(
        id=number,
        box=box,
        seen=box,
        velocity=(0.0, 0.0),
        born=box,
        born_at_s=0.0,
        seen_at_s=0.0,
        seen_s=0.0,
        interval_s=0.1,
        shared=False,
        grown=True,
        split_from=None,
    )
