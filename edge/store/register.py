"""Adds and changes members, their consents and templates. Called by the commands.

Calls `consents`, `audit` and `edge.keys.profiles`. Each action is one transaction with its row of
the ledger, its entry in the audit log, and what is told of it.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlite_utils import Database

from edge.core.consent import Consent
from edge.core.profile import Profile, read_profile
from edge.keys.profiles import ProfileKeys
from edge.store.audit import Audit, Code, What
from edge.store.consents import Consents, Tell, history, live_consent
from edge.store.database import StoreFault, transaction
from edge.store.endings import ConsentMissing
from edge.store.ids import random_id
from edge.store.people import (
    GUARDIAN_PURPOSE,
    PROFILE_PURPOSE,
    Member,
    People,
    subject_of,
)
from edge.store.share_in import brought_by_sharing, note_own
from edge.wire.codec import utc_text


class ExternalIdTaken(StoreFault):
    """The external id belongs to another member."""


class ProfileMoved(StoreFault):
    """Somebody else has changed the profile since it was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A template to be stored, sealed by `edge.keys.lock` for the member's subject.

    `model` names the network that made it, `photos` says how many went into it.
    """

    sealed_key: bytes = field(repr=False)
    sealed: bytes = field(repr=False)
    model: str
    photos: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedMember:
    """A member as another box shares it: its subject there, the name, and the consent."""

    subject: str
    profile: Profile
    consent: Consent


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """How many members an import added and changed."""

    added: int
    changed: int


class Register:
    """Writes members through one connection.

    Args:
        db: the connection.
        keys: the key of the profiles.
        actor: whose doing it is, a code for the audit log: `local`, a device's id.
        tell: is told of each change of a subject, inside the transaction.
    """

    def __init__(self, db: Database, keys: ProfileKeys, *, actor: str, tell: Tell) -> None:
        self._db = db
        self._keys = keys
        self._actor = actor
        self._tell = tell
        self._consents = Consents(db, actor=actor, tell=tell)
        self._people = People(db, keys)

    def add(
        self,
        member: Member,
        *,
        consent: Consent | None,
        template: Template | None,
        also: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Keep a new member (see `new_member`), with consent and template if there are any.

        `also` is told the subject inside the transaction.

        Raises:
            ExternalIdTaken: another member has the external id.
            ConsentMissing: a template without a consent that holds.
        """
        with transaction(self._db):
            self._insert(member)
            self._enrol(member.id, member.subject, member.created_at, consent, template)
            also(member.subject)

    def enrol(
        self,
        member_id: str,
        now: datetime,
        *,
        consent: Consent | None = None,
        template: Template | None = None,
    ) -> None:
        """Add a consent, a template or both to a member.

        A template replaces the one before. A new consent alone takes over the template that the
        member has (the schema sees to it): it is the same purpose, renewed.

        Raises:
            MemberMissing: there is no such member.
            ConsentMissing: a template without a consent that holds.
        """
        with transaction(self._db):
            subject = subject_of(self._db, member_id)
            note_own(self._db, subject)
            self._enrol(member_id, subject, now, consent, template)

    def change(
        self, member_id: str, profile: Profile, now: datetime, *, since: datetime | None = None
    ) -> None:
        """Replace a member's profile.

        Args:
            member_id: whose.
            profile: the new one.
            now: the time.
            since: when the profile that it was made of was changed last, if that is to be so still.

        Raises:
            MemberMissing: there is no such member.
            ExternalIdTaken: another member has the external id.
            ProfileMoved: it was changed after `since`.
        """
        with transaction(self._db):
            note_own(self._db, subject_of(self._db, member_id))
            (last,) = self._db.execute(
                "SELECT changed_at FROM member WHERE id = ?", [member_id]
            ).fetchone()
            if since is not None and last != utc_text(since):
                raise ProfileMoved(
                    f"member {member_id}: expected the profile as it was read, got one that"
                    " somebody has changed since; read it again"
                )
            self._update(member_id, profile, now)

    def take_over(self, rows: Iterable[Mapping[str, str]], now: datetime) -> Imported:
        """Add or, by external id, change members, all of them or none; 0.5 ms each.

        Args:
            rows: profile texts by field; of a member who is known, other fields stay.
            now: the time.

        Raises:
            edge.core.flaws.Flaws: a row is no sound profile.
            ExternalIdTaken: two of them have the same external id.
        """
        added = changed = 0
        with transaction(self._db):
            for row in rows:
                external_id = row.get("external_id", "").strip()
                known = self._people.by_external_id(external_id) if external_id else None
                if known:
                    profile = read_profile(
                        {**known.profile.texts(), **row, **self._own(known, row)}
                    )
                    self._update(known.id, profile, now)
                    changed += 1
                else:
                    self._insert(new_member(read_profile(row), now))
                    added += 1
            Audit(self._db).append(
                at=now,
                what="import",
                actor=self._actor,
                detail={"added": added, "changed": changed},
            )
        return Imported(added=added, changed=changed)

    def receive(
        self,
        texts: Mapping[str, str],
        now: datetime,
        *,
        known: str | None,
        also: Callable[[str], None],
    ) -> None:
        """Add or change one member, as head office knows them; fields it has not stay.

        Args:
            texts: profile texts by field, `external_id` among them.
            now: the time.
            known: the subject, where that is settled; else the external id says who it is.
            also: is told the subject inside the transaction.

        Raises:
            edge.core.flaws.Flaws: they are no sound profile.
            ExternalIdTaken: another member has the external id.
        """
        with transaction(self._db):
            held = self._people.by_subject(known) if known else None
            held = held or self._people.by_external_id(texts["external_id"])
            if held is not None:
                told = {**texts, **self._own(held, texts)}
                self._update(held.id, read_profile({**held.profile.texts(), **told}), now)
                also(held.subject)
            else:
                member = new_member(read_profile(texts), now)
                self._insert(member)
                also(member.subject)

    def keep_new(self, member: Member) -> None:
        """Keep a new member in the caller's transaction (see `add`)."""
        self._insert(member)

    def keep_changed(self, member_id: str, profile: Profile, now: datetime) -> None:
        """Replace a profile in the caller's transaction (see `change`)."""
        self._update(member_id, profile, now)

    def _own(self, held: Member, texts: Mapping[str, str]) -> dict[str, str]:
        """Return the external id that a member keeps who is found by a merged one's."""
        merged = self._db.execute(
            "SELECT 1 FROM member_alias WHERE ref = ? AND subject = ?",
            [self._keys.blind(texts["external_id"]), held.subject],
        ).fetchone()
        own = held.profile.external_id
        return {"external_id": own} if merged and own else {}

    def _insert(self, member: Member) -> None:
        profile, subject = member.profile, member.subject
        wrapped = self._keys.new()
        moment = utc_text(member.created_at)
        row = [member.id, subject, self._ref(profile, subject), wrapped]
        self._kept(
            "INSERT INTO member (id, subject, external_ref, profile_key, profile, created_at,"
            " changed_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [*row, self._sealed(profile, wrapped, subject), moment, moment],
        )
        self._note(member.created_at, "enrol", subject)
        self._tell(subject, "joined")

    def _update(self, member_id: str, profile: Profile, now: datetime) -> None:
        subject = subject_of(self._db, member_id)
        wrapped = self._wrapped(subject)
        self._kept(
            "UPDATE member SET external_ref = ?, profile = ?, changed_at = ? WHERE id = ?",
            [
                self._ref(profile, subject),
                self._sealed(profile, wrapped, subject),
                utc_text(now),
                member_id,
            ],
        )
        self._note(now, "change", subject)

    def _kept(self, statement: str, values: list[str | bytes | None]) -> None:
        try:
            self._db.execute(statement, values)
        except sqlite3.IntegrityError as exc:
            if "external_ref" in str(exc):
                raise _taken() from None
            raise

    def _enrol(
        self,
        member_id: str,
        subject: str,
        now: datetime,
        consent: Consent | None,
        template: Template | None,
    ) -> None:
        if consent is not None:
            self._consents.give(subject, consent, self._sealed_guardian(consent, subject), now)
        if template is None:
            return
        live = live_consent(self._db, subject, now)
        if live is None:
            raise ConsentMissing(
                f"member {member_id}: expected a consent that holds now before a face is stored,"
                " got none; give --consent"
            )
        store_template(self._db, subject, live.id, template, now, actor=self._actor)
        self._tell(subject, "template_stored")

    def receive_shared(
        self,
        member: SharedMember,
        now: datetime,
        *,
        known: str | None,
        also: Callable[[str, bool], None],
    ) -> None:
        """Add or change a member whom another box shares, with the consent.

        Who is here already, by the same subject or external id, keeps what this shop wrote, unless
        it is all from there. A consent that was given later stands.

        Args:
            member: as the other box knows the member; the consent was judged for this shop.
            now: the time.
            known: the subject here, where that is settled.
            also: is told the subject here, and whether the member is here by this alone, inside
                the transaction.
        """
        with transaction(self._db):
            held = self._people.by_subject(known or member.subject)
            external_id = member.profile.external_id
            if held is None and external_id:
                held = self._people.by_external_id(external_id)
            brought = held is None or brought_by_sharing(self._db, held.subject)
            if held is None:
                held = replace(new_member(member.profile, now), subject=member.subject)
                self._insert(held)
            elif brought:
                self._update(held.id, _renamed(held.profile, member.profile), now)
            self._agree(held.subject, member.consent, now)
            also(held.subject, brought)

    def _agree(self, subject: str, consent: Consent, now: datetime) -> None:
        rows = history(self._db, subject)
        last = rows[-1].given_at if rows and rows[-1].kind == "given" else None
        if last is not None and last >= consent.given_at:
            return
        self._consents.give(subject, consent, self._sealed_guardian(consent, subject), now)

    def _note(self, now: datetime, what: What, subject: str) -> None:
        Audit(self._db).append(at=now, what=what, actor=self._actor, subject=subject)

    def _ref(self, profile: Profile, subject: str) -> bytes | None:
        """Return by what a member is found; the number of a merged member is taken for ever."""
        if not profile.external_id:
            return None
        ref = self._keys.blind(profile.external_id)
        owner = self._db.execute(
            "SELECT subject FROM member_alias WHERE ref = ? AND subject <> ?", [ref, subject]
        ).fetchone()
        if owner is not None:
            raise _taken()
        return ref

    def _sealed(self, profile: Profile, wrapped: bytes, subject: str) -> bytes:
        raw = json.dumps(profile.texts(), ensure_ascii=False).encode()
        return self._keys.seal(wrapped, raw, subject=subject, purpose=PROFILE_PURPOSE)

    def _wrapped(self, subject: str) -> bytes:
        row = self._db.execute(
            "SELECT profile_key FROM member WHERE subject = ?", [subject]
        ).fetchone()
        wrapped: bytes = row[0]
        return wrapped

    def _sealed_guardian(self, consent: Consent, subject: str) -> bytes | None:
        """Seal what of a consent is personal; it can be read no longer than the member exists."""
        held: dict[str, str] = {}
        if consent.born is not None:
            held["born"] = consent.born.isoformat()
        if (guardian := consent.guardian) is not None:
            held |= {
                "guardian": guardian.name,
                "relation": guardian.relation,
                "guardian_given_at": utc_text(guardian.given_at),
            }
        if not held:
            return None
        raw = json.dumps(held, ensure_ascii=False).encode()
        wrapped = self._wrapped(subject)
        return self._keys.seal(wrapped, raw, subject=subject, purpose=GUARDIAN_PURPOSE)


