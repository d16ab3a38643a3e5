"""Members, their keys, consents, templates and the audit log. Registered by `schema`.

What the law demands stands here as triggers, so that no code of ours can forget it: a template
needs a live consent of the same member; ledger and log are only ever added to.
"""

from collections.abc import Sequence
from typing import Final, Literal

from sqlite_utils import Database

from edge.store.chain import Chain
from edge.store.standing_schema import standing_triggers
from menkou.chain import genesis

CONSENT: Final = Chain(
    table="consent",
    columns=(
        *("at", "subject", "kind", "purpose", "text_version", "language", "text_hash", "means"),
        *("scope", "shops", "given_at", "expires", "ends_at", "adult", "under_14", "sealed"),
    ),
)
AUDIT: Final = Chain(table="audit", columns=("at", "what", "actor", "subject", "detail"))
WHAT: Final = (
    *("enrol", "change", "match", "view", "export", "erase", "import", "consent", "mode"),
    *("pair", "revoke", "faces_off", "faces_on", "wrong_person", "key", "clock", "code", "pause"),
    *("token",),
    "queue",
    *("staff", "claim", "note", "stay", "end"),
    "appointment",
    *("source", "service"),
)
Remains = Literal[0, 1, 2]
NOTHING: Final = 0
IN_THE_LOG: Final = 1
IN_THE_TABLE: Final = 2
"""What may be left in the files of rows that were deleted (`gallery.remains`): nothing; pages in
the write-ahead log; copies in the pages of the table too (`rebuild_templates`)."""
_MOMENT: Final = "GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:*Z'"


def people(db: Database) -> None:
    """Members, their keys, consents, templates and the audit log."""
    _members(db)
    _consents(db)
    _templates(db)
    _audit(db)
    # What the roots of this store's sealed bytes must answer to (edge.keys.roots).
    db.execute("CREATE TABLE key_check (part TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT")


def _members(db: Database) -> None:
    db.execute(
        "CREATE TABLE member ("
        " id TEXT PRIMARY KEY CHECK (length(id) = 26),"
        " subject TEXT NOT NULL UNIQUE CHECK (length(subject) = 26),"
        " external_ref BLOB UNIQUE, profile_key BLOB NOT NULL, profile BLOB NOT NULL,"
        " created_at TEXT NOT NULL, changed_at TEXT NOT NULL) STRICT"
    )
    db.execute(
        "CREATE TRIGGER member_is_who_it_is BEFORE UPDATE OF id, subject ON member"
        " BEGIN SELECT raise(ABORT, 'a member keeps id and subject for ever'); END"
    )


def _consents(db: Database) -> None:
    db.execute(
        "CREATE TABLE consent ("
        f" id INTEGER PRIMARY KEY, at TEXT NOT NULL CHECK (at {_MOMENT}),"
        " subject TEXT NOT NULL CHECK (length(subject) = 26),"
        " kind TEXT NOT NULL CHECK (kind IN ('given', 'withdrawn', 'expired', 'erased')),"
        " purpose TEXT NOT NULL, text_version TEXT, language TEXT, text_hash TEXT, means TEXT,"
        " scope TEXT, shops TEXT, given_at TEXT, expires TEXT, ends_at TEXT, adult INTEGER,"
        " under_14 INTEGER, sealed BLOB, prev BLOB NOT NULL, hash BLOB NOT NULL,"
        " CHECK (kind <> 'given' OR (text_version IS NOT NULL AND language IS NOT NULL"
        "  AND length(text_hash) = 64 AND means IS NOT NULL AND scope IS NOT NULL"
        f"  AND shops IS NOT NULL AND given_at {_MOMENT} AND expires IS NOT NULL"
        f"  AND ends_at {_MOMENT} AND adult IN (0, 1) AND under_14 IN (0, 1)))"
        ") STRICT"
    )
    db.execute("CREATE INDEX consent_subject ON consent (subject, id)")
    _only_added_to(db, CONSENT)
    # Whose last word is a yes, and until when: the ledger only grows, and is not to be searched
    # for what runs out.
    db.execute(
        "CREATE TABLE in_force (subject TEXT PRIMARY KEY, ends_at TEXT NOT NULL)"
        " STRICT, WITHOUT ROWID"
    )
    db.execute("CREATE INDEX in_force_ends ON in_force (ends_at)")
    db.execute(
        "CREATE TRIGGER consent_of_a_member BEFORE INSERT ON consent WHEN NEW.kind = 'given'"
        " AND NOT EXISTS (SELECT 1 FROM member WHERE subject = NEW.subject)"
        " BEGIN SELECT raise(ABORT, 'expected a consent of a member'); END"
    )
    # Or the record of a consent that was withdrawn could be shown again.
    db.execute(
        "CREATE TRIGGER consent_after_the_last_end BEFORE INSERT ON consent"
        " WHEN NEW.kind = 'given' AND EXISTS (SELECT 1 FROM consent"
        "  WHERE subject = NEW.subject AND kind IN ('withdrawn', 'erased') AND at >= NEW.given_at)"
        " BEGIN SELECT raise(ABORT,"
        "  'expected a consent given after the last one of this member ended'); END"
    )


