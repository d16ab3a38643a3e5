"""Boxes with real certificates that share members by way of a real hub's ingest, in one process."""

import json
import secrets
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine

from cloud.ingest import Ingest
from edge.app.faces import GalleryFeed
from edge.app.orders import HeadOffice
from edge.app.papers import Papers
from edge.app.sharing import Sharing
from edge.config import load
from edge.consent.texts import text_hashes
from edge.core.consent import Terms, read_consent
from edge.core.profile import Profile
from edge.faces.gallery import MemberGallery
from edge.keys import envelope
from edge.keys.lock import TemplateLock
from edge.keys.profiles import ProfileKeys
from edge.keys.templates import TemplateOpener
from edge.ports import ClockState
from edge.store import endings
from edge.store.consents import Change
from edge.store.database import connect, migrate
from edge.store.outbox import Outbox, Reading
from edge.store.people import Member, People
from edge.store.register import Register, Template, new_member
from edge.wire.codec import decode_down, encode, inflated
from edge.wire.messages import Ack, Batch, EpochAck, Hello, MemberChanged, Status
from edge.wire.orders import Orders
from edge.wire.sharing import SharedAck
from edge.wire.topics import BoxAddress, parse_topic
from tests.edge.test_modes import BASE, DECLARATION
from tests.support.people import MODEL, RECORD, vector
from tests.support.secured import SHIPPED

A, B, C = "nj-001/nj-001-a", "sh-002/sh-002-a", "bj-003/bj-003-a"


class Certificates:
    """The shipped authority in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.run("init")

    def run(self, *words: str) -> None:
        done = subprocess.run(
            [SHIPPED / "authority", *words], cwd=self.folder, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def box(self, place: str) -> tuple[Path, Path]:
        """Return certificate and key of a box; each time new ones."""
        self.run("box", place)
        name = f"box-{place.replace('/', '-')}"
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"


@dataclass
class Clock:
    """The world's clock: today, as certificates are issued for it."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC) + timedelta(minutes=2))
    passed: float = 0.0
    doubt: bool = False

    def now(self) -> datetime:
        return self.at + timedelta(seconds=self.passed)

    def mono(self) -> float:
        return self.passed

    def state(self) -> ClockState:
        return "suspect" if self.doubt else "ok"


def record(clock: Clock, *shops: str, **changed: Any) -> dict[str, Any]:
    """Return a consent record that was given an hour ago, for a chain's shops."""
    return {
        **RECORD,
        "scope": "chain",
        "shops": list(shops),
        "given_at": (clock.now() - timedelta(hours=1)).isoformat(),
        "expires": (clock.now() + timedelta(days=300)).date().isoformat(),
        **changed,
    }


