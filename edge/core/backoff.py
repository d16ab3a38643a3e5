"""How long to wait before something is tried again. Pure; chance is the caller's."""

from typing import Final

FIRST_S: Final = 2.0
LAST_S: Final = 600.0
"""A network that comes back after days is noticed within ten minutes."""
_DOUBLINGS: Final = 16


def wait_s(failures: int, chance: float) -> float:
    """Return seconds to wait after so many failures in a row: twice as long each time.

    Args:
        failures: 1 or more.
        chance: 0 to 1; the wait is between a half and the whole of its length, so that the boxes
            of a chain do not come back together.
    """
    longest = min(LAST_S, FIRST_S * 2.0 ** min(failures - 1, _DOUBLINGS))
    return longest * (0.5 + chance / 2)
