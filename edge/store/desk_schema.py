"""The shop's desk: who works there, who greets whom, notes, long stays. Registered by `schema`.

A note is readable only with the profiles' key: of a member under the member's own key, of a
visitor under a key of that day, which goes when the day is over.
"""

from sqlite_utils import Database

from edge.store.people_schema import rebuild_audit, refill


def desk(db: Database) -> None:
    """Staff, what each device is set to, claims, notes and long stays."""
    # `pin`: 16 bytes of salt and the scrypt hash. Who has left stays: claims name them.
    db.execute(
        "CREATE TABLE staff ("
        " id TEXT PRIMARY KEY CHECK (length(id) = 26), name TEXT NOT NULL,"
        " role TEXT NOT NULL CHECK (role IN ('consultant', 'manager')),"
        " active INTEGER NOT NULL CHECK (active IN (0, 1)), pin BLOB,"
        " failed INTEGER NOT NULL DEFAULT 0, locked_until TEXT, made_at TEXT NOT NULL) STRICT"
    )
    # `device` is a paired device's id or `local`. A shared one asks for a PIN.
    db.execute(
        "CREATE TABLE desk_device ("
        " device TEXT PRIMARY KEY, staff TEXT REFERENCES staff (id), since TEXT,"
        " shared INTEGER NOT NULL DEFAULT 0, sound INTEGER NOT NULL DEFAULT 1,"
        " vibration INTEGER NOT NULL DEFAULT 1) STRICT, WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE desk_setting (name TEXT PRIMARY KEY, value TEXT NOT NULL)"
        " STRICT, WITHOUT ROWID"
    )
    _documents(db)
    _notes(db)
    db.execute(
        "CREATE TABLE note_day (until TEXT PRIMARY KEY, key BLOB NOT NULL) STRICT, WITHOUT ROWID"
    )
    rebuild_audit(db)


def _documents(db: Database) -> None:
    """What the hub is told, each under its own revision (`edge.wire.messages.DeskFact`)."""
    db.execute(
        "CREATE TABLE claim ("
        " visit TEXT PRIMARY KEY, rev INTEGER NOT NULL,"
        " state TEXT NOT NULL CHECK (state IN ('taken', 'released')),"
        " staff TEXT REFERENCES staff (id), device TEXT NOT NULL, at TEXT NOT NULL) STRICT"
    )
    db.execute("CREATE INDEX claim_at ON claim (at)")
    said = "CHECK ({0} IN ('taken', 'declined'))"
    db.execute(
        "CREATE TABLE stay ("
        " visit TEXT PRIMARY KEY, rev INTEGER NOT NULL, staff TEXT REFERENCES staff (id),"
        f" tea TEXT {said.format('tea')}, meal TEXT {said.format('meal')}, at TEXT NOT NULL) STRICT"
    )
    db.execute("CREATE INDEX stay_at ON stay (at)")


def _notes(db: Database) -> None:
    # Of a member `subject`, of a visitor `until`: the end of the day.
    db.execute(
        "CREATE TABLE note ("
        " id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, visit TEXT NOT NULL,"
        " subject TEXT, until TEXT, staff TEXT REFERENCES staff (id), device TEXT NOT NULL,"
        " sealed BLOB NOT NULL, CHECK ((subject IS NULL) <> (until IS NULL))) STRICT"
    )
    db.execute("CREATE INDEX note_subject ON note (subject) WHERE subject IS NOT NULL")
    db.execute("CREATE INDEX note_visit ON note (visit)")
    db.execute("CREATE INDEX note_until ON note (until) WHERE until IS NOT NULL")


def forget_notes(db: Database, subject: str) -> None:
    """Delete a member's notes in the caller's transaction; nothing of them stays in the pages.

    The rest is written into fresh pages, as `people_schema.rebuild_people` does and why.
    """
    if db.execute("DELETE FROM note WHERE subject = ?", [subject]).rowcount:
        rebuild_notes(db)


def rebuild_notes(db: Database) -> None:
    """Write the notes into fresh pages, in the caller's transaction. No id is given out again."""
    last = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'note'").fetchone()
    rows = db.execute("SELECT * FROM note ORDER BY id").fetchall()
    db.execute("DROP TABLE note")
    _notes(db)
    refill(db, "note", rows)
    if last is not None:
        db.execute("DELETE FROM sqlite_sequence WHERE name = 'note'")
        db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('note', ?)", [last[0]])
