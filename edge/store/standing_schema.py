"""Who is searched by face before whom, where there are more members than are. Registered by
`schema`.

One row for each template, narrow and in order, so that 20,000 of a million are chosen without
reading the others. Kept by triggers: whoever writes a template or a visit need not think of it.
"""

from typing import Final

from sqlite_utils import Database

_SEEN: Final = (
    " BEGIN UPDATE standing SET here = 1, day = max(day, substr(NEW.opened_at, 1, 10))"
    "  WHERE subject = NEW.subject AND (here = 0 OR day < substr(NEW.opened_at, 1, 10)); END"
)
_GUEST: Final = "NEW.subject IS NOT NULL AND NEW.origin = 'run' AND NEW.void = 0"


def standing(db: Database) -> None:
    """Members with a template by where they belong and when they were last here."""
    # here: enrolled in this shop, or was here since; not only shared by another. day: of the last
    # visit, or of the template if that is later; to the day, which is all that the order needs.
    # The rest is the template's and its consent's: mark, photos, from when until when it holds.
    db.execute(
        "CREATE TABLE standing (subject TEXT PRIMARY KEY, here INTEGER NOT NULL, day TEXT NOT NULL,"
        " mark INTEGER NOT NULL, photos INTEGER NOT NULL, given_at TEXT NOT NULL,"
        " ends_at TEXT NOT NULL) STRICT, WITHOUT ROWID"
    )
    db.execute(
        "CREATE INDEX standing_order ON standing"
        " (here DESC, day DESC, mark DESC, given_at, ends_at, photos)"
    )
    db.execute(
        "INSERT INTO standing SELECT t.subject,"
        " v.day IS NOT NULL OR NOT EXISTS"
        "  (SELECT 1 FROM share_in AS s WHERE s.subject = t.subject AND s.brought = 1),"
        " max(substr(t.made_at, 1, 10), coalesce(v.day, '')), t.mark, t.photos, c.given_at,"
        " c.ends_at FROM template AS t JOIN consent AS c ON c.id = t.consent_id"
        " LEFT JOIN (SELECT subject, max(substr(opened_at, 1, 10)) AS day FROM visit"
        "  WHERE subject IS NOT NULL AND origin = 'run' AND void = 0 GROUP BY subject) AS v"
        " ON v.subject = t.subject"
    )
    standing_triggers(db)
    db.execute(f"CREATE TRIGGER visit_opened_standing AFTER INSERT ON visit WHEN {_GUEST}{_SEEN}")
    db.execute(
        f"CREATE TRIGGER visit_named_standing AFTER UPDATE OF subject ON visit WHEN {_GUEST}{_SEEN}"
    )


def standing_triggers(db: Database) -> None:
    """Make the triggers on `template`, which fall with it (`people_schema.rebuild_templates`)."""
    # The mark is the last that is written of a template, by a trigger too.
    db.execute(
        "CREATE TRIGGER template_standing AFTER UPDATE OF mark ON template BEGIN"
        " INSERT INTO standing SELECT NEW.subject, 1, substr(NEW.made_at, 1, 10), NEW.mark,"
        "  NEW.photos, given_at, ends_at FROM consent WHERE id = NEW.consent_id"
        " ON CONFLICT (subject) DO UPDATE SET day = max(day, excluded.day), mark = excluded.mark,"
        "  photos = excluded.photos, given_at = excluded.given_at, ends_at = excluded.ends_at; END"
    )
    db.execute(
        "CREATE TRIGGER template_no_standing AFTER DELETE ON template"
        " BEGIN DELETE FROM standing WHERE subject = OLD.subject; END"
    )
