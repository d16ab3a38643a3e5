"""A shop for the benches: the real counting, recognition and store, in a folder of their own.

Called by `edge.bench.pipeline` and `edge.bench.live`; puts together what `edge.app` does for a
running box, with a gallery that was never enrolled.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from edge.app.counting import new_visit_id
from edge.bench import films
from edge.core.book import VisitBook
from edge.core.hours import OpeningHours
from edge.core.visit import Change, Raised, Window
from edge.faces.detector import Detector, HogDetector, YunetDetector
from edge.faces.embedder import Embedder
from edge.faces.gallery import MemberGallery
from edge.faces.precision import chosen
from edge.faces.reader import FaceReader
from edge.faces.watch import FaceWatch
from edge.pipeline import Counting, Door, Recorder
from edge.ports import Clock, Fact, Vector
from edge.recognition import Recognition
from edge.sensors.halving import Halving
from edge.sensors.motion import MotionDetector
from edge.store.database import connect, migrate
from edge.store.ledger import SqliteVisitLog
from edge.store.outbox import Outbox

SUBJECTS: Final = {f"01M7XXA33GXJBZ1TSAYXW5Y5{n:02}": n for n in range(len(films.PHOTOS))}
"""The members by subject, in the order of `films.PHOTOS`."""
_WINDOW: Final = timedelta(hours=3)


def name_of(subject: str) -> str:
    """Return whose photo a subject was enrolled with."""
    return films.PHOTOS[SUBJECTS[subject]]


class CountingDetector:
    """A detector that counts its searches."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self.searches = 0

    def find(self, image: films.Image, least_px: float) -> list[object]:
        """See faces.detector.Detector."""
        self.searches += 1
        return list(self._detector.find(image, least_px))


def detector_named(name: str) -> Detector:
    """Return `hog` or `yunet-s`, the latter from the recordings' models."""
    if name == "hog":
        return HogDetector()
    return YunetDetector((films.data() / films.YUNET).read_bytes())


@cache
def templates(folder: Path) -> Sequence[Vector]:
    """Return the photos' descriptors; the converted network lies in `folder`."""
    reader, embedder = FaceReader(), _embedder(folder)
    chips = [reader.read(films.photo(name))[0].chip for name in films.PHOTOS]
    return [embedder.enrol(chip[None])[0] for chip in chips]


def _embedder(folder: Path) -> Embedder:
    return Embedder.open(folder, precision=chosen("auto"))


class BenchShop:
    """One shop with the named cameras.

    Args:
        folder: where its store is made.
        models: where the converted network lies, or is put.
        cameras: all of them entrances, without a line.
        read: those whose faces are read.
        detector: what finds faces.
        clock: the time.
    """

    def __init__(
        self,
        *,
        folder: Path,
        models: Path,
        cameras: Collection[str],
        read: Collection[str],
        detector: Detector,
        clock: Clock,
    ) -> None:
        self.detector = CountingDetector(detector)
        self._cameras, self._read = cameras, read
        self._known = templates(models)
        self._embedder = _embedder(models)
        db = connect(folder)
        migrate(db)
        log = SqliteVisitLog(db, Outbox(db).begin_epoch(clock.now(), "run"), "run")
        self.recorder = Recorder(log=log, clock=clock, kept=self._kept)
        self.told: list[tuple[float, str]] = []
        self._clock = clock
        self.counting = self.anew()

    def anew(self) -> Counting:
        """Return the same shop on another day: nobody has been told of, nobody is in view."""
        gallery = MemberGallery()
        for subject, number in SUBJECTS.items():
            gallery.add(subject, self._known[number], 1)
        hours = OpeningHours(zone=ZoneInfo("UTC"), by_weekday=None)
        book = VisitBook(hours=hours, new_id=new_visit_id, window=Window(length=_WINDOW))
        recognition = Recognition(
            watchers={
                name: FaceWatch(FaceReader(None, self.detector), self._embedder)  # type: ignore[arg-type]
                for name in self._read
            },
            checkins=(),
            gallery=gallery,
            feed=lambda _: (),
            strangers=None,
            book=book,
            window=Window(length=_WINDOW),
        )
        self.counting = Counting(
            doors=[Door(camera=name, line=None, staff_zone=None) for name in self._cameras],
            finder=lambda: Halving(MotionDetector()),
            book=book,
            faces=recognition,
        )
        return self.counting

    def _kept(self, facts: Sequence[Fact]) -> None:
        """Note when each alert's row was committed."""
        for fact in facts:
            if isinstance(fact.change, Raised):
                self.told.append((self._clock.mono(), name_of(fact.change.subject)))

    def keep(self, changes: Sequence[Change]) -> None:
        """Hand changes on as the eyes do."""
        self.recorder.add(changes)
        self.recorder.flush_if_due()


def opening() -> datetime:
    """The day on which the benches play."""
    return datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
