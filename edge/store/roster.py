"""What members are found by: names, numbers, phones, opened in this process's memory alone.

Called by `edge.desk.members`. Profiles are sealed, each under a key of its own, so nothing in the
database can be searched by a part of a name. Opening one takes 35 microseconds: 20,000 are open in
a second, more in several looks. What nobody asked for in ten minutes is forgotten.
"""

import threading
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sqlite_utils import Database

from edge.core.profile import Profile, plain_id
from edge.keys.profiles import ProfileKeys
from edge.store.people import MemberMissing, People, ProfileUnreadable

BUDGET_S: Final = 1.0
KEPT_S: Final = 600.0
HELD_MAX: Final = 200_000
"""About 100 MB. Of more members the newest are found by a part of a name, all by their number."""
_LOOK_EVERY: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A member in a list. repr shows the ids only."""

    id: str
    changed_at: str
    name: str = field(repr=False)
    called: str = field(repr=False)
    external_id: str = field(repr=False)
    tier: str = field(repr=False)
    phone: str = field(repr=False)
    hay: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The members found, newest changed first; `more` were found besides.

    `unopened` of all `members` are not opened yet: the same question a moment later finds more.
    """

    lines: tuple[Line, ...]
    more: int
    members: int
    unopened: int


class Roster:
    """Members by what people know of them. Safe from several threads.

    Args:
        clock: monotonic seconds.
        budget_s: for so long a question opens profiles.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, budget_s: float = BUDGET_S
    ) -> None:
        self._clock = clock
        self._budget_s = budget_s
        self._lock = threading.Lock()
        self._held: dict[str, Line] = {}
        self._asked_s = clock()
        self._broom: threading.Timer | None = None

    def find(self, db: Database, keys: ProfileKeys, words: str, *, most: int) -> Found:
        """Return the members whose name, number or phone holds every word; all for no word."""
        wanted = _words(words)
        with self._lock:
            self._asked_s = self._clock()
            self._sweep_later()
            members, unopened = self._open(db, keys)
            held = sorted(self._held.values(), key=lambda one: one.changed_at, reverse=True)
        hits = [one for one in held if all(word in one.hay for word in wanted)]
        exact = plain_id(words)
        hits.sort(key=lambda one: plain_id(one.external_id) != exact)
        return Found(
            lines=tuple(hits[:most]),
            more=max(0, len(hits) - most),
            members=members,
            unopened=unopened,
        )

    def _open(self, db: Database, keys: ProfileKeys) -> tuple[int, int]:
        """Open what is new or changed, for `budget_s` at most; return how many are not."""
        rows = db.execute(
            "SELECT id, changed_at FROM member ORDER BY changed_at DESC LIMIT ?", [HELD_MAX]
        ).fetchall()
        (members,) = db.execute("SELECT count(*) FROM member").fetchone()
        there = dict(rows)
        for gone in [one for one in self._held if one not in there]:
            del self._held[gone]
        held = self._held
        fresh = [i for i, at in rows if i not in held or held[i].changed_at != at]
        people, until = People(db, keys), self._clock() + self._budget_s
        for done, member_id in enumerate(fresh):
            if done % _LOOK_EVERY == 0 and self._clock() > until:
                return members, len(fresh) - done
            try:
                profile = people.by_id(member_id).profile
            except (ProfileUnreadable, MemberMissing):
                profile = Profile(name="")  # found by its id alone
            self._held[member_id] = _line(member_id, there[member_id], profile)
        return members, 0

    def _sweep_later(self) -> None:
        if self._broom is None:
            self._broom = threading.Timer(KEPT_S, self._sweep)
            self._broom.daemon = True
            self._broom.start()

    def _sweep(self) -> None:
        with self._lock:
            self._broom = None
            if self._clock() - self._asked_s >= KEPT_S:
                self._held.clear()
            else:
                self._sweep_later()


def _line(member_id: str, changed_at: str, profile: Profile) -> Line:
    called, number = profile.called or "", profile.external_id or ""
    phone, tier = profile.phone or "", profile.tier or ""
    parts = (profile.name, called, number, phone, profile.claimed_id or "", member_id)
    return Line(
        id=member_id,
        changed_at=changed_at,
        name=profile.name,
        called=called,
        external_id=number,
        tier=tier,
        phone=phone,
        hay="\n".join(_plain(part) for part in parts),
    )


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _words(text: str) -> list[str]:
    """Return what is looked for; a phone number that was typed in groups is one word."""
    plain = _plain(text)
    digits = "".join(c for c in plain if c not in " -()+")
    return [digits] if digits.isdigit() else plain.split()
