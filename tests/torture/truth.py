"""What the hub must hold in the end, worked out from the boxes' own databases alone.

Nothing here calls the hub: its answers are compared with these.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

Identity = tuple[str, int]
"""An epoch and a sequence number."""
Hour = tuple[str, str]
"""A shop, and the UTC hour as text: 2026-11-22T10."""


_GONE = "CREATE TABLE IF NOT EXISTS gone (epoch, seq, event, PRIMARY KEY (epoch, seq))"
_ONLY_HERE = """
INSERT OR IGNORE INTO truth.gone SELECT epoch, seq, event FROM outbox AS o
WHERE NOT EXISTS (SELECT 1 FROM copy.outbox AS c WHERE c.epoch = o.epoch AND c.seq = o.seq)
"""


def note_gone(database: Path, copy: Path, gone: Path) -> None:
    """Keep what only a box's database holds and the older copy that will replace it does not."""
    with closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS copy", (str(copy),))
        connection.execute("ATTACH ? AS truth", (str(gone),))
        connection.execute(_GONE.replace("gone (", "truth.gone (", 1))
        connection.execute(_ONLY_HERE)


def committed_in(database: Path) -> set[Identity]:
    """Return the identity of every event that a box's database holds."""
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        return set(connection.execute("SELECT epoch, seq FROM outbox"))


def gone_from(gone: Path) -> set[Identity]:
    """Return the identity of every event that a box held once; of some it may hold it again."""
    if not gone.exists():
        return set()
    with closing(sqlite3.connect(gone)) as connection:
        return set(connection.execute("SELECT epoch, seq FROM gone"))


def events_of(database: Path, gone: Path) -> Iterator[tuple[Identity, dict[str, Any]]]:
    """Yield every event that a box holds, as it holds it now, and those that it held once."""
    held = committed_in(database)
    for file, table in ((gone, "gone"), (database, "outbox")):
        if not file.exists():
            continue
        with closing(sqlite3.connect(file, timeout=30)) as connection:
            for epoch, seq, raw in connection.execute(f"SELECT epoch, seq, event FROM {table}"):
                if table == "outbox" or (epoch, seq) not in held:
                    yield (epoch, seq), json.loads(raw)


def hours_of(events: Mapping[str, Iterable[dict[str, Any]]]) -> dict[Hour, Counter[str]]:
    """Return what each hour of each shop holds: the highest revision of each visit and minute.

    Args:
        events: of each shop, in any order.
    """
    hours: dict[Hour, Counter[str]] = {}
    for store, told in events.items():
        visits: dict[str, tuple[int, dict[str, Any]]] = {}
        minutes: dict[tuple[str, str], tuple[int, dict[str, Any]]] = {}
        for event in told:
            body = event["body"]
            match event["kind"]:
                case "visit_opened":
                    _keep(visits, body["visit"], 0, {**body, "opened_at": event["at"]})
                case "visit_revised":
                    _keep(visits, body["visit"], body["rev"], body)
                case "crossing_minute":
                    _keep(minutes, (body["camera"], body["minute"]), body["rev"], body)
        for _, visit in visits.values():
            counter = hours.setdefault((store, _hour(visit["opened_at"])), Counter())
            if visit.get("void") or visit["who"] == "staff":
                continue
            counter["reentries" if visit["reentry"] else "visitors"] += 1
            counter["members"] += visit["who"] == "member" and not visit["reentry"]
        for _, minute in minutes.values():
            counter = hours.setdefault((store, _hour(minute["minute"])), Counter())
            for name in ("entered", "left", "entered_closed", "left_closed", "staff"):
                counter[name] += minute[name]
    return hours


def _keep(held: dict[Any, tuple[int, dict[str, Any]]], key: Any, rev: int, body: Any) -> None:
    if key not in held or rev > held[key][0]:
        held[key] = (rev, body)


def _hour(text: str) -> str:
    # Shanghai is a whole number of hours from UTC: its hours are UTC's.
    return datetime.fromisoformat(text).strftime("%Y-%m-%dT%H")
