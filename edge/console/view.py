"""What the box's pages show, as records. Built by the front process and `edge.console.desk`,
rendered by `edge.console.app`; holds no text in any language, only figures and codes.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, Literal

from edge.core.greeting import LastVisit, Reason
from edge.desk.floor import Served
from edge.desk.service_view import TicketLine
from edge.desk.staff import Me

FRESH_S: Final = 30
"""Who came in so lately is shown as new; older arrivals are listed only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HourFigures:
    """One local hour of today. `start` is aware, in the shop's zone."""

    start: datetime
    visitors: int
    entered: int
    left: int
    open: bool
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraView:
    """One camera: its state is a code of `edge.wire.messages.CameraState`."""

    name: str
    state: str
    since: datetime | None
    frames_per_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartView:
    """One process of the box: `running`, `restarting` or `silent`, with its restarts today."""

    name: str
    state: str
    restarts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryView:
    """Members who agreed to be recognised and are more than are searched by face.

    `missed` is the part of those `searched` that is expected to be missed, 0 to 1, when a part
    `fpir` of strangers may be taken for a member; whether that is `extrapolated`.
    """

    members: int
    searched: int
    fpir: float
    missed: float
    extrapolated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetHourView:
    """One local hour of today that has closed; `passers` and `visitors` None: not known."""

    start: datetime
    minutes: int
    passers: int | None
    visitors: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetView:
    """What Wi-Fi says of today, of nobody in particular.

    `minutes` are the kinds of phones heard by the minute from `start` on; None: that minute was not
    observed. `passers` came by in the hours in which `captured` of them were counted
    by the cameras, give or take `error` percent; None before the box has learnt from `needed`
    hours: it has from `learnt`. `captured` None: they were counted in two ways. `stays`: how many
    stays are known, then the percentages of 5 to 10 minutes, to 20, to 40, and longer; empty: too
    few.
    """

    start: datetime
    minutes: tuple[int | None, ...]
    hours: tuple[StreetHourView, ...]
    passers: int | None
    captured: int | None
    error: int | None
    learnt: int
    needed: int
    stays: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachView:
    """How phones reach the pages: the local name that was wanted and the one that is told, None
    for none; when the certificate runs out; whether its files hold something unusable now.
    """

    wanted: str | None = None
    found_as: str | None = None
    expires_at: datetime | None = None
    unusable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopView:
    """Everything on the shop's page at one moment.

    `mode` is what the eyes run, `mode_wanted` what the settings ask for. `visitors` are counted
    by `basis`; `reentries` and `members` are shown beside them. `notices` are codes that want a
    person's attention: the keys of `page.NOTICES`, and whatever a newer part may say.
    """

    store_id: str
    store_name: str
    box_id: str
    now: datetime
    mode: str
    mode_wanted: str
    faces_off: bool
    key_in_file: bool  # templates are only as safe as the card
    basis: str
    notices: tuple[str, ...]
    minute_entered: int
    minute_left: int
    visitors: int
    reentries: int
    members: int
    entered: int
    left: int
    occupancy: int
    turned_back: int
    staff: int
    outside_hours: int
    always_open: bool  # no opening hours are set; `opens` and `closes` are then None
    opens: datetime | None
    closes: datetime | None
    hours: tuple[HourFigures, ...]
    cameras: tuple[CameraView, ...]
    parts: tuple[PartView, ...]
    uplink: str  # connected | offline | none
    backlog: int
    last_crossing: datetime | None
    head_office: tuple[str, ...] = ()  # settings that it has laid over the file's, by name
    gallery: GalleryView | None = None  # None: all members are searched, or none
    street: StreetView | None = None  # None: no Wi-Fi is listened to
    sales: int | None = None  # receipts of today's sales; None: no till sends any
    reach: ReachView = field(default_factory=ReachView)


Identity = Literal["named", "locked", "erased", "visitor", "withheld"]
"""Who a card is of: a member; one whose name cannot be read now; one who was erased; nobody; a
member whose name whoever asks may not see."""
Certainty = Literal["sure", "likely", "card"]
"""How it is known: by the face, surely or likely; or by the member's one-time code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """What a member bought on a local day. `what` is empty where the till gave no lines; `price` is
    as people read it.
    """

    on: date
    price: str
    items: int | None
    what: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One visit on the consultants' page. What names a member is never in its repr.

    `at` is local. `correcting`: somebody said that this is the wrong person. `name` is what the
    member wishes to be called; it and the rest are empty unless `who` is `named`. `booked_by` is
    the channel of today's appointment; `tickets` are the member's open service tickets.
    """

    visit: str
    at: datetime
    fresh: bool
    who: Identity
    reentry: bool = False
    certainty: Certainty = "card"
    correcting: bool = False
    name: str = field(default="", repr=False)
    tier: str = field(default="", repr=False)
    consultant: str = field(default="", repr=False)
    note: str = field(default="", repr=False)
    tags: tuple[str, ...] = field(default=(), repr=False)
    reasons: tuple[Reason, ...] = field(default=(), repr=False)
    last_visit: LastVisit | None = field(default=None, repr=False)
    purchases: tuple[Bought, ...] = field(default=(), repr=False)
    tickets: tuple[TicketLine, ...] = field(default=(), repr=False)
    booked_by: str = ""
    served: Served = field(default_factory=Served)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """Who came in during the last hours, newest first. `again_s`: until a card is no longer new, or
    another one pops up. `me` is who is at this screen.
    """

    cards: tuple[Card, ...]
    again_s: int | None
    me: Me

    @property
    def newest(self) -> Card | None:
        """The member who has just come in, for those who hear the page."""
        return next((card for card in self.cards if card.fresh and card.who == "named"), None)

    @property
    def asked(self) -> tuple[Card, ...]:
        """The members whom this screen asks somebody to greet."""
        return tuple(card for card in self.cards if card.served.asked_for_s is not None)

    @property
    def staying(self) -> tuple[Card, ...]:
        """Guests who are to be offered something, who is here longest first."""
        return tuple(card for card in reversed(self.cards) if card.served.offer is not None)
