"""Members, consents and templates for tests of several folders."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from sqlite_utils import Database
from ulid import ULID

from edge.core.consent import Consent, Terms, read_consent
from edge.core.profile import Profile
from edge.core.visit import Opened, Visit
from edge.keys import envelope
from edge.keys.lock import TemplateLock
from edge.keys.profiles import ProfileKeys
from edge.ports import Fact, Vector
from edge.store.ledger import SqliteVisitLog
from edge.store.outbox import Origin, Outbox
from edge.store.register import Register, Template, new_member

NOW: Final = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
PROFILE_ROOT: Final = bytes(range(32))
TEMPLATE_ROOT: Final = bytes(range(100, 132))
MODEL: Final = "dlib-face-resnet-v1.2"
"""Of the box's own family: it takes no other template."""
RECORD: Final[Mapping[str, Any]] = {
    "purpose": "recognition",
    "text_version": "2026-11",
    "language": "zh",
    "given_at": "2026-11-20T15:04:00+08:00",
    "means": "in_person",
    "scope": "store",
    "shops": [],
    "expires": "2027-11-20",
    "adult": True,
    "guardian": None,
}


def consent(*, now: datetime = NOW, **changed: Any) -> Consent:
    """Return a consent that was judged at `now`."""
    texts = {("2026-11", "zh"): "5" * 64}
    terms = Terms(shop="nj-001", zone=ZoneInfo("Asia/Shanghai"), now=now, texts=texts, names=())
    return read_consent({**RECORD, **changed}, terms)


def vector(seed: int) -> Vector:
    """Return some face's descriptor."""
    numbers = np.random.default_rng(seed).normal(size=128)
    return np.asarray(numbers / np.linalg.norm(numbers), np.float32)


def template(subject: str, seed: int = 1) -> Template:
    """Return a sealed template that TEMPLATE_ROOT opens."""
    lock = TemplateLock(envelope.public_of(TEMPLATE_ROOT))
    sealed = lock.seal(vector(seed), subject=subject)
    return Template(sealed_key=sealed.key, sealed=sealed.vector, model=MODEL, photos=2)


def profile_keys() -> ProfileKeys:
    """Return the keys of the tests' profiles."""
    return ProfileKeys(PROFILE_ROOT)


def joined(register: Register, name: str, *, seed: int | None = None, **fields: Any) -> str:
    """Add a member, with face and consent if a seed is given; return the id."""
    member = new_member(Profile(name=name, **fields), NOW)
    face = None if seed is None else template(member.subject, seed)
    register.add(member, consent=consent() if face else None, template=face)
    return member.id


def visited(db: Database, subject: str, at: datetime, *, origin: Origin = "run") -> None:
    """Let a member come in."""
    log = SqliteVisitLog(db, Outbox(db).begin_epoch(at, origin), origin)
    visit = Visit(id=str(ULID()), rev=0, opened_at=at, camera="door", who="member", subject=subject)
    log.commit([Fact(change=Opened(visit=visit), mono=1.0, clock="ok")])
