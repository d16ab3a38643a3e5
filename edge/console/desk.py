"""What the consultants' page reads and does: who has come in, "wrong person", faces off.

Called by `edge.console.app`; reads visits, members' profiles and switches from the store.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlite_utils import Database

from edge.console.view import FRESH_S, Arrivals, Card, Certainty
from edge.core.greeting import LastVisit, why_now
from edge.core.hours import OpeningHours
from edge.core.profile import Profile
from edge.keys.profiles import ProfileKeys
from edge.store import switches
from edge.store.appointments import within
from edge.store.arrivals import Arrival, arrivals_since, note_views
from edge.store.audit import Audit, What
from edge.store.database import StoreAway, StoreFull
from edge.store.people import People, ProfileUnreadable
from edge.store.switches import FACES, SwitchState

log = logging.getLogger(__name__)

SHOWN_FOR: Final = timedelta(hours=6)
_CARDS_MAX: Final = 120
_LATE: Final = timedelta(hours=1)
"""Who comes so late still comes for that appointment, not for the next."""
Unnamed = Literal["locked", "erased"]
_Known = dict[str, Profile | Unnamed]


class Desk:
    """The consultants' work.

    Args:
        store_id: this shop.
        hours: its opening hours; their zone says when today began.
        db: a connection of the calling thread.
        now: the box's time.
        profile_root: the root of the profiles' keys, None while there is none.
        wake: tells the eyes and the other screens to look into the database.
        make_room: frees a little of a full disk, once; says whether it could.
    """

    def __init__(
        self,
        *,
        store_id: str,
        hours: OpeningHours,
        db: Callable[[], Database],
        now: Callable[[], datetime],
        profile_root: Callable[[], bytes | None],
        wake: Callable[[], None],
        make_room: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store_id = store_id
        self._zone = hours.zone
        self._db = db
        self._now = now
        self._profile_root = profile_root
        self._wake = wake
        self._make_room = make_room
        self._unreadable: set[str] = set()

    def arrivals(self, actor: str) -> Arrivals:
        """Return who came in today, in the last hours.

        A card with a name on it is noted in the audit log first, once for each device, visit
        and member; if that cannot be kept, the names are withheld.
        """
        now = self._now().astimezone(self._zone)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        since = max(midnight, now - SHOWN_FOR)
        rows = arrivals_since(self._db(), since, limit=_CARDS_MAX)
        known = self._logged(self._known(rows), rows, actor)
        ages = [age for row in rows if (age := (now - row.at).total_seconds()) < FRESH_S]
        return Arrivals(
            cards=tuple(self._card(row, known, now) for row in rows),
            again_s=max(1, int(FRESH_S - max(ages)) + 1) if ages else None,
        )

    def _known(self, rows: tuple[Arrival, ...]) -> _Known:
        subjects = {row.subject for row in rows if row.subject is not None}
        root = self._profile_root()
        if root is None:
            return dict.fromkeys(subjects, "locked")
        people = People(self._db(), ProfileKeys(root))
        now = self._now().astimezone(self._zone)
        known = {subject: self._profile(people, subject) for subject in subjects}
        return {
            subject: self._booked(found, root, now) if isinstance(found, Profile) else found
            for subject, found in known.items()
        }

    def _profile(self, people: People, subject: str) -> Profile | Unnamed:
        try:
            member = people.by_subject(subject)
        except ProfileUnreadable as exc:
            if subject not in self._unreadable:  # once is enough: the page is drawn all day
                self._unreadable.add(subject)
                log.warning("a card without its name: %s", exc)
            return "locked"
        return "erased" if member is None else member.profile

    def _booked(self, profile: Profile, root: bytes, now: datetime) -> Profile:
        """Return a profile with today's appointment of head office: the next, else the last."""
        if not profile.external_id:
            return profile
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        keys = ProfileKeys(root)
        ref = keys.blind(profile.external_id)
        found = within(self._db(), keys, ref, day, day + timedelta(days=1))
        if not found:
            return profile
        one = next((one for one in found if one.at >= now - _LATE), found[-1])
        return replace(profile, appointment_at=one.at, appointment_what=one.what or None)

    def _logged(self, known: _Known, rows: tuple[Arrival, ...], actor: str) -> _Known:
        named = {
            row.visit: row.subject
            for row in rows
            if row.subject is not None and isinstance(known[row.subject], Profile)
        }
        try:
            note_views(self._db(), device=actor, cards=named, now=self._now())
        except StoreAway as exc:
            log.error("names are withheld, since showing them cannot be logged: %s", exc)
            return dict.fromkeys(known, "locked")
        return known

    def _card(self, row: Arrival, known: _Known, now: datetime) -> Card:
        at = row.at.astimezone(self._zone)
        fresh = (now - row.at).total_seconds() < FRESH_S
        if row.subject is None:
            return Card(visit=row.visit, at=at, fresh=fresh, who="visitor", reentry=row.reentry)
        profile = known[row.subject]
        if isinstance(profile, Profile):
            return self._named(row, profile, at=at, now=now, fresh=fresh)
        return Card(
            visit=row.visit,
            at=at,
            fresh=fresh,
            who=profile,
            reentry=row.reentry,
            certainty=_certainty(row),
            correcting=row.correcting,
        )

    def _named(
        self, row: Arrival, profile: Profile, *, at: datetime, now: datetime, fresh: bool
    ) -> Card:
        last_visit = self._last_visit(row, profile)
        before = row.reentry or row.last_visit_at is not None
        been_here = before or profile.last_visit_shop == self._store_id
        return Card(
            visit=row.visit,
            at=at,
            fresh=fresh,
            who="named",
            reentry=row.reentry,
            certainty=_certainty(row),
            correcting=row.correcting,
            name=profile.called or profile.name,
            tier=profile.tier or "",
            consultant=profile.consultant or "",
            note=profile.note or "",
            tags=profile.tags,
            reasons=why_now(profile, now=now, last_visit=last_visit, been_here=been_here),
            last_visit=last_visit,
        )

    def _last_visit(self, row: Arrival, profile: Profile) -> LastVisit | None:
        """Return the later one of what this box saw and what the shops' own systems know."""
        found = []
        if row.last_visit_at is not None:
            found.append(LastVisit(on=row.last_visit_at.astimezone(self._zone).date(), shop=None))
        if profile.last_visit_on is not None:
            elsewhere = profile.last_visit_shop != self._store_id
            shop = profile.last_visit_shop if elsewhere else None
            found.append(LastVisit(on=profile.last_visit_on, shop=shop))
        return max(found, key=lambda visit: visit.on, default=None)

    def names_locked(self) -> bool:
        """Say whether there are members whose names nobody can read, for want of the key."""
        if self._profile_root() is not None:
            return False
        return self._db().execute("SELECT 1 FROM member LIMIT 1").fetchone() is not None

    def wrong_person(self, visit: str, actor: str) -> bool:
        """Ask the eyes to correct a visit.

        Returns:
            False if it names no member of this shop's visits, or they were asked before.
        """
        asked = switches.ask(
            self._db(), kind="wrong_person", visit=visit, actor=actor, now=self._now()
        )
        if asked:
            self._wake()
        return asked

    def switch_faces(self, state: SwitchState, actor: str) -> None:
        """Turn the reading of faces off or on, for the whole box; off even on a full disk.

        Raises:
            edge.store.database.StoreAway: it cannot be kept now.
        """
        try:
            self._switch_faces(state, actor)
        except StoreFull:
            if state != "off" or not self._make_room():
                raise
            log.warning("the disk is full: the room that was reserved is used for faces off")
            self._switch_faces(state, actor)

    def _switch_faces(self, state: SwitchState, actor: str) -> None:
        db, now = self._db(), self._now()

        def note() -> None:
            what: What = "faces_off" if state == "off" else "faces_on"
            Audit(db).append(at=now, what=what, actor=actor)

        if switches.is_off(db, FACES) != (state == "off"):
            switches.switch(db, FACES, state, actor=actor, now=now, also=note)
            self._wake()


def _certainty(row: Arrival) -> Certainty:
    if row.sure is None:
        return "card"
    return "sure" if row.sure else "likely"
