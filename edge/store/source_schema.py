"""Where guests come from: the answers, and the shop's own list. Registered by `schema`."""

from sqlite_utils import Database


def sources(db: Database) -> None:
    """One answer a guest, each under its own revision (`edge.wire.messages.DeskFact`)."""
    # Of a visit `id` is the visit's own. Of a guest whom no camera saw it is random, and `entry` is
    # what the page or the program called it: a form that is sent twice is one guest.
    db.execute(
        "CREATE TABLE source ("
        " id TEXT PRIMARY KEY CHECK (length(id) = 26), rev INTEGER NOT NULL, entry TEXT UNIQUE,"
        " channel TEXT NOT NULL, advert TEXT, staff TEXT REFERENCES staff (id),"
        " device TEXT NOT NULL, asked_at TEXT NOT NULL, at TEXT NOT NULL) STRICT"
    )
    db.execute("CREATE INDEX source_at ON source (at)")
    db.execute("CREATE INDEX source_asked ON source (asked_at) WHERE entry IS NOT NULL")
    db.execute(
        "CREATE TABLE source_list ("
        " id INTEGER PRIMARY KEY CHECK (id = 1), channels TEXT NOT NULL, at TEXT NOT NULL,"
        " actor TEXT NOT NULL) STRICT"
    )
