"""What is done for a guest: greet, note, offer, see off. Called by `edge.console.arrivals`.

Each is one transaction with its entry in the audit log and what the hub is told. Whatever is asked
twice, by a form that was sent again or by two people at once, is done once:

    claim    the first one wins; the same person again has won before; others see who
    note     the same words of the same person on one visit are one note
    offer    the first answer stands
    end      the eyes end the visit, who alone write visits; a visit ends once

What a phone kept while it had no network comes `Late`: as whoever tapped it, and never against what
the same person has undone since.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlite_utils import Database

from edge.core.stay import OFFERS, Offer
from edge.desk.means import Means
from edge.desk.staff import Me, StaffDesk
from edge.keys.errors import Unreadable
from edge.keys.profiles import ProfileKeys
from edge.store import notes, switches
from edge.store.audit import Audit, Code
from edge.store.database import transaction
from edge.store.desk_facts import (
    ANSWERS,
    Answer,
    Claim,
    claims_of,
    is_here,
    keep_answer,
    keep_claim,
    released_of,
    stays_of,
)
from edge.store.staff import Staff

Claimed = Literal["mine", "taken", "unnamed", "gone", "released", "other"]
"""What became of a claim: it is mine; somebody else was first; nobody said whose this device is;
there is no such guest. Of late ones: I have let this guest go since; somebody else uses the device
now."""
Noted = Literal["kept", "empty", "gone", "key", "not_yours", "unnamed", "other"]
"""What became of a note; `key`: the box cannot seal it now; `not_yours`: somebody else wrote it.
Late ones as claims."""
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """What a phone says of what was tapped while it had no network.

    `staff`: whose the phone was then, empty for nobody's. `waited`: how long ago that is. It is a
    span by the phone's clock, not a time: no phone knows the box's.
    """

    staff: str
    waited: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who greets a guest, and since when; `name` is empty for a device of nobody's."""

    name: str
    since: datetime


