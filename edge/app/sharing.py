"""Templates on their way from box to box: sealed, signed, checked and taken over, in the eyes.

    own keys ──signed──> statement                    box_key: judged by the box's own authority
    draft + template ──sealed, signed──> bundle       what came in: checked, opened, sealed anew

The only process that may open a template seals it, and only to a key that the other box's own
certificate vouches for, for a shop that the member's consent names at that moment. A thread of
its own: counting never waits for it. Started by `app.eyes`; what it makes the front carries.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlite_utils import Database

from edge.app.common import reading_of
from edge.app.papers import ACTOR
from edge.keys import envelope
from edge.keys.certificates import Authority, Identity, Untrusted
from edge.keys.errors import KeyFault, Unreadable
from edge.keys.lock import TemplateLock
from edge.keys.sharing import Carried, ShareKeys, Way, seal_template
from edge.keys.templates import TemplateOpener
from edge.ports import Clock
from edge.store import box_keys, share_in, shares
from edge.store.consents import live_consent
from edge.store.database import StoreAway, transaction
from edge.store.holding import template_of
from edge.store.outbox import Outbox
from edge.store.people import template_rows
from edge.store.register import Template, store_template
from edge.store.share_in import Came
from edge.store.shares import Draft
from edge.store.standing import note_brought
from edge.wire.checks import milliseconds
from edge.wire.codec import WireFault, read_bundle, statement_text, utc_text
from edge.wire.messages import MemberChanged
from edge.wire.sealing import bundle_words, statement_words
from edge.wire.sharing import Bundle, Statement

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 1.0
ANEW_EVERY_S: Final = 60.0
"""Consents run out and certificates are renewed without a word in the store."""
AT_ONCE: Final = 25
"""Of each kind in one look: about 0.1 s of a small box's processor."""


def own_model() -> str:
    """Return what the names begin with of the networks whose templates this box compares."""
    from edge.faces.embedder import FAMILY  # only where templates are opened: never in `count`

    return FAMILY


