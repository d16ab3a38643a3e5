"""Named threads whose crash ends the process loudly. Used by `mqtt`, `broker` and `cli`."""

import logging
import threading
from collections.abc import Callable

from menkou.errors import MenkouFault

_log = logging.getLogger(__name__)


class Crew:
    """The threads of one process, and the event that asks all of them to stop."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.crashed: str | None = None
        self._threads: list[threading.Thread] = []

    def start(self, name: str, run: Callable[[], None]) -> None:
        """Run a function in a thread of that name. If it raises, everything stops."""
        thread = threading.Thread(target=self._guard, args=(name, run), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def crash(self, name: str) -> None:
        """Note that a part has crashed, and ask all to stop. May be called from any thread."""
        self.crashed = self.crashed or name
        self.stop.set()

    def join(self, timeout_s: float) -> None:
        """Ask all to stop, and wait for each of them at most so long."""
        self.stop.set()
        for thread in self._threads:
            thread.join(timeout_s)

    def _guard(self, name: str, run: Callable[[], None]) -> None:
        try:
            run()
        except MenkouFault as exc:
            _log.error("%s: %s; the process ends", name, exc)
            self.crash(name)
        except Exception:  # noqa: BLE001 - a worker's outermost loop; the traceback is logged
            _log.exception("%s: crashed; the process ends", name)
            self.crash(name)
