"""What people in the shop do with members: find, see, make, change, see off, and the screen of
their own on which a guest decides. Used by the pages and the API.

Each look at a member, each change and each export is an entry in the audit log; where that cannot
be kept, nothing is shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from sqlite_utils import Database

from edge.core.flaws import Flaw, Flaws
from edge.core.profile import FIELDS, Profile, read_profile
from edge.desk.means import Means
from edge.keys.profiles import ProfileKeys
from edge.store import endings, holding
from edge.store.audit import Audit, Entry
from edge.store.consents import LedgerRow, history, live_consent
from edge.store.database import transaction
from edge.store.endings import ConsentMissing
from edge.store.joining import bind, new_screen, profiles_wanted, want_profiles
from edge.store.notes import Note, last_notes
from edge.store.people import Member, MemberMissing, People, ProfileUnreadable, subject_of
from edge.store.register import ExternalIdTaken, ProfileMoved, Register, new_member
from edge.store.roster import Found, Roster
from edge.store.staff import Staff, device_names

LISTED: Final = 50
_LOG_SHOWN: Final = 50
_NOTES_SHOWN: Final = 50
_VISITS_SHOWN: Final = 10
_PATIENCE_S: Final = 0.5
"""For readers of the log when something is erased; the box empties it within minutes anyway."""
Problem = Literal["key", "gone", "damaged", "flaws", "taken", "moved", "no_consent"]
"""Why nothing was done: the box lacks its key; no such member; a profile that cannot be read;
values that do not fit; another member has the number; somebody else changed it; nothing to be
withdrawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of something: the member, or why nothing was done. repr shows no profile."""

    member: str | None = None
    problem: Problem | None = None
    flaws: tuple[Flaw, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Jotted:
    """A note on a member; `by` is empty for a device that nobody named."""

    note: Note
    by: str
    mine: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """An entry of the audit log of a member; `by` is whose doing it was, as people call it."""

    entry: Entry
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """All that the page of a member says."""

    member: Member = field(repr=False)
    consents: tuple[LedgerRow, ...]
    agreed_until: datetime | None
    face: Mapping[str, Any] | None
    visits: tuple[datetime, ...]
    notes: tuple[Jotted, ...] = field(repr=False)
    log: tuple[Logged, ...] = field(repr=False)


class MemberDesk:
    """Members at the desk.

    Args:
        means: what every desk works with.
        roster: what members are found by.
    """

    def __init__(
        self,
        means: Means,
        *,
        roster: Roster | None = None,
    ) -> None:
        self._db = means.db
        self._now = means.now
        self._profile_root = means.profile_root
        self._teller = means.teller
        self._wake = means.wake
        self._roster = roster or Roster()

    def keys(self) -> ProfileKeys | None:
        """Return the key of the profiles; where there is none yet, ask for it once."""
        root = self._profile_root()
        if root is not None:
            return ProfileKeys(root)
        db = self._db()
        if not profiles_wanted(db):
            with transaction(db):
                want_profiles(db)
        return None

    def register(self, actor: str) -> Register | None:
        """Return what writes members, over the calling thread's connection; None without a key."""
        keys = self.keys()
        return None if keys is None else self._register(keys, actor)

    def _register(self, keys: ProfileKeys, actor: str) -> Register:
        db = self._db()
        return Register(
            db, keys, actor=actor, tell=lambda subject, what: self._tell(db, subject, what)
        )

    def _tell(self, db: Database, subject: str, what: Any) -> None:
        self._teller.member_changed(db, subject, what)

    # Finding and seeing

    def find(self, words: str, actor: str, *, most: int = LISTED) -> Found | None:
        """Return the members that hold every word, the newest changed first; None without a key.

        Raises:
            edge.store.database.StoreAway: that they were looked at cannot be kept.
        """
        keys = self.keys()
        if keys is None:
            return None
        db = self._db()
        found = self._roster.find(db, keys, words, most=most)
        if found.lines:
            with transaction(db):
                Audit(db).append(
                    at=self._now(), what="view", actor=actor, detail={"members": len(found.lines)}
                )
        return found

    def shown(self, member_id: str, actor: str) -> Shown | Problem:
        """Return all that is shown of a member, and note the look.

        Raises:
            edge.store.database.StoreAway: the look cannot be kept.
        """
        member = self._member(member_id)
        if not isinstance(member, Member):
            return member
        keys, db, now, subject = self.keys(), self._db(), self._now(), member.subject
        assert keys is not None, "a profile was opened just now"
        with transaction(db):
            Audit(db).append(at=now, what="view", actor=actor, subject=subject)
        live = live_consent(db, subject, now)
        visits = db.execute(
            "SELECT opened_at FROM visit WHERE subject = ? AND void = 0"
            " ORDER BY opened_at DESC LIMIT ?",
            [subject, _VISITS_SHOWN],
        ).fetchall()
        return Shown(
            member=member,
            consents=tuple(reversed(history(db, subject))),
            agreed_until=live.ends_at if live else None,
            face=holding.template_of(db, subject),
            visits=tuple(datetime.fromisoformat(at) for (at,) in visits),
            notes=self._notes(db, keys, subject, actor),
            log=self._log(db, subject),
        )

    def _member(self, member_id: str) -> Member | Problem:
        keys = self.keys()
        if keys is None:
            return "key"
        try:
            return People(self._db(), keys).by_id(member_id)
        except MemberMissing:
            return "gone"
        except ProfileUnreadable:
            return "damaged"

    def _notes(
        self, db: Database, keys: ProfileKeys, subject: str, actor: str
    ) -> tuple[Jotted, ...]:
        names, devices = Staff(db).names(), device_names(db)
        person = Staff(db).setting(actor, self._now()).person
        staff = person.id if person else None
        return tuple(
            Jotted(
                note=note,
                by=names.get(note.staff or "", "") or devices.get(note.device, ""),
                mine=note.is_of(staff, actor),
            )
            for note in last_notes(db, keys, subject, most=_NOTES_SHOWN)
        )

    def _log(self, db: Database, subject: str) -> tuple[Logged, ...]:
        devices = device_names(db)
        found = Audit(db).entries(subject=subject, limit=_LOG_SHOWN)
        return tuple(
            Logged(entry=entry, by=devices.get(entry.actor, "")) for entry in reversed(found)
        )

    def exported(self, member_id: str, actor: str) -> dict[str, Any] | Problem:
        """Return all that is held of a member, for the member; note the export."""
        member = self._member(member_id)
        if not isinstance(member, Member):
            return member
        keys, db, now = self.keys(), self._db(), self._now()
        assert keys is not None, "a profile was opened just now"
        with transaction(db):
            Audit(db).append(at=now, what="export", actor=actor, subject=member.subject)
        return holding.everything(db, keys, member, now)

    # Making and changing

    def add(self, texts: Mapping[str, str], actor: str) -> Done:
        """Make a member without a face."""
        keys = self.keys()
        if keys is None:
            return Done(problem="key")
        try:
            member = new_member(read_profile(texts), self._now())
            self._register(keys, actor).add(member, consent=None, template=None)
        except Flaws as exc:
            return Done(problem="flaws", flaws=exc.flaws)
        except ExternalIdTaken:
            return Done(problem="taken")
        self._wake()
        return Done(member=member.id)

    def change(
        self,
        member_id: str,
        texts: Mapping[str, str],
        actor: str,
        *,
        since: datetime | None = None,
    ) -> Done:
        """Change fields of a member's profile; empty ones are emptied, those not named stay.

        `since` is when the profile was changed last, as whoever changes it has seen it.
        """
        member = self._member(member_id)
        if not isinstance(member, Member):
            return Done(problem=member)
        keys = self.keys()
        assert keys is not None, "a profile was opened just now"
        try:
            profile = read_profile({**member.profile.texts(), **texts})
            self._register(keys, actor).change(
                member_id, profile, self._now(), since=since or member.changed_at
            )
        except Flaws as exc:
            return Done(member=member_id, problem="flaws", flaws=exc.flaws)
        except ExternalIdTaken:
            return Done(member=member_id, problem="taken")
        except ProfileMoved:
            return Done(member=member_id, problem="moved")
        except MemberMissing:
            return Done(problem="gone")
        self._wake()
        return Done(member=member_id)

    def confirm_number(self, member_id: str, actor: str) -> Done:
        """Take the number that a guest gave as their own for the member's: somebody has checked."""
        member = self._member(member_id)
        if not isinstance(member, Member):
            return Done(problem=member)
        given = member.profile.claimed_id
        if given is None:
            return Done(member=member_id)
        texts = {"external_id": given, "claimed_id": ""}
        return self.change(member_id, texts, actor, since=member.changed_at)

    # Seeing off

    def withdraw(self, member_id: str, actor: str) -> Done:
        """End a member's consent at once; the card stays. Needs no key."""
        db = self._db()
        try:
            endings.withdraw(
                db,
                member_id,
                self._now(),
                actor=actor,
                tell=lambda subject, what: self._tell(db, subject, what),
                patience_s=_PATIENCE_S,
            )
        except MemberMissing:
            return Done(problem="gone")
        except ConsentMissing:
            return Done(member=member_id, problem="no_consent")
        self._wake()
        return Done(member=member_id)

    def erase(self, member_id: str, actor: str) -> Done:
        """Destroy all that is held of a member. Needs no key."""
        db = self._db()
        try:
            endings.erase(
                db,
                member_id,
                self._now(),
                actor=actor,
                tell=lambda subject, what: self._tell(db, subject, what),
                patience_s=_PATIENCE_S,
            )
        except MemberMissing:
            return Done(problem="gone")
        self._wake()
        return Done(member=member_id)

    def own_screen(self, member_id: str, actor: str) -> str | None:
        """Let a screen of the guest's own act for a member; return what it is to hold.

        None: there is no such member.
        """
        db, now, screen = self._db(), self._now(), new_screen()
        try:
            with transaction(db):
                subject = subject_of(db, member_id)
                bind(db, screen, subject, now)
                Audit(db).append(
                    at=now, what="consent", actor=actor, subject=subject, detail={"kind": "asked"}
                )
        except MemberMissing:
            return None
        return screen


def profile_texts(profile: Profile) -> dict[str, str]:
    """Return every field of a profile as a form shows it, empty where nothing is known."""
    return {**dict.fromkeys(FIELDS, ""), **profile.texts()}
