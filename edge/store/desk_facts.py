"""Tells the hub what was done at the desk, and keeps it: claims and long stays.

Called by `edge.desk` inside its transactions. Each document has the revision of its row.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlite_utils import Database

from edge.core.stay import Offer
from edge.store.consents import Change
from edge.store.outbox import Outbox, Reading
from edge.wire.codec import utc_text
from edge.wire.messages import DeskFact, MemberChanged

Answer = Literal["taken", "declined"]
ANSWERS: Final[tuple[Answer, ...]] = ("taken", "declined")


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    """Puts desk facts into the outbox.

    `epoch` is of this start, `reading` the clocks as they stand.
    """

    epoch: str
    reading: Callable[[], Reading]

    def tell(self, db: Database, fact: DeskFact) -> None:
        """Add an event in the caller's transaction.

        Raises:
            edge.wire.codec.WireFault: it breaks the contract; roll the transaction back.
        """
        self.tell_all(db, [fact])

    def tell_all(self, db: Database, facts: Sequence[DeskFact]) -> None:
        """Add several events in the caller's transaction.

        Raises:
            edge.wire.codec.WireFault: one breaks the contract; roll the transaction back.
        """
        reading = self.reading()
        Outbox(db).append(self.epoch, [(fact, reading) for fact in facts])

    def member_changed(self, db: Database, subject: str, change: Change) -> None:
        """Tell that a member joined, agreed or left, in the caller's transaction."""
        body = MemberChanged(subject=subject, change=change)
        Outbox(db).append(self.epoch, [(body, self.reading())])


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who greets the guest of a visit. `staff` None: nobody had said whose the device is."""

    visit: str
    staff: str | None
    device: str
    at: datetime

    def is_of(self, staff: str | None, device: str) -> bool:
        """Say whether somebody at a device is who claimed."""
        return self.staff == staff if self.staff is not None else self.device == device


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """What became of what a guest who stays long was offered, None: nothing yet."""

    tea: Answer | None = None
    meal: Answer | None = None

    @property
    def answered(self) -> Collection[Offer]:
        """What needs not be offered any more."""
        said: Mapping[Offer, Answer | None] = {"tea": self.tea, "meal": self.meal}
        return [offer for offer, answer in said.items() if answer is not None]


def is_here(db: Database, visit: str, *, going_on: bool = False) -> bool:
    """Say whether a visit is one of this shop's guests, one that is `going_on` if that is asked."""
    more = " AND closed_at IS NULL" if going_on else ""
    row = db.execute(
        "SELECT 1 FROM visit WHERE id = ? AND void = 0 AND who <> 'staff'"
        f" AND origin <> 'private'{more}",
        [visit],
    ).fetchone()
    return row is not None


def released_of(db: Database, visit: str) -> Claim | None:
    """Return whose claim of a visit was let go last, and when; None if nobody's was."""
    row = db.execute(
        "SELECT staff, device, at FROM claim WHERE state = 'released' AND visit = ?", [visit]
    ).fetchone()
    if row is None:
        return None
    staff, device, at = row
    return Claim(visit=visit, staff=staff, device=device, at=datetime.fromisoformat(at))


def claims_of(db: Database, visits: Collection[str]) -> dict[str, Claim]:
    """Return who greets the guests of some visits, by visit; nobody for those not there."""
    marks = ", ".join("?" * len(visits))
    rows = db.execute(
        f"SELECT visit, staff, device, at FROM claim WHERE state = 'taken' AND visit IN ({marks})",
        list(visits),
    ).fetchall()
    return {
        visit: Claim(visit=visit, staff=staff, device=device, at=datetime.fromisoformat(at))
        for visit, staff, device, at in rows
    }


def keep_claim(
    db: Database, claim: Claim, state: Literal["taken", "released"], teller: Teller
) -> None:
    """Write a claim, or that it is over, in the caller's transaction, and tell the hub."""
    (rev,) = db.execute(
        "INSERT INTO claim (visit, rev, state, staff, device, at) VALUES (?, 1, ?, ?, ?, ?)"
        " ON CONFLICT (visit) DO UPDATE SET rev = rev + 1, state = excluded.state,"
        " staff = excluded.staff, device = excluded.device, at = excluded.at RETURNING rev",
        [claim.visit, state, claim.staff, claim.device, utc_text(claim.at)],
    ).fetchone()
    fact = DeskFact(
        what="claim",
        id=claim.visit,
        rev=rev,
        visit=claim.visit,
        staff=claim.staff,
        about=claim.at,
        state=state,
    )
    teller.tell(db, fact)


def stays_of(db: Database, visits: Collection[str]) -> dict[str, Stay]:
    """Return what was said to offers, by visit."""
    marks = ", ".join("?" * len(visits))
    rows = db.execute(
        f"SELECT visit, tea, meal FROM stay WHERE visit IN ({marks})", list(visits)
    ).fetchall()
    return {visit: Stay(tea=tea, meal=meal) for visit, tea, meal in rows}


def keep_answer(
    db: Database,
    visit: str,
    offer: Offer,
    answer: Answer,
    *,
    staff: str | None,
    at: datetime,
    teller: Teller,
) -> None:
    """Write what was said to an offer, in the caller's transaction, and tell the hub."""
    rev, tea, meal = db.execute(
        f"INSERT INTO stay (visit, rev, staff, {offer}, at) VALUES (?, 1, ?, ?, ?)"
        " ON CONFLICT (visit) DO UPDATE SET rev = rev + 1, staff = excluded.staff,"
        f" {offer} = excluded.{offer}, at = excluded.at RETURNING rev, tea, meal",
        [visit, staff, answer, utc_text(at)],
    ).fetchone()
    fact = DeskFact(
        what="stay",
        id=visit,
        rev=rev,
        visit=visit,
        staff=staff,
        about=at,
        tea=tea,
        meal=meal,
    )
    teller.tell(db, fact)