class GuestDesk:
    """What is done for guests.

    Args:
        means: what every desk works with.
        staff: who is at which device.
    """

    def __init__(
        self,
        means: Means,
        *,
        staff: StaffDesk,
    ) -> None:
        self._db = means.db
        self._now = means.now
        self._zone = means.zone
        self._profile_root = means.profile_root
        self._staff = staff
        self._teller = means.teller
        self._wake = means.wake

    def claim(self, visit: str, device: str, late: Late | None = None) -> Claimed:
        """Say that whoever is at a device greets a guest.

        Also of a visit that has ended: a phone that was out of reach may say so late. The order is
        that in which claims come here.

        Raises:
            edge.store.database.StoreAway: it cannot be kept now.
        """
        me, db, now = self._staff.me(device), self._db(), self._now()
        if me.must_choose:
            return "unnamed"
        if late is not None and late.staff != (me.staff or ""):
            return "other"
        with transaction(db):
            if not is_here(db, visit):
                return "gone"
            held = claims_of(db, [visit]).get(visit)
            if held is not None:
                return "mine" if held.is_of(me.staff, device) else "taken"
            if late is not None and self._let_go(visit, me, now - late.waited):
                return "released"
            claim = Claim(visit=visit, staff=me.staff, device=device, at=now)
            keep_claim(db, claim, "taken", self._teller)
            self._note("claim", visit, me, now, how="taken")
        self._wake()
        return "mine"

    def _let_go(self, visit: str, me: Me, since: datetime) -> bool:
        """Whether whoever is at a device had the guest and let them go after a moment.

        The claim came then, and its answer got lost: sent again it must not take the guest back.
        """
        over = released_of(self._db(), visit)
        return over is not None and over.is_of(me.staff, me.device) and over.at >= since

    def holder(self, visit: str) -> Holder | None:
        """Return who greets a guest."""
        held = claims_of(self._db(), [visit]).get(visit)
        if held is None:
            return None
        name = Staff(self._db()).names().get(held.staff or "", "")
        return Holder(name=name, since=held.at.astimezone(self._zone))

    def release(self, visit: str, device: str, *, anybodys: bool) -> bool:
        """Let others greet a guest whom somebody claimed; a manager may release `anybodys`."""
        me, db, now = self._staff.me(device), self._db(), self._now()
        with transaction(db):
            held = claims_of(db, [visit]).get(visit)
            if held is None or not (anybodys or held.is_of(me.staff, device)):
                return False
            over = Claim(visit=visit, staff=held.staff, device=held.device, at=now)
            keep_claim(db, over, "released", self._teller)
            self._note("claim", visit, me, now, how="released")
        self._wake()
        return True

    def note(self, visit: str, text: str, device: str, late: Late | None = None) -> Noted:
        """Keep a note on a guest: with a member as long as the member, else until midnight."""
        plain, root = notes.tidy_note(text), self._profile_root()
        if not plain:
            return "empty"
        if root is None:
            return "key"
        me, db, now = self._staff.me(device), self._db(), self._now()
        if late is not None and late.staff != (me.staff or ""):
            return "unnamed" if me.must_choose else "other"
        midnight = now.astimezone(self._zone).replace(hour=0, minute=0, second=0, microsecond=0)
        try:
            with transaction(db):
                if not is_here(db, visit):
                    return "gone"
                notes.write(
                    db,
                    ProfileKeys(root),
                    visit,
                    plain,
                    staff=me.staff,
                    device=device,
                    now=now,
                    until=midnight + _DAY,
                )
                Staff(db).acts(device, now)
        except Unreadable:
            return "key"
        self._wake()
        return "kept"

    def change_note(self, note: int, text: str, device: str, *, anybodys: bool) -> Noted:
        """Put other words in the place of one's own note; a manager may change `anybodys`."""
        plain = notes.tidy_note(text)
        if not plain:
            return "empty"

        def change(db: Database, keys: ProfileKeys, found: notes.Note, now: datetime) -> None:
            notes.rewrite(db, keys, found, plain, by=device, now=now)

        return self._with_note(note, device, change, anybodys=anybodys)

    def delete_note(self, note: int, device: str, *, anybodys: bool) -> Noted:
        """Delete one's own note; a manager may delete `anybodys`."""

        def delete(db: Database, _keys: ProfileKeys, found: notes.Note, now: datetime) -> None:
            notes.strike(db, found, by=device, now=now)

        return self._with_note(note, device, delete, anybodys=anybodys)

    def _with_note(
        self,
        note: int,
        device: str,
        act: Callable[[Database, ProfileKeys, notes.Note, datetime], None],
        *,
        anybodys: bool,
    ) -> Noted:
        root = self._profile_root()
        if root is None:
            return "key"
        me, db, now, keys = self._staff.me(device), self._db(), self._now(), ProfileKeys(root)
        try:
            with transaction(db):
                found = notes.note_by_id(db, keys, note, now)
                if found is None:
                    return "gone"
                if not (anybodys or found.is_of(me.staff, device)):
                    return "not_yours"
                act(db, keys, found, now)
                Staff(db).acts(device, now)
        except Unreadable:
            return "key"
        self._wake()
        return "kept"

    def answer(self, visit: str, offer: str, answer: str, device: str) -> bool:
        """Note what a guest said to tea or a meal; False if that is settled or no guest's."""
        wanted: Offer | None = next((one for one in OFFERS if one == offer), None)
        said: Answer | None = next((one for one in ANSWERS if one == answer), None)
        me, db, now = self._staff.me(device), self._db(), self._now()
        if wanted is None or said is None:
            return False
        with transaction(db):
            known = stays_of(db, [visit]).get(visit)
            settled = known is not None and wanted in known.answered
            if settled or not is_here(db, visit, going_on=True):
                return False
            keep_answer(db, visit, wanted, said, staff=me.staff, at=now, teller=self._teller)
            self._note("stay", visit, me, now, offer=wanted, said=said)
        self._wake()
        return True

    def see_off(self, visit: str, device: str) -> bool:
        """Ask the eyes to end the visit of a guest who has left; False if it ended before."""
        db, now = self._db(), self._now()
        asked = switches.ask(db, kind="end", visit=visit, actor=device, now=now)
        if asked:
            self._wake()
        return asked

    def _note(
        self, what: Literal["claim", "stay"], visit: str, me: Me, now: datetime, **more: Code
    ) -> None:
        """Note something in the audit log, in the same transaction."""
        db = self._db()
        detail: dict[str, Code] = {"visit": visit, "staff": me.staff, **more}
        Audit(db).append(at=now, what=what, actor=me.device, detail=detail)
        Staff(db).acts(me.device, now)
