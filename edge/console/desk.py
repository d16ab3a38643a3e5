"""What the consultants' page reads and does: who has come in, "wrong person", faces off.

Called by `edge.console.app`; reads visits, members' profiles and switches from the store.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from edge.console.card import certainty_of, newest_purchase, of_greeting, with_office
from edge.console.shared import Shared
from edge.console.view import FRESH_S, Arrivals, Bought, Card
from edge.console.viewbook import ViewBook
from edge.core.appointments import Booking, first_of
from edge.core.greeting import LastVisit, why_now
from edge.core.hours import OpeningHours
from edge.core.profile import Profile
from edge.core.receipt_table import money_text
from edge.desk.floor import Counter, Floor, Sheet
from edge.desk.means import Means
from edge.desk.service import ServiceDesk
from edge.desk.service_view import MembersTickets
from edge.keys.profiles import ProfileKeys
from edge.store import switches
from edge.store.appointments import of_member
from edge.store.arrivals import Arrival, arrivals_since
from edge.store.audit import Audit, What
from edge.store.database import StoreAway, StoreFull
from edge.store.people import Opened, People
from edge.store.purchases import Purchase, buyers_among, purchases_of
from edge.store.switches import FACES, SwitchState

log = logging.getLogger(__name__)

SHOWN_FOR: Final = timedelta(hours=6)
_CARDS_MAX: Final = 120
Unnamed = Literal["locked", "erased", "withheld"]
_Known = dict[str, Profile | Unnamed]
_Purchases = Mapping[str, tuple[Purchase, ...]]


@dataclass(frozen=True, slots=True)
class _Listed:
    """Who has come in, as every device may be shown it."""

    cards: tuple[Card, ...]
    sheet: Sheet
    named: Mapping[str, str]
    """The subjects of the visits whose names are on their cards."""
    ages_s: tuple[float, ...]
    """In how many seconds each of the new ones is new no more."""
    served: dict[Counter, tuple[Card, ...]] = field(default_factory=dict)
    serving: threading.Lock = field(default_factory=threading.Lock)

    def cards_at(self, counter: Counter) -> tuple[Card, ...]:
        """Return the cards as a kind of screens shows them: one tuple for all of them."""
        with self.serving:
            found = self.served.get(counter)
            if found is None:
                served = counter.served
                found = tuple(replace(card, served=served[card.visit]) for card in self.cards)
                self.served[counter] = found
            return found


class Desk:
    """The consultants' work.

    Args:
        means: what every desk works with.
        store_id: this shop.
        hours: its opening hours; their zone says when today began.
        floor: what else is known of guests at the desk.
        service: what members have left here, or asked for.
        make_room: frees a little of a full disk, once; says whether it could.
        news: a number that grows with everything that screens are told of: until it does, they
            share what one of them has read. None: each reads anew.
    """

    def __init__(
        self,
        means: Means,
        *,
        store_id: str,
        hours: OpeningHours,
        floor: Floor,
        service: ServiceDesk,
        make_room: Callable[[], bool] = lambda: False,
        news: Callable[[], int] | None = None,
    ) -> None:
        self._store_id = store_id
        self._zone = hours.zone
        self._db = means.db
        self._now = means.now
        self._profile_root = means.profile_root
        self._wake = means.wake
        self._floor = floor
        self._service = service
        self._make_room = make_room
        self._unreadable: set[str] = set()
        self._opened: dict[str, Opened] = {}
        self._views = ViewBook(means.db, means.now)
        self._listed = self._list if news is None else Shared(self._list, news)

    def arrivals(self, actor: str, role: str = "manager", *, names: bool = True) -> Arrivals:
        """Return who came in today, in the last hours, as a device of a role shows it; without
        `names` no profile is opened.

        A card with a name on it is noted in the audit log first, once for each device, visit
        and member; if that cannot be kept, the names are withheld.
        """
        listed = self._shared() if names else self._list("withheld")
        if names and not self._noted(listed, actor):
            listed = self._list("locked")
        me, counter = self._floor.counter(listed.sheet, actor, role)
        again_s = min((*listed.ages_s, *counter.changes_s), default=None)
        return Arrivals(
            cards=listed.cards_at(counter),
            again_s=None if again_s is None else max(1, int(again_s) + 1),
            me=me,
        )

    def _shared(self) -> _Listed:
        """Return what the screens share; without the key nothing that was read with it."""
        return self._list() if self._profile_root() is None else self._listed()

    def _list(self, unnamed: Unnamed | None = None) -> _Listed:
        """Read who has come in; with `unnamed` no profile is opened, and members are that."""
        now = self._now().astimezone(self._zone)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        rows = arrivals_since(self._db(), max(midnight, now - SHOWN_FOR), limit=_CARDS_MAX)
        subjects = {row.subject for row in rows if row.subject is not None}
        known: _Known = dict.fromkeys(subjects, unnamed) if unnamed else self._known(rows)
        bought = self._bought(known)
        open_ = {subject for subject, one in known.items() if isinstance(one, Profile)}
        tickets = self._service.of_members(open_)
        cards = tuple(self._card(row, known, bought, tickets, now) for row in rows)
        own = {s: p.consultant or "" for s, p in known.items() if isinstance(p, Profile)}
        sheet = self._floor.sheet(rows, own, now, names=unnamed != "withheld")
        named = {row.visit: row.subject for row in rows if row.subject and row.subject in own}
        ages_s = tuple(FRESH_S - (now - row.at).total_seconds() for row in rows)
        ages_s = tuple(left_s for left_s in ages_s if left_s > 0)
        return _Listed(cards, sheet, named, ages_s)

    def _known(self, rows: tuple[Arrival, ...]) -> _Known:
        subjects = {row.subject for row in rows if row.subject is not None}
        root = self._profile_root()
        if root is None:
            self._opened = {}
            return dict.fromkeys(subjects, "locked")
        people = People(self._db(), ProfileKeys(root))
        self._opened = people.by_subjects(subjects, self._opened)
        return {subject: self._profile(subject) for subject in subjects}

    def _profile(self, subject: str) -> Profile | Unnamed:
        opened = self._opened.get(subject)
        if opened is None:
            return "erased"
        if opened.member is not None:
            return opened.member.profile
        if subject not in self._unreadable:  # once is enough: the page is drawn all day
            self._unreadable.add(subject)
            log.warning("a card without its name: %s", opened.fault)
        return "locked"

    def _booked(self, subject: str, profile: Profile, now: datetime) -> Booking | None:
        """Return a member's appointment of today: the next, else the last."""
        root = self._profile_root()
        if root is None:
            return None
        keys, today = ProfileKeys(root), now.date()
        ref = keys.blind(profile.external_id) if profile.external_id else None
        found = {
            one.id: one.booking
            for one in of_member(self._db(), keys, subject, ref)
            if one.booking is not None
            and one.course.state != "cancelled"
            and one.booking.at.astimezone(self._zone).date() == today
        }
        first = first_of({thing: one.at for thing, one in found.items()}, now)
        return found[first] if first is not None else None

    def _noted(self, listed: _Listed, actor: str) -> bool:
        """Note in the audit log whose cards a device is about to be shown; False: it cannot be."""
        try:
            self._views.note(actor, listed.named)
        except StoreAway as exc:
            log.error("names are withheld, since showing them cannot be logged: %s", exc)
            return False
        return True

    def _bought(self, known: _Known) -> _Purchases:
        """Read what the members bought last whose names may be shown."""
        named = [subject for subject, found in known.items() if isinstance(found, Profile)]
        root = self._profile_root()
        if root is None or not named:
            return {}
        db, keys = self._db(), ProfileKeys(root)
        return {subject: purchases_of(db, keys, subject) for subject in buyers_among(db, named)}

    def _card(
        self,
        row: Arrival,
        known: _Known,
        bought: _Purchases,
        tickets: Mapping[str, MembersTickets],
        now: datetime,
    ) -> Card:
        at = row.at.astimezone(self._zone)
        fresh = (now - row.at).total_seconds() < FRESH_S
        if row.subject is None:
            return Card(visit=row.visit, at=at, fresh=fresh, who="visitor", reentry=row.reentry)
        profile = known[row.subject]
        if isinstance(profile, Profile):
            last = tuple(self._shown(one) for one in bought.get(row.subject, ()))
            held = tickets.get(row.subject, MembersTickets())
            return self._named(row, profile, last, held, at=at, now=now, fresh=fresh)
        return Card(
            visit=row.visit,
            at=at,
            fresh=fresh,
            who=profile,
            reentry=row.reentry,
            certainty=certainty_of(row),
            correcting=row.correcting,
        )

    def _shown(self, one: Purchase) -> Bought:
        return Bought(
            on=one.at.astimezone(self._zone).date(),
            price=money_text(one.value, one.currency),
            items=one.items,
            what=one.what,
        )

    def _named(
        self,
        row: Arrival,
        profile: Profile,
        bought: tuple[Bought, ...],
        held: MembersTickets,
        *,
        at: datetime,
        now: datetime,
        fresh: bool,
    ) -> Card:
        profile = newest_purchase(profile, bought)
        booked = self._booked(row.subject, profile, now) if row.subject else None
        last_visit = self._last_visit(row, profile)
        before = row.reentry or row.last_visit_at is not None
        been_here = before or profile.last_visit_shop == self._store_id
        return Card(
            visit=row.visit,
            at=at,
            fresh=fresh,
            who="named",
            reentry=row.reentry,
            certainty=certainty_of(row),
            correcting=row.correcting,
            name=profile.called or profile.name,
            tier=profile.tier or "",
            consultant=profile.consultant or "",
            note=profile.note or "",
            tags=profile.tags,
            reasons=why_now(
                profile,
                now=now,
                last_visit=last_visit,
                been_here=been_here,
                booked=booked,
                tickets=of_greeting(held),
                handed_over=held.handed_over,
            ),
            last_visit=last_visit,
            purchases=bought,
            tickets=with_office(profile, held),
            booked_by=(booked.channel or "") if booked else "",
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
