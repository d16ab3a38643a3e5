"""Makes two members of the box one, as head office orders it. Called by `edge.app.orders`.

    kept   keeps id, subject, key and template; takes over visits, notes, purchases, tickets,
           appointments and messages of the other, each sealed anew under its own key
    gone   its key, template, codes and screens are destroyed; its number leads to the kept one

All in one transaction, with its row of the ledger and its entries in the audit log. To do it again
changes nothing.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlite_utils import Database

from edge.core.profile import read_profile
from edge.keys.errors import Unreadable
from edge.keys.profiles import ProfileKeys
from edge.store.audit import Audit
from edge.store.code_schema import forget_codes
from edge.store.consents import Consents, LedgerRow, Tell, history
from edge.store.database import StoreAway, transaction
from edge.store.joining_schema import forget_joining
from edge.store.notes import purpose_of_note
from edge.store.orders import bury, digest_of, note_office_member, office_member
from edge.store.people import Member, People
from edge.store.people_schema import rebuild_people
from edge.store.register import Register, new_member
from edge.store.share_in import forget_shared
from edge.store.share_schema import rebuild_shares
from edge.wire.messages import Body, MemberLinked, VisitRevised
from edge.wire.orders import MergeOrder

_PAIRS: Final = (("last_purchase_on", "last_purchase"), ("last_visit_on", "last_visit_shop"))
_OWN: Final = ("external_id", "claimed_id", "appointment_at", "appointment_what")
"""What is of one of them alone, and not taken over."""


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A table with things sealed under a member's key: its own id, the bytes, their purpose."""

    table: str
    key: str
    content: str
    purpose: Callable[[str], str]


_THINGS: Final = (
    _Sealed("appointment", "id", "sealed", lambda key: json.dumps(["appointment", key])),
    _Sealed("purchase", "receipt", "sealed", lambda key: f"purchase {key}"),
    _Sealed("queue_ticket", "id", "sealed", lambda key: f"queue phone {key}"),
    _Sealed("service", "id", "sealed", lambda key: f"service {key}"),
    _Sealed("outbound", "key", "payload", lambda key: f"outbound {key}"),
)


