"""Recognition as the settings describe it. The one room of a running box that loads face models.

Imported by `app.eyes` and `app.replay` only after `edge.modes` has said that faces may be read.
"""

import logging
import secrets
from collections.abc import Callable, Container
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from sqlite_utils import Database

from edge.config import EdgeConfig
from edge.config_sections import CameraSection, DetectorChoice
from edge.core.book import VisitBook
from edge.core.presentation import PresentationCheck, Side
from edge.core.threshold import SAME_STRANGER
from edge.faces.detector import Detector, YunetDetector
from edge.faces.dlib_file import FaceModelFault
from edge.faces.embedder import FAMILY, Embedder
from edge.faces.gallery import MemberGallery, VectorDamaged
from edge.faces.precision import chosen
from edge.faces.reader import FaceReader
from edge.faces.strangers import StrangerMemory
from edge.faces.watch import FaceWatch
from edge.guests import GuestDesk, Paused
from edge.keys.errors import Unreadable
from edge.keys.templates import TemplateOpener
from edge.memory import SecretMemory
from edge.models.manifest import ModelFault, content, read_manifest, state_of
from edge.modes import ModeStatus
from edge.ports import Vector
from edge.recognition import Recognition
from edge.store.audit import Audit
from edge.store.database import StoreAway, transaction
from edge.store.people import TemplateRow, gallery_mark, template_rows
from edge.store.standing import chosen_marks

log = logging.getLogger(__name__)

OPENED_AT_ONCE: Final = 400
"""Templates opened in one go: about 0.1 s, so that a gallery of 20,000 never stops the counting."""
LOOK_EVERY: Final = timedelta(seconds=30)
"""Consents run out and members come without a template being written, so the gallery is judged anew
this often."""


class GalleryFeed:
    """Keeps a gallery as the store has it: opens what is new, drops what is gone or has run out.

    Of more members than it may hold it opens those who come first (store.standing) and no other.

    Args:
        db: the box's database.
        opener: opens templates.
        gallery: what is kept up to date.
        most: how many templates it may hold.
    """

    def __init__(
        self, db: Database, opener: TemplateOpener, gallery: MemberGallery, most: int
    ) -> None:
        self._db = db
        self._opener = opener
        self._gallery = gallery
        self._most = most
        self._held: dict[str, int] = {}  # the mark of each row that was opened, by subject
        self._mark = -1
        self._judged: datetime | None = None
        self._whole_at: int | None = None  # the store's mark when the gallery was last whole
        self.waiting = 0

    def __call__(self, now: datetime) -> list[tuple[str, Vector]]:
        """Bring the gallery up to date; return who was enrolled since this start.

        What is opened until the gallery is whole for the first time was enrolled before, and so
        was who comes into the gallery only because there is room, or by a visit.
        """
        mark = gallery_mark(self._db)
        judged = self._judged is not None and abs(now - self._judged) < LOOK_EVERY
        if mark == self._mark and judged and not self.waiting:
            return []
        marks = chosen_marks(self._db, now, self._most)
        for subject in self._held.keys() - marks.keys():
            del self._held[subject]
            self._gallery.remove(subject)
        # Those of the latest change first: whoever has just enrolled may be at the door.
        fresh = sorted(
            (s for s, m in marks.items() if self._held.get(s) != m), key=lambda s: -marks[s]
        )
        new: list[tuple[str, Vector]] = []
        turn = fresh[:OPENED_AT_ONCE]
        self._held |= {subject: marks[subject] for subject in turn}
        for row in template_rows(self._db, now, turn):
            vector = self._opened(row)
            if vector is None:
                self._gallery.remove(row.subject)
            elif self._whole_at is not None and row.mark > self._whole_at:
                new.append((row.subject, vector))
        self.waiting = max(0, len(fresh) - OPENED_AT_ONCE)
        self._mark, self._judged = mark, now
        if not self.waiting:
            self._whole_at = mark
        return new

    def _opened(self, row: TemplateRow) -> Vector | None:
        """Put a template into the gallery; None if it cannot be used.

        One damaged row takes nobody else's recognition away.
        """
        try:
            if not row.model.startswith(FAMILY):
                raise Unreadable(f"expected one by {FAMILY}, got one by {row.model}")
            vector = self._opener.open(row.sealed_key, row.sealed, subject=row.subject)
            self._gallery.add(row.subject, vector, row.photos)
        except (Unreadable, VectorDamaged) as exc:
            log.error(
                "the template of %s is passed over: %s; enrol the member again", row.subject, exc
            )
            return None
        return vector

    def fill(self, now: datetime) -> None:
        """Open everything now, however long it takes."""
        self(now)
        while self.waiting:
            self(now)


