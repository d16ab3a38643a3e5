"""Boxes made of thin air, a database, and brokers, for the hub's tests."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from cloud.db import migrate, open_engine, writing
from cloud.ingest import Ingest
from cloud.partitions import make_next
from cloud.shares import Shares
from cloud.throwaway import Postgres, throwaway
from edge.wire.codec import decode_ack, encode
from edge.wire.messages import (
    Ack,
    Alert,
    Batch,
    Body,
    CameraState,
    CrossingMinute,
    EpochSpan,
    Event,
    Heartbeat,
    Hello,
    MemberChanged,
    PresenceHour,
    PresenceMinute,
    Status,
    VisitClosed,
    VisitOpened,
    VisitRevised,
)
from edge.wire.topics import BoxAddress
from tests.support.databases import make_hub_database
from tests.support.processes import Mosquitto

NOW = datetime(2026, 11, 21, 4, 30, tzinfo=UTC)  # 12:30 in Shanghai
MINUTE = timedelta(minutes=1)
Message = tuple[str, bytes, datetime]
_ULID = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_numbers = itertools.count(1)


def ulid(number: int) -> str:
    """Return the ULID of a number."""
    digits = ""
    for _ in range(26):
        number, digit = divmod(number, 32)
        digits = _ULID[digit] + digits
    return digits


@dataclass
class FakeBox:
    """A box that numbers its events and packs them; it has no network and no store."""

    store: str = "nj-001"
    box: str = "nj-001-a"
    epoch: str = "e" * 32
    session: str = "5" * 32
    timezone: str = "Asia/Shanghai"
    events: list[Event] = field(default_factory=list)

    @property
    def address(self) -> BoxAddress:
        return BoxAddress(store=self.store, box=self.box)

    def tell(self, body: Body, at: datetime = NOW) -> Event:
        """Return the next event of this box."""
        seq = sum(event.epoch == self.epoch for event in self.events) + 1
        event = Event(epoch=self.epoch, seq=seq, at=at, mono=1.5, clock="ok", body=body)
        self.events.append(event)
        return event

    def opened(
        self,
        at: datetime = NOW,
        *,
        who: str = "visitor",
        reentry: bool = False,
        basis: str = "crossings",
        visit: str | None = None,
        counted: bool = True,
        subject: str | None = None,
    ) -> Event:
        body = VisitOpened(
            visit=visit or ulid(next(_numbers)),
            camera="door",
            who=who,
            subject=(subject or ulid(7)) if who == "member" else None,
            reentry=reentry,
            first_visit=ulid(1) if reentry else None,
            basis=basis,
            counted=counted,
        )
        return self.tell(body, at)

    def revised(self, opening: Event, rev: int = 1, **changes: object) -> Event:
        first = opening.body
        assert isinstance(first, VisitOpened)
        fields = {
            "visit": first.visit,
            "rev": rev,
            "opened_at": opening.at,
            "camera": "door",
            "who": first.who,
            "subject": first.subject,
            "reentry": first.reentry,
            "first_visit": first.first_visit,
            "basis": first.basis,
            "counted": first.counted,
            "void": False,
            "reason": "late_identity",
        }
        return self.tell(VisitRevised(**{**fields, **changes}), opening.at)  # type: ignore[arg-type]

    def closed(self, opening: Event, at: datetime = NOW, rev: int = 0) -> Event:
        assert isinstance(opening.body, VisitOpened)
        return self.tell(VisitClosed(visit=opening.body.visit, reason="tap", rev=rev), at)

    def alerted(self, opening: Event, at: datetime = NOW) -> Event:
        first = opening.body
        assert isinstance(first, VisitOpened)
        return self.tell(
            Alert(alert="member_arrived", visit=first.visit, subject=first.subject), at
        )

    def member(self, subject: str, change: str, at: datetime = NOW) -> Event:
        return self.tell(MemberChanged(subject=subject, change=change), at)

    def crossed(
        self, minute: datetime = NOW, *, rev: int = 1, entered: int = 1, camera: str = "door"
    ) -> Event:
        body = CrossingMinute(
            camera=camera,
            minute=minute,
            rev=rev,
            entered=entered,
            left=2,
            entered_closed=3,
            left_closed=4,
            staff=5,
            turned_back=0,
        )
        return self.tell(body, minute)

    def sensed(self, minute: datetime = NOW, *, rev: int = 1, footfall: int = 500) -> Event:
        body = PresenceMinute(
            minute=minute, rev=rev, classes=4, near=2, far=1, footfall=footfall, probes=40
        )
        return self.tell(body, minute + MINUTE)

    def compared(self, hour: datetime, **changes: object) -> Event:
        fields = {
            "hour": hour,
            "rev": 1,
            "minutes": 60,
            "footfall": 54_000,
            "visitors": 2,
            "basis": "crossings",
            "passers": 40,
            "error": 14,
            "learnt": 26,
            "needed": 20,
            **dict.fromkeys(("stays", "stays_5", "stays_10", "stays_20", "stays_40")),
        }
        body = PresenceHour(**{**fields, **changes})  # type: ignore[arg-type]
        return self.tell(body, hour + 60 * MINUTE)

    def batch(self, *events: Event) -> Message:
        return self.sends("up", encode(Batch(events=events)))

    def hello(self, *spans: tuple[int, int], session: str | None = None) -> Message:
        epochs = tuple(EpochSpan(epoch=self.epoch, first=a, last=b) for a, b in spans)
        hello = Hello(
            session=session or self.session,
            name="南京东路店",
            timezone=self.timezone,
            version="1.2.3",
            epochs=epochs,
        )
        return self.sends("up", encode(hello))

    def status(self, state: str, session: str | None = None) -> Message:
        status = Status(session=session or self.session, state=state)  # type: ignore[arg-type]
        return self.sends("status", encode(status))

    def heartbeat(
        self,
        at: datetime = NOW,
        session: str | None = None,
        backlog: int = 3,
        mode_why: str | None = "declaration_missing",
        storage: str = "ok",
        **more: Any,
    ) -> Message:
        beat = Heartbeat(
            session=session or self.session,
            at=at,
            clock="ok",
            version="1.2.4",
            mode="count",
            mode_wanted="entrance",
            mode_why=mode_why,
            backlog=backlog,
            oldest_unacked_at=None,
            occupancy=4,
            storage=storage,
            cameras=(CameraState(name="door", state="ok"),),
        )
        return self.sends("health", encode(replace(beat, **more)))

    def sends(self, channel: str, payload: bytes, at: datetime = NOW) -> Message:
        return f"menkou/v1/{self.store}/{self.box}/{channel}", payload, at


def acks(replies: Sequence[tuple[str, bytes]]) -> list[Ack]:
    """Return the acknowledgements that replies hold."""
    assert all(topic.endswith("/ack") for topic, _ in replies)
    return [decode_ack(payload) for _, payload in replies]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server with a database `hub` that has the schema, and its months.

    It does not wait for the disk: its data die with it, and only a power cut would show the
    difference. Tests that kill processes start one that does.
    """
    with throwaway(durable=False) as server:
        made = open_engine(server.make("hub"))
        migrate(made)
        _make_months(made)
        made.dispose()
        yield server


def _make_months(engine: Engine) -> None:
    """Make the partitions of a running hub, without a word on how long facts are kept."""
    first = NOW.replace(day=1, hour=0, minute=0)
    made = ["some"]
    while made:
        with writing(engine) as connection:
            made = make_next(connection, first, NOW)


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """The address of a database of PostgreSQL that has the schema, and nothing else."""
    name = f"test{next(_numbers)}"
    yield postgres.make(name, "hub")
    postgres.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database of either kind; that of SQLite is not made yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'hub.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what is SQLite's own."""
on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
"""For what is PostgreSQL's own."""


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A database of either kind that has the schema, and nothing else."""
    made = open_engine(database_url)
    if made.dialect.name == "sqlite":
        make_hub_database(Path(str(made.url.database)))
    yield made
    made.dispose()


@pytest.fixture
def ingest(engine: Engine, tmp_path: Path) -> Ingest:
    return Ingest(engine, Shares(engine, tmp_path / "share.secret"))


@pytest.fixture
def box() -> FakeBox:
    return FakeBox()


@pytest.fixture
def random() -> Random:
    return Random(20261121)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.kill()
