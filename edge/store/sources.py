"""Keeps what guests said of where they come from, and the shop's own list of channels.

Written and read by `edge.desk.sources` inside its transactions; tells the hub, as `desk_facts`.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from edge.core.sources import Advert, Answer, Channel
from edge.store.desk_facts import Teller
from edge.wire.codec import utc_text
from edge.wire.messages import DeskFact


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A guest whom no camera saw. `entry` is what the page or the program called it."""

    id: str
    entry: str
    asked_at: datetime
    answer: Answer
    staff: str | None
    device: str


def answers_of(db: Database, visits: Collection[str]) -> dict[str, Answer]:
    """Return what the guests of some visits said; those not there were not asked."""
    marks = ", ".join("?" * len(visits))
    rows = db.execute(
        f"SELECT id, channel, advert FROM source WHERE entry IS NULL AND id IN ({marks})",
        list(visits),
    ).fetchall()
    return {visit: Answer(channel=channel, advert=advert) for visit, channel, advert in rows}


def entry_of(db: Database, entry: str) -> Entry | None:
    """Return a guest whom no camera saw, None if nothing was entered under that name."""
    found = _entries(db, "entry = ?", [entry])
    return found[0] if found else None


def entries_since(db: Database, since: datetime, limit: int) -> list[Entry]:
    """Return the guests whom no camera saw, the newest first."""
    values = [utc_text(since), limit]
    return _entries(db, "asked_at >= ? AND entry IS NOT NULL ORDER BY rowid DESC LIMIT ?", values)


def _entries(db: Database, where: str, values: Sequence[Any]) -> list[Entry]:
    rows = db.execute(
        f"SELECT id, entry, asked_at, channel, advert, staff, device FROM source WHERE {where}",
        list(values),
    ).fetchall()
    return [
        Entry(
            id=row[0],
            entry=row[1],
            asked_at=datetime.fromisoformat(row[2]),
            answer=Answer(channel=row[3], advert=row[4]),
            staff=row[5],
            device=row[6],
        )
        for row in rows
    ]


def keep_answer(
    db: Database,
    thing: str,
    answer: Answer,
    *,
    entry: str | None,
    staff: str | None,
    device: str,
    now: datetime,
    teller: Teller,
) -> None:
    """Write what a guest said, in the caller's transaction, and tell the hub; the last one wins.

    Args:
        db: the caller's connection.
        thing: the visit, or the id of an entry.
        answer: as the list in force has it.
        entry: None for a visit.
        staff: who asked.
        device: on which.
        now: the time.
        teller: tells the hub.
    """
    at = utc_text(now)
    rev, asked_at = db.execute(
        "INSERT INTO source (id, rev, entry, channel, advert, staff, device, asked_at, at)"
        " VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET rev = rev + 1, channel = excluded.channel,"
        " advert = excluded.advert, staff = excluded.staff, device = excluded.device,"
        " at = excluded.at RETURNING rev, asked_at",
        [thing, entry, answer.channel, answer.advert, staff, device, at, at],
    ).fetchone()
    fact = DeskFact(
        what="source",
        id=thing,
        rev=rev,
        visit=thing if entry is None else None,
        staff=staff,
        about=datetime.fromisoformat(asked_at),
        channel=answer.channel,
        advert=answer.advert,
    )
    teller.tell(db, fact)


def own_list(db: Database) -> tuple[Channel, ...] | None:
    """Return the list that the manager keeps, None while there is none."""
    row = db.execute("SELECT channels FROM source_list WHERE id = 1").fetchone()
    return tuple(_channel(one) for one in json.loads(row[0])) if row else None


def keep_list(db: Database, channels: Sequence[Channel], now: datetime, *, actor: str) -> None:
    """Keep the manager's list, in the caller's transaction."""
    text = json.dumps([asdict(one) for one in channels], ensure_ascii=False)
    db.execute(
        "INSERT OR REPLACE INTO source_list VALUES (1, ?, ?, ?)", [text, utc_text(now), actor]
    )


def _channel(raw: dict[str, Any]) -> Channel:
    adverts = tuple(Advert(**one) for one in raw.pop("adverts"))
    return Channel(**raw, adverts=adverts)
