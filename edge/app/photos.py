"""Gives each guest who has photos taken a judge, a process of its own (`app.judge`). In the front.

Implements `edge.desk.join.Judges`. The front holds a photo for as long as it takes to hand it on.
"""

import base64
import json
import logging
import os
import select
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, cast

from edge.desk.join import Look, PhotoFault
from edge.store.register import Template

log = logging.getLogger(__name__)

AT_ONCE: Final = 2
"""Each takes about 250 MB beside the eyes."""
READY_S: Final = 90.0
"""A small box with a slow card takes its time to load models, and judges a photo in seconds."""
IDLE_S: Final = 150.0
"""A guest who sent nothing for so long has gone; the judge ends by itself soon after."""
_COMMAND: Final = (sys.executable, "-m", "edge", "judge")


class PhotoJudges:
    """The judges of all guests who have photos taken now. Safe from several threads.

    Args:
        data_dir: the box's, with its models.
        precision: of the settings.
        public: gives the public half of the template pair; None: there is none.
        command: starts a judge.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        data_dir: Path,
        precision: str,
        public: Callable[[], bytes | None],
        command: Sequence[str] = _COMMAND,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._models = data_dir / "models"
        self._precision = precision
        self._public = public
        self._command = tuple(command)
        self._clock = clock
        self._lock = threading.Lock()
        self._judges: dict[str, JudgeProcess] = {}

    def of(self, screen: str) -> "JudgeProcess | None":
        """Return a screen's judge, started when first asked for; None: `AT_ONCE` are at work."""
        with self._lock:
            self._let_go()
            found = self._judges.get(screen)
            if found is None and len(self._judges) < AT_ONCE:
                public = self._public()
                if public is None:
                    return None
                begin = {
                    "models": str(self._models),
                    "precision": self._precision,
                    "public": base64.b64encode(public).decode(),
                }
                found = JudgeProcess(self._command, json.dumps(begin).encode(), self._clock)
                self._judges[screen] = found
            return found

    def _let_go(self) -> None:
        for screen, judge in list(self._judges.items()):
            if judge.ended or self._clock() - judge.used_s > IDLE_S:
                judge.close()
                del self._judges[screen]

    def good(self, screen: str) -> int:
        """Return how many of a screen's photos were good."""
        with self._lock:
            found = self._judges.get(screen)
        return 0 if found is None or found.ended else found.good

    def end(self, screen: str) -> None:
        """Forget everything of a screen."""
        with self._lock:
            found = self._judges.pop(screen, None)
        if found is not None:
            found.close()

    def close(self) -> None:
        """Forget everything of everybody."""
        for screen in list(self._judges):
            self.end(screen)


class JudgeProcess:
    """One judge (implements `edge.desk.join.Judge`)."""

    def __init__(self, command: Sequence[str], begin: bytes, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.used_s = clock()
        self.good = 0
        try:
            self._send(begin)
        except OSError as exc:  # told when the first photo comes
            log.error("the judge of photos has ended: %s", exc.strerror)

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def look(self, photo: bytes) -> Look:
        """Judge a photo (see `edge.desk.join.Judge`)."""
        answer = self._ask(b"P" + photo)
        self.good = int(answer["good"])
        return cast(Look, answer["look"])

    def template(self, subject: str) -> Template:
        """Return the template (see `edge.desk.join.Judge`)."""
        answer = self._ask(b"T" + subject.encode())
        return Template(
            sealed_key=base64.b64decode(answer["sealed_key"]),
            sealed=base64.b64decode(answer["sealed"]),
            model=answer["model"],
            photos=answer["photos"],
        )

    def close(self) -> None:
        """End the process, and with it all that it knows."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _send(self, frame: bytes) -> None:
        pipe = self._process.stdin
        assert pipe is not None, "it was opened with a pipe"
        pipe.write(struct.pack(">I", len(frame)) + frame)
        pipe.flush()

    def _ask(self, frame: bytes) -> dict[str, Any]:
        with self._lock:
            self.used_s = self._clock()
            try:
                self._send(frame)
                until = self._clock() + READY_S
                (length,) = struct.unpack(">I", self._read(4, until))
                answer: dict[str, Any] = json.loads(self._read(length, until))
            except (OSError, ValueError, struct.error) as exc:
                raise PhotoFault(
                    "photos: expected a word from their judge, got none: it has ended, or takes"
                    " too long; see the log, and try again"
                ) from exc
            self.used_s = self._clock()
            return answer

    def _read(self, length: int, until: float) -> bytes:
        pipe = self._process.stdout
        assert pipe is not None, "it was opened with a pipe"
        held = b""
        while len(held) < length:
            ready, _, _ = select.select([pipe], [], [], max(0.0, until - self._clock()))
            chunk = os.read(pipe.fileno(), length - len(held)) if ready else b""
            if not chunk:
                raise OSError("the pipe has ended")
            held += chunk
        return held
