"""Says "something new" between the box's processes, over local datagram sockets.

A datagram may be lost: it only wakes a reader or tells how a part is; facts meet in SQLite.
Used by the supervisor, eyes, radio and front.
"""

import json
import logging
import os
import select
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

log = logging.getLogger(__name__)

Name = Literal["supervisor", "eyes", "radio", "front"]
_DATAGRAM_MAX: Final = 32 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraNote:
    """One camera in a part's note; `since` is ISO 8601."""

    name: str
    state: str
    since: str
    frames_per_s: float
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartNote:
    """One process as the supervisor sees it: running, restarting or silent."""

    name: str
    state: str
    restarts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptNote:
    """What the guest before a check-in camera is told: a code of `edge.guests.Told`."""

    camera: str
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureNote:
    """The empty scene before a camera as it was learnt (`edge.sensors.scenery`): JPEG in base64."""

    camera: str
    jpeg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RadioNote:
    """How the radio hears. `trouble` is why it does not, as the code of a notice; None: it does.

    `fixed_channel`: it was to go round the channels, and cannot. `probes` counts probe requests,
    `dropped` other frames by reason (`no_room`: in the kernel), `frequencies` the probe requests by
    MHz; all since the process began.
    """

    trouble: str | None
    fixed_channel: bool
    probes: int
    dropped: Mapping[str, int]
    frequencies: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What one part tells another. `new` means: look into the database.

    The eyes tell the `mode` that they run, and `why` it is not the one that was asked for;
    `unconfirmed` counts members' faces that were not seen to be a head; `mirrored`: a check-in
    camera's picture seems to be; `drawn` is the revision of each camera's drawing that they count
    by. A note with a `picture` says nothing else.
    """

    sender: str
    new: bool = False
    mode: str = "count"
    why: tuple[str, ...] = ()
    disk_full: bool = False
    refused: int = 0
    cameras: tuple[CameraNote, ...] = ()
    parts: tuple[PartNote, ...] = field(default=())
    prompts: tuple[PromptNote, ...] = ()
    unconfirmed: int = 0
    mirrored: bool = False
    radio: RadioNote | None = None
    drawn: Mapping[str, int] = field(default_factory=dict)
    picture: PictureNote | None = None


def _load(raw: bytes) -> Note:
    data: dict[str, Any] = json.loads(raw)
    cameras = tuple(CameraNote(**camera) for camera in data.pop("cameras"))
    parts = tuple(PartNote(**part) for part in data.pop("parts"))
    why = tuple(data.pop("why"))
    prompts = tuple(PromptNote(**prompt) for prompt in data.pop("prompts"))
    heard = data.pop("radio")
    radio = None if heard is None else RadioNote(**heard)
    shown = data.pop("picture")
    picture = None if shown is None else PictureNote(**shown)
    told: dict[str, Any] = {"radio": radio, "picture": picture}
    return Note(**data, **told, why=why, cameras=cameras, parts=parts, prompts=prompts)


class Bus:
    """One part's place on the bus: it receives under its own name and sends to others'.

    Args:
        run_dir: a directory that only the box's user may enter.
        name: this part's name.
    """

    def __init__(self, run_dir: Path, name: Name) -> None:
        run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        # sun_path holds 108 bytes, fewer than many a data directory: go through a descriptor.
        self._dir_fd = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.name = name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        (run_dir / f"{name}.sock").unlink(missing_ok=True)
        self._socket.bind(self._address(name))
        self._socket.setblocking(False)
        self.undelivered = 0

    def _address(self, name: str) -> str:
        return f"/proc/self/fd/{self._dir_fd}/{name}.sock"

    def send(self, to: Name, note: Note) -> bool:
        """Send a note if the other part is there and has room; say whether it went."""
        payload = json.dumps(asdict(note), ensure_ascii=False).encode()
        try:
            self._socket.sendto(payload, self._address(to))
        except (FileNotFoundError, ConnectionRefusedError, BlockingIOError):
            self.undelivered += 1  # it is starting, gone or busy; it will look by itself
            return False
        return True

    def receive(self, timeout_s: float) -> Note | None:
        """Return the next note, or None after `timeout_s` seconds or for an unreadable one."""
        ready, _, _ = select.select([self._socket], [], [], timeout_s)
        if not ready:
            return None
        raw = self._socket.recv(_DATAGRAM_MAX)
        try:
            return _load(raw)
        except (ValueError, TypeError, KeyError, AttributeError) as exc:
            log.warning("bus: expected a note, got %d other bytes (%s)", len(raw), exc)
            return None

    def close(self) -> None:
        """Leave the bus."""
        self._socket.close()
        os.close(self._dir_fd)
