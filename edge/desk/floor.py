"""What the desk knows of the guests who are listed: who greets them, who is asked, what is due.

Called by `edge.console.desk` for each screen that is drawn; calls `core.asking` and `core.stay`.
Puts the desks of people and guests together (`people`, `guests`).
"""

import threading
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sqlite_utils import Database

from edge.core.asking import ASKED_FOR_S, Place, Present, changes_in_s, is_asked
from edge.core.profile import plain_id
from edge.core.sources import Answer
from edge.core.stay import Offer, Thresholds, due
from edge.desk.guests import GuestDesk
from edge.desk.means import Means
from edge.desk.staff import Me, StaffDesk, thresholds_of
from edge.keys.profiles import ProfileKeys
from edge.store.arrivals import Arrival, Shown, note_views, unseen
from edge.store.desk_facts import Claim, Stay, claims_of, is_here, stays_of
from edge.store.notes import Note, last_notes, notes_of, with_notes
from edge.store.sources import answers_of
from edge.store.staff import Person, Screen, Staff, device_names


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A note as it is shown; `by` is empty for a device that nobody has named."""

    at: datetime
    by: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What the desk knows of one visit.

    `by` is who greets the guest, empty for a device without a name; `mine`: whoever is at this
    device. `asked_for_s`: this screen is to pop up for so many seconds yet. `offer` is what is due
    after `minutes` in the shop. `gone`: the visit has ended; `going`: it is about to. `source` is
    where the guest comes from, None while nobody asked.
    """

    claimed: bool = False
    by: str = ""
    mine: bool = False
    since: datetime | None = None
    asked_for_s: float | None = None
    offer: Offer | None = None
    minutes: int = 0
    gone: bool = False
    going: bool = False
    source: Answer | None = None
    notes: tuple[Written, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counter:
    """What a screen shows of each visit, and in how many seconds another one pops up or not.

    One object for all screens that show the same of a sheet.
    """

    served: Mapping[str, Served]
    changes_s: tuple[float, ...]


class Floor:
    """The shop's floor, as its screens show it."""

    def __init__(self, means: Means) -> None:
        self._db = means.db
        self._now = means.now
        self._profile_root = means.profile_root
        self._counting = threading.Lock()
        self.people = StaffDesk(means)
        self.guests = GuestDesk(means, staff=self.people)

    def sheet(
        self,
        rows: tuple[Arrival, ...],
        consultants: Mapping[str, str],
        now: datetime,
        *,
        names: bool = True,
    ) -> "Sheet":
        """Read what the desk knows of some visits, as all screens show it.

        Args:
            rows: the visits.
            consultants: the name of the member's own consultant, by the subject of each member
                whose name may be shown.
            now: the moment that is shown.
            names: False: no note, and nobody's name.
        """
        db, staff = self._db(), Staff(self._db())
        visits = [row.visit for row in rows]
        return Sheet(
            rows=rows,
            now=now,
            consultants=consultants,
            screens=staff.screens(now),
            claims=claims_of(db, visits),
            stays=stays_of(db, visits),
            sources=answers_of(db, visits),
            notes=self._notes(db, rows, consultants, now) if names else {},
            names=staff.names() if names else {},
            devices=device_names(db) if names else {},
            thresholds=thresholds_of(db),
        )

    def counter(self, sheet: "Sheet", device: str, role: str) -> tuple[Me, Counter]:
        """Return who is at a screen, a device of a role, and what it shows of a sheet.

        Worked out once for all screens that show the same.
        """
        me = self.people.me(device)
        screen = Screen(device=device, role=role, person=me.person)
        lookout = _Lookout(screen, sheet.screens, sheet.consultants)
        # "Mine" is told by the device only where nobody had said whose it is.
        own = device if device in sheet.nameless else ""
        kind = (me, lookout.seen_from, own)
        with self._counting:
            found = sheet.counters.get(kind)
            if found is None:
                found = sheet.counters[kind] = self._counter(sheet, me, lookout)
        return me, found

    @staticmethod
    def _counter(sheet: "Sheet", me: Me, lookout: "_Lookout") -> Counter:
        served, changes = dict[str, Served](), list[float]()
        for row in sheet.rows:
            asked_for_s = None
            if (since_s := sheet.unanswered_s(row)) is not None:
                asked_for_s = lookout.asked_for_s(row, since_s)
                if (change := lookout.changes_in_s(row, since_s)) is not None:
                    changes.append(change)
            served[row.visit] = sheet.of(row, me, asked_for_s)
        return Counter(served=served, changes_s=tuple(changes))

    def notes(self, visit: str, device: str) -> tuple[Written, ...] | Literal["gone", "key"]:
        """Return what was written on a visit and last of its member, the newest first.

        Of a member it is noted in the audit log that the device was shown it.

        Returns:
            `gone`: there is no such guest; `key`: the box cannot open notes now.

        Raises:
            edge.store.database.StoreAway: it cannot be noted who was shown them.
        """
        db, now, root = self._db(), self._now(), self._profile_root()
        if not is_here(db, visit):
            return "gone"
        if root is None:
            return "key"
        keys = ProfileKeys(root)
        (subject,) = db.execute("SELECT subject FROM visit WHERE id = ?", [visit]).fetchone()
        found = {note.id: note for note in notes_of(db, keys, [visit], now).get(visit, ())}
        if subject is not None:
            found |= {note.id: note for note in last_notes(db, keys, subject)}
            if unseen(db, device, {visit: subject}):
                note_views(db, [Shown(device=device, cards={visit: subject})], now=now)
        names = Staff(db).names()
        return tuple(
            Written(at=one.at, by=names.get(one.staff or "", ""), text=one.text)
            for one in sorted(found.values(), key=lambda one: one.id, reverse=True)
        )

    def _notes(
        self, db: Database, rows: Sequence[Arrival], named: Mapping[str, str], now: datetime
    ) -> dict[str, list[Note]]:
        """Return the notes of each visit: its own, and the last ones of the member."""
        root = self._profile_root()
        if root is None:
            return {}
        keys = ProfileKeys(root)
        shown = [row for row in rows if row.subject is None or row.subject in named]
        found = notes_of(db, keys, [row.visit for row in shown], now)
        noted = with_notes(db, {row.subject for row in shown if row.subject is not None})
        for row in shown:
            if row.subject is not None and row.subject in noted:
                own = found.setdefault(row.visit, [])
                known = {note.id for note in own}
                before = last_notes(db, keys, row.subject)
                own += [note for note in before if note.id not in known]
                own.sort(key=lambda note: note.id, reverse=True)
        return found


class _Lookout:
    """Who is in the shop to be asked, seen from one screen."""

    def __init__(
        self, screen: Screen, others: Sequence[Screen], consultants: Mapping[str, str]
    ) -> None:
        self._screen = screen
        self._screens = [screen, *(one for one in others if one.device != screen.device)]
        self._consultants = consultants

    @property
    def seen_from(self) -> Hashable:
        """What the answers depend on beside the visit: the kinds of this screen and the others."""
        kinds = [(one.role, one.person) for one in self._screens]
        return kinds[0], frozenset(kinds)

    def asked_for_s(self, row: Arrival, since_s: float) -> float | None:
        place, present = self._seen(row)
        return ASKED_FOR_S - since_s if is_asked(place, present, since_s) else None

    def changes_in_s(self, row: Arrival, since_s: float) -> float | None:
        return changes_in_s(*self._seen(row), since_s)

    def _seen(self, row: Arrival) -> tuple[Place, Present]:
        own = plain_id(self._consultants.get(row.subject or "", ""))
        places = [self._place(screen, own) for screen in self._screens]
        return places[0], Present(own="own" in places, floor="floor" in places)

    @staticmethod
    def _place(screen: Screen, own: str) -> Place:
        person: Person | None = screen.person
        if person is not None and own and plain_id(person.name) == own:
            return "own"
        role = person.role if person else screen.role
        return "manager" if role == "manager" else "floor"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sheet:
    """What lies in the store of the visits that are listed, whichever screen shows them."""

    rows: tuple[Arrival, ...]
    now: datetime
    consultants: Mapping[str, str] = field(repr=False)
    screens: Sequence[Screen] = field(repr=False)
    claims: Mapping[str, Claim]
    stays: Mapping[str, Stay]
    sources: Mapping[str, Answer]
    notes: Mapping[str, Sequence[Note]] = field(repr=False)
    names: Mapping[str, str] = field(repr=False)
    devices: Mapping[str, str] = field(repr=False)
    thresholds: Thresholds
    counters: dict[Hashable, Counter] = field(default_factory=dict, repr=False)

    @property
    def nameless(self) -> frozenset[str]:
        """The devices that claimed without a name."""
        return frozenset(one.device for one in self.claims.values() if one.staff is None)

    def unanswered_s(self, row: Arrival) -> float | None:
        """Return how many seconds ago a guest was announced whom nobody has answered yet."""
        answered = row.visit in self.claims or row.closed or row.ending or row.correcting
        if row.alerted_at is None or answered:
            return None
        return (self.now - row.alerted_at).total_seconds()

    def of(self, row: Arrival, me: Me, asked_for_s: float | None) -> Served:
        """Return a visit as it is shown to somebody, whose screen pops up for so long yet."""
        claim = self.claims.get(row.visit)
        return Served(
            claimed=claim is not None,
            by=self._by(claim.staff, claim.device) if claim else "",
            mine=claim is not None and claim.is_of(me.staff, me.device),
            since=claim.at if claim else None,
            asked_for_s=asked_for_s,
            offer=self._due(row),
            minutes=max(0, int((self.now - row.at).total_seconds() // 60)),
            gone=row.closed,
            going=row.ending,
            source=self.sources.get(row.visit),
            notes=tuple(
                Written(at=note.at, by=self.names.get(note.staff or "", ""), text=note.text)
                for note in self.notes.get(row.visit, ())
            ),
        )

    def _due(self, row: Arrival) -> Offer | None:
        """Return what is due: nobody knows of an unclaimed visitor whether they are still here."""
        known = row.subject is not None or row.visit in self.claims
        if row.closed or row.ending or not known:
            return None
        answered = self.stays.get(row.visit, Stay()).answered
        return due(row.at, self.now, self.thresholds, answered)

    def _by(self, staff: str | None, device: str) -> str:
        return self.names.get(staff or "", "") or self.devices.get(device, "")
