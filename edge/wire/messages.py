"""Every message between box and hub, each field declared once with its check.

Events are facts; they are kept for ever under `(box, epoch, seq)`. `Hello`, `Batch`, `Ack`,
`Status` and `Heartbeat` carry or surround them; `KeyRequest` and `KeyRelease` ask for and bring
the hub's share of a box's key. Built by the box's store and uplink and by the hub's ingest;
turned into bytes and back by `codec`.

No field takes free text, bytes or numbers without bounds. What a ULID field carries cannot be
told from another random id: that it is one is the box's promise, not something to be checked.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final, Literal

from edge.wire import checks

VERSION: Final = 1
BATCH_EVENTS_MAX: Final = 200
"""Events in one batch (DESIGN section 5)."""
PAYLOAD_BYTES_MAX: Final = 256 * 1024
"""A batch of 200 events takes about 80 kB; what is far larger is not ours."""


MODE_REASONS: Final = (
    *("faces_off", "declaration_missing", "declaration_expired", "clock_suspect"),
    *("key_missing", "file_key_not_accepted", "models_missing", "head_office"),
)
"""Why a box may have to run in a lower mode than its settings ask for."""


REFUSALS: Final = ("unknown", "malformed", "unreadable", "taken", "untrusted", "no_consent")
"""Why a box refuses an order for good: a kind or a body that it does not know, sealed to another
key than its own, an external id that another member has, a signature that is not of the box that
it names, no consent that holds in this shop."""


def declared(
    check: Callable[[Any], Any],
    *,
    absent: Any = MISSING,
    shown: bool = True,
    default: Any = MISSING,
) -> Any:
    """Declare a message field with its check; `codec` reads it back from the metadata.

    `absent` is what a message of a release that did not know the field meant by it. It is always
    sent; a box that is updated later, or has old events in its outbox, is still understood.
    What is not `shown` stays out of `repr`. What has a `default` is not sent where it is that.
    """
    metadata = {"check": check, "absent": absent, "default": default}
    if default is MISSING:
        return field(repr=shown, metadata=metadata)
    return field(repr=shown, metadata=metadata, default=default)


STORAGE_STATES: Final = ("ok", "early", "hourly", "refused")
"""How full a box's storage is: what was acknowledged is deleted `early`; older days are sent by the
hour only; new facts are `refused`."""


DESK_FIELDS: Final[Mapping[str, Mapping[str, tuple[str, ...] | None]]] = {
    "claim": {"state": ("taken", "released")},
    "stay": {"tea": ("taken", "declined"), "meal": ("taken", "declined")},
    "queue": {"state": ("waiting", "called", "back", "served", "gone"), "waited_s": None},
    "receipt": {
        "state": ("kept", "voided"),
        "kind": ("sale", "return", "exchange"),
        "value": None,
        "currency": None,
        "items": None,
        "tied": ("member", "queue", "consultant", "none"),
        "buyer": ("guest", "staff"),
    },
    "appointment": {
        "state": ("expected", "arrived", "kept", "no_show", "cancelled"),
        "reason": (
            *("forgot", "no_time", "ill", "weather", "traffic", "not_wanted", "bought_elsewhere"),
            *("unreachable", "our_fault", "other"),
        ),
        "channel": ("app", "web", "phone", "shop", "other"),
        "late_min": None,
    },
    "source": {"channel": None, "advert": None},
    "service": {
        "kind": ("repair", "return", "stock", "styling"),
        "state": (
            *("taken_in", "at_workshop", "in_review", "requested", "ordered", "confirmed"),
            *("ready", "collected", "settled", "done", "no_show", "cancelled"),
        ),
        "open_days": None,
    },
}
"""The fields of each `what` of a `DeskFact` besides those that all have, with the words that it may
hold; None: whatever the field's own check takes. A new `what` is added here and declared there."""


MONEY_MAX: Final = 9_999_999_999
"""Minor units of one receipt: a hundred million yuan. A digit less than a telephone number has."""


def _said(check: checks.Check) -> Any:
    """Return the declaration of a field of some desk facts: of the others it is not sent."""
    return declared(checks.optional(check), absent=None, default=None)


