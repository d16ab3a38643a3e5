"""What the front does of sharing: seals names, carries what the eyes signed, takes in what came.

Names are the front's (it holds the profile root), templates the eyes' (`app.sharing`): a bundle is
begun here and ended there, and the other way round where it arrives. Called by `app.orders` and,
for what is to be said to the hub, by `uplink.down`; all in the uplink's thread.
"""

import json
import logging
import re
import zlib
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlite_utils import Database

from edge.app.papers import ACTOR, why_not
from edge.config import EdgeConfig
from edge.consent.texts import text_hashes
from edge.core.consent import Consent, Terms, read_consent
from edge.core.flaws import Flaws
from edge.core.profile import Profile, read_profile
from edge.keys.certificates import Authority, Untrusted
from edge.keys.errors import KeyFault, Unreadable
from edge.keys.orders import OrderKeys
from edge.keys.profiles import ProfileKeys
from edge.keys.sharing import Way, seal_profile
from edge.ports import Clock
from edge.store import box_keys, endings, share_in, shares
from edge.store.consents import LedgerRow, Tell, ended_at, history, live_consent
from edge.store.database import StoreAway, StoreFault
from edge.store.holding import template_of
from edge.store.orders import digest_of, is_buried
from edge.store.people import GUARDIAN_PURPOSE, People, ProfileUnreadable, member_of
from edge.store.register import ExternalIdTaken, Register, SharedMember
from edge.store.shares import Want
from edge.wire import checks
from edge.wire.codec import read_bundle, utc_text
from edge.wire.orders import BoxKeyOrder, TemplateOrder
from edge.wire.sealing import bundle_words, statement_words
from edge.wire.sharing import (
    BUNDLES_MAX,
    SHOPS_MAX,
    Bundle,
    Shared,
    SharedAck,
    Sharing,
    Statement,
)

log = logging.getLogger(__name__)

TOLD_EVERY_S: Final = 600.0
RESEND_S: Final = (5.0, 10.0, 30.0, 60.0, 300.0)
LOOK_EVERY_S: Final = 1.0
DRAFTS_AT_ONCE: Final = 10
_ANEW_S: Final = 60.0
_PLAIN_MAX: Final = 256 * 1024
_TEXTS: Final = ("name", "called", "external_id")
_MONTH: Final = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_PERSONAL: Final = ("subject", *_TEXTS, "consent", "text_hash")


