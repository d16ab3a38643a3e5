"""A box's store with members and visits in it, and the real pages over it, for tests."""

import dataclasses
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask
from sqlite_utils import Database
from ulid import ULID

from edge.clock import SteadyClock
from edge.console.access import Access
from edge.console.app import create_console
from edge.console.checkin import GuestScreen
from edge.console.clock import ClockDesk
from edge.console.codes import CodeDesk
from edge.console.desk import Desk
from edge.console.devices import DeviceDesk
from edge.console.view import ShopView
from edge.core.hours import OpeningHours
from edge.core.profile import Profile
from edge.core.visit import Opened, Revised, Visit
from edge.front import PerThread
from edge.keys.profiles import ProfileKeys
from edge.ports import ClockState, Fact
from edge.store.database import connect, migrate
from edge.store.devices import Devices
from edge.store.endings import erase
from edge.store.ledger import SqliteVisitLog
from edge.store.outbox import Outbox
from edge.store.people import Member
from edge.store.register import Register, new_member
from edge.store.switches import FACES, is_off, note_done, open_requests
from edge.store.timelines import Timelines
from menkou.listen import Listen
from menkou.web.app import dress

SHANGHAI = ZoneInfo("Asia/Shanghai")
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
        self.desk = Desk(
            store_id="nj-001",
            hours=ALWAYS,
            db=self.db_of_thread,
            now=self.now,
            profile_root=lambda: self.root,
            wake=lambda: self.wake(),
            make_room=self._make_room,
        )

        self.hands = Hands(self.now)
        self.hands.word = clock
        self.clock = SteadyClock(self.hands, self.timelines().follow(self.hands))
        self.codes = CodeDesk(
            shop="南京东路店",
            db=self.db_of_thread,
            clock=self.clock,
            profile_root=lambda: self.root,
            wake=lambda: self.wake(),
        )
        self.clock_desk = ClockDesk(
            db=self.db_of_thread,
            clock=self.clock,
            timelines=self.timelines,
            boot="this start",
            wake=lambda: self.wake(),
        )

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

    def correct(self) -> None:
        """Do what the eyes do with what was asked of them."""
        for request in open_requests(self.db):
            assert request.visit is not None
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
        app = create_console(shown, self.desk, paired, self.clock_desk, self.codes, screen)
        more = {"clock": clock} if clock else {}
        door = Access(devices=self.devices, now=self.now, listen=listen, revoked=revoked, **more)
        dress(app, listen, secret_file=self.folder / "console.secret", door=door)
        return app

    def audited(self, what: str) -> list[tuple[str, str | None]]:
        """Return actor and subject of the audit log's entries of a kind."""
        rows = self.db.execute(
            "SELECT actor, subject FROM audit WHERE what = ? ORDER BY id", [what]
        )
        return [(actor, subject) for actor, subject in rows]