def _desk_words(name: str) -> checks.Check:
    """Return the check for a field of words: what any `what` may hold in it."""
    of = (words.get(name) or () for words in DESK_FIELDS.values())
    return checks.choice(*dict.fromkeys(word for words in of for word in words))


_who = checks.choice("member", "visitor", "staff")
_basis = checks.choice("crossings", "distinct")
_count = checks.integer(0, 1_000_000)
_few = checks.integer(0, 10_000)
_money = checks.integer(-MONEY_MAX, MONEY_MAX)
_percent = checks.optional(checks.integer(0, 100))
_hundredths = checks.integer(0, 1_000_000_000)
_mode = checks.choice("count", "checkin", "entrance")
_part = checks.choice("profile", "template")


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitOpened:
    """A visit began. `subject` is the member's random subject id, never a name.

    `counted` is false for a visit that a check-in opened without a crossing: it is in no
    `visitors` (DESIGN section 6).
    """

    KIND: ClassVar[str] = "visit_opened"
    visit: str = declared(checks.ulid)
    camera: str | None = declared(checks.optional(checks.label))
    who: str = declared(_who)
    subject: str | None = declared(checks.optional(checks.ulid))
    reentry: bool = declared(checks.boolean)
    first_visit: str | None = declared(checks.optional(checks.ulid))
    basis: str = declared(_basis)
    counted: bool = declared(checks.boolean, absent=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitRevised:
    """What is now known of a visit; the highest `rev` wins. A void visit was none (U-turn)."""

    KIND: ClassVar[str] = "visit_revised"
    visit: str = declared(checks.ulid)
    rev: int = declared(checks.integer(1, 1_000_000))
    opened_at: datetime = declared(checks.instant)
    camera: str | None = declared(checks.optional(checks.label))
    who: str = declared(_who)
    subject: str | None = declared(checks.optional(checks.ulid))
    reentry: bool = declared(checks.boolean)
    first_visit: str | None = declared(checks.optional(checks.ulid))
    basis: str = declared(_basis)
    counted: bool = declared(checks.boolean, absent=True)
    void: bool = declared(checks.boolean)
    reason: str = declared(
        checks.choice("u_turn", "staff", "late_identity", "wrong_person", "clock_fixed")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitClosed:
    """A visit ended at the envelope's `at`; the highest `rev` wins, of equal ones the latest."""

    KIND: ClassVar[str] = "visit_closed"
    visit: str = declared(checks.ulid)
    reason: str = declared(checks.choice("tap", "receipt", "occupancy_zero", "closing_time"))
    rev: int = declared(checks.integer(0, 1_000_000), absent=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossingMinute:
    """Crossings of one camera in one minute so far; the highest `rev` wins.

    `entered` and `left` are people in opening hours, `*_closed` those outside them; `staff`
    crossings are in neither. `turned_back` says how many of all these were the second half of a
    U-turn; the first half may stand in the minute before.
    """

    KIND: ClassVar[str] = "crossing_minute"
    camera: str = declared(checks.label)
    minute: datetime = declared(checks.instant)
    rev: int = declared(checks.integer(1, 1_000_000))
    entered: int = declared(_count)
    left: int = declared(_count)
    entered_closed: int = declared(_count)
    left_closed: int = declared(_count)
    staff: int = declared(_count)
    turned_back: int = declared(_count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """A part of the box changed its state. Codes only: free text could carry anything."""

    KIND: ClassVar[str] = "health"
    part: str = declared(checks.choice("camera", "eyes", "front", "radio", "storage"))
    camera: str | None = declared(checks.optional(checks.label))
    state: str = declared(
        checks.choice(
            *("ok", "connecting", "lost", "frozen", "ended", "unreadable", "restarted"),
            *("refused", "early", "hourly"),
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """The shop was told something about a visit; `subject` is null once a member is erased."""

    KIND: ClassVar[str] = "alert"
    alert: str = declared(checks.choice("member_arrived"))
    visit: str = declared(checks.ulid)
    subject: str | None = declared(checks.optional(checks.ulid))


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberChanged:
    """A member joined, consented, or is erased; the hub then unlinks the subject everywhere."""

    KIND: ClassVar[str] = "member_changed"
    subject: str = declared(checks.ulid)
    change: str = declared(
        checks.choice(
            *("joined", "consent_given", "consent_withdrawn", "consent_expired"),
            *("template_stored", "template_removed", "erased"),
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigReported:
    """What became of the settings that head office laid over the box's file."""

    KIND: ClassVar[str] = "config_reported"
    version: int = declared(checks.version)
    state: str = declared(checks.choice("applied", "refused", "superseded"))
    code: str | None = declared(checks.optional(checks.choice("hours")))


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberLinked:
    """The member that head office calls `member` is this box's `subject`; both are random ids."""

    KIND: ClassVar[str] = "member_linked"
    subject: str = declared(checks.ulid)
    member: str = declared(checks.ulid)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRefused:
    """An order of the hub that this box cannot carry out, and that is not to be sent again."""

    KIND: ClassVar[str] = "order_refused"
    order_epoch: str = declared(checks.epoch)
    order_seq: int = declared(checks.integer(1, 100_000_000))
    code: str = declared(checks.choice(*REFUSALS))


@dataclass(frozen=True, slots=True, kw_only=True)
class HourSummary:
    """All that is left of an hour of a box whose store was full; the highest `rev` wins.

    It stands for every visit and crossing minute of this box from `hour`, the start of a local
    hour, for 60 minutes, those included that the hub has already. The figures are reckoned as
    the hub reckons them; `members` are visits of members that are no re-entries.
    """

    KIND: ClassVar[str] = "hour_summary"
    hour: datetime = declared(checks.instant)
    rev: int = declared(checks.integer(1, 1_000_000))
    visitors: int = declared(_count)
    reentries: int = declared(_count)
    members: int = declared(_count)
    staff: int = declared(_count)
    entered: int = declared(_count)
    left: int = declared(_count)
    entered_closed: int = declared(_count)
    left_closed: int = declared(_count)
    turned_back: int = declared(_count)
    basis: str = declared(_basis)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskFact:
    """What people at the shop's desk did, as it stands now; the highest `rev` wins, of equal ones
    the latest.

    A document of one form for all that is done there: `what` says which of the fields behind
    `about` it has (`DESK_FIELDS`), the others are null. `about` is the moment that it is about,
    whenever it became known: when the guest was taken or answered, the number taken, the till's
    time, the time that was booked. No text that people type, no number of a
    phone, no name. `id` of a claim and of a stay is the visit's own, so that there is one of each.

    claim   who greets the guest of a visit (`staff`: one of the shop's random ids, null for a
            device that nobody has said is theirs), until it is `released`
    stay    what became of the tea and the meal that a guest who stays long was offered
    queue   a number in the queue, by a random id: its state, and seconds from taking it to that;
            `visit` of a member who is known to be here
    receipt of the till, by an id that its number makes: what it came to in minor units (negative:
            paid back), how many items, by what it is tied to its visit, whether it was `voided` by
            another one; bought by a guest or by somebody who works here
    appointment   by head office's id or a random one: what became of it, why nobody came, how it
            was booked, by how many minutes the guest was late (null: nobody came, or knows when)
    source  the channel and the advertisement that brought a guest: ids of the shop's list, or
            `unknown`; of a guest whom no camera saw `visit` is null and `id` random. Nobody was
            asked: there is none
    service a ticket, by a random id: its kind and state, and for how many days it was open by then
    """

    KIND: ClassVar[str] = "desk_fact"
    what: str = declared(checks.choice(*DESK_FIELDS))
    id: str = declared(checks.ulid)
    rev: int = declared(checks.integer(1, 1_000_000))
    visit: str | None = declared(checks.optional(checks.ulid))
    staff: str | None = declared(checks.optional(checks.ulid))
    about: datetime = declared(checks.instant)
    state: str | None = _said(_desk_words("state"))
    tea: str | None = _said(_desk_words("tea"))
    meal: str | None = _said(_desk_words("meal"))
    waited_s: int | None = _said(checks.integer(0, 1_000_000))
    kind: str | None = _said(_desk_words("kind"))
    value: int | None = _said(_money)
    currency: str | None = _said(checks.currency)
    items: int | None = _said(_few)
    tied: str | None = _said(_desk_words("tied"))
    buyer: str | None = _said(_desk_words("buyer"))
    reason: str | None = _said(_desk_words("reason"))
    channel: str | None = _said(checks.listed)
    advert: str | None = _said(checks.listed)
    open_days: int | None = _said(_few)
    late_min: int | None = _said(checks.integer(0, 10_000))


_OF_SOME: Final = tuple(dict.fromkeys(name for of in DESK_FIELDS.values() for name in of))


def misplaced(fact: Any) -> str | None:
    """Return the first field of a desk fact that its `what` has not, or not with such a word.

    `fact` has the fields of `DeskFact` as attributes, each checked by itself.
    """
    mine = DESK_FIELDS[fact.what]
    for name in _OF_SOME:
        value, allowed = getattr(fact, name), mine.get(name, ())
        if value is not None and allowed is not None and value not in allowed:
            return name
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceMinute:
    """What one minute of Wi-Fi probe requests came to; the highest `rev` wins.

    Of nobody in particular: `classes` are kinds of phones, `near` and `far` how many of them by
    signal, `footfall` what the minute adds to its hour's index of presence, in hundredths, `probes`
    the frames. A minute that was
    not observed has no event; one in which nobody was there has zeros.
    """

    KIND: ClassVar[str] = "presence_minute"
    minute: datetime = declared(checks.instant)
    rev: int = declared(checks.integer(1, 1_000_000))
    classes: int = declared(_few)
    near: int = declared(_few)
    far: int = declared(_few)
    footfall: int = declared(_hundredths)
    probes: int = declared(_hundredths)


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceHour:
    """What Wi-Fi and cameras say of an hour that has closed; the highest `rev` wins.

    `hour` is the start of a local hour, `minutes` how many of it were observed, `footfall` their
    sum in hundredths. `visitors` is null unless every entrance camera saw the whole hour. What the
    box has learnt of its index turns it into people: `passers` came by, those who came in among
    them, give or take `error` percent; null until it has learnt from enough hours: `learnt` of
    `needed`. So many `stays` of the day so far are known, by the few phones that let them be; of
    these the percentages of 5 to 10 minutes, to 20, to 40, and longer. Null: too few to say.
    """

    KIND: ClassVar[str] = "presence_hour"
    hour: datetime = declared(checks.instant)
    rev: int = declared(checks.integer(1, 1_000_000))
    minutes: int = declared(checks.integer(0, 60))
    footfall: int = declared(_hundredths)
    visitors: int | None = declared(checks.optional(_count))
    basis: str = declared(_basis)
    passers: int | None = declared(checks.optional(_count))
    error: int | None = declared(checks.optional(_few))
    learnt: int = declared(_few)
    needed: int = declared(_few)
    stays: int | None = declared(checks.optional(_count))
    stays_5: int | None = declared(_percent)
    stays_10: int | None = declared(_percent)
    stays_20: int | None = declared(_percent)
    stays_40: int | None = declared(_percent)


Body = (
    VisitOpened
    | VisitRevised
    | VisitClosed
    | CrossingMinute
    | Health
    | Alert
    | MemberChanged
    | ConfigReported
    | MemberLinked
    | OrderRefused
    | HourSummary
    | DeskFact
    | PresenceMinute
    | PresenceHour
)
BODIES: Final[dict[str, type[Body]]] = {
    body.KIND: body
    for body in (
        *(VisitOpened, VisitRevised, VisitClosed, CrossingMinute, Health, Alert, MemberChanged),
        *(ConfigReported, MemberLinked, OrderRefused),
        *(HourSummary, PresenceMinute, PresenceHour, DeskFact),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The envelope of a fact. `mono` is seconds of the epoch's monotonic clock."""

    epoch: str = declared(checks.epoch)
    seq: int = declared(checks.integer(1))
    at: datetime = declared(checks.instant)
    mono: float = declared(checks.seconds)
    clock: str = declared(checks.choice("ok", "suspect"))
    body: Body


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochSpan:
    """What the box holds of an epoch: the first and the last sequence number."""

    epoch: str = declared(checks.epoch)
    first: int = declared(checks.integer(1))
    last: int = declared(checks.integer(1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """The box introduces itself on connecting and whenever it hears nothing."""

    TYPE: ClassVar[str] = "hello"
    session: str = declared(checks.epoch)
    name: str = declared(checks.shop_text)
    timezone: str = declared(checks.time_zone)
    version: str = declared(checks.release)
    epochs: tuple[EpochSpan, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """1 to 200 events, oldest first."""

    TYPE: ClassVar[str] = "batch"
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochAck:
    """What the hub holds of an epoch: all up to `through`, but not the `missing` ranges.

    In answer to a hello `missing` lists every range up to the box's `last`, ends included;
    everything else that the hello declared is safe at the hub. In answer to batches it lists
    what is missing between the lowest and the highest gap that these batches opened; what stands
    between those ranges, and right behind the last, is held.
    """

    epoch: str = declared(checks.epoch)
    through: int = declared(checks.integer(0))
    missing: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """The hub's word, after its own commit. `hello` is the session that it answers, if any."""

    TYPE: ClassVar[str] = "ack"
    hello: str | None = declared(checks.optional(checks.epoch))
    epochs: tuple[EpochAck, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Retained. The session tells a late will of an old connection from the live one."""

    TYPE: ClassVar[str] = "status"
    session: str = declared(checks.epoch)
    state: Literal["online", "offline"] = declared(checks.choice("online", "offline"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraState:
    """One camera in a heartbeat."""

    name: str = declared(checks.label)
    state: str = declared(
        checks.choice("ok", "connecting", "lost", "frozen", "ended", "unreadable", "unknown")
    )


def _known(check: checks.Check) -> Any:
    return declared(checks.optional(check), absent=None, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """How the box is, every half minute. Not a fact: only the last one is of interest.

    `mode_why` is the first reason why `mode` is lower than `mode_wanted`, or null. The board's
    hottest sensor and its disk are null where nobody can tell, and are not sent then.
    `controller`: who answers for faces by the declaration, null and not sent without one.
    """

    TYPE: ClassVar[str] = "heartbeat"
    session: str = declared(checks.epoch)
    at: datetime = declared(checks.instant)
    clock: str = declared(checks.choice("ok", "suspect"))
    version: str = declared(checks.release)
    mode: str = declared(_mode)
    mode_wanted: str = declared(_mode)
    mode_why: str | None = declared(checks.optional(checks.choice(*MODE_REASONS)), absent=None)
    backlog: int = declared(checks.integer(0))
    oldest_unacked_at: datetime | None = declared(checks.optional(checks.instant))
    occupancy: int = declared(_count)
    storage: str = declared(checks.choice(*STORAGE_STATES), absent="ok")
    cameras: tuple[CameraState, ...]
    temperature_c: int | None = _known(checks.integer(-60, 200))
    disk_mb: int | None = _known(checks.integer(0, 1_000_000_000))
    disk_free_mb: int | None = _known(checks.integer(0, 1_000_000_000))
    controller: str | None = _known(checks.shop_text)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRequest:
    """A starting box asks for the hub's share of one of its roots (DESIGN section 2).

    `public` is an X25519 key of this one request: the answer is sealed to it.
    """

    TYPE: ClassVar[str] = "key_request"
    session: str = declared(checks.epoch)
    part: str = declared(_part)
    public: str = declared(checks.public_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRelease:
    """The hub's answer, to `down`: the share sealed by HPKE, or null for a revoked box."""

    TYPE: ClassVar[str] = "key_release"
    session: str = declared(checks.epoch)
    part: str = declared(_part)
    state: Literal["released", "revoked"] = declared(checks.choice("released", "revoked"))
    sealed: str | None = declared(checks.optional(checks.sealed_key), shown=False)


UpMessage = Hello | Batch | KeyRequest