def _templates(db: Database) -> None:
    db.execute(
        "CREATE TABLE gallery (id INTEGER PRIMARY KEY CHECK (id = 1), mark INTEGER NOT NULL,"
        " remains INTEGER NOT NULL CHECK (remains IN (0, 1, 2)))"
    )
    db.execute(f"INSERT INTO gallery VALUES (1, 0, {NOTHING})")
    _template_table(db)
    _template_triggers(db)
    # The last word governs: a renewal takes the template over at once, even one that begins later,
    # so that no template stays behind on a consent that nobody looks at any more.
    db.execute(
        "CREATE TRIGGER consent_given AFTER INSERT ON consent WHEN NEW.kind = 'given' BEGIN"
        " INSERT INTO in_force VALUES (NEW.subject, NEW.ends_at)"
        "  ON CONFLICT (subject) DO UPDATE SET ends_at = excluded.ends_at;"
        " UPDATE template SET consent_id = NEW.id WHERE subject = NEW.subject; END"
    )
    db.execute(
        "CREATE TRIGGER consent_ended AFTER INSERT ON consent WHEN NEW.kind <> 'given'"
        " BEGIN DELETE FROM template WHERE subject = NEW.subject;"
        " DELETE FROM in_force WHERE subject = NEW.subject; END"
    )


def _template_table(db: Database) -> None:
    # That the subject is a member is for the triggers: a foreign key would forbid `rebuild_people`.
    # `mark` is the gallery's mark when the row was written: what the eyes hold is compared by it.
    db.execute(
        "CREATE TABLE template ("
        " subject TEXT PRIMARY KEY,"
        " consent_id INTEGER NOT NULL REFERENCES consent (id),"
        f" made_at TEXT NOT NULL CHECK (made_at {_MOMENT}), model TEXT NOT NULL,"
        " photos INTEGER NOT NULL CHECK (photos > 0), sealed_key BLOB NOT NULL,"
        " sealed BLOB NOT NULL, mark INTEGER NOT NULL DEFAULT 0) STRICT"
    )


def _template_triggers(db: Database) -> None:
    for action in ("INSERT", "UPDATE OF subject, consent_id, made_at"):
        name = action.split()[0].lower()
        db.execute(
            f"CREATE TRIGGER template_{name}_needs_consent BEFORE {action} ON template"
            " WHEN NOT EXISTS (SELECT 1 FROM consent AS c WHERE c.id = NEW.consent_id"
            "  AND c.subject = NEW.subject AND c.kind = 'given' AND c.purpose = 'recognition'"
            "  AND NEW.made_at < c.ends_at AND c.under_14 = 0)"
            " OR EXISTS (SELECT 1 FROM consent AS c WHERE c.subject = NEW.subject"
            "  AND c.id > NEW.consent_id AND c.kind <> 'given')"
            " OR NOT EXISTS (SELECT 1 FROM member WHERE subject = NEW.subject)"
            " BEGIN SELECT raise(ABORT,"
            "  'a template needs a live consent of the same member, who is 14 or older'); END"
        )
    numbered = (
        " BEGIN UPDATE gallery SET mark = mark + 1;"
        " UPDATE template SET mark = (SELECT mark FROM gallery) WHERE subject = NEW.subject; END"
    )
    db.execute(f"CREATE TRIGGER template_added AFTER INSERT ON template{numbered}")
    columns = "consent_id, made_at, model, photos, sealed_key, sealed"
    db.execute(f"CREATE TRIGGER template_changed AFTER UPDATE OF {columns} ON template{numbered}")
    db.execute(
        "CREATE TRIGGER template_removed AFTER DELETE ON template"
        f" BEGIN UPDATE gallery SET mark = mark + 1, remains = {IN_THE_TABLE}; END"
    )


