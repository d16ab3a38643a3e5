"""The judge of a guest's enrolment photos: a short process without a key. `app.photos` starts it.

    front ──photos, by a pipe──> judge ──what is said of each; a sealed template──> front

Pictures from anybody's phone are decoded here, where nothing else is: neither the profiles' key
(the front's) nor the templates' (the eyes'). A template is sealed with the public half before it
leaves. Nothing is written; the process ends with its pipe, or when nothing came for a while.

A frame is four bytes of length and so many bytes; the first is JSON and says what to judge with.
`P` and a photo is answered by {"look": ..., "good": n}, `T` and a subject by the template.
"""

import base64
import json
import logging
import os
import select
import struct
from pathlib import Path
from typing import Any, BinaryIO, Final

from edge.desk.join import Look
from edge.faces import photo
from edge.faces.embedder import Embedder
from edge.faces.photo import PhotoRefused, Sitting
from edge.faces.precision import chosen
from edge.faces.reader import FaceReader
from edge.hardening import seal_process
from edge.keys.lock import TemplateLock
from edge.threads import one_thread

log = logging.getLogger(__name__)

IDLE_S: Final = 180.0
_NICE: Final = 5
"""Behind the eyes, which count."""
_FRAME_MAX: Final = photo.MOST_BYTES + 1
_SAID: Final[dict[type[PhotoRefused], Look]] = {
    photo.NoFace: "no_face",
    photo.SeveralFaces: "several_faces",
    photo.FaceTooSmall: "too_small",
    photo.PhotoTooSmall: "too_small",
    photo.FaceBlurred: "blurred",
    photo.NotOnePerson: "not_one_person",
    photo.SamePhoto: "same",
    photo.PhotoTooLarge: "too_large",
}


def run_judge() -> None:
    """Judge what comes by stdin, answer by stdout, until it ends."""
    seal_process(quietly=True)
    os.nice(_NICE)
    one_thread()
    source = os.fdopen(os.dup(0), "rb", buffering=0)
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever a library prints is no answer
    begun = _frame(source)
    if begun is None:
        return
    told: dict[str, Any] = json.loads(begun)
    lock = TemplateLock(base64.b64decode(told["public"]))
    embedder = Embedder.open(Path(told["models"]), precision=chosen(told["precision"]))
    sitting = Sitting(FaceReader(), embedder)
    while (frame := _frame(source)) is not None:
        if frame[:1] == b"P":
            answer = {"look": _look(sitting, frame[1:]), "good": sitting.good}
        else:
            answer = _template(sitting, lock, embedder.descriptor, frame[1:].decode())
        raw = json.dumps(answer).encode()
        answers.write(struct.pack(">I", len(raw)) + raw)


def _look(sitting: Sitting, data: bytes) -> Look:
    try:
        sitting.add(data)
    except PhotoRefused as exc:
        return _SAID.get(type(exc), "not_a_picture")
    return "ok"


def _template(sitting: Sitting, lock: TemplateLock, model: str, subject: str) -> dict[str, Any]:
    made = sitting.template()
    sealed = lock.seal(made.vector, subject=subject)
    return {
        "sealed_key": base64.b64encode(sealed.key).decode(),
        "sealed": base64.b64encode(sealed.vector).decode(),
        "model": model,
        "photos": made.photos,
    }


def _frame(source: BinaryIO) -> bytes | None:
    """Return the next frame; None at the end, and when none came for `IDLE_S`."""
    head = _exactly(source, 4)
    if head is None:
        return None
    (length,) = struct.unpack(">I", head)
    if not 0 < length <= _FRAME_MAX:
        log.error("expected a frame of at most %d bytes, got one of %d", _FRAME_MAX, length)
        return None
    return _exactly(source, length)


def _exactly(source: BinaryIO, length: int) -> bytes | None:
    held = bytearray()
    while len(held) < length:
        ready, _, _ = select.select([source], [], [], IDLE_S)
        chunk = source.read(length - len(held)) if ready else b""
        if not chunk:
            return None
        held += chunk
    return bytes(held)
