"""Members shared with other boxes: who is to be, what was begun, signed, and taken by the hub.

    front ──draft: the name, sealed──> share_out <──template, signature── eyes
                     share_out ──bundle──> hub ──its word──> held

A bundle is made anew whenever its basis changes: the template, the consent, the receiver's keys or
this box's certificate. Whoever photographed a member shares; who was given the template does not.
Called by `app.sharing` (eyes) and `app.share_post` (front).
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final

from sqlite_utils import Database

from edge.store.audit import Audit
from edge.store.box_keys import moved, own_statement
from edge.store.database import transaction
from edge.store.orders import digest_of
from edge.wire.checks import VERSION_MAX, is_shop_id, milliseconds
from edge.wire.codec import bundle_text, read_statement, utc_text
from edge.wire.sharing import Bundle, Statement

SHARES_MAX: Final = 20_000
"""Members times boxes that one box shares with; what is more is left out, and said so."""
_AGAIN: Final = "again"
_LIFTED_TO: Final = VERSION_MAX - 1_000_000_000
"""How high a hub's word may lift revisions: above it enough are left for ever."""
Key = tuple[str, str]
"""Whose (the subject's hash), and for which box."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """A member who is to be known to another box now; `basis` changes with what is to be sent."""

    id: str
    subject: str
    store: str
    place: str
    basis: str
    statement: Statement = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be shared now: with which boxes, and which shops' consents hold for whom.

    `covered` are the shops of each live consent by the subject's hash; `received` those hashes
    whose template came from another box; `shops` all other shops that are named; `left_out` how
    many shares are more than `SHARES_MAX`.
    """

    wants: Mapping[Key, Want]
    covered: Mapping[str, frozenset[str]]
    received: frozenset[str]
    shops: tuple[str, ...]
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A bundle that only lacks the template and the signature."""

    id: str
    subject: str
    place: str
    rev: int
    basis: str
    profile: str = field(repr=False)


def wanted(
    db: Database,
    own: str,
    now: datetime,
    *,
    subject: str | None = None,
    place: str | None = None,
) -> Wanted:
    """Return what is to be shared now.

    Args:
        db: the database.
        own: this box, STORE/BOX.
        now: the time.
        subject: of this member only.
        place: with this box only.
    """
    here, moment = own.partition("/")[0], utc_text(now)
    mine = own_statement(db)
    signed = sha256(mine.certificates[0].encode()).hexdigest() if mine else ""
    boxes: dict[str, list[Statement]] = defaultdict(list)
    good = db.execute(
        "SELECT statement FROM box_key WHERE state = 'good' AND place = coalesce(?, place)", [place]
    )
    for (text,) in good:
        one = read_statement(text)
        if one.place != own:
            boxes[one.place.partition("/")[0]].append(one)
    rows = db.execute(
        "SELECT t.subject, t.made_at, c.id, c.scope, c.shops, EXISTS (SELECT 1 FROM share_in AS s"
        "  WHERE s.subject = t.subject AND s.state = 'stored' AND s.made_at = t.made_at)"
        " FROM template AS t JOIN consent AS c ON c.id = t.consent_id"
        " WHERE c.given_at <= ? AND c.ends_at > ? AND t.subject = coalesce(?, t.subject)"
        " ORDER BY t.subject",
        [moment, moment, subject],
    )
    wants: dict[Key, Want] = {}
    covered: dict[str, frozenset[str]] = {}
    received: set[str] = set()
    named: set[str] = set()
    left_out = 0
    for whose, made_at, consent_id, scope, shops, came in rows:
        digest = digest_of(whose)
        covered[digest] = frozenset(json.loads(shops) if scope == "chain" else [here])
        if came:
            received.add(digest)
            continue
        # A consent may name whatever people write; of what is no id there is no box.
        named |= {store for store in covered[digest] if is_shop_id(store)}
        for store in covered[digest] & boxes.keys() if mine else ():
            for one in boxes[store]:
                if len(wants) >= SHARES_MAX:
                    left_out += 1
                    continue
                parts = (made_at, str(consent_id), one.profile_key, one.template_key, signed)
                wants[digest, one.place] = Want(
                    id=digest,
                    subject=whose,
                    store=store,
                    place=one.place,
                    basis=sha256("|".join(parts).encode()).hexdigest(),
                    statement=one,
                )
    return Wanted(
        wants=wants,
        covered=covered,
        received=frozenset(received),
        shops=tuple(sorted(named)),
        left_out=left_out,
    )


def undrafted(db: Database, wants: Mapping[Key, Want]) -> list[Want]:
    """Return those of which no bundle was begun on the present basis."""
    rows = db.execute("SELECT id, place, basis FROM share_out")
    held = {(digest, place): basis for digest, place, basis in rows}
    return [want for key, want in wants.items() if held.get(key) != want.basis]


def next_rev(db: Database, now: datetime) -> int:
    """Return a revision above all that this box gave out."""
    (top,) = db.execute("SELECT max(rev) FROM share_out").fetchone()
    return max(milliseconds(now), (top or 0) + 1)


def keep_draft(db: Database, want: Want, rev: int, profile: str | None) -> None:
    """Keep what was sealed of a person; None: it cannot be sealed as it is now."""
    state = "unfit" if profile is None else "draft"
    with transaction(db):
        db.execute(
            "INSERT INTO share_out (id, subject, store, place, rev, basis, profile, state)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id, place) DO UPDATE SET"
            " subject = excluded.subject, rev = excluded.rev, basis = excluded.basis,"
            " profile = excluded.profile, bundle = NULL, state = excluded.state",
            [want.id, want.subject, want.store, want.place, rev, want.basis, profile, state],
        )


def drafts(db: Database, limit: int) -> list[Draft]:
    """Return bundles that lack their template."""
    rows = db.execute(
        "SELECT id, subject, place, rev, basis, profile FROM share_out WHERE state = 'draft'"
        " ORDER BY rev LIMIT ?",
        [limit],
    ).fetchall()
    return [
        Draft(id=digest, subject=subject, place=place, rev=rev, basis=basis, profile=profile)
        for digest, subject, place, rev, basis, profile in rows
    ]


def keep_bundle(db: Database, draft: Draft, bundle: Bundle, now: datetime, actor: str) -> None:
    """Keep a signed bundle in the place of its draft, if that is still wanted."""
    with transaction(db):
        done = db.execute(
            "UPDATE share_out SET bundle = ?, profile = NULL, state = 'ready'"
            " WHERE id = ? AND place = ? AND rev = ? AND state = 'draft'",
            [bundle_text(bundle), draft.id, draft.place, draft.rev],
        )
        if done.rowcount:
            to = draft.place.replace("/", ":")
            Audit(db).append(
                at=now, what="export", actor=actor, subject=draft.subject, detail={"to": to}
            )


def drop_draft(db: Database, draft: Draft, *, unfit: bool = False) -> None:
    """Give a draft up. Another is made at once if there is cause to, or, if what it was to be
    made of is `unfit`, when that is another.
    """
    changed = "state = 'unfit'" if unfit else "basis = '', state = 'held'"
    with transaction(db):
        db.execute(
            f"UPDATE share_out SET {changed}, profile = NULL"
            " WHERE id = ? AND place = ? AND rev = ? AND state = 'draft'",
            [draft.id, draft.place, draft.rev],
        )
        moved(db)


def note_ends(db: Database, now_wanted: Wanted) -> None:
    """Note which shares are to end: no consent names the shop any more, or another box shares."""
    rows = db.execute("SELECT id, store, place FROM share_out WHERE basis IS NOT NULL").fetchall()
    ending, superseded = [], []
    for digest, store, place in rows:
        if store not in now_wanted.covered.get(digest, ()):
            ending.append((digest, place))
        elif digest in now_wanted.received:
            superseded.append((digest, place))
    if not ending and not superseded:
        return
    cleared = "UPDATE share_out SET basis = NULL, profile = NULL, bundle = NULL, state ="
    with transaction(db):
        for state, keys in (("ending", ending), ("held", superseded)):
            db.conn.executemany(f"{cleared} '{state}' WHERE id = ? AND place = ?", keys)


def to_end(db: Database, limit: int) -> list[Key]:
    """Return shares whose end is to be signed."""
    rows = db.execute(
        "SELECT id, place FROM share_out WHERE state = 'ending' LIMIT ?", [limit]
    ).fetchall()
    return [(digest, place) for digest, place in rows]


def keep_end(db: Database, key: Key, bundle: Bundle) -> None:
    """Keep the signed end of a share."""
    with transaction(db):
        db.execute(
            "UPDATE share_out SET rev = ?, bundle = ?, state = 'ready'"
            " WHERE id = ? AND place = ? AND state = 'ending'",
            [bundle.rev, bundle_text(bundle), *key],
        )


def ready_bundles(db: Database, after: int, limit: int) -> list[str]:
    """Return signed bundles for the hub above a revision, oldest first, as JSON."""
    rows = db.execute(
        "SELECT bundle FROM share_out WHERE state = 'ready' AND rev > ? ORDER BY rev LIMIT ?",
        [after, limit],
    ).fetchall()
    return [text for (text,) in rows]


def note_held(db: Database, held: Iterable[tuple[Key, int]]) -> None:
    """Note what the hub holds: up to that revision of each share.

    Holds it more than this box ever made, this one was restored from an older copy: what it would
    send now must be above that.
    """
    with transaction(db):
        for (digest, place), rev in held:
            db.execute(
                "UPDATE share_out SET bundle = NULL, state = 'held', acked = rev"
                " WHERE id = ? AND place = ? AND state = 'ready' AND rev = ?",
                [digest, place, rev],
            )
            if rev > _LIFTED_TO:
                continue
            ahead = db.execute(
                "UPDATE share_out SET rev = ?, bundle = NULL,"
                " basis = iif(basis IS NULL, NULL, ?),"
                " state = iif(basis IS NULL, 'ending', 'held')"
                " WHERE id = ? AND place = ? AND state = 'ready' AND rev < ?",
                [rev, _AGAIN, digest, place, rev],
            )
            if ahead.rowcount:
                moved(db)


def top_held(db: Database) -> int | None:
    """Return the highest revision that the hub acknowledged."""
    (top,) = db.execute("SELECT max(acked) FROM share_out").fetchone()
    return int(top) if top else None


def share_again(db: Database, place: str | None) -> None:
    """Have everything sent once more, to one box or to all."""
    some, values = ("", []) if place is None else (" AND place = ?", [place])
    with transaction(db):
        if place is None:
            db.execute("UPDATE share_out SET acked = 0")  # the hub holds nothing of it now
        db.execute(
            f"UPDATE share_out SET basis = ? WHERE basis IS NOT NULL AND state = 'held'{some}",
            [_AGAIN, *values],
        )
        db.execute(
            f"UPDATE share_out SET state = 'ending' WHERE basis IS NULL AND state = 'held'{some}",
            values,
        )
        moved(db)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareCount:
    """How many members are shared with a box, wait to be, or came from it."""

    place: str
    shared: int
    waiting: int
    came: int
    key: str
    why: str | None


def counts(db: Database) -> list[ShareCount]:
    """Return the counts for every box that is known of, by name; nobody is named."""
    rows = db.execute(
        "WITH places AS (SELECT place FROM box_key UNION SELECT place FROM share_out"
        "  UNION SELECT place FROM share_in)"
        " SELECT p.place,"
        " (SELECT count(*) FROM share_out AS o WHERE o.place = p.place AND o.state = 'held'"
        "   AND o.basis IS NOT NULL),"
        " (SELECT count(*) FROM share_out AS o WHERE o.place = p.place"
        "   AND o.state NOT IN ('held', 'unfit')),"
        " (SELECT count(*) FROM share_in AS i WHERE i.place = p.place AND i.state = 'stored'),"
        " coalesce(k.state, 'none'), k.why"
        " FROM places AS p LEFT JOIN box_key AS k ON k.place = p.place ORDER BY p.place"
    ).fetchall()
    return [
        ShareCount(place=place, shared=shared, waiting=waits, came=came, key=key, why=why)
        for place, shared, waits, came, key, why in rows
    ]
