"""In processes that a test starts with this folder on PYTHONPATH, a file says what the kernel says
of its clock: synchronised while it is there. Nothing else can unsynchronise a machine for a test.
"""

import os
from pathlib import Path

from edge.clock import SystemClock
from edge.ports import ClockState

_SYNCHRONISED = Path(os.environ["MENKOU_TEST_SYNCHRONISED"])


def _state(self: SystemClock) -> ClockState:
    return "ok" if self._trusted or _SYNCHRONISED.exists() else "suspect"


SystemClock.state = _state  # type: ignore[method-assign]