class Merging:
    """Carries out merges through one connection.

    Args:
        db: the connection.
        keys: of the profiles.
        actor: whose doing it is, a code for the audit log.
        tell: is told of what becomes of a subject, inside the transaction.
        say: takes what the hub is told beside that, inside the transaction.
    """

    def __init__(
        self,
        db: Database,
        keys: ProfileKeys,
        *,
        actor: str,
        tell: Tell,
        say: Callable[[Body], None],
    ) -> None:
        self._db = db
        self._keys = keys
        self._actor = actor
        self._tell = tell
        self._say = say
        self._people = People(db, keys)
        self._register = Register(db, keys, actor=actor, tell=tell)

    def carry_out(self, order: MergeOrder, texts: Mapping[str, str], now: datetime) -> None:
        """Make two members one.

        Args:
            order: which, as head office calls them.
            texts: the kept one's `external_id` and `name`, and the external id that is `gone`.
            now: the time.

        Raises:
            StoreAway: the one that goes is in the shop just now; the order comes again.
            edge.core.flaws.Flaws: the texts are none of a member.
            edge.store.people.ProfileUnreadable: one of them is damaged.
        """
        with transaction(self._db):
            gone = self._found(order.id, texts["gone"])
            kept = self._found(order.kept, texts["external_id"])
            if kept is None:
                kept = self._become(gone, texts, now)
            elif gone is not None and gone.subject != kept.subject:
                self._take_over(kept, gone, now)
                self._say(MemberLinked(subject=gone.subject, member=order.kept))
            self._lead(order, kept, texts, now)

    def _found(self, office_id: str, external_id: str) -> Member | None:
        known = office_member(self._db, office_id)
        member = self._people.by_subject(known[0]) if known else None
        return member or self._people.by_external_id(external_id)

    def _become(self, gone: Member | None, texts: Mapping[str, str], now: datetime) -> Member:
        """Return the kept member where there was none here: who goes, or somebody new."""
        told = {name: texts[name] for name in ("external_id", "name")}
        if gone is None:
            made = new_member(read_profile(told), now)
            self._register.keep_new(made)
            return made
        profile = read_profile({**gone.profile.texts(), **told})
        self._register.keep_changed(gone.id, profile, now)
        return self._people.by_id(gone.id)

    def _lead(
        self, order: MergeOrder, kept: Member, texts: Mapping[str, str], now: datetime
    ) -> None:
        """Let all that the one that goes was called lead to the one that stays."""
        db, subject = self._db, kept.subject
        before, after = (self._keys.blind(texts[name]) for name in ("gone", "external_id"))
        if before != after:
            db.execute("INSERT OR REPLACE INTO member_alias VALUES (?, ?)", [before, subject])
        for table in ("appointment", "purchase"):
            db.execute(f"UPDATE {table} SET ref = ? WHERE ref = ?", [after, before])
        known = office_member(db, order.kept)
        db.execute("DELETE FROM office_member WHERE id = ?", [order.id])
        bury(db, digest_of(order.id), now)
        # Not of the order's revision: what head office knows of the member comes by itself.
        if note_office_member(db, order.kept, subject, known[1] if known else 0):
            self._say(MemberLinked(subject=subject, member=order.kept))

    def _take_over(self, kept: Member, gone: Member, now: datetime) -> None:
        if self._is_here(gone.subject):
            raise StoreAway("the member that goes is in the shop; it is done after the visit")
        texts = _united(kept.profile.texts(), gone.profile.texts())
        self._register.keep_changed(kept.id, read_profile(texts), now)
        self._reseal(kept.subject, gone.subject)
        self._move_visits(kept.subject, gone.subject)
        self._judge(kept.subject, gone.subject, now)
        self._destroy(kept.subject, gone, now)

    def _is_here(self, subject: str) -> bool:
        """Say whether the eyes may write a visit of somebody still."""
        row = self._db.execute(
            "SELECT 1 FROM visit WHERE subject = ? AND closed_at IS NULL AND void = 0"
            " AND origin = 'run'",
            [subject],
        ).fetchone()
        return row is not None

    def _reseal(self, kept: str, gone: str) -> None:
        """Seal what hangs on the one under the other's key; what nobody can read is deleted."""
        for one in _THINGS:
            rows = self._db.execute(
                f"SELECT {one.key}, {one.content} FROM {one.table} WHERE subject = ?", [gone]
            ).fetchall()
            for key, sealed in rows:
                self._reseal_one(one, key, sealed, one.purpose(key), kept, gone)
        note = _Sealed("note", "id", "sealed", purpose_of_note)
        notes = self._db.execute("SELECT id, sealed, visit FROM note WHERE subject = ?", [gone])
        for key, sealed, visit in notes.fetchall():
            self._reseal_one(note, key, sealed, note.purpose(visit), kept, gone)

    def _reseal_one(
        self, one: _Sealed, key: Any, sealed: bytes | None, purpose: str, kept: str, gone: str
    ) -> None:
        if sealed is not None and self._is_sealed(one, key):
            try:
                raw = self._keys.unseal(self._key(gone), sealed, subject=gone, purpose=purpose)
            except Unreadable:
                self._db.execute(f"DELETE FROM {one.table} WHERE {one.key} = ?", [key])
                return
            sealed = self._keys.seal(self._key(kept), raw, subject=kept, purpose=purpose)
        self._db.execute(
            f"UPDATE {one.table} SET subject = ?, {one.content} = ? WHERE {one.key} = ?",
            [kept, sealed, key],
        )

    def _is_sealed(self, one: _Sealed, key: Any) -> bool:
        if one.table != "outbound":
            return True
        row = self._db.execute("SELECT sealed FROM outbound WHERE key = ?", [key]).fetchone()
        return bool(row[0])

    def _key(self, subject: str) -> bytes:
        (wrapped,) = self._db.execute(
            "SELECT profile_key FROM member WHERE subject = ?", [subject]
        ).fetchone()
        held: bytes = wrapped
        return held

    def _move_visits(self, kept: str, gone: str) -> None:
        """Make visits those of the one that stays; the hub hears it by a higher revision."""
        rows = self._db.execute(
            "UPDATE visit SET subject = ?, rev = rev + 1 WHERE subject = ? RETURNING id, rev,"
            " opened_at, camera, who, reentry, first_visit, coalesce(basis, 'crossings'), counted,"
            " void, origin",
            [kept, gone],
        ).fetchall()
        for table in ("alert", "request"):
            self._db.execute(f"UPDATE {table} SET subject = ? WHERE subject = ?", [kept, gone])
        self._db.execute(
            "UPDATE OR REPLACE card_view SET subject = ? WHERE subject = ?", [kept, gone]
        )
        for row in rows:
            if row[10] != "run":
                continue
            self._say(
                VisitRevised(
                    visit=row[0],
                    rev=row[1],
                    opened_at=datetime.fromisoformat(row[2]),
                    camera=row[3],
                    who=row[4],
                    subject=kept,
                    reentry=bool(row[5]),
                    first_visit=row[6],
                    basis=row[7],
                    counted=bool(row[8]),
                    void=bool(row[9]),
                    reason="late_identity",
                )
            )

    def _judge(self, kept: str, gone: str, now: datetime) -> None:
        """End the consent that stays where the other's last word was stricter."""
        mine, theirs = history(self._db, kept), history(self._db, gone)
        if mine and theirs and is_stricter(theirs[-1], mine[-1]):
            ending = Consents(self._db, actor=self._actor, tell=self._tell)
            ending.end(kept, "withdrawn", now)

    def _destroy(self, kept: str, gone: Member, now: datetime) -> None:
        """Destroy key, template and card of the one that goes; nobody hears of an erasure."""
        db, subject = self._db, gone.subject
        db.execute("UPDATE member_alias SET subject = ? WHERE subject = ?", [kept, subject])
        forget_shared(db, subject, now)
        Consents(db, actor=self._actor, tell=self._tell).end(subject, "erased", now, told=False)
        bury(db, digest_of(subject), now)
        for office_id in db.execute(
            "SELECT id FROM office_member WHERE subject = ?", [subject]
        ).fetchall():
            bury(db, digest_of(office_id[0]), now)
        db.execute("DELETE FROM office_member WHERE subject = ?", [subject])
        forget_codes(db, subject)
        forget_joining(db, subject)
        db.execute("DELETE FROM member WHERE id = ?", [gone.id])
        rebuild_people(db)
        rebuild_shares(db)
        audit = Audit(db)
        why = {"why": "merged", "into": kept}
        audit.append(at=now, what="erase", actor=self._actor, subject=subject, detail=why)
        audit.append(
            at=now, what="change", actor=self._actor, subject=kept, detail={"merged": subject}
        )


