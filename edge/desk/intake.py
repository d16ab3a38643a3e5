"""Takes a table of members in: what is sound is kept, each broken row is named.

Called by the console's page and API (`ImportDesk`, in a thread of the front) and by the command
`member import`. In short transactions with pauses, so that a running box goes on counting. A row
with an `external_id` that is known changes that member, so a file that is taken twice makes nobody
twice; a row without one is a new member each time.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from edge.core.flaws import Flaws
from edge.desk.means import Means
from edge.member_table import sift_members
from edge.store.database import StoreFault
from edge.store.people import ProfileUnreadable
from edge.store.register import ExternalIdTaken, Imported, Register
from menkou.table import Fault, Row, TableFault

AT_ONCE: Final = 200  # about 0.05 s
PAUSE_S: Final = 0.05  # others who wait for the store look again this often
FAULTS_KEPT: Final = 500
"""Broken rows are all counted; so many are named."""
Stage = Literal["none", "running", "done", "refused", "stopped"]
"""`refused`: no row was taken, since it is no table of members; `stopped`: the store gave up."""
Unbegun = Literal["running", "key"]
"""Why no import begins: another one runs, or profiles cannot be opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an import has come. `lines` is about how many the file has; no cell is in it.

    `broken` counts rows that were passed over; `faults` names the first of them. `why` is why it
    stopped.
    """

    stage: Stage = "none"
    lines: int = 0
    line: int = 0
    added: int = 0
    changed: int = 0
    broken: int = 0
    faults: tuple[Fault, ...] = ()
    why: str = ""

    @property
    def percent(self) -> int:
        """How much of the file is behind."""
        return min(99, 100 * self.line // self.lines) if self.lines else 0


def take_in(
    raw: bytes,
    taking: Register,
    now: Callable[[], datetime],
    told: Callable[[Progress], None] = lambda _: None,
    *,
    pause_s: float = PAUSE_S,
) -> Progress:
    """Take the members of a table in; never raises for what stands in it.

    Args:
        raw: the file.
        taking: writes them.
        now: the time.
        told: is told how far it has come, after every `AT_ONCE` rows.
        pause_s: between transactions.
    """
    try:
        sifted = sift_members(raw)
    except TableFault as exc:
        return Progress(stage="refused", faults=exc.faults)
    so_far = Progress(stage="running", lines=sifted.lines)
    told(so_far)
    for batch in _batches(sifted.rows):
        try:
            so_far = _taken(so_far, batch, taking, now())
        except StoreFault as exc:
            return replace(so_far, stage="stopped", why=str(exc))
        told(so_far)
        time.sleep(pause_s)
    return replace(so_far, stage="done")


_Sifted = Row | tuple[Fault, ...]


def _batches(rows: Iterator[_Sifted]) -> Iterator[list[_Sifted]]:
    batch: list[_Sifted] = []
    for row in rows:
        batch.append(row)
        if len(batch) >= AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _taken(so_far: Progress, batch: Sequence[_Sifted], taking: Register, now: datetime) -> Progress:
    sound = [row for row in batch if isinstance(row, Row)]
    broken = [faults for faults in batch if not isinstance(faults, Row)]
    done, late = _kept(sound, taking, now)
    broken += late
    last = batch[-1]
    faults = (*so_far.faults, *(fault for faults in broken for fault in faults))
    return replace(
        so_far,
        line=last.line if isinstance(last, Row) else last[0].line,
        added=so_far.added + done.added,
        changed=so_far.changed + done.changed,
        broken=so_far.broken + len(broken),
        faults=faults[:FAULTS_KEPT],
    )


def _kept(
    rows: Sequence[Row], taking: Register, now: datetime
) -> tuple[Imported, list[tuple[Fault, ...]]]:
    """Keep rows in one transaction; where one of them cannot be kept, each in its own."""
    if not rows:
        return Imported(added=0, changed=0), []
    try:
        return taking.take_over([row.cells for row in rows], now), []
    except (Flaws, ExternalIdTaken, ProfileUnreadable):
        if len(rows) == 1:
            return Imported(added=0, changed=0), [(_unkept(rows[0]),)]
    done, broken = Imported(added=0, changed=0), list[tuple[Fault, ...]]()
    for row in rows:
        one, wrong = _kept([row], taking, now)
        done = Imported(added=done.added + one.added, changed=done.changed + one.changed)
        broken += wrong
    return done, broken


def _unkept(row: Row) -> Fault:
    text = "external_id: expected a member whose profile can be read, got one that is damaged"
    return Fault(line=row.line, code="value", text=text, column="external_id")


class ImportDesk:
    """One import at a time, in a thread of its own; what became of the last one is kept.

    Args:
        means: what every desk works with.
        register: gives what writes, over a connection of the calling thread; None without the key.
    """

    def __init__(
        self,
        means: Means,
        *,
        register: Callable[[str], Register | None],
    ) -> None:
        self._register = register
        self._profile_root = means.profile_root
        self._now = means.now
        self._wake = means.wake
        self._lock = threading.Lock()
        self._state = Progress()
        self._thread: threading.Thread | None = None

    @property
    def progress(self) -> Progress:
        """How far the running import, or the last one, has come."""
        with self._lock:
            over = self._thread is not None and not self._thread.is_alive()
            if over and self._state.stage == "running":
                # It has failed by a fault of ours, which the log has.
                self._state = replace(self._state, stage="stopped", why="see the box's log")
            return self._state

    def begin(self, raw: bytes, actor: str) -> Unbegun | None:
        """Begin an import; return why it cannot be, None if it has begun."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return "running"
            if self._profile_root() is None:
                return "key"
            self._state = Progress(stage="running")
            # A daemon: it keeps nothing half; what is not taken in at the end is taken in later.
            self._thread = threading.Thread(
                target=self._run, args=(raw, actor), name="import", daemon=True
            )
            self._thread.start()
        return None

    def wait(self, timeout_s: float) -> None:
        """Wait for the running import, if there is one."""
        if (thread := self._thread) is not None:
            thread.join(timeout_s)

    def _run(self, raw: bytes, actor: str) -> None:
        taking = self._register(actor)
        if taking is None:
            self._state = Progress(stage="stopped", why="the box lacks its key")
        else:
            self._state = take_in(raw, taking, self._now, self._tell)
        self._wake()

    def _tell(self, progress: Progress) -> None:
        self._state = progress


def plain(fault: Fault) -> Mapping[str, str | int]:
    """Return a fault as JSON values."""
    return {"line": fault.line, "code": fault.code, "column": fault.column, "text": fault.text}
