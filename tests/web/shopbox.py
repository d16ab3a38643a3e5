"""A box's store with members and visits in it, and the real pages over it, for tests."""

import dataclasses
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

from flask import Flask
from sqlite_utils import Database
from ulid import ULID

from edge.clock import SteadyClock, marks_of
from edge.console.access import Access
from edge.console.api import SenderDesk, TokenDesk
from edge.console.app import Desks, create_console
from edge.console.checkin import GuestScreen
from edge.console.clock import ClockDesk
from edge.console.codes import CodeDesk
from edge.console.desk import Desk
from edge.console.devices import DeviceDesk
from edge.console.view import ShopView
from edge.core.drawing import Drawing
from edge.core.hours import OpeningHours
from edge.core.profile import Profile
from edge.core.queue import Rules
from edge.core.sources import Advert, Channel
from edge.core.visit import Closed, Opened, Raised, Revised, Visit, Who
from edge.desk.appointments import AppointmentDesk
from edge.desk.corner import CornerDesk, Eyesight, Plan
from edge.desk.floor import Floor
from edge.desk.health import Health, Seen
from edge.desk.intake import ImportDesk
from edge.desk.join import PHOTOS, JoinDesk, Look, Responsible
from edge.desk.means import Means
from edge.desk.members import MemberDesk
from edge.desk.queue import QueueDesk
from edge.desk.queue_caller import Calling
from edge.desk.service import ServiceDesk, Telling
from edge.desk.sources import SourceDesk
from edge.desk.till import TillDesk
from edge.front import PerThread
from edge.keys.profiles import ProfileKeys
from edge.ports import ClockState, Fact
from edge.store.database import connect, migrate
from edge.store.desk_facts import Teller
from edge.store.devices import Devices
from edge.store.endings import erase
from edge.store.ledger import SqliteVisitLog
from edge.store.outbox import Outbox, Reading
from edge.store.people import Member
from edge.store.recall import visit_of
from edge.store.register import Register, Template, new_member
from edge.store.senders import Senders, secrets_root
from edge.store.switches import FACES, is_off, note_done, open_requests
from edge.store.timelines import Timelines
from edge.store.tokens import Tokens
from menkou.listen import Listen
from menkou.web.app import dress
from tests.support import people

SHANGHAI = ZoneInfo("Asia/Shanghai")
CHANNELS = (
    Channel(id="friend", zh="朋友介绍", en="A friend"),
    Channel(
        id="xiaohongshu",
        zh="小红书",
        en="Xiaohongshu",
        adverts=(
            Advert(id="xhs-2026-11", zh="双十一笔记", en="November note"),
            Advert(id="xhs-2025", zh="旧笔记", en="Old note", active=False),
        ),
    ),
    Channel(id="app", zh="品牌 App", en="Our app"),
    Channel(id="flyer", zh="传单", en="Flyer", active=False),
)
DOOR = Drawing(line=((0.0, 0.6), (1.0, 0.6)), inside="below")
ALWAYS = OpeningHours(zone=SHANGHAI, by_weekday=None)


class Hands:
    """The kernel's clocks: the test's wall time, and seconds that go by when the test says so."""

    def __init__(self, wall: Callable[[], datetime]) -> None:
        self.now = wall
        self.seconds = 1000.0
        self.word: ClockState = "ok"

    def mono(self) -> float:
        return self.seconds

    def state(self) -> ClockState:
        return self.word


class Posing:
    """Judges of photos that say what the test wants: what is in `script`, else what the photo says
    that it is.
    """

    def __init__(self) -> None:
        self.script: list[Look] = []
        self.goods: dict[str, int] = {}
        self.seen: list[bytes] = []
        self.full = False

    def of(self, screen: str) -> "Posed | None":
        """The judge of a screen."""
        return None if self.full else Posed(self, screen)

    def good(self, screen: str) -> int:
        """How many of a screen's photos were good."""
        return self.goods.get(screen, 0)

    def end(self, screen: str) -> None:
        """Forget a screen."""
        self.goods.pop(screen, None)


