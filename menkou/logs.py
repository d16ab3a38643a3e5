"""How both programs log: lines for people, or one JSON object a line for whoever collects them.

    MENKOU_LOG=json | text       wins over `[log] format` of the settings; text without either

Both command lines call `begin` first and `settle` once the settings are read. Under systemd each
line carries its priority. The same message is not repeated without end (`Repeats`).
"""

import logging
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, TextIO

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from menkou.settings import Fault, SettingsFault

LogFormat = Literal["json", "text"]
FORMATS: Final[tuple[LogFormat, ...]] = ("json", "text")
VARIABLE: Final = "MENKOU_LOG"
BURST: Final = 5
"""So often a message is said as it comes ..."""
WINDOW_S: Final = 60.0
"""... within this time; then it is only counted until the time is over."""
_KNOWN_MAX: Final = 256
_TEXT: Final = "%(asctime)s %(levelname)s %(message)s"
_JOURNAL_TEXT: Final = "%(message)s"  # the journal has the time, the prefix the level
_NOT_FIELDS: Final = (*RESERVED_ATTRS, "color_message")  # uvicorn's, with escape sequences
_PRIORITIES: Final = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
)
"""sd-daemon(3): SD_CRIT, SD_ERR, SD_WARNING, SD_INFO; below it SD_DEBUG."""


@dataclass(slots=True)
class _Said:
    since: float
    last: logging.LogRecord
    times: int = 1
    held: int = 0


class Repeats:
    """Decides which messages are said: of warnings that are alike only some in a window.

    Alike are messages of one logger that differ in numbers only. `clock` gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[object, _Said] = OrderedDict()

    def holds_back(self, record: logging.LogRecord) -> bool:
        """Say whether a message is only counted."""
        if record.levelno < logging.WARNING:
            return False
        key = _likeness(record)
        said = self._known.get(key)
        if said is None or (said.held == 0 and self._is_over(said)):
            self._known[key] = _Said(since=self._clock(), last=record)
            self._known.move_to_end(key)
            return False
        said.times += 1
        if said.times <= BURST:
            return False
        said.held += 1
        said.last = record
        return True

    def overdue(self, *, all_of_them: bool = False) -> list[tuple[logging.LogRecord, int]]:
        """Return the last of the messages held back whose time is over, and how many they were."""
        due: list[tuple[logging.LogRecord, int]] = []
        for key, said in list(self._known.items()):
            full = len(self._known) > _KNOWN_MAX
            if not (all_of_them or full or self._is_over(said)):
                break  # they stand in the order of their windows
            del self._known[key]
            if said.held:
                due.append((said.last, said.held))
        return due

    def _is_over(self, said: _Said) -> bool:
        return self._clock() - said.since >= WINDOW_S


def _likeness(record: logging.LogRecord) -> object:
    arguments = record.args if isinstance(record.args, tuple) else (record.args,)
    words = tuple(str(one) for one in arguments if not isinstance(one, int | float))
    kind = record.exc_info[0] if record.exc_info else None
    return record.name, record.levelno, str(record.msg), words, kind


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to stderr in the chosen format; to the journal with a priority before each line."""

    def __init__(self, stream: TextIO, part: str, journal: bool) -> None:
        super().__init__(stream)
        self.part = part
        self.fields: dict[str, str] = {}
        self.shape: LogFormat = "text"
        self.journal = journal
        self._repeats = Repeats()

    def take_shape(self, shape: LogFormat) -> None:
        """Format records in this way from now on."""
        self.shape = shape
        if shape == "text":
            self.setFormatter(logging.Formatter(_JOURNAL_TEXT if self.journal else _TEXT))
            return
        self.setFormatter(
            JsonFormatter(
                ["levelname", "name", "message"],
                rename_fields={"levelname": "level", "name": "logger"},
                static_fields={"part": self.part, **self.fields},
                reserved_attrs=_NOT_FIELDS,
                timestamp="time",
                json_ensure_ascii=False,
            )
        )

    def emit(self, record: logging.LogRecord) -> None:
        self._tell(self._repeats.overdue())
        if not self._repeats.holds_back(record):
            super().emit(record)

    def _tell(self, due: list[tuple[logging.LogRecord, int]]) -> None:
        for last, held in due:
            last.msg, last.args = f"{last.getMessage()} (the last of {held} alike)", ()
            super().emit(last)

    def close(self) -> None:
        self._tell(self._repeats.overdue(all_of_them=True))
        super().close()

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if not self.journal:
            return text
        priority = next((p for level, p in _PRIORITIES if record.levelno >= level), 7)
        return "\n".join(f"<{priority}>{line}" for line in text.splitlines())


def begin(part: str, *, environ: Mapping[str, str] = os.environ) -> None:
    """Log to stderr from now on; does nothing where somebody else handles the log (in tests).

    Args:
        part: which process of the program this is, such as `front` or `ingest`.
        environ: the environment.

    Raises:
        SettingsFault: MENKOU_LOG holds something else.
    """
    root = logging.getLogger()
    if root.handlers:
        return
    handler = _Handler(sys.stderr, part, _is_journal(sys.stderr, environ))
    handler.take_shape("text")
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    settle(None, environ=environ)


def settle(
    wanted: LogFormat | None, *, environ: Mapping[str, str] = os.environ, **fields: str
) -> None:
    """Log in the format that the environment or else the settings ask for.

    Args:
        wanted: `[log] format`, None where it is not set.
        environ: the environment.
        fields: what every JSON object is to hold besides, such as the shop.

    Raises:
        SettingsFault: MENKOU_LOG holds something else.
    """
    handler = _ours()
    if handler is None:
        return
    handler.fields |= fields
    handler.take_shape(_asked(environ) or wanted or "text")
    if handler.shape == "json":
        logging.captureWarnings(True)
        sys.excepthook = _log_crash
        threading.excepthook = _log_thread_crash


def complain(program: str, text: str, level: int = logging.ERROR) -> None:
    """Say something to the person at the command line, or log it where it is collected.

    For people each line begins with the program's name, as argparse has it; who collects logs
    knows whose they are.
    """
    handler = _ours()
    if handler is not None and (handler.shape == "json" or handler.journal):
        logging.getLogger("menkou").log(level, "%s", text)
    else:
        sys.stderr.write("".join(f"{program}: {line}\n" for line in text.splitlines()))


def _ours() -> _Handler | None:
    return next((h for h in logging.getLogger().handlers if isinstance(h, _Handler)), None)


def _asked(environ: Mapping[str, str]) -> LogFormat | None:
    value = environ.get(VARIABLE, "")
    if not value:
        return None
    for known in FORMATS:
        if value == known:
            return known
    text = f"expected json or text, got {value!r}"
    raise SettingsFault([Fault(file="environment", line=0, key=VARIABLE, text=text)])


def _is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Say whether a stream leads to systemd's journal (systemd.exec(5), JOURNAL_STREAM)."""
    try:
        place = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{place.st_dev}:{place.st_ino}"


def _log_crash(
    kind: type[BaseException], crash: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, crash, trace)
        return
    logging.getLogger("menkou").critical("crashed", exc_info=(kind, crash, trace))


def _log_thread_crash(of: threading.ExceptHookArgs) -> None:
    if of.exc_value is not None and not isinstance(of.exc_value, SystemExit):
        _log_crash(of.exc_type, of.exc_value, of.exc_traceback)