def detector_of(choice: DetectorChoice, folder: Path) -> Detector | None:
    """Return what finds faces, None for dlib's HOG, which is always there.

    `auto` takes YuNet-s once it is in `folder`: it finds smaller faces in a fraction of the time,
    and whoever has fetched it wants it. What is asked for but missing, damaged or no such model is
    said, and HOG finds the faces.
    """
    if choice == "hog":
        return None
    name = "yunet-s" if choice == "auto" else choice
    try:
        model = read_manifest().of(name)
        if choice == "auto" and state_of(model, folder) == "not fetched":
            return None
        return YunetDetector(content(model, folder))
    except (ModelFault, FaceModelFault) as exc:
        log.error("dlib's HOG finds faces instead of %s: %s", name, exc)
        return None


def pause_keeper(db: Database) -> Paused:
    """Return what keeps in the audit log that check-in pauses."""

    def keep(camera: str, at: datetime, pause_s: float) -> None:
        try:
            with transaction(db):
                Audit(db).append(
                    at=at,
                    what="pause",
                    actor="eyes",
                    detail={"camera": camera, "seconds": round(pause_s)},
                )
        except StoreAway as exc:  # it pauses all the same
            log.error("that check-in pauses cannot be kept: %s", exc)

    return keep


def check_of(
    config: EdgeConfig, camera: CameraSection, detector: Detector | None, *, asked: bool
) -> Callable[[], PresentationCheck] | None:
    """Return what makes the check of one face before a camera; None: faces are not checked there.

    Only YuNet's points tell a head that is turned from a picture that is; by HOG, and where nobody
    can be asked, a face has to show by its own movement that it is a head.
    """
    if config.faces.presentation == "off" or camera.role != "checkin":
        return None
    if detector is None and asked:
        log.warning(
            "camera %s: members are named as likely at most, since dlib's HOG cannot tell a head"
            " that is turned from a photo that is; run menkou-edge models fetch yunet-s",
            camera.name,
        )
    draw = _drawn if asked and detector is not None else None
    return partial(PresentationCheck, draw, mirrored=camera.mirrored)


def _drawn() -> Side:
    return "left" if secrets.randbits(1) else "right"


def recognition_of(
    config: EdgeConfig,
    status: ModeStatus,
    *,
    cameras: Container[str],
    book: VisitBook,
    db: Database,
    root: bytes,
    strangers: SecretMemory | None,
    whole: datetime | None = None,
    asked: bool = True,
) -> Recognition:
    """Return what recognises members at the named cameras.

    Args:
        config: the settings.
        status: what may run; its mode must not be `count`.
        cameras: the cameras that are there.
        book: the shop's visits.
        db: the box's database, through a connection of the caller's thread.
        root: the template root, 32 bytes.
        strangers: where strangers are remembered; None where that has no basis.
        whole: open the whole gallery before this returns, as of this time.
        asked: whether guests before a check-in camera can be asked anything; not in a replay.

    Raises:
        edge.faces.dlib_file.FaceModelFault: the models cannot be loaded.
    """
    roles = ("checkin",) if status.mode == "checkin" else ("checkin", "entrance")
    read = [c for c in config.camera if c.role in roles and c.name in cameras]
    precision = chosen(config.faces.precision)
    embedder = Embedder.open(config.data_dir / "models", precision=precision)
    gallery = MemberGallery(config.faces.fpir)
    feed = GalleryFeed(db, TemplateOpener(root), gallery, config.faces.gallery)
    if whole is not None:
        feed.fill(whole)
    # One for all cameras: the eyes look at them one after the other.
    detector = detector_of(config.faces.detector, config.data_dir / "models")
    checkins = [c.name for c in read if c.role == "checkin"]
    turning = asked and detector is not None and config.faces.presentation != "off"
    return Recognition(
        watchers={
            c.name: FaceWatch(
                FaceReader(c.face_zone, detector),
                embedder,
                check=check_of(config, c, detector, asked=asked),
            )
            for c in read
        },
        checkins=checkins,
        gallery=gallery,
        feed=feed,
        strangers=StrangerMemory(strangers, SAME_STRANGER) if strangers else None,
        book=book,
        window=config.dedup.span,
        guests=GuestDesk(checkins if turning else (), pause_keeper(db)),
    )
