"""External ids that lead to another member since a merge. Registered by `schema`."""

from sqlite_utils import Database


def merges(db: Database) -> None:
    """By the blind index of the external id that went: whose it is now."""
    db.execute(
        "CREATE TABLE member_alias (ref BLOB PRIMARY KEY,"
        " subject TEXT NOT NULL CHECK (length(subject) = 26)) STRICT, WITHOUT ROWID"
    )
    db.execute("CREATE INDEX member_alias_subject ON member_alias (subject)")


def led(db: Database, ref: bytes) -> bytes:
    """Return by what a member is found now who was found by this before a merge."""
    row = db.execute(
        "SELECT m.external_ref FROM member_alias AS a JOIN member AS m ON m.subject = a.subject"
        " WHERE a.ref = ? AND m.external_ref IS NOT NULL",
        [ref],
    ).fetchone()
    return row[0] if row else ref


def forget_aliases(db: Database, subject: str) -> None:
    """Forget, in the caller's transaction, what else led to an erased member."""
    db.execute("DELETE FROM member_alias WHERE subject = ?", [subject])
