"""What the page of the counting audit works with: the database and the time.

Made by `cloud.app`; each question and change is one transaction under the scope of whoever asks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine

from cloud.counting import checks
from cloud.counting.checks import Told, Who
from cloud.counting.draw import Way
from cloud.db import reading, writing
from cloud.figures.accuracy import Accuracy
from cloud.queries.counting import (
    CameraAccuracy,
    Check,
    accuracy_of_all,
    cameras_checked,
    checks_of,
    dropped_of,
    shops_to_check,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What is known of the counting of the shops that somebody sees, or of one of them."""

    now: datetime
    shops: list[tuple[str, str]]
    all: Accuracy | None
    cameras: list[CameraAccuracy]
    open: list[Check]
    done: list[Check]
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CountingDesk:
    """Asks and changes. `who`: whose request this is."""

    engine: Engine
    who: Callable[[], Who]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def all(self) -> Accuracy | None:
        """Return how right all shops count that somebody sees; None: nobody has checked any."""
        with reading(self.engine) as connection:
            return accuracy_of_all(connection, self.who().scope, self.now())

    def audited(self, shop: str | None) -> Audited:
        """Return what is known; `shop`: of this one only."""
        scope, now = self.who().scope, self.now()
        with reading(self.engine) as connection:
            return Audited(
                now=now,
                shops=shops_to_check(connection, scope),
                all=accuracy_of_all(connection, scope, now),
                cameras=cameras_checked(connection, scope, now, shop),
                open=checks_of(connection, scope, "open", shop),
                done=checks_of(connection, scope, "done", shop),
                dropped=dropped_of(connection, scope, now),
            )

    def draw(self, shop: str, way: Way) -> str:
        """Draw an hour of a shop; see `checks.draw_hour`."""
        with writing(self.engine) as connection:
            return checks.draw_hour(connection, self.who(), shop, way, self.now())

    def enter(self, check: str, told: Told) -> None:
        """Take what a person counted; see `checks.enter`."""
        with writing(self.engine) as connection:
            checks.enter(connection, self.who(), check, told, self.now())

    def drop(self, check: str, why: str) -> None:
        """Give up an hour; see `checks.drop`."""
        with writing(self.engine) as connection:
            checks.drop(connection, self.who(), check, why, self.now())