def is_stricter(theirs: LedgerRow, mine: LedgerRow) -> bool:
    """Say whether another last word allows less than a consent: then less is allowed.

    A withdrawal that came after the consent; a consent that was given later, and is for other shops
    or ends sooner.
    """
    if mine.kind != "given" or mine.given_at is None or mine.ends_at is None:
        return False
    if theirs.kind in ("withdrawn", "erased"):
        return theirs.at >= mine.given_at
    if theirs.given_at is None or theirs.ends_at is None or theirs.given_at <= mine.given_at:
        return False
    elsewhere = (theirs.scope, theirs.shops) != (mine.scope, mine.shops)
    return elsewhere or theirs.ends_at < mine.ends_at


def _united(kept: Mapping[str, str], gone: Mapping[str, str]) -> dict[str, str]:
    """Return the texts of the one member: the kept one's stand, what they lack is added.

    Tags and notes are those of both where they fit; of purchases and visits the later stands.
    """
    together = {name for pair in _PAIRS for name in pair}
    alone = {n: t for n, t in gone.items() if n not in {*together, *_OWN}}
    made = {**alone, **kept}
    for day, what in _PAIRS:
        # Days as they are written sort by time.
        later = gone if gone.get(day, "") > kept.get(day, "") else kept
        later = later if later.get(day) or later.get(what) else gone
        made |= {name: later.get(name, "") for name in (day, what)}
    tags = dict.fromkeys(
        tag for one in (kept, gone) for tag in one.get("tags", "").split(";") if tag
    )
    made["tags"] = ";".join([*tags][:20])
    notes = dict.fromkeys(text for text in (kept.get("note"), gone.get("note")) if text)
    if len(note := "\n".join(notes)) <= 500:
        made["note"] = note
    return made
