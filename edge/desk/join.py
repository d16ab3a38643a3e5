"""What a guest does on a screen of their own: join; then decide on recognition; then three photos.

Called by `edge.console.join`. Nothing that the shop holds can be read here. Joining needs the
shop's link of the day and gives the whole card; the consent is asked for afterwards and hangs on
nothing.

    link of the day ──join──> member ──yes──> consent ──three photos──> template
                                 └────no────> that is all
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final, Literal, Protocol

from sqlite_utils import Database

from edge.consent.texts import consent_texts, text_hashes
from edge.core.consent import PURPOSE, Terms, read_consent
from edge.core.flaws import Flaw, Flaws
from edge.core.profile import read_profile
from edge.desk.means import Means
from edge.desk.members import MemberDesk
from edge.store import consents, joining
from edge.store.audit import Audit
from edge.store.consents import live_consent
from edge.store.database import transaction
from edge.store.endings import ConsentMissing
from edge.store.joining import Link
from edge.store.people import member_of
from edge.store.register import Template, new_member
from edge.wire.codec import utc_text
from menkou.errors import MenkouFault

log = logging.getLogger(__name__)

ACTOR: Final = "join"
"""Whose doing it is in the audit log: a guest's, on a screen of their own."""
PHOTOS: Final = 3
"""They find a member about three times as surely as one (ADR 16)."""
CONSENT_LIVES: Final = timedelta(days=365)
JOINED_A_DAY: Final = 500
"""New members of one day by the link: more is somebody's program."""
_FIELDS: Final = ("name", "called", "phone", "claimed_id")
Age = Literal["adult", "guarded", "child"]
"""18 and older; 14 to 17, with a guardian; younger: no face is stored at all."""
Step = Literal["lost", "done", "decide", "photos"]
"""What a guest's screen is to show: it is nobody's (any more); that is all; the consent; photos."""
Look = Literal[
    "ok",
    "no_face",
    "several_faces",
    "too_small",
    "blurred",
    "not_one_person",
    "same",
    "not_a_picture",
    "too_large",
    "busy",
    "too_many",
]
"""What is said of a photo. `not_one_person`: it and the ones before are of different people, and
none of them counts any more; `busy`: photos cannot be judged now; `too_many`: no more from this
screen."""


class PhotoFault(MenkouFault):
    """Photos cannot be judged now."""


class Judge(Protocol):
    """Looks at the photos of one guest, in a process without keys; forgets them with `close`."""

    def look(self, photo: bytes) -> Look:
        """Judge a photo; a good one is kept as numbers in that process's memory.

        Raises:
            PhotoFault: it cannot be judged now.
        """
        ...

    def template(self, subject: str) -> Template:
        """Return the template of the photos that were good, sealed for the eyes.

        Raises:
            PhotoFault: it cannot be made.
        """
        ...

    def close(self) -> None:
        """Forget everything."""
        ...