class Box:
    """One box: its store, its eyes' and its front's part of sharing, and what they hold."""

    def __init__(self, folder: Path, place: str, certificates: Certificates, clock: Clock) -> None:
        self.place = place
        store, _, box = place.partition("/")
        self.address = BoxAddress(store=store, box=box)
        self.folder = folder
        self.clock = clock
        folder.mkdir()
        cert, key = certificates.box(place)
        for path, name in ((cert, "box.pem"), (key, "box.key")):
            shutil.copy(path, folder / name)
        shutil.copy(certificates.folder / "ca.pem", folder / "ca.pem")
        text = BASE.replace("MODE", "entrance").replace("KEY", "file").replace("WHO", "members")
        text = text.replace('"nj-001"', f'"{store}"').replace('"nj-001-a"', f'"{box}"')
        text += DECLARATION.replace("ACCEPT", "true").replace("BASIS", "")
        text += '[uplink]\nbroker = "mqtts://localhost:1"\nca = "ca.pem"\ncert = "box.pem"\n'
        (folder / "edge.toml").write_text(text + 'key = "file:box.key"\n', encoding="utf-8")
        self.config = load(folder / "edge.toml")
        self.profile_root, self.template_root = secrets.token_bytes(32), secrets.token_bytes(32)
        self.open()

    def open(self) -> None:
        """Start on the store as it is."""
        self.config.data_dir.mkdir(exist_ok=True)
        self.db = connect(self.config.data_dir)
        migrate(self.db)
        self.outbox = Outbox(self.db)
        self.epoch = self.outbox.begin_epoch(self.clock.now(), "run")
        self.session = secrets.token_hex(16)
        self.has_profile_root: bool = True
        assert self.config.uplink is not None
        self.eyes = Sharing(
            place=self.place,
            db=self.db,
            papers=Papers(self.place, self.config.uplink, self.config.base).read,
            root=lambda: self.template_root,
            model=lambda: MODEL,
            epoch=self.epoch,
            clock=self.clock,
        )
        self.down = HeadOffice(
            config=self.config,
            db=self.db,
            epoch=self.epoch,
            clock=self.clock,
            changed=lambda: None,
            wake=lambda: None,
            profile_root=lambda: self.profile_root if self.has_profile_root else None,
        ).down()
        self.gallery = MemberGallery()
        opener = TemplateOpener(self.template_root)
        self.feed = GalleryFeed(self.db, opener, self.gallery, self.config.faces.gallery)

    def reload(self) -> None:
        """Start again with the settings as they are in the file now."""
        self.config = load(self.folder / "edge.toml")
        self.db.close()
        self.open()

    def _tell(self, subject: str, change: Change) -> None:
        reading = Reading(at=self.clock.now(), mono=1.0, clock="ok")
        self.outbox.append(self.epoch, [(MemberChanged(subject=subject, change=change), reading)])

    @property
    def keys(self) -> ProfileKeys:
        return ProfileKeys(self.profile_root)

    def register(self) -> Register:
        return Register(self.db, self.keys, actor="local", tell=self._tell)

    def template(self, subject: str, seed: int) -> Template:
        lock = TemplateLock(envelope.public_of(self.template_root))
        sealed = lock.seal(vector(seed), subject=subject)
        return Template(sealed_key=sealed.key, sealed=sealed.vector, model=MODEL, photos=2)

    def _consent(self, raw: object) -> Any:
        store = self.config.store
        terms = Terms(
            shop=store.id, zone=store.zone, now=self.clock.now(), texts=text_hashes(), names=()
        )
        return read_consent(raw, terms)

    def enrol(self, name: str, raw: object, seed: int = 1, **fields: Any) -> Member:
        """Enrol somebody with a face under a consent record."""
        member = new_member(Profile(name=name, **fields), self.clock.now())
        template = self.template(member.subject, seed)
        self.register().add(member, consent=self._consent(raw), template=template)
        return member

    def again(self, member: Member, raw: object | None, seed: int | None) -> None:
        """Photograph a member again, or take another consent, or both."""
        template = None if seed is None else self.template(member.subject, seed)
        consent = None if raw is None else self._consent(raw)
        self.register().enrol(member.id, self.clock.now(), consent=consent, template=template)

    def withdraw(self, member: Member) -> None:
        endings.withdraw(self.db, member.id, self.clock.now(), actor="local", tell=self._tell)

    def erase(self, member: Member) -> None:
        endings.erase(self.db, member.id, self.clock.now(), actor="local", tell=self._tell)

    def knows(self, seed: int) -> bool:
        """Say whether the box recognises a face."""
        self.feed.fill(self.clock.now())
        self.feed(self.clock.now())
        match = self.gallery.match(np.asarray(vector(seed)), 5)
        return match is not None

    def members(self) -> list[Member]:
        return list(People(self.db, self.keys).everybody().members)

    def names(self) -> list[str]:
        return sorted(member.profile.name for member in self.members())

    def count(self, table: str) -> int:
        (number,) = self.db.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(number)

    def why(self, place: str) -> str | None:
        """Return why a box's keys are refused."""
        row = self.db.execute("SELECT why FROM box_key WHERE place = ?", [place]).fetchone()
        return row[0] if row else None

    def refusals(self) -> list[str]:
        rows = self.db.execute("SELECT event FROM outbox WHERE kind = 'order_refused'")
        return [json.loads(event)["body"]["code"] for (event,) in rows]


