"""What `menkou-edge member` and `audit` need, put together: store, keys, clock, outbox.

Called by `member_commands`. Works beside a running box: no lock, short transactions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from edge.app.common import reading_of, ready_store, settings_in_force, steady_clock
from edge.app.keys import keyring
from edge.clock import boot_id
from edge.config import EdgeConfig
from edge.consent.texts import text_hashes
from edge.core.codes import phone_end
from edge.core.consent import Consent, Terms, read_consent
from edge.desk.intake import Progress, take_in
from edge.keys.onetime import address_of
from edge.keys.profiles import ProfileKeys
from edge.store import codes, consents, endings, holding
from edge.store.audit import Audit
from edge.store.codes import Codes, ShopCode
from edge.store.consents import Change, live_consent, live_subjects
from edge.store.database import transaction
from edge.store.outbox import Outbox
from edge.store.people import People, subject_of, template_marks
from edge.store.register import Register, Template
from edge.store.switches import FACES, is_off
from edge.wire.codec import utc_text
from edge.wire.messages import MemberChanged
from menkou.chain import Verdict

LOCAL: Final = "local"
"""The actor of what is done on the box itself (as `edge.store.devices` has it)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A line for each member, and the ids of those whose profile cannot be read."""

    lines: list[dict[str, Any]] = field(repr=False)
    damaged: tuple[str, ...]


class Office:
    """The box's members, for one command.

    The profile key is asked for at first use: erasing and withdrawing need none.
    """

    def __init__(self, config: EdgeConfig) -> None:
        """Raises StoreFault: the data directory cannot be used."""
        self.db = ready_store(config.data_dir)
        self._config = settings_in_force(config, self.db)
        self._clock = steady_clock(config, self.db)
        self._epoch: str | None = None
        self._keys: ProfileKeys | None = None

    def now(self) -> datetime:
        """Return the time, aware UTC; never below the box's last event."""
        return self._clock.now()

    @property
    def clock_ok(self) -> bool:
        """Whether the time can be trusted."""
        return self._clock.state() == "ok"

    @property
    def config(self) -> EdgeConfig:
        """The settings that hold."""
        return self._config

    @property
    def faces_off(self) -> bool:
        """Whether somebody has turned face recognition off."""
        return is_off(self.db, FACES)

    @property
    def keys(self) -> ProfileKeys:
        """The profile keys. Raises KeyFault: they are not to be had."""
        if self._keys is None:
            self._keys = ProfileKeys(keyring(self._config, self.db).root("profile"))
        return self._keys

    @property
    def people(self) -> People:
        """The members, to read."""
        return People(self.db, self.keys)

    def register(self) -> Register:
        """Return the members, to write."""
        keys = self.keys
        self._begin()
        return Register(self.db, keys, actor=LOCAL, tell=self._tell)

    def withdraw(self, member_id: str) -> bool:
        """End a member's consent (see `store.endings.withdraw`)."""
        self._begin()
        return endings.withdraw(self.db, member_id, self.now(), actor=LOCAL, tell=self._tell)

    def erase(self, member_id: str) -> bool:
        """Erase a member (see `store.endings.erase`)."""
        self._begin()
        return endings.erase(self.db, member_id, self.now(), actor=LOCAL, tell=self._tell)

    def code(self, member_id: str) -> ShopCode:
        """Make six digits for a member (see `store.codes.Codes.issue`)."""
        subject = subject_of(self.db, member_id)
        return Codes(self.db, self.keys).issue(subject, self.now(), actor=LOCAL)

    def phone_address(self, member_id: str, phone: str) -> str:
        """Make a secret for a member's phone; return its address (`store.codes.Codes.provide`)."""
        subject = subject_of(self.db, member_id)
        secret = Codes(self.db, self.keys).provide(subject, phone, self.now(), actor=LOCAL)
        return address_of(secret, shop=self._config.store.name, phone=phone_end(phone) or "")

    def end_phone(self, member_id: str) -> bool:
        """Take a member's secret away; False if there was none."""
        return codes.end(self.db, subject_of(self.db, member_id), self.now(), actor=LOCAL)

    def imported(self, raw: bytes, told: Callable[[Progress], None]) -> Progress:
        """Add or change the members of a table (see `edge.desk.intake.take_in`)."""
        return take_in(raw, self.register(), self.now, told)

    def consent(self, raw: object, names: Sequence[str], subject: str) -> Consent:
        """Judge a consent record for one member of this shop, now.

        Args:
            raw: what the JSON text holds.
            names: what the record may call the member.
            subject: the member's, whose earlier consents count.

        Raises:
            edge.core.flaws.Flaws: with everything that is wrong.
        """
        store = self._config.store
        terms = Terms(
            shop=store.id,
            zone=store.zone,
            now=self.now(),
            texts=text_hashes(),
            names=names,
            ended_at=consents.ended_at(self.db, subject),
        )
        return read_consent(raw, terms)

    def template(self, photos: Sequence[Path], subject: str) -> Template:
        """Make a member's template of photos, sealed for the eyes.

        Raises:
            edge.faces.photo.PhotoRefused: a photo cannot be used.
            edge.keys.errors.KeyFault: there is no key to seal it to.
        """
        from edge.faces.embedder import Embedder  # only who brings photos loads models
        from edge.faces.photo import MOST_PHOTOS, PhotoRefused, describe
        from edge.faces.precision import chosen
        from edge.faces.reader import FaceReader
        from edge.keys.lock import TemplateLock

        if len(photos) > MOST_PHOTOS:
            raise PhotoRefused(f"expected at most {MOST_PHOTOS} photos, got {len(photos)}")
        lock = TemplateLock(keyring(self._config, self.db).public())
        precision = chosen(self._config.faces.precision)
        embedder = Embedder.open(self._config.data_dir / "models", precision=precision)
        made = describe(photos, FaceReader, embedder)
        sealed = lock.seal(made.vector, subject=subject)
        return Template(
            sealed_key=sealed.key,
            sealed=sealed.vector,
            model=embedder.descriptor,
            photos=made.photos,
        )

    def listed(self) -> Listed:
        """Return a line for each member, and note that they were looked at."""
        roll, now = self.people.everybody(), self.now()
        live, faces = live_subjects(self.db, now), template_marks(self.db, now)
        with transaction(self.db):
            Audit(self.db).append(
                at=now, what="view", actor=LOCAL, detail={"members": len(roll.members)}
            )
        lines = [
            {
                "member": member.id,
                "name": member.profile.name,
                "external_id": member.profile.external_id,
                "tier": member.profile.tier,
                "consent": "live" if member.subject in live else "none",
                "face": "stored" if member.subject in faces else "none",
            }
            for member in roll.members
        ]
        return Listed(lines=lines, damaged=roll.damaged)

    def shown(self, member_id: str) -> dict[str, Any]:
        """Return a member's profile, consent and whether a face is stored; note the look."""
        member, now = self.people.by_id(member_id), self.now()
        consent = live_consent(self.db, member.subject, now)
        with transaction(self.db):
            Audit(self.db).append(at=now, what="view", actor=LOCAL, subject=member.subject)
        return {
            "member": member.id,
            **member.profile.texts(),
            "joined": utc_text(member.created_at),
            "consent": "live" if consent else "none",
            "consent_expires": str(consent.expires) if consent else None,
            "face": "stored" if holding.template_of(self.db, member.subject) else "none",
        }

    def exported(self, member_id: str) -> dict[str, Any]:
        """Return all that is held of a member; note the export."""
        member, now = self.people.by_id(member_id), self.now()
        with transaction(self.db):
            Audit(self.db).append(at=now, what="export", actor=LOCAL, subject=member.subject)
        return holding.everything(self.db, self.keys, member, now)

    def verified(self) -> dict[str, Verdict]:
        """Compute both chains anew."""
        return {"audit": Audit(self.db).verify(), "consent": consents.verify(self.db)}

    def audit_entries(self, limit: int) -> list[dict[str, Any]]:
        """Return the newest entries of the log, oldest of them first."""
        return [holding.plain_entry(entry) for entry in Audit(self.db).entries(limit=limit)]

    def close(self) -> None:
        """Let go of the store."""
        self.db.close()

    def _begin(self) -> None:
        """Begin this command's epoch. Not while telling: that happens inside a transaction."""
        if self._epoch is None:
            self._epoch = Outbox(self.db).begin_epoch(self.now(), "run", boot_id())

    def _tell(self, subject: str, change: Change) -> None:
        if self._epoch is None:
            raise AssertionError("a change is told before the epoch began")
        body = MemberChanged(subject=subject, change=change)
        Outbox(self.db).append(self._epoch, [(body, reading_of(self._clock))])
