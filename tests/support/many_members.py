"""A store with more members than are searched by face, one template damaged.

`fabricate` writes rows by SQL, quicker than anybody enrols: a million in a minute or two. Those who
are chosen have templates that open; the others' have the same size and are random, for
nobody may open them. The consent ledger's hashes are no hashes. Called by the tests, and by
scripts/measure-gallery, which prints how long the choice and the start take, and the memory.
"""

import logging
import resource
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from sqlite_utils import Database

from edge.app.faces import GalleryFeed
from edge.faces.gallery import MemberGallery
from edge.keys.templates import TemplateOpener
from edge.store.database import connect, migrate
from edge.store.people import gallery_mark
from edge.store.standing import chosen_marks, roll_call
from edge.wire.codec import utc_text
from tests.support.people import MODEL, NOW, TEMPLATE_ROOT, template, vector

CHOSEN: Final = 20_000
_AT_ONCE: Final = 20_000
_TRIGGERS: Final = ("consent_follows", "consent_of_a_member", "consent_after_the_last_end")


def subject(number: int) -> str:
    """Return the subject of the member with a number."""
    return f"01M7{number:022}"


def fabricate(db: Database, members: int, *, chosen: int, damaged: int) -> None:
    """Write members with a consent and a template; the last `chosen` of them come first.

    `damaged` is the number of one of these, counted from the first member: its template does not
    open. The one of member n is `vector(n)`.
    """
    kept = [
        db.execute("SELECT sql FROM sqlite_master WHERE name = ?", [name]).fetchone()[0]
        for name in _TRIGGERS
    ]
    for name in _TRIGGERS:
        db.execute(f"DROP TRIGGER {name}")
    for start in range(0, members, _AT_ONCE):
        numbers = range(start, min(start + _AT_ONCE, members))
        with db.conn:
            for statement, rows in _rows(numbers, members - chosen):
                db.conn.executemany(statement, rows)
    for statement in kept:
        db.execute(statement)
    db.execute(
        "UPDATE template SET sealed = zeroblob(length(sealed)) WHERE subject = ?",
        [subject(damaged)],
    )
    db.conn.commit()


def _rows(numbers: range, real_from: int) -> Iterator[tuple[str, Iterator[tuple[Any, ...]]]]:
    moment, over = utc_text(NOW), "2027-11-20T16:00:00.000Z"
    yield (
        "INSERT INTO member VALUES (?, ?, NULL, x'00', x'00', ?, ?)",
        ((f"01N7{n:022}", subject(n), moment, moment) for n in numbers),
    )
    yield (
        "INSERT INTO consent (id, at, subject, kind, purpose, text_version, language, text_hash,"
        " means, scope, shops, given_at, expires, ends_at, adult, under_14, prev, hash) VALUES"
        " (?, ?, ?, 'given', 'recognition', '2026-11', 'zh', ?, 'in_person', 'store', '[]', ?,"
        " '2027-11-20', ?, 1, 0, x'', x'')",
        ((n + 1, moment, subject(n), "5" * 64, moment, over) for n in numbers),
    )
    yield (
        "INSERT INTO template (subject, consent_id, made_at, model, photos, sealed_key, sealed)"
        " VALUES (?, ?, ?, ?, 3, ?, ?)",
        ((subject(n), n + 1, moment, MODEL, *_sealed(n, real_from)) for n in numbers),
    )


def _sealed(number: int, real_from: int) -> tuple[bytes, bytes]:
    if number < real_from:
        return secrets.token_bytes(100), secrets.token_bytes(540)
    one = template(subject(number), number)
    return one.sealed_key, one.sealed


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def main(members: int) -> None:
    """Measure and print."""
    logging.basicConfig(format="%(levelname)s %(message)s")
    with tempfile.TemporaryDirectory() as name:
        db = connect(Path(name))
        migrate(db)
        chosen = min(CHOSEN, members)
        fabricate(db, members, chosen=chosen, damaged=members - chosen // 2)
        db.close()
        db = connect(Path(name))
        before = _resident_mb()
        for what, work in (
            ("mark", lambda: gallery_mark(db)),
            ("choice", lambda: chosen_marks(db, NOW, CHOSEN)),
            ("roll call", lambda: roll_call(db, NOW, CHOSEN)),
        ):
            began = time.perf_counter()
            work()
            sys.stdout.write(f"{what}: {1000 * (time.perf_counter() - began):.1f} ms\n")
        gallery = MemberGallery()
        feed = GalleryFeed(db, TemplateOpener(TEMPLATE_ROOT), gallery, CHOSEN)
        began = time.perf_counter()
        feed.fill(NOW)
        took = time.perf_counter() - began
        known = gallery.match(np.asarray(vector(members - 1)), 5)
        sys.stdout.write(
            f"{members:,} members: {len(gallery):,} opened in {took:.1f} s,"
            f" {_resident_mb() - before:.0f} MB more; the last one is"
            f" {'known' if known else 'not known'}\n"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]))
