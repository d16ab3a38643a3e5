"""Tables of what Wi-Fi says: minutes, hours beside the cameras' count. Registered by `schema`.

Numbers a minute and an hour, of nobody in particular: no address, no class, no pseudonym.
"""

from sqlite_utils import Database


def presence(db: Database) -> None:
    """Minutes, hours that were compared or are known by hand, and since when cameras see."""
    # Whole hundredths, as they travel: what is summed here and at the hub is the same number.
    db.execute(
        "CREATE TABLE presence_minute ("
        " private INTEGER NOT NULL, minute TEXT NOT NULL, rev INTEGER NOT NULL,"
        " classes INTEGER NOT NULL, near INTEGER NOT NULL, far INTEGER NOT NULL,"
        " footfall INTEGER NOT NULL, probes INTEGER NOT NULL,"
        " PRIMARY KEY (private, minute)) STRICT, WITHOUT ROWID"
    )
    # An hour of the cameras beside the radio's. `source`: the box compared them itself, or a person
    # told what came in. Sums over its minutes; `visitors` is null where the cameras did not see the
    # whole hour.
    db.execute(
        "CREATE TABLE presence_hour ("
        " id INTEGER PRIMARY KEY, source TEXT NOT NULL CHECK (source IN ('box', 'hand')),"
        " hour TEXT NOT NULL, rev INTEGER NOT NULL, minutes INTEGER NOT NULL,"
        " footfall INTEGER NOT NULL, classes INTEGER NOT NULL, near INTEGER NOT NULL,"
        " visitors INTEGER, basis TEXT NOT NULL, passers INTEGER, error INTEGER, stays INTEGER,"
        " stays_5 INTEGER, stays_10 INTEGER, stays_20 INTEGER, stays_40 INTEGER) STRICT"
    )
    db.execute("CREATE UNIQUE INDEX presence_hour_box ON presence_hour (hour) WHERE source = 'box'")
    db.execute("CREATE INDEX presence_hour_known ON presence_hour (hour) WHERE visitors NOT NULL")
    # Since when a camera has shown pictures, or the radio listened, without a break; null: it does
    # not. Cameras by their names.
    db.execute("CREATE TABLE at_work (part TEXT PRIMARY KEY, since TEXT) STRICT, WITHOUT ROWID")
