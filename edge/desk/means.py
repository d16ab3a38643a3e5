"""What every desk works with. Made once, by `edge.app.front`; read by the desks."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from edge.core.moments import Mark
from edge.keys.profiles import ProfileKeys
from edge.ports import Clock
from edge.store.desk_facts import Teller


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """The store, the time, the keys, and who is told.

    Attributes:
        db: gives a connection of the calling thread.
        clock: the box's time.
        mark: gives the moment by that clock, within this start of the machine.
        zone: of the shop, whose midnight ends a day.
        profile_root: gives the root of the profiles' keys, None while there is none.
        teller: tells the hub.
        wake: tells the eyes, the couriers and the screens to look into the database.
    """

    db: Callable[[], Database]
    clock: Clock
    mark: Callable[[], Mark]
    zone: ZoneInfo
    profile_root: Callable[[], bytes | None]
    teller: Teller
    wake: Callable[[], None]

    def now(self) -> datetime:
        """Return the box's time, aware, in UTC."""
        return self.clock.now()

    def day_of(self, moment: datetime) -> date:
        """Return the shop's day of a moment."""
        return moment.astimezone(self.zone).date()

    def is_sure(self) -> bool:
        """Say whether that time can be trusted."""
        return self.clock.state() == "ok"

    def keys(self) -> ProfileKeys | None:
        """Return what opens profiles, None while that is not to be had."""
        root = self.profile_root()
        return ProfileKeys(root) if root is not None else None

    def names_locked(self) -> bool:
        """Say whether there are members whose names nobody can read, for want of the key."""
        if self.profile_root() is not None:
            return False
        return self.db().execute("SELECT 1 FROM member LIMIT 1").fetchone() is not None
