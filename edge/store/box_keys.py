"""This box's own words on sharing, and what other boxes say of their keys.

The front keeps what the hub brings; whether to believe it only the eyes say (`app.sharing`), of
exactly the statement that they have judged. Called by `shares` and by both processes.
"""

from typing import Any, Literal

from sqlite_utils import Database

from edge.store.database import transaction
from edge.wire.codec import read_statement, statement_text
from edge.wire.sharing import Statement

Word = Literal["profile_key", "statement", "mark", "fault"]


def word_of(db: Database, name: Word) -> str | None:
    """Return one of this box's own words on sharing."""
    row = db.execute("SELECT value FROM share_word WHERE name = ?", [name]).fetchone()
    return row[0] if row else None


def keep_word(db: Database, name: Word, value: str | None) -> None:
    """Keep one of this box's own words, None for none; what is unchanged is not written."""
    if word_of(db, name) == value:
        return
    with transaction(db):
        _keep_word(db, name, value)
        moved(db)


def _keep_word(db: Database, name: Word, value: str | None) -> None:
    if value is None:
        db.execute("DELETE FROM share_word WHERE name = ?", [name])
    else:
        db.execute("INSERT OR REPLACE INTO share_word VALUES (?, ?)", [name, value])


def moved(db: Database) -> None:
    """Let both processes look at everything anew, in the caller's transaction."""
    _keep_word(db, "mark", str(int(word_of(db, "mark") or 0) + 1))


def share_mark(db: Database) -> tuple[Any, ...]:
    """Return what changes with all that is to be shared, but for the passing of time."""
    row: tuple[Any, ...] = db.execute(
        "SELECT (SELECT mark FROM gallery), (SELECT max(id) FROM consent),"
        " (SELECT value FROM share_word WHERE name = 'mark')"
    ).fetchone()
    return row


def own_statement(db: Database) -> Statement | None:
    """Return this box's own signed keys, None while it has none."""
    text = word_of(db, "statement")
    return read_statement(text) if text else None


def keep_key(db: Database, one: Statement) -> None:
    """Keep what another box says of its keys, unless something newer is held; nobody judged it.

    What was refused bars nothing: anybody can date what nobody signed as they like.
    """
    row = db.execute("SELECT at, state FROM box_key WHERE place = ?", [one.place]).fetchone()
    if row is not None and row[0] >= one.at and row[1] != "refused":
        return
    store = one.place.partition("/")[0]
    with transaction(db):
        db.execute(
            "INSERT OR REPLACE INTO box_key VALUES (?, ?, ?, ?, 'new', NULL)",
            [one.place, store, one.at, statement_text(one)],
        )
        moved(db)


def is_good(db: Database, place: str) -> bool:
    """Say whether keys of a box are held that were found good."""
    row = db.execute("SELECT state FROM box_key WHERE place = ?", [place]).fetchone()
    return row is not None and row[0] == "good"


def keys_to_judge(db: Database, *, again: bool) -> list[tuple[str, Statement]]:
    """Return statements that nobody judged yet (or that were refused), as text and read."""
    states = "'new', 'refused'" if again else "'new'"
    rows = db.execute(f"SELECT statement FROM box_key WHERE state IN ({states}) LIMIT 200")
    return [(text, read_statement(text)) for (text,) in rows.fetchall()]


def note_key(db: Database, text: str, why: str | None) -> None:
    """Note what was found of exactly this statement: good, or why not."""
    state = "good" if why is None else "refused"
    with transaction(db):
        done = db.execute(
            "UPDATE box_key SET state = ?, why = ? WHERE statement = ? AND state <> ?",
            [state, why, text, state],
        )
        if done.rowcount:
            moved(db)
