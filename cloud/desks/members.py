"""Members for programs: read, put, taken in many at once, erased and merged by external id.

    api/members -> MemberDesk -> Office, erasures   (what the commands call, and as they do)

The pages' process does not hold the hub's secret, from which every box's keys could be derived: it
reads the two keys of the office alone, from a file that `menkou-hub member open-api` makes. Without
that file there is no such API. A program sees members of its own shops only.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, select

from cloud import erasures
from cloud.accounts import audit
from cloud.accounts.scope import Scope
from cloud.db import writing
from cloud.errors import HubFault
from cloud.members import hash_of
from cloud.office.merge import MemberUnknown
from cloud.office.people import Imported, Office
from cloud.office.seal import KEYS_BYTES, Texts, TextsTooLong
from cloud.office.table import MEMBER_COLUMNS, Unsound, read_member, sift_members
from cloud.orders import Issuer
from cloud.tables import office_member_shop, store
from menkou.table import Row

BATCH_MAX: Final = 500


class MembersClosed(HubFault):
    """The keys of head office's members are not here: the API takes none."""


class Moved(HubFault):
    """The member has another revision than the program read."""


class NotYours(HubFault):
    """The shop is none of the program's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberView:
    """A member as a program reads them. Personal: repr shows the revision only."""

    external_id: str = field(repr=False)
    rev: int
    shops: tuple[str, ...]
    profile: Texts = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of rows: counts, and what is wrong with those that were left out, by place."""

    added: int = 0
    changed: int = 0
    same: int = 0
    joined: int = 0
    faults: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who asks: an actor of the audit log, and what is theirs."""

    actor: str
    scope: Scope


class MemberDesk:
    """Does for programs what the `member` commands do, one writer at a time.

    Args:
        engine: the database.
        keys_file: the keys of the office, 64 bytes.
        now: the time.
    """

    def __init__(
        self,
        engine: Engine,
        keys_file: Path,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._keys_file = keys_file
        self._now = now
        # One for all requests: each of its own would begin an epoch that boxes keep for months.
        self._issuer = Issuer()
        self._one = threading.Lock()

    def _office(self) -> Office:
        try:
            keys = self._keys_file.read_bytes()
        except OSError:
            keys = b""
        if len(keys) != KEYS_BYTES:
            raise MembersClosed(
                "members: expected the office's keys in the data directory, got none"
            )
        return Office.with_keys(keys)

    def read(self, external_id: str, by: By) -> MemberView:
        """Return a member; that it was read is in the audit log.

        Raises:
            MembersClosed: there are no keys here.
            MemberUnknown: nobody of the program's shops has the external id.
        """
        office = self._office()
        with writing(self._engine) as connection:
            member, view = self._seen(connection, office, external_id, by.scope)
            self._note(connection, by, "view", member)
        return view

    def _seen(
        self, connection: Connection, office: Office, external_id: str, scope: Scope
    ) -> tuple[str, MemberView]:
        found = office.read(connection, external_id)
        shops = _shops_of(connection, found[0]) if found is not None else ()
        if found is None or not any(_is_of(scope, shop) for shop in shops):
            raise MemberUnknown("external_id: expected that of a member of your shops, got another")
        member, rev, texts = found
        shown = tuple(shop for shop in shops if _is_of(scope, shop))
        profile = {name: text for name, text in texts.items() if text and name != "external_id"}
        view = MemberView(external_id=texts["external_id"], rev=rev, shops=shown, profile=profile)
        return member, view

    def put(
        self, external_id: str, shop: str, texts: Mapping[str, Any], rev: int | None, by: By
    ) -> tuple[MemberView, bool]:
        """Make a member of these texts and of no others; the same again changes nothing.

        Args:
            external_id: whose.
            shop: whose boxes are to have the member, too.
            texts: by column; those that are not there become empty.
            rev: the revision that was read, 0 for nobody yet, None whatever it is.
            by: who asks.

        Returns:
            The member, and whether it is new.

        Raises:
            MembersClosed, MemberUnknown, NotYours, Moved, Unsound, TextsTooLong: see there.
        """
        office = self._office()
        row = read_member({**texts, "external_id": external_id})
        row = {**dict.fromkeys(MEMBER_COLUMNS, ""), **row}
        with self._one, writing(self._engine) as connection:
            _check_shop(connection, shop, by.scope)
            before = office.read(connection, external_id)
            if before is not None:
                _check_all_yours(connection, before[0], by.scope)
            if rev is not None and rev != (before[1] if before else 0):
                raise Moved("rev: expected the member's revision, got another; read it again")
            done = office.take_members(connection, self._issuer, shop, [row], self._now())
            self._note_import(connection, by, shop, done)
            _, view = self._seen(connection, office, external_id, by.scope)
        return view, done.added > 0

    def take(self, shop: str, rows: Sequence[Any], by: By) -> Taken:
        """Take up to `BATCH_MAX` members as an import does; broken ones are left out and named.

        Raises:
            MembersClosed, NotYours: see there.
        """
        sound: list[tuple[int, Texts]] = []
        faults: list[tuple[int, str]] = []
        for place, row in enumerate(rows):
            try:
                sound.append((place, read_member(row if isinstance(row, dict) else {})))
            except Unsound as exc:
                faults += [(place, text) for text in exc.faults]
        return self._take(shop, sound, faults, by)

    def take_table(self, shop: str, raw: bytes, by: By) -> Taken:
        """Take a CSV file as an import does, but for its broken rows, which are named by line.

        Raises:
            MembersClosed, NotYours: see there.
            menkou.table.TableFault: no row can be told apart.
        """
        sound: list[tuple[int, Texts]] = []
        faults: list[tuple[int, str]] = []
        for one in sift_members(raw).rows:
            if isinstance(one, Row):
                sound.append((one.line, one.cells))
            else:
                faults += [(fault.line, fault.text) for fault in one]
        return self._take(shop, sound, faults, by)

    def _take(
        self,
        shop: str,
        rows: Sequence[tuple[int, Texts]],
        faults: list[tuple[int, str]],
        by: By,
    ) -> Taken:
        office = self._office()
        fit: list[Texts] = []
        with self._one, writing(self._engine) as connection:
            _check_shop(connection, shop, by.scope)
            for place, row in rows:
                try:
                    office.check(connection, row)
                    if (known := office.find(connection, row["external_id"])) is not None:
                        _check_all_yours(connection, known, by.scope)
                except (TextsTooLong, NotYours) as exc:
                    faults.append((place, str(exc)))
                else:
                    fit.append(row)
            done = office.take_members(connection, self._issuer, shop, fit, self._now())
            self._note_import(connection, by, shop, done)
        return Taken(
            added=done.added,
            changed=done.changed,
            same=done.same,
            joined=done.joined,
            faults=tuple(sorted(faults)),
        )

    def erase(self, external_id: str, by: By) -> int:
        """Erase a member here and order it of every box; return how many boxes were ordered.

        Raises:
            MembersClosed, MemberUnknown, NotYours: see there.
        """
        office = self._office()
        with self._one, writing(self._engine) as connection:
            member, _ = self._seen(connection, office, external_id, by.scope)
            _check_all_yours(connection, member, by.scope)
            ordered = erasures.erase(connection, self._issuer, member, None, self._now())
            self._note(connection, by, "erase", hash_of(member))
        return len(ordered)

    def merge(self, keep: str, gone: str, by: By) -> bool:
        """Make two members one; False if they are.

        Raises:
            MembersClosed, MemberUnknown, NotYours: see there.
        """
        office = self._office()
        with self._one, writing(self._engine) as connection:
            for one in (keep, gone):
                member, _ = self._seen(connection, office, one, by.scope)
                _check_all_yours(connection, member, by.scope)
            done = office.merge(connection, self._issuer, keep, gone, self._now())
            if done is not None:
                note_merge(connection, by.actor, done.member, self._now())
        return done is not None

    def _note(self, connection: Connection, by: By, what: audit.What, subject: str) -> None:
        audit.append(connection, at=self._now(), what=what, actor=by.actor, subject=subject)

    def _note_import(self, connection: Connection, by: By, shop: str, done: Imported) -> None:
        rows = done.added + done.changed + done.same
        detail: dict[str, audit.Code] = {"table": "member", "store": shop, "rows": rows}
        audit.append(connection, at=self._now(), what="import", actor=by.actor, detail=detail)


def note_merge(connection: Connection, actor: str, member: str, now: datetime) -> None:
    """Note in the audit log that another member has become part of one."""
    detail: dict[str, audit.Code] = {"table": "member", "how": "merge"}
    audit.append(connection, at=now, what="import", actor=actor, subject=member, detail=detail)


def _is_of(scope: Scope, shop: str) -> bool:
    return scope.shops is None or shop in scope.shops


def _shops_of(connection: Connection, member: str) -> tuple[str, ...]:
    rows = connection.execute(
        select(office_member_shop.c.store)
        .where(office_member_shop.c.member == member)
        .order_by(office_member_shop.c.store)
    )
    return tuple(rows.scalars())


def _check_shop(connection: Connection, shop: str, scope: Scope) -> None:
    known = connection.execute(select(store.c.id).where(store.c.id == shop)).first()
    if known is None or not _is_of(scope, shop):
        raise NotYours("store: expected a shop that is known here and yours, got another")


def _check_all_yours(connection: Connection, member: str, scope: Scope) -> None:
    """Make sure that a change reaches no shop that is not the program's."""
    if not all(_is_of(scope, shop) for shop in _shops_of(connection, member)):
        raise NotYours("member: expected one of your shops alone, got one of other shops, too")