def _audit(db: Database) -> None:
    known = ", ".join(f"'{what}'" for what in WHAT)
    db.execute(
        "CREATE TABLE audit ("
        f" id INTEGER PRIMARY KEY, at TEXT NOT NULL, what TEXT NOT NULL CHECK (what IN ({known})),"
        " actor TEXT NOT NULL, subject TEXT, detail TEXT NOT NULL,"
        " prev BLOB NOT NULL, hash BLOB NOT NULL) STRICT"
    )
    db.execute("CREATE INDEX audit_subject ON audit (subject, id) WHERE subject IS NOT NULL")
    _only_added_to(db, AUDIT)


def rebuild_templates(db: Database) -> None:
    """Write the templates into fresh pages, in the caller's transaction.

    SQLite's secure_delete overwrites what is deleted, but not the copies that it leaves behind
    when it moves rows between pages. The pages that are given up here are overwritten whole; what
    they held stands in the write-ahead log until that is emptied.
    """
    rows = db.execute("SELECT * FROM template ORDER BY rowid").fetchall()
    db.execute("DROP TABLE template")
    _template_table(db)
    refill(db, "template", rows)  # before the triggers: marks stay as they are
    _template_triggers(db)
    standing_triggers(db)
    db.execute("UPDATE gallery SET mark = mark + 1, remains = ?", [IN_THE_LOG])


def rebuild_people(db: Database) -> None:
    """Write members and templates into fresh pages, in the caller's transaction."""
    rebuild_templates(db)
    rows = db.execute("SELECT * FROM member ORDER BY rowid").fetchall()
    db.execute("DROP TABLE member")
    _members(db)
    refill(db, "member", rows)


def rebuild_audit(db: Database) -> None:
    """Make the audit log anew for the kinds that are known now, in the caller's transaction."""
    rows = db.execute("SELECT * FROM audit ORDER BY id").fetchall()
    db.execute("DROP TABLE audit")
    _audit(db)
    refill(db, "audit", rows)


def refill(db: Database, table: str, rows: Sequence[Sequence[object]]) -> None:
    """Fill a table that was made anew with the rows that it had.

    What was left out stands in the write-ahead log yet: `endings.tidy` is to empty it.
    """
    db.execute("UPDATE gallery SET remains = ? WHERE remains = ?", [IN_THE_LOG, NOTHING])
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        db.conn.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


def _only_added_to(db: Database, chain: Chain) -> None:
    """Refuse every change of a row, every gap, and every row that does not follow the last."""
    table = chain.table
    for action in ("UPDATE", "DELETE"):
        db.execute(
            f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table}"
            f" BEGIN SELECT raise(ABORT, '{table} is only ever added to'); END"
        )
    # INSERT OR REPLACE deletes without firing a delete trigger: it cannot name an old id here.
    db.execute(
        f"CREATE TRIGGER {table}_follows BEFORE INSERT ON {table}"
        f" WHEN NEW.id <> (SELECT coalesce(max(id), 0) + 1 FROM {table})"
        f" OR NEW.prev <> coalesce((SELECT hash FROM {table} ORDER BY id DESC LIMIT 1),"
        f"  x'{genesis(table).hex()}')"
        f" BEGIN SELECT raise(ABORT, '{table}: a row follows the last one by id and hash'); END"
    )
