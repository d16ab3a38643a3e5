"""Figures that the box and head office both show, each worked out in one place."""

from typing import Final

_WHOLE: Final = 1000


def capture_rate(captured: int | None, passers: int | None) -> int | None:
    """Return which part of those who passed came in, in tenths of a percent, at most all.

    None where it is not known, or where nobody passed.
    """
    if captured is None or not passers:
        return None
    return min(_WHOLE, round(_WHOLE * captured / passers))