Meddle = Callable[[str, bytes], bytes | None]


@dataclass
class World:
    """Boxes and a hub; every byte between them passes through here."""

    folder: Path
    engine: Engine
    ingest: Ingest
    clock: Clock = field(default_factory=Clock)
    boxes: dict[str, Box] = field(default_factory=dict)
    heard: bytearray = field(default_factory=bytearray)
    down: Meddle = lambda topic, payload: payload
    up: Meddle = lambda topic, payload: payload

    def __post_init__(self) -> None:
        self.certificates = Certificates(self.folder / "authority")

    def box(self, place: str, *, folder: str | None = None, greets: bool = True) -> Box:
        """Set a box up and let it greet the hub."""
        name = folder or place.replace("/", "-")
        made = self.boxes[place] = Box(self.folder / name, place, self.certificates, self.clock)
        if greets:
            self.greets(made)
        return made

    def greets(self, box: Box) -> None:
        """Connect a box."""
        box.session = secrets.token_hex(16)
        self._hears(box, "status", encode(Status(session=box.session, state="online")))
        hello = Hello(
            session=box.session,
            name="店",
            timezone="Asia/Shanghai",
            version="1.2.3",
            epochs=tuple(box.outbox.spans()),
        )
        self._hears(box, "up", encode(hello))
        box.down.on_connected()

    def _hears(self, box: Box, channel: Any, payload: bytes) -> None:
        topic = box.address.topic(channel)
        self.heard += payload + inflated(payload)
        sent = self.up(topic, payload)
        if sent is not None:
            for reply in self.ingest.take([(topic, sent, self.clock.now())]):
                self._brings(*reply)

    def _brings(self, topic: str, payload: bytes) -> None:
        self.heard += payload + inflated(payload)
        address, channel = parse_topic(topic)
        box = self.boxes.get(f"{address.store}/{address.box}")
        sent = self.down(topic, payload)
        if box is None or channel != "down" or sent is None:
            return
        said = decode_down(sent)
        if isinstance(said, SharedAck):
            if said.session == box.session:
                box.down.heard(said)
        elif isinstance(said, Orders):
            self._hears(box, "up", encode(box.down.take(said, box.session)))

    def events(self, box: Box) -> None:
        """Send a box's events, and believe that they arrived."""
        if rows := box.outbox.waiting(after=0, limit=100):
            self._hears(box, "up", encode(Batch(events=tuple(row.event for row in rows))))
            ends: dict[str, int] = {}
            for row in rows:
                ends[row.event.epoch] = max(row.event.seq, ends.get(row.event.epoch, 0))
            epochs = tuple(EpochAck(epoch=e, through=n) for e, n in ends.items())
            box.outbox.acknowledge(Ack(hello=None, epochs=epochs), self.clock.now())

    def turn(self, *boxes: Box) -> None:
        """Let boxes (all of them, if none is named) and the hub do what is due."""
        self.clock.passed += 7
        for box in boxes or tuple(self.boxes.values()):
            box.eyes.look()
            for word in box.down.words(box.session, self.clock.mono()):
                self._hears(box, "up", encode(word))
            self.events(box)
        for reply in self.ingest.orders_due(self.clock.now()):
            self._brings(*reply)

    def settle(self, turns: int = 12) -> None:
        """Let everything come to rest: until nobody has said a word for three turns."""
        quiet = 0
        for _ in range(turns):
            before = len(self.heard)
            self.turn()
            quiet = quiet + 1 if len(self.heard) == before else 0
            if quiet == 3:
                return
