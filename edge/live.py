"""What the front process knows of the moment: the last notes of the other parts.

Fed by the bus, read by the page and the uplink; one lock, no database.
"""

import threading
import time
from base64 import b64decode
from datetime import datetime
from typing import Final

from edge.bus import Note, PartNote, RadioNote
from edge.console.view import CameraView, PartView
from edge.wire.messages import CameraState

STALE_S: Final = 10.0
"""The eyes speak every second; what is older than this says nothing about now."""


class LiveState:
    """The newest word of each part.

    Args:
        cameras: the names of the configured cameras, shown as unknown until heard of.
    """

    def __init__(self, cameras: tuple[str, ...]) -> None:
        self._names = cameras
        self._lock = threading.Lock()
        self._eyes: Note | None = None
        self._eyes_at = 0.0
        self._mode: str | None = None
        self._why: tuple[str, ...] = ()
        self._parts: tuple[PartNote, ...] = ()
        self._radio: Note | None = None
        self._radio_at = 0.0
        self._pictures: dict[str, str] = {}

    def take(self, note: Note) -> bool:
        """Remember a note; say whether anything that a person sees is new."""
        with self._lock:
            if note.sender == "supervisor":
                new = self._parts != note.parts
                self._parts = note.parts
                return new
            if note.new:
                return True
            if note.sender == "radio":
                heard, self._radio, self._radio_at = self._radio, note, time.monotonic()
                return heard is None or _radio_as_seen(heard) != _radio_as_seen(note)
            if note.picture is not None:
                new = note.picture.camera not in self._pictures
                self._pictures[note.picture.camera] = note.picture.jpeg
                return new
            before, self._eyes = self._eyes, note
            self._mode, self._why = note.mode, note.why
            self._eyes_at = time.monotonic()
            return before is None or _seen_by_people(before) != _seen_by_people(note)

    def _fresh(self) -> Note | None:
        return self._eyes if time.monotonic() - self._eyes_at < STALE_S else None

    def cameras(self) -> tuple[CameraView, ...]:
        """Return each configured camera as last heard of."""
        with self._lock:
            note = self._fresh()
        known = {c.name: c for c in note.cameras} if note else {}
        return tuple(
            CameraView(
                name=name,
                state=known[name].state,
                since=datetime.fromisoformat(known[name].since),
                frames_per_s=known[name].frames_per_s,
            )
            if name in known
            else CameraView(name=name, state="unknown", since=None, frames_per_s=None)
            for name in self._names
        )

    def camera_states(self) -> tuple[CameraState, ...]:
        """Return the cameras as the heartbeat tells them."""
        return tuple(CameraState(name=c.name, state=c.state) for c in self.cameras())

    def mode(self) -> str | None:
        """Return the mode that the eyes run, or ran last; None before their first word."""
        with self._lock:
            return self._mode

    def why(self) -> tuple[str, ...]:
        """Return why that is not all that the settings ask for, as codes."""
        with self._lock:
            return self._why

    def parts(self) -> tuple[PartView, ...]:
        """Return the processes as the supervisor sees them."""
        with self._lock:
            return tuple(
                PartView(name=p.name, state=p.state, restarts=p.restarts) for p in self._parts
            )

    def trouble(self) -> tuple[str, ...]:
        """Return the notices that the eyes and the radio raise."""
        with self._lock:
            notes = [note for note in (self._fresh(), self._fresh_radio()) if note is not None]
        raised = {
            "disk_full": any(note.disk_full for note in notes),
            "facts_refused": any(note.refused > 0 for note in notes),
            "checkin_paused": any(one.told == "pause" for note in notes for one in note.prompts),
            "camera_mirrored": any(note.mirrored for note in notes),
        }
        found = [code for code, is_so in raised.items() if is_so]
        for note in notes:
            if note.radio is not None:
                found += _radio_notices(note.radio)
        return tuple(found)

    def _fresh_radio(self) -> Note | None:
        return self._radio if time.monotonic() - self._radio_at < STALE_S else None

    def radio(self) -> RadioNote | None:
        """Return how the radio hears; None where it is off, or has fallen silent."""
        with self._lock:
            note = self._fresh_radio()
        return note.radio if note else None

    def prompt(self, camera: str) -> str | None:
        """Return what the guest before a check-in camera is told now, as a code; None: nothing.

        A camera that is lost sees nobody, whatever was asked of whom it saw last.
        """
        with self._lock:
            note = self._fresh()
        if note is None or any(c.name == camera and c.state != "ok" for c in note.cameras):
            return None
        return next((p.told for p in note.prompts if p.camera == camera), None)

    def picture(self, camera: str) -> bytes | None:
        """Return the empty scene before a camera as a JPEG; None: it is not settled yet."""
        with self._lock:
            told = self._pictures.get(camera)
        return b64decode(told) if told else None

    def drawn(self, camera: str) -> int | None:
        """Return the revision of the drawing that people are counted by; None: not heard lately."""
        with self._lock:
            note = self._fresh()
        return None if note is None else note.drawn.get(camera, 0)

    def unconfirmed(self) -> int:
        """Return how many members' faces were not seen to be a head since the eyes began."""
        with self._lock:
            return self._eyes.unconfirmed if self._eyes else 0

    def refused(self) -> int:
        """Return how many facts eyes and radio had to refuse since they began."""
        with self._lock:
            return sum(note.refused for note in (self._eyes, self._radio) if note)


def _radio_notices(radio: RadioNote) -> list[str]:
    if radio.trouble is not None:
        # Whoever turned it off knows; a start lasts a second.
        return [] if radio.trouble in ("wifi_off", "wifi_starting") else [radio.trouble]
    return ["wifi_channel"] if radio.fixed_channel else []


def _radio_as_seen(note: Note) -> object:
    notices = [] if note.radio is None else _radio_notices(note.radio)
    return note.disk_full, note.refused > 0, notices


def _seen_by_people(note: Note) -> object:
    return (
        note.disk_full,
        note.mode,
        note.why,
        note.refused > 0,
        note.prompts,
        note.mirrored,
        note.drawn,
        [(c.name, c.state, round(c.frames_per_s)) for c in note.cameras],
    )