class Judges(Protocol):
    """Gives each guest's screen a judge of its own, for a while."""

    def of(self, screen: str) -> Judge | None:
        """Return the judge of a screen; None: too many guests have their photos taken now."""
        ...

    def good(self, screen: str) -> int:
        """Return how many of a screen's photos were good."""
        ...

    def end(self, screen: str) -> None:
        """Forget everything of a screen."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Responsible:
    """Who answers for faces in this shop, as the declaration says."""

    controller: str
    contact: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a guest is asked to agree to. `text` is Markdown as it ships; `until` its last day."""

    version: str
    language: str
    text: str
    responsible: Responsible
    until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What became of joining: a screen that is a member's now, or why not."""

    problem: Literal["flaws", "key", "full"] | None = None
    flaws: tuple[Flaw, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a guest filled in beside "I agree"."""

    age: str
    guardian: str = field(default="", repr=False)
    relation: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of a photo: what is said of it, how many are good, whether that is all."""

    look: Look
    good: int
    done: bool = False


class JoinDesk:
    """The guests' side of joining.

    Args:
        means: what every desk works with.
        shop: the shop's id.
        members: makes members.
        responsible: who answers for faces; None where none may be read now, so none are asked for.
        judges: judge photos.
    """

    def __init__(
        self,
        means: Means,
        *,
        shop: str,
        members: MemberDesk,
        responsible: Callable[[], Responsible | None],
        judges: Judges,
    ) -> None:
        self._shop = shop
        self._zone = means.zone
        self._db = means.db
        self._now = means.now
        self._sure = means.is_sure
        self._members = members
        self._responsible = responsible
        self._judges = judges
        self._wake = means.wake
        # A form that is sent twice comes on two threads: the second one is to find what the first
        # one did.
        self._turn = threading.Lock()

    def _today(self) -> date:
        return self._now().astimezone(self._zone).date()

    def link(self) -> Link:
        """Return the link of today."""
        self._members.keys()  # asks for it, if there is none yet: a guest is about to join
        db = self._db()
        with transaction(db):
            return joining.link_of(db, self._today())

    def new_link(self, actor: str) -> Link:
        """Make another link for today; codes that were copied before lead nowhere."""
        db, now = self._db(), self._now()
        with transaction(db):
            Audit(db).append(at=now, what="change", actor=actor, detail={"join": "new_link"})
            return joining.link_of(db, self._today(), anew=True)

    def is_link(self, token: str) -> bool:
        """Say whether this is the link of today."""
        return joining.is_link(self._db(), token, self._today())

    def join(self, screen: str, texts: Mapping[str, str]) -> Joined:
        """Make whoever is at a screen a member; a form that is sent twice makes one."""
        with self._turn:
            return self._join(screen, texts)

    def _join(self, screen: str, texts: Mapping[str, str]) -> Joined:
        db, now = self._db(), self._now()
        if joining.bound_to(db, screen, now) is not None:
            return Joined()
        register = self._members.register(ACTOR)
        if register is None:
            return Joined(problem="key")
        given = {name: texts.get(name, "") for name in _FIELDS}
        given["name"] = given["name"].strip() or given["called"]
        try:
            member = new_member(read_profile(given), now)
        except Flaws as exc:
            return Joined(problem="flaws", flaws=exc.flaws)
        if self._joined_today() >= JOINED_A_DAY:
            log.warning("the link of today has brought %d members: no more of them", JOINED_A_DAY)
            return Joined(problem="full")
        register.add(
            member,
            consent=None,
            template=None,
            also=lambda subject: joining.bind(db, screen, subject, now),
        )
        self._wake()
        return Joined()

    def _joined_today(self) -> int:
        midnight = datetime.combine(self._today(), datetime.min.time(), tzinfo=self._zone)
        (count,) = (
            self._db()
            .execute(
                "SELECT count(*) FROM audit WHERE what = 'enrol' AND actor = ? AND at >= ?",
                [ACTOR, utc_text(midnight)],
            )
            .fetchone()
        )
        return int(count)

    def step(self, screen: str) -> Step:
        """Say what a screen is to show."""
        db, now = self._db(), self._now()
        subject = joining.bound_to(db, screen, now)
        if subject is None:
            return "lost"
        if self._responsible() is None or not self._sure():
            return "done"
        if live_consent(db, subject, now) is None:
            return "decide"
        if self._has_face(subject):
            return "done"
        return "photos"

    def _has_face(self, subject: str) -> bool:
        row = self._db().execute("SELECT 1 FROM template WHERE subject = ?", [subject]).fetchone()
        return row is not None

    def offer(self, language: str) -> Offer | None:
        """Return what a guest is asked to agree to; None where no face may be read."""
        responsible = self._responsible()
        if responsible is None:
            return None
        texts = consent_texts()
        version = max(version for version, told in texts if told == language)
        return Offer(
            version=version,
            language=language,
            text=texts[version, language].decode(),
            responsible=responsible,
            until=self._today() + CONSENT_LIVES,
        )

    def agree(self, screen: str, offer: Offer, decision: Decision) -> tuple[Flaw, ...]:
        """Keep the consent of whoever is at a screen; return what is wrong with it, if anything.

        A form that is sent twice is one consent.
        """
        with self._turn:
            return self._agree(screen, offer, decision)

    def _agree(self, screen: str, offer: Offer, decision: Decision) -> tuple[Flaw, ...]:
        db, now = self._db(), self._now()
        subject = joining.bound_to(db, screen, now)
        if subject is None or self.step(screen) != "decide":
            return ()
        if decision.age not in ("adult", "guarded"):
            return (Flaw(key="age", text="expected an age of 14 or more, got none or less"),)
        try:
            consent = read_consent(_record(offer, decision, now), self._terms(db, subject, now))
        except Flaws as exc:
            return exc.flaws
        register = self._members.register(ACTOR)
        member = member_of(db, subject)
        if register is None or member is None:
            return (Flaw(key="key", text="expected the box's key, got none; try again"),)
        register.enrol(member, now, consent=consent)
        self._wake()
        self._judges.of(screen)  # it takes seconds to be ready: the guest is about to pose
        return ()

    def _terms(self, db: Database, subject: str, now: datetime) -> Terms:
        return Terms(
            shop=self._shop,
            zone=self._zone,
            now=now,
            texts=text_hashes(),
            names=(),
            ended_at=consents.ended_at(db, subject),
        )

    def good_photos(self, screen: str) -> int:
        """Return how many photos of whoever is at a screen were good."""
        return self._judges.good(screen)

    def photo(self, screen: str, photo: bytes) -> Judged:
        """Judge a photo of whoever is at a screen; the third good one makes the template.

        Nothing is kept of the photo.
        """
        db, now = self._db(), self._now()
        subject = joining.bound_to(db, screen, now)
        if subject is None or self.step(screen) != "photos":
            return Judged(look="ok", good=0, done=True)  # the page shows what is true now
        with transaction(db):
            if not joining.count_photo(db, screen):
                return Judged(look="too_many", good=self._judges.good(screen))
        judge = self._judges.of(screen)
        if judge is None:
            return Judged(look="busy", good=0)
        try:
            look = judge.look(photo)
            good = self._judges.good(screen)
            if look != "ok" or good < PHOTOS:
                return Judged(look=look, good=good)
            template = judge.template(subject)
        except PhotoFault as exc:
            log.error("photos cannot be judged now: %s", exc)
            self._judges.end(screen)
            return Judged(look="busy", good=0)
        self._judges.end(screen)
        return Judged(look="ok", good=PHOTOS, done=self._keep(subject, template))

    def _keep(self, subject: str, template: Template) -> bool:
        register, member = self._members.register(ACTOR), member_of(self._db(), subject)
        if register is None or member is None:
            return False
        try:
            register.enrol(member, self._now(), template=template)
        except ConsentMissing:
            return True  # taken back meanwhile: nothing is stored, and that is all
        self._wake()
        return True

    def leave(self, screen: str) -> None:
        """End what a screen may do: the guest is done."""
        self._judges.end(screen)
        db = self._db()
        with transaction(db):
            joining.unbind(db, screen)


def _record(offer: Offer, decision: Decision, now: datetime) -> dict[str, object]:
    """Return the consent as `member enroll --consent` reads it."""
    guardian = None
    if decision.age != "adult":
        guardian = {
            "name": decision.guardian,
            "relation": decision.relation,
            "given_at": now.isoformat(),
        }
    return {
        "purpose": PURPOSE,
        "text_version": offer.version,
        "language": offer.language,
        "given_at": now.isoformat(),
        "means": "screen",
        "scope": "store",
        "shops": [],
        "expires": offer.until.isoformat(),
        "adult": decision.age == "adult",
        "guardian": guardian,
    }
