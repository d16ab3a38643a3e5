"""One-time codes, and who may be asked for them. Registered by `schema`.

Nothing here is readable without the profiles' key: secrets are sealed under their member's own key,
digits stand as blind indexes.
"""

from sqlite_utils import Database

from edge.store.people_schema import rebuild_audit, refill


def codes(db: Database) -> None:
    """Secrets of members' phones, six digits that live ten minutes, and how devices failed."""
    _secrets(db)
    db.execute(
        "CREATE TABLE shop_code ("
        " ref BLOB PRIMARY KEY, subject TEXT NOT NULL CHECK (length(subject) = 26),"
        " expires_at TEXT NOT NULL, used INTEGER NOT NULL DEFAULT 0 CHECK (used IN (0, 1))"
        ") STRICT, WITHOUT ROWID"
    )
    # `device` is a paired device's id or `local`; `outcome` is what its last try came to.
    db.execute(
        "CREATE TABLE code_try ("
        " device TEXT PRIMARY KEY, failed INTEGER NOT NULL, locked_until TEXT,"
        " outcome TEXT NOT NULL, at TEXT NOT NULL) STRICT, WITHOUT ROWID"
    )
    _requests(db)
    rebuild_audit(db)


def _secrets(db: Database) -> None:
    # That the subject is a member is asked at each use: a foreign key would forbid
    # `people_schema.rebuild_people`. used_step: no code of this step or of one before is good.
    db.execute(
        "CREATE TABLE code_secret ("
        " subject TEXT PRIMARY KEY CHECK (length(subject) = 26), phone_ref BLOB NOT NULL,"
        " sealed BLOB NOT NULL, made_at TEXT NOT NULL, used_step INTEGER NOT NULL DEFAULT 0"
        ") STRICT, WITHOUT ROWID"
    )
    db.execute("CREATE INDEX code_secret_phone ON code_secret (phone_ref)")


def _requests(db: Database) -> None:
    """Let a request name a member instead of a visit: whoever shows a code has none yet."""
    db.execute(
        "CREATE TABLE request_new ("
        " id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, kind TEXT NOT NULL,"
        " visit TEXT REFERENCES visit (id), actor TEXT NOT NULL, done_at TEXT, subject TEXT,"
        " CHECK (visit IS NOT NULL OR kind = 'code')) STRICT"
    )
    db.execute(
        "INSERT INTO request_new (id, at, kind, visit, actor, done_at, subject)"
        " SELECT id, at, kind, visit, actor, done_at, subject FROM request ORDER BY id"
    )
    db.execute("DROP TABLE request")
    db.execute("ALTER TABLE request_new RENAME TO request")
    db.execute("CREATE INDEX request_open ON request (id) WHERE done_at IS NULL")
    db.execute("CREATE INDEX request_visit ON request (visit)")


def forget_codes(db: Database, subject: str) -> None:
    """Delete a member's codes in the caller's transaction; nothing of them stays in the pages.

    The rest is written into fresh pages, as `people_schema.rebuild_people` does and why.
    """
    db.execute("DELETE FROM shop_code WHERE subject = ?", [subject])
    if not db.execute("DELETE FROM code_secret WHERE subject = ?", [subject]).rowcount:
        return
    rows = db.execute("SELECT * FROM code_secret ORDER BY subject").fetchall()
    db.execute("DROP TABLE code_secret")
    _secrets(db)
    refill(db, "code_secret", rows)