class SharePost:
    """Says and hears what is shared, through one connection.

    Args:
        config: the box's own settings.
        db: a connection for the calling thread.
        clock: the box's clock.
        profile_root: the root of the profiles' keys, None while there is none.
        tell: is told of every change of a member, inside its transaction.
    """

    def __init__(
        self,
        *,
        config: EdgeConfig,
        db: Database,
        clock: Clock,
        profile_root: Callable[[], bytes | None],
        tell: Tell,
    ) -> None:
        self._config = config
        self._db = db
        self._clock = clock
        self._profile_root = profile_root
        self._tell = tell
        self._place = f"{config.store.id}/{config.box.id}"
        self._may = why_not(config) is None
        self._look_at = float("-inf")
        self._anew_at = float("-inf")
        self._seen: tuple[object, ...] | None = None
        self._due: list[Want] = []
        self._shops: tuple[str, ...] = ()
        self._told: Sharing | None = None
        self._tell_at = float("-inf")
        self._sent_to = 0
        self._sent_at = float("-inf")
        self._tries = 0

    def on_connected(self) -> None:
        """A connection stands: everything is to be said on it."""
        self._told, self._look_at = None, float("-inf")
        self._sent_to, self._sent_at, self._tries = 0, float("-inf"), 0

    def words(self, session: str, now: float) -> list[Sharing | Shared]:
        """Return what is to be said now, and make some of what is to be said later.

        `now`: monotonic seconds.
        """
        if not self._may or now < self._look_at:
            return []
        try:
            self._look(now)
            said: list[Sharing | Shared] = [*self._state(session, now)]
            said += self._bundles(session, now)
            self._look_at = now + (0.0 if said else LOOK_EVERY_S)
            return said
        except StoreFault as exc:
            log.warning("what is shared has to wait: %s", exc)
            return []

    def _look(self, now: float) -> None:
        root = self._profile_root()
        if root is None:
            return
        box_keys.keep_word(self._db, "profile_key", OrderKeys(root).public)
        mark = box_keys.share_mark(self._db)
        if mark != self._seen or now - self._anew_at >= _ANEW_S:
            self._anew_at, self._seen = now, mark
            wanted = shares.wanted(self._db, self._place, self._clock.now())
            self._due = shares.undrafted(self._db, wanted.wants)
            self._shops = wanted.shops[:SHOPS_MAX]
        some, self._due = self._due[:DRAFTS_AT_ONCE], self._due[DRAFTS_AT_ONCE:]
        for want in some:
            self._draft(root, want)

    def _draft(self, root: bytes, want: Want) -> None:
        """Seal what of a person the other shop needs: the name, its number, and the consent."""
        keys, now = ProfileKeys(root), self._clock.now()
        row = live_consent(self._db, want.subject, now)
        try:
            member = People(self._db, keys).by_subject(want.subject)
            if member is None or row is None:
                return
            told = {
                "subject": want.subject,
                **{n: t for n, t in member.profile.texts().items() if n in _TEXTS},
                "consent": self._record(keys, row),
                "text_hash": row.text_hash,
            }
        except (ProfileUnreadable, Unreadable) as exc:
            log.error("a member is not shared: %s", exc)
            return
        raw = zlib.compress(json.dumps(told, ensure_ascii=False).encode())
        rev = shares.next_rev(self._db, now)
        way = Way(sender=self._place, receiver=want.place, id=want.id, rev=rev)
        profile: str | None = None
        try:
            profile = seal_profile(want.statement.profile_key, raw, way)
        except KeyFault as exc:
            log.error("a member is not shared: %s", exc)
        shares.keep_draft(self._db, want, rev, profile)

    def _record(self, keys: ProfileKeys, row: LedgerRow) -> dict[str, Any]:
        """Return a consent of the ledger as the record that it was read from."""
        wrapped: bytes
        (wrapped,) = self._db.execute(
            "SELECT profile_key FROM member WHERE subject = ?", [row.subject]
        ).fetchone()
        held: Mapping[str, str] = {}
        if row.sealed is not None:
            held = json.loads(
                keys.unseal(wrapped, row.sealed, subject=row.subject, purpose=GUARDIAN_PURPOSE)
            )
        guardian = None
        if "guardian" in held:
            guardian = {"name": held["guardian"], "relation": held["relation"]}
            guardian["given_at"] = held["guardian_given_at"]
        return {
            "purpose": row.purpose,
            "text_version": row.text_version,
            "language": row.language,
            "given_at": row.given_at and utc_text(row.given_at),
            "means": row.means,
            "scope": row.scope,
            "shops": list(row.shops),
            "expires": row.expires and row.expires.isoformat(),
            "adult": row.adult,
            "guardian": guardian,
            **({"born": held["born"]} if "born" in held else {}),
        }

    def _state(self, session: str, now: float) -> list[Sharing]:
        statement = box_keys.own_statement(self._db)
        if statement is None and not self._shops:
            return []
        before = self._told
        same = before is not None and (before.statement, before.shops) == (statement, self._shops)
        if same and now < self._tell_at:
            return []
        top = shares.top_held(self._db)
        word = Sharing(session=session, statement=statement, shops=self._shops, top=top)
        self._told, self._tell_at = word, now + TOLD_EVERY_S
        return [word]

    def _bundles(self, session: str, now: float) -> list[Shared]:
        texts = shares.ready_bundles(self._db, self._sent_to, BUNDLES_MAX)
        if not texts and self._sent_to:
            # Whatever of it the hub does not acknowledge is sent again, ever more seldom.
            if now - self._sent_at >= RESEND_S[min(self._tries, len(RESEND_S) - 1)]:
                self._sent_to, self._tries = 0, self._tries + 1
            return []
        if not texts:
            return []
        bundles = tuple(read_bundle(text) for text in texts)
        self._sent_to, self._sent_at = bundles[-1].rev, now
        return [Shared(session=session, bundles=bundles)]

    def heard(self, ack: SharedAck) -> None:
        """Take the hub's word on what it holds."""
        if ack.held:
            self._tries = 0
            shares.note_held(self._db, [((one.id, one.place), one.rev) for one in ack.held])
        if ack.again:
            log.warning("the hub has lost what was shared; everything is sent again")
            shares.share_again(self._db, None)

    def receive(self, order: TemplateOrder) -> str | None:
        """Take a bundle of another box; return why it is refused for good, None if it is not.

        Raises:
            StoreAway: not now; it will come again.
        """
        held = share_in.came_of(self._db, order.place, order.id)
        if held is not None and order.rev <= held.rev:
            return None
        bundle = Bundle(**{name: getattr(order, name) for name in Bundle.__dataclass_fields__})
        try:
            self._check(bundle, bundle_words(bundle, bundle.place, self._place))
        except Untrusted as exc:
            log.warning("a template is refused: %s", exc)
            return "untrusted"
        except KeyFault as exc:
            raise StoreAway(str(exc)) from None
        if bundle.sealed_profile is None or bundle.sealed_template is None:
            self._end(bundle)
            return None
        return self._take_in(bundle)

    def hear_key(self, order: BoxKeyOrder) -> str | None:
        """Keep another box's keys for the eyes to judge; return why they are refused, or None.

        Whoever is believed is displaced by nobody else's words.

        Raises:
            StoreAway: not now; they will come again.
        """
        one = Statement(**{name: getattr(order, name) for name in Statement.__dataclass_fields__})
        if box_keys.is_good(self._db, one.place):
            try:
                self._check(one, statement_words(one))
            except Untrusted as exc:
                log.warning("the keys of a box are refused: %s", exc)
                return "untrusted"
            except KeyFault as exc:
                raise StoreAway(str(exc)) from None
        box_keys.keep_key(self._db, one)
        return None

    def _check(self, said: Bundle | Statement, words: bytes) -> None:
        section = self._config.uplink
        if not self._may or section is None or section.ca is None:
            raise StoreAway(f"templates of other boxes: {why_not(self._config)}")
        if self._clock.state() != "ok":
            raise StoreAway("the clock is in doubt: no certificate can be judged")
        authority = Authority(self._config.base / section.ca)
        authority.check(said.place, said.certificates, words, said.signature, self._clock.now())

    def _take_in(self, bundle: Bundle) -> str | None:
        root = self._profile_root()
        if root is None:
            raise StoreAway("the key of the profiles is not there")
        told = self._opened(root, bundle)
        if told is None:
            return "unreadable"
        theirs, now = told["subject"], self._clock.now()
        if is_buried(self._db, theirs):
            return None
        try:
            profile = read_profile({n: told[n] for n in _TEXTS if n in told})
        except Flaws:
            return "malformed"
        keys = ProfileKeys(root)
        known = self._subject_here(keys, bundle, theirs, profile)
        try:
            consent = self._judged(bundle, told, {known, theirs})
        except Flaws:
            return "no_consent"
        taking = Register(self._db, keys, actor=ACTOR, tell=self._tell)
        member = SharedMember(subject=theirs, profile=profile, consent=consent)

        def also(subject: str, brought: bool) -> None:
            share_in.keep_came(
                self._db,
                bundle.place,
                bundle,
                subject=subject,
                theirs=theirs if theirs != subject else None,
                given_at=consent.given_at,
                brought=brought,
            )

        try:
            taking.receive_shared(member, now, known=known, also=also)
        except (ExternalIdTaken, ProfileUnreadable):
            return "taken"
        return None

    def _opened(self, root: bytes, bundle: Bundle) -> dict[str, Any] | None:
        """Return what the sender knows of the person; None if it does not open, or is none."""
        way = Way(sender=bundle.place, receiver=self._place, id=bundle.id, rev=bundle.rev)
        try:
            raw = OrderKeys(root).open(bundle.sealed_profile or "", way.context("profile"))
            told = json.loads(zlib.decompressobj().decompress(raw, _PLAIN_MAX))
            sound = isinstance(told, dict) and told.keys() <= set(_PERSONAL)
            texts = sound and all(isinstance(told.get(n, ""), str) for n in _TEXTS)
            if not texts or digest_of(checks.ulid(told.get("subject"))) != bundle.id:
                return None
        except (Unreadable, ValueError, RecursionError, zlib.error):
            return None
        return dict(told)

    def _subject_here(
        self, keys: ProfileKeys, bundle: Bundle, theirs: str, profile: Profile
    ) -> str:
        """Return who the member is here, as `Register.receive_shared` will find."""
        known = share_in.known_as(self._db, bundle.id) or theirs
        people = People(self._db, keys)
        try:
            if people.by_subject(known) is not None:
                return known
            if profile.external_id and (one := people.by_external_id(profile.external_id)):
                return one.subject
        except ProfileUnreadable:
            return known  # the register says what is wrong with it
        return known

    def _judged(
        self, bundle: Bundle, told: Mapping[str, Any], subjects: Collection[str]
    ) -> Consent:
        """Judge the consent for this shop, now; it is given after all that these ended.

        Raises:
            Flaws: it does not hold here.
        """
        store, record = self._config.store, told.get("consent")
        if not isinstance(record, dict):
            record = {}
        texts = dict(text_hashes())
        text = (str(record.get("text_version")), str(record.get("language")))
        claimed = str(told.get("text_hash"))
        # A text of a newer release is known by its hash alone; one that is known has its own.
        sound = _MONTH.fullmatch(text[0]) and _LANGUAGE.fullmatch(text[1])
        if texts.setdefault(text, claimed) != claimed or not (sound and _HASH.fullmatch(claimed)):
            del texts[text]
        sender = bundle.place.partition("/")[0]
        if record.get("scope") == "store" and sender != store.id:
            record = {**record, "shops": [sender]}
        ended = [at for one in subjects if (at := ended_at(self._db, one)) is not None]
        terms = Terms(
            shop=store.id,
            zone=store.zone,
            now=self._clock.now(),
            texts=texts,
            names=(),
            ended_at=max(ended, default=None),
        )
        return read_consent(record, terms)

    def _end(self, bundle: Bundle) -> None:
        """End what the sender shared, for this shop only; what else holds here stays."""
        held = share_in.came_of(self._db, bundle.place, bundle.id)
        if held is not None and held.subject is not None:
            self._let_go(held, held.subject, bundle.rev)
        share_in.note_came_end(self._db, bundle.place, bundle.id, bundle.rev)

    def _let_go(self, held: share_in.Came, subject: str, rev: int) -> None:
        rows, now = history(self._db, subject), self._clock.now()
        agreed = bool(rows) and rows[-1].kind == "given"
        ends = agreed and self._stands_on(held, subject, rows[-1])
        # Who is here by that sharing alone is no member of this shop without a consent.
        brought = held.brought and share_in.brought_by_sharing(self._db, subject)
        whole = brought and (ends or not agreed) and member_of(self._db, subject) is not None
        if not (ends or whole):
            return
        endings.let_go(
            self._db,
            subject,
            now,
            since=datetime.fromtimestamp(rev / 1000, tz=UTC),
            actor=ACTOR,
            tell=self._tell,
            ends=ends,
            whole=whole,
            patience_s=0.5,
        )

    def _stands_on(self, held: share_in.Came, subject: str, last: LedgerRow) -> bool:
        """Say whether the consent that holds here is the one that came with a bundle."""
        template = template_of(self._db, subject)
        own = template is not None and held.made_at not in (None, template["made_at"])
        given_at = last.given_at and utc_text(last.given_at)
        return not own and given_at == held.given_at