@dataclasses.dataclass
class Posed:
    """One screen's judge."""

    all: Posing
    screen: str

    def look(self, photo: bytes) -> Look:
        """Say what the photo says."""
        self.all.seen.append(photo)
        said: Any = self.all.script.pop(0) if self.all.script else photo.decode(errors="replace")
        if said == "ok":
            self.all.goods[self.screen] = self.all.good(self.screen) + 1
        return said if said in get_args(Look) else "not_a_picture"

    def template(self, subject: str) -> Template:
        """Some face's template."""
        return dataclasses.replace(people.template(subject), photos=PHOTOS)

    def close(self) -> None:
        """Nothing to do."""


class ShopBox:
    """The store of a box, its clock, and who has come in.

    Args:
        folder: where its data directory is made.
        now: its time until the test changes it; None: the machine's.
        clock: whether its kernel is synchronised.
    """

    def __init__(
        self, folder: Path, *, now: datetime | None = None, clock: ClockState = "ok"
    ) -> None:
        self.folder = folder / "box"
        self.folder.mkdir(parents=True)
        self.fixed = now
        self.root: bytes | None = secrets.token_bytes(32)
        self.keys = ProfileKeys(self.root)
        self.woken: list[str] = []
        self.reserved = False
        self.told: dict[str, str] = {}
        self.db_of_thread = PerThread(lambda: connect(self.folder))
        migrate(self.db)
        epoch = Outbox(self.db).begin_epoch(self.now(), "run")
        self.log = SqliteVisitLog(self.db, epoch, "run", basis="distinct")
        self.register = Register(self.db, self.keys, actor="local", tell=lambda *_: None)
        self.teller = Teller(
            epoch=epoch, reading=lambda: Reading(at=self.now(), mono=1.0, clock="ok")
        )
        self.hands = Hands(self.now)
        self.hands.word = clock
        self.clock = SteadyClock(self.hands, self.timelines().follow(self.hands))
        self.means = Means(
            db=lambda: self.db_of_thread(),
            clock=self.hands,
            mark=marks_of(self.hands, "this start"),
            zone=SHANGHAI,
            profile_root=lambda: self.root,
            teller=self.teller,
            wake=lambda: self.wake(),
        )
        self.floor = Floor(self.means)
        self.service = ServiceDesk(
            self.means,
            telling=Telling(target="sms", reach="phone", text=lambda kind: f"ready: {kind}"),
            staff=self.floor.people,
        )
        self.sources = SourceDesk(
            self.means,
            channels=CHANNELS,
            fixed=False,
            staff=self.floor.people,
        )
        self.desk = Desk(
            self.means,
            store_id="nj-001",
            hours=ALWAYS,
            floor=self.floor,
            service=self.service,
            make_room=self._make_room,
        )
        self.codes = CodeDesk(self.means, shop="南京东路店")
        self.clock_desk = ClockDesk(
            db=self.means.db,
            clock=self.clock,
            timelines=self.timelines,
            boot="this start",
            wake=self.means.wake,
        )
        self.queue = QueueDesk(
            self.means,
            rules=Rules(
                call_after=timedelta(minutes=30),
                back_within=timedelta(minutes=15),
                late_after=timedelta(minutes=30),
            ),
            calling=Calling(target="sms", reach="phone", shop="南京东路店", text="{shop} {number}"),
        )
        self.till = TillDesk(self.means, store_id="nj-001", root=secrets_root(self.folder))
        self.appointments = AppointmentDesk(self.means, staff=self.floor.people)
        self.members = MemberDesk(self.means)
        self.imports = ImportDesk(self.means, register=self.members.register)
        self.posing = Posing()
        self.responsible: Responsible | None = Responsible(
            controller="示例珠宝公司", contact="privacy@example.com"
        )
        self.join = JoinDesk(
            self.means,
            shop="nj-001",
            members=self.members,
            responsible=lambda: self.responsible,
            judges=self.posing,
        )
        self.pictures: dict[str, bytes] = {}
        self.counted_by: dict[str, int] = {}
        self.parts: list[Seen] = [Seen(what="camera", name="door", state="ok")]
        self.rung_up: list[datetime] | None = None
        self.seconds = 0.0
        self.corner = self.corner_desk(ALWAYS)

    def corner_desk(self, hours: OpeningHours) -> CornerDesk:
        """The manager's corner, of a shop with these hours."""
        return CornerDesk(
            self.means,
            hours=hours,
            basis=lambda: "distinct",
            plans=(Plan(name="door", role="entrance", drawing=DOOR, zone_needed=False),),
            eyesight=Eyesight(picture=self.pictures.get, drawn=self.counted_by.get),
            health=Health(lambda: self.parts, self.now),
            call_after=timedelta(minutes=30),
            receipts=self._receipts,
            clock=lambda: self.seconds,
        )

    def _receipts(self, start: datetime, end: datetime) -> tuple[datetime, ...] | None:
        if self.rung_up is None:
            return None
        return tuple(at for at in self.rung_up if start <= at < end)

    def fill_up(self) -> None:
        """Let the disk take nothing any more."""
        self.db.execute("PRAGMA query_only = ON")

    def _make_room(self) -> bool:
        """Give up what was reserved, once."""
        reserved, self.reserved = self.reserved, False
        if reserved:
            self.db.execute("PRAGMA query_only = OFF")
        return reserved

    def faces_off(self) -> bool:
        """Say whether somebody turned faces off."""
        return is_off(self.db, FACES)

    def timelines(self) -> Timelines:
        """What this start dates by, over the calling thread's connection."""
        return Timelines(self.db, "this start")

    @property
    def db(self) -> Database:
        """The calling thread's connection."""
        return self.db_of_thread()

    def now(self) -> datetime:
        """The box's time."""
        return self.fixed or datetime.now(UTC)

    def wake(self) -> None:
        """What the pages call when the eyes are to look; a test may replace it."""
        self.woken.append("eyes")

    def member(self, name: str, **profile: Any) -> Member:
        """Enrol a member without a face."""
        member = new_member(Profile(name=name, **profile), self.now())
        self.register.add(member, consent=None, template=None)
        return member

    def erase(self, member: Member) -> None:
        """Erase a member."""
        erase(self.db, member.id, self.now(), actor="local", tell=lambda *_: None)

    def visit(self, member: Member | None = None, *, ago_s: float = 0, **changes: Any) -> Visit:
        """Keep a visit that opened `ago_s` seconds ago."""
        at = self.now() - timedelta(seconds=ago_s)
        visit = Visit(
            id=str(ULID.from_datetime(at)),
            rev=0,
            opened_at=at,
            camera="door",
            who="member" if member else "visitor",
            subject=member.subject if member else None,
            sure=True if member else None,
        )
        visit = dataclasses.replace(visit, **changes)
        self.log.commit([Fact(change=Opened(visit=visit), mono=1.0, clock="ok")])
        return visit

    def announce(self, visit: Visit, *, ago_s: float = 0) -> None:
        """Tell the shop that a member has come in, as the eyes do once."""
        assert visit.subject is not None
        at = self.now() - timedelta(seconds=ago_s)
        raised = Raised(at=at, kind="member_arrived", visit=visit.id, subject=visit.subject)
        self.log.commit([Fact(change=raised, mono=1.0, clock="ok")])

    def correct(self) -> None:
        """Do what the eyes do with what was asked of them."""
        for request in open_requests(self.db):
            assert request.visit is not None
            if request.kind == "end":
                over = Closed(at=request.at, visit=request.visit, reason="tap")
                self.log.commit([Fact(change=over, mono=1.0, clock="ok")])
                note_done(self.db, request, self.now(), None)
                continue
            if request.kind in ("staff", "guest"):
                known = visit_of(self.db, request.visit)
                assert known
                who: Who = "staff" if request.kind == "staff" else "visitor"
                other = dataclasses.replace(known, who=who, rev=known.rev + 1)
                said = Revised(at=self.now(), visit=other, reason="staff")
                self.log.commit([Fact(change=said, mono=1.0, clock="ok")])
                note_done(self.db, request, self.now(), None)
                continue
            row = self.db.execute(
                "SELECT rev, opened_at FROM visit WHERE id = ?", [request.visit]
            ).fetchone()
            visit = Visit(
                id=request.visit,
                rev=row[0] + 1,
                opened_at=datetime.fromisoformat(row[1]),
                camera="door",
                who="visitor",
            )
            change = Revised(at=self.now(), visit=visit, reason="wrong_person")
            self.log.commit([Fact(change=change, mono=1.0, clock="ok")])
            self.db.execute(
                "UPDATE request SET done_at = ? WHERE id = ?", [self.now().isoformat(), request.id]
            )

    def let_in(self) -> None:
        """Do what the eyes do with a code that was taken; nobody has come through the door."""
        for request in open_requests(self.db):
            at = self.now()
            visit = Visit(
                id=str(ULID.from_datetime(at)),
                rev=0,
                opened_at=at,
                camera=None,
                who="member",
                subject=request.subject,
                counted=False,
            )
            self.log.commit([Fact(change=Opened(visit=visit), mono=1.0, clock="ok")])
            note_done(self.db, request, at, request.subject, visit.id)

    def devices(self) -> Devices:
        """The paired devices, over the calling thread's connection."""
        return Devices(self.db)

    def tokens(self) -> Tokens:
        """The API's tokens, over the calling thread's connection."""
        return Tokens(self.db)

    def senders(self) -> Senders:
        """The senders of signed requests, over the calling thread's connection."""
        return Senders(self.db, secrets_root(self.folder))

    def app(
        self,
        view: Callable[[], ShopView],
        listen: Listen,
        *,
        revoked: Callable[[], None] = lambda: None,
        clock: Callable[[], float] | None = None,
    ) -> Flask:
        """Make the box's pages, dressed, over this store."""

        def shown() -> ShopView:
            return dataclasses.replace(view(), faces_off=is_off(self.db, FACES))

        paired = DeviceDesk(devices=self.devices, now=self.now, listen=listen, revoked=revoked)
        screen = GuestScreen(cameras=["desk", "counter"], told=self.told.get)
        more = {"clock": clock} if clock else {}
        tokens = TokenDesk(tokens=self.tokens, now=self.now, revoked=revoked, **more)
        senders = SenderDesk(
            senders=self.senders, now=self.now, trusted=lambda: self.clock.state() == "ok"
        )
        desks = Desks(
            arrivals=self.desk,
            devices=paired,
            clock=self.clock_desk,
            codes=self.codes,
            screen=screen,
            floor=self.floor,
            queue=self.queue,
            appointments=self.appointments,
            sources=self.sources,
            service=self.service,
            tokens=tokens,
            senders=senders,
            till=self.till,
            members=self.members,
            imports=self.imports,
            join=self.join,
            corner=self.corner,
        )
        app = create_console(shown, desks)
        door = Access(devices=self.devices, now=self.now, listen=listen, revoked=revoked, **more)
        dress(app, listen, secret_file=self.folder / "console.secret", door=door)
        return app

    def audited(self, what: str) -> list[tuple[str, str | None]]:
        """Return actor and subject of the audit log's entries of a kind."""
        rows = self.db.execute(
            "SELECT actor, subject FROM audit WHERE what = ? ORDER BY id", [what]
        )
        return [(actor, subject) for actor, subject in rows]