class Sharing:
    """Does what sharing asks of whoever may open templates.

    Args:
        place: this box, STORE/BOX.
        db: a connection for the calling thread.
        papers: reads the certificates.
        root: the template root, None while there is none.
        model: the network whose templates this box can compare.
        epoch: the epoch of this start.
        clock: the box's clock.
    """

    def __init__(
        self,
        *,
        place: str,
        db: Database,
        papers: Callable[[], tuple[Authority, Identity]],
        root: Callable[[], bytes | None],
        model: Callable[[], str],
        epoch: str,
        clock: Clock,
    ) -> None:
        self._place = place
        self._db = db
        self._read_papers = papers
        self._root = root
        self._model = model
        self._epoch = epoch
        self._clock = clock
        self._papers: tuple[Authority, Identity] | None = None
        self._anew_at = float("-inf")
        self._seen: tuple[object, ...] | None = None

    def run(self, stop: threading.Event) -> None:
        """Look every second until `stop` is set."""
        while not stop.wait(LOOK_EVERY_S):
            try:
                self.look()
            except StoreAway as exc:
                log.warning("what is shared has to wait: %s", exc)
            except Exception:
                # Sharing must not end the counting in this process; it is tried again.
                log.exception("what is shared has to wait")

    def look(self) -> None:
        """Do what is due, a little of each."""
        now = self._clock.now()
        anew = self._clock.mono() - self._anew_at >= ANEW_EVERY_S
        if anew:
            self._anew_at = self._clock.mono()
            self._renew_papers()
        if self._papers is None:
            return
        authority, identity = self._papers
        for digest, place in shares.to_end(self._db, AT_ONCE):
            self._end(identity, digest, place, now)
        if self._clock.state() != "ok":
            return  # by a clock in doubt no certificate can be judged
        self._state(identity, now)
        for text, one in box_keys.keys_to_judge(self._db, again=anew):
            box_keys.note_key(self._db, text, self._doubt(authority, one, now))
        self._sort_out(now, anew=anew)
        for draft in shares.drafts(self._db, AT_ONCE):
            self._complete(authority, identity, draft, now)
        for came in share_in.waiting(self._db, AT_ONCE, now):
            self._take(authority, came, now)

    def _renew_papers(self) -> None:
        fault = None
        try:
            self._papers = self._read_papers()
        except KeyFault as exc:
            self._papers, fault = None, str(exc)
        if fault != box_keys.word_of(self._db, "fault") and fault is not None:
            log.error("%s", fault)
        box_keys.keep_word(self._db, "fault", fault)

    def _state(self, identity: Identity, now: datetime) -> None:
        """Make the statement of this box's keys whenever one of them is another."""
        root, profile = self._root(), box_keys.word_of(self._db, "profile_key")
        if root is None or profile is None:
            return
        template, held = ShareKeys(root).public, box_keys.own_statement(self._db)
        if held is not None:
            same = (held.profile_key, held.template_key, held.certificates, held.place)
            if same == (profile, template, identity.certificates, self._place):
                return
        at = max(milliseconds(now), held.at + 1 if held else 0)
        unsigned = Statement(
            place=self._place,
            at=at,
            profile_key=profile,
            template_key=template,
            certificates=identity.certificates,
            signature="",
        )
        signed = replace(unsigned, signature=identity.sign(statement_words(unsigned)))
        box_keys.keep_word(self._db, "statement", statement_text(signed))

    def _doubt(self, authority: Authority, one: Statement, now: datetime) -> str | None:
        """Say why another box's keys are not to be believed, None if they are."""
        if one.place == self._place:
            return "expected another box's keys, got some in this one's name"
        try:
            authority.check(one.place, one.certificates, statement_words(one), one.signature, now)
        except Untrusted as exc:
            log.warning("the keys of a box are refused: %s", exc)
            return str(exc)
        return None

    def _sort_out(self, now: datetime, *, anew: bool) -> None:
        mark = box_keys.share_mark(self._db)
        if mark == self._seen and not anew:
            return
        wanted = shares.wanted(self._db, self._place, now)
        if wanted.left_out:
            log.error("%d shares are left out: at most %d", wanted.left_out, shares.SHARES_MAX)
        shares.note_ends(self._db, wanted)
        self._seen = mark

    def _complete(
        self, authority: Authority, identity: Identity, draft: Draft, now: datetime
    ) -> None:
        """Seal the template and sign, if consent and key hold at this moment."""
        root = self._root()
        if root is None:
            return
        # Not what was wanted at the last look: the consent may have ended since.
        found = shares.wanted(self._db, self._place, now, subject=draft.subject, place=draft.place)
        want = found.wants.get((draft.id, draft.place))
        if want is None or want.basis != draft.basis:
            shares.drop_draft(self._db, draft)
            return
        why = self._doubt(authority, want.statement, now)
        if why is not None:
            box_keys.note_key(self._db, statement_text(want.statement), why)
            shares.drop_draft(self._db, draft)
            return
        sealed = self._sealed(root, draft, want.statement, now)
        if sealed is None:
            return
        bundle = self._signed(identity, draft.id, draft.place, draft.rev, draft.profile, sealed)
        shares.keep_bundle(self._db, draft, bundle, now, ACTOR)

    def _sealed(self, root: bytes, draft: Draft, to: Statement, now: datetime) -> str | None:
        rows = template_rows(self._db, now, [draft.subject])
        held = template_of(self._db, draft.subject)
        if not rows or held is None:
            return None
        (row,) = rows
        try:
            vector = TemplateOpener(root).open(row.sealed_key, row.sealed, subject=row.subject)
        except Unreadable as exc:
            log.error("the template of %s is not shared: %s", row.subject, exc)
            shares.drop_draft(self._db, draft, unfit=True)
            return None
        made_at = datetime.fromisoformat(held["made_at"])
        one = Carried(vector=vector, model=row.model, photos=row.photos, made_at=made_at)
        way = Way(sender=self._place, receiver=draft.place, id=draft.id, rev=draft.rev)
        try:
            return seal_template(to.template_key, one, way)
        except KeyFault as exc:
            box_keys.note_key(self._db, statement_text(to), str(exc))
            shares.drop_draft(self._db, draft)
            return None
        finally:
            vector[:] = 0

    def _signed(
        self,
        identity: Identity,
        digest: str,
        place: str,
        rev: int,
        profile: str | None,
        template: str | None,
    ) -> Bundle:
        unsigned = Bundle(
            place=place,
            id=digest,
            rev=rev,
            sealed_profile=profile,
            sealed_template=template,
            certificates=identity.certificates,
            signature="",
        )
        words = bundle_words(unsigned, sender=self._place, receiver=place)
        return replace(unsigned, signature=identity.sign(words))

    def _end(self, identity: Identity, digest: str, place: str, now: datetime) -> None:
        rev = shares.next_rev(self._db, now)
        bundle = self._signed(identity, digest, place, rev, None, None)
        shares.keep_end(self._db, (digest, place), bundle)

    def _take(self, authority: Authority, came: Came, now: datetime) -> None:
        """Take over a template that came in, under the consent that came with it."""
        root = self._root()
        if root is None or came.bundle is None or came.subject is None:
            return
        try:
            one = self._opened(authority, root, came, now)
        except (KeyFault, WireFault) as exc:
            log.error("a template of %s is refused: %s", came.place, exc)
            with transaction(self._db):
                share_in.note_came(self._db, came, "refused", None)
            return
        lock = TemplateLock(envelope.public_of(root))
        try:
            sealed = lock.seal(one.vector, subject=came.subject)
        finally:
            one.vector[:] = 0
        template = Template(
            sealed_key=sealed.key, sealed=sealed.vector, model=one.model, photos=one.photos
        )
        with transaction(self._db):
            self._keep(came, template, one.made_at, now)

    def _opened(self, authority: Authority, root: bytes, came: Came, now: datetime) -> Carried:
        bundle = read_bundle(came.bundle or "")
        words = bundle_words(bundle, sender=came.place, receiver=self._place)
        authority.check(came.place, bundle.certificates, words, bundle.signature, now)
        way = Way(sender=came.place, receiver=self._place, id=came.id, rev=came.rev)
        one = ShareKeys(root).open(bundle.sealed_template or "", way)
        if not one.model.startswith(self._model()):
            raise KeyFault(f"expected a template of {self._model()}, got one of another network")
        # By a clock that was ahead it would never be replaced by a newer one.
        return replace(one, made_at=min(one.made_at, now))

    def _keep(self, came: Came, template: Template, made_at: datetime, now: datetime) -> None:
        subject = came.subject or ""
        still = share_in.came_of(self._db, came.place, came.id)
        live = live_consent(self._db, subject, now)
        if still is None or still.rev != came.rev or still.state != "waiting" or live is None:
            return  # it ended while it was being opened, or does not hold yet
        held = template_of(self._db, subject)
        if held is not None and datetime.fromisoformat(held["made_at"]) > made_at:
            share_in.note_came(self._db, came, "older", None)
            return
        store_template(self._db, subject, live.id, template, now, actor=ACTOR, made_at=made_at)
        if came.place.partition("/")[0] != self._place.partition("/")[0]:
            note_brought(self._db, subject)
        share_in.note_came(self._db, came, "stored", utc_text(made_at))
        body = MemberChanged(subject=subject, change="template_stored")
        Outbox(self._db).append(self._epoch, [(body, reading_of(self._clock))])