def _taken() -> ExternalIdTaken:
    return ExternalIdTaken(
        "external id: expected one that no other member has, got one that is taken"
    )


def store_template(
    db: Database,
    subject: str,
    consent_id: int,
    template: Template,
    now: datetime,
    *,
    actor: str,
    made_at: datetime | None = None,
) -> None:
    """Keep a template in the place of the one before, in the caller's transaction. Needs no key.

    `made_at` is when it was made, if that was in another box.
    """
    row = [consent_id, utc_text(made_at or now), template.model, template.photos]
    db.execute(
        "INSERT INTO template"
        " (subject, consent_id, made_at, model, photos, sealed_key, sealed)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (subject) DO UPDATE SET"
        " consent_id = excluded.consent_id, made_at = excluded.made_at,"
        " model = excluded.model, photos = excluded.photos,"
        " sealed_key = excluded.sealed_key, sealed = excluded.sealed",
        [subject, *row, template.sealed_key, template.sealed],
    )
    detail: dict[str, Code] = {"model": template.model, "photos": template.photos}
    Audit(db).append(at=now, what="enrol", actor=actor, subject=subject, detail=detail)


def _renamed(mine: Profile, theirs: Profile) -> Profile:
    return replace(mine, name=theirs.name, called=theirs.called)


def new_member(profile: Profile, now: datetime) -> Member:
    """Return a member with ids of its own, not kept yet.

    Both are random from the first to the last bit: the time in a usual ULID would lead from an id
    that somebody noted down to the ledger's row of that moment, after the mapping is gone.
    """
    return Member(
        id=random_id(),
        subject=random_id(),
        profile=profile,
        created_at=now,
        changed_at=now,
    )
