"""The only writer of facts: messages in, one transaction, acknowledgements out.

    messages -> sort_out (decode) -> boxes (lock), ledger (once only), members (erase),
                                  facts (derive), desk_facts, ledger and boxes (save), marks: all
                                  boxes at once
             -> commit -> acknowledgements
                  `----> shares (keys that were asked for) -> commit -> releases
    orders that wait -> order_post -> commit -> orders

Called by `mqtt`; knows nothing of MQTT but topics. What a box or a stranger sends never raises:
it is set aside and counted. What the database raises does, and nothing is then acknowledged,
so that the box sends it again.
"""

import json
import logging
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec.structs import replace
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError

from cloud import (
    aside,
    boxes,
    desired,
    desk_facts,
    erasures,
    facts,
    members,
    order_post,
    retention,
    sharing,
)
from cloud.acks import Reply, answer_batch, answer_hello
from cloud.batches import Fact
from cloud.db import again, reading, writing
from cloud.inbox import Aside, Gathered, Intake, Received, sort_out
from cloud.inbox import aside as make_aside
from cloud.ledger import Entry, Ledger, Named
from cloud.metrics import IngestMeters
from cloud.office import people
from cloud.office.people import Office
from cloud.orders import Issuer
from cloud.shares import Shares
from cloud.tally import marks
from edge.wire.messages import (
    ConfigReported,
    CrossingMinute,
    DeskFact,
    HourSummary,
    MemberChanged,
    MemberLinked,
    OrderRefused,
    PresenceHour,
    PresenceMinute,
    VisitClosed,
    VisitOpened,
    VisitRevised,
)

_log = logging.getLogger(__name__)
_NEVER_TOO_OLD: Final = (
    *(MemberChanged.KIND, MemberLinked.KIND),
    *(ConfigReported.KIND, OrderRefused.KIND),
)
"""What is no figure of a day: it holds whenever it is heard."""


_PLAIN: Final = frozenset(
    one.KIND
    for one in (
        *(VisitOpened, VisitRevised, VisitClosed, CrossingMinute, HourSummary),
        *(PresenceMinute, PresenceHour, DeskFact),
    )
)
"""What, unless it names a subject, is a matter of `facts` and `desk_facts` alone."""


class _Poison(Exception):
    """A statement failed because of what it was given; without it, the rest can be taken."""


class Ingest:
    """Takes what boxes send into the database.

    Args:
        engine: the database.
        shares: answers the boxes that ask for keys.
        meters: where the work is counted; None: nowhere that anybody reads.
    """

    def __init__(self, engine: Engine, shares: Shares, meters: IngestMeters | None = None) -> None:
        self._engine = engine
        self._shares = shares
        self._meters = meters or IngestMeters()
        self._issuer = Issuer()

    def take(self, messages: Sequence[Received]) -> list[Reply]:
        """Sort messages out and write them; see `write`.

        Args:
            messages: topic, payload and the aware moment of receipt of each, oldest first.
        """
        return self.write(sort_out(messages))

    def write(self, gathered: Gathered) -> list[Reply]:
        """Write a set of messages in one transaction, then answer requests for keys.

        Returns:
            Topics and payloads to publish. Everything that they acknowledge is committed.

        Raises:
            sqlalchemy.exc.DBAPIError: the database cannot write now; nothing was acknowledged.
        """
        with self._meters.commit.time():
            replies = self._write(gathered)
        self._meters.took(gathered)
        return replies + self._shares.answer(gathered.asked)

    def _write(self, gathered: Gathered) -> list[Reply]:
        messages = gathered.messages
        try:
            return again(lambda: self._together(gathered))
        except _Poison as poison:
            # Not the driver's own words: they may repeat what a visit says.
            cause = type(poison.__cause__).__name__
            _log.warning("a set of %d messages: %s; taking them singly", len(messages), cause)
        return again(lambda: self._one_by_one(messages))

    def _together(self, gathered: Gathered) -> list[Reply]:
        with writing(self._engine) as connection:
            return _translated(connection, gathered, self._issuer)

    def _one_by_one(self, messages: Sequence[Received]) -> list[Reply]:
        with writing(self._engine) as connection:
            return [
                reply
                for message in messages
                for reply in _take_one(connection, message, self._issuer)
            ]

    def orders_due(self, now: datetime) -> list[Reply]:
        """Return the orders that are to be published now.

        Raises:
            sqlalchemy.exc.DBAPIError: the database does not answer now.
        """
        with reading(self._engine) as connection:
            if not order_post.anything_due(connection, now):
                return []
        with writing(self._engine) as connection:
            return order_post.due(connection, now, lambda: Office(self._shares.master(connection)))

    def beat(self, now: datetime, *, dropped: int = 0, database_errors: int = 0) -> None:
        """Note that ingest is alive, and what it had to drop since the last time."""
        with writing(self._engine) as connection:
            counts = {aside.DROPPED: dropped, aside.DATABASE_ERRORS: database_errors}
            aside.count_up(connection, counts)
            aside.note_alive(connection, now)
            people.forget_past(connection, now)


def _translated(connection: Connection, gathered: Gathered, issuer: Issuer) -> list[Reply]:
    """Tell a statement that can never succeed from a database that cannot write now.

    Raises:
        _Poison: the former; the latter is left as it is.
    """
    try:
        return _write(connection, gathered, issuer)
    except (StatementError, OverflowError, UnicodeError) as exc:
        # A driver raises the latter two for numbers and texts that the database cannot hold.
        if isinstance(exc, DBAPIError) and not isinstance(exc, IntegrityError | DataError):
            raise  # locked, full, away, a table or a right missing: nothing may be given up
        cause = exc.orig if isinstance(exc, StatementError) and exc.orig is not None else exc
        raise _Poison(f"{type(cause).__name__}: {cause}") from exc


def _take_one(connection: Connection, message: Received, issuer: Issuer) -> list[Reply]:
    """Take one message; if it is poisoned, set aside the part that is."""
    topic, payload, at = message
    gathered = sort_out([message])
    try:
        return _within_savepoint(connection, gathered, issuer)
    except _Poison as poison:
        events = [event for intake in gathered.intakes.values() for event in intake.events]
        if not events:
            gathered = Gathered(asides=[make_aside(at, topic, str(poison), payload)])
            return _write(connection, gathered, issuer)
    (intake,) = gathered.intakes.values()
    for single in _singly(intake):
        try:
            _within_savepoint(connection, single, issuer)
        except _Poison as poison:
            _write(connection, _given_up(intake, topic, single, str(poison)), issuer)
    ledger = Ledger(connection)
    ledger.load(_epochs(intake))
    return _answers(intake, ledger)


def _within_savepoint(connection: Connection, gathered: Gathered, issuer: Issuer) -> list[Reply]:
    with connection.begin_nested():
        return _translated(connection, gathered, issuer)


def _singly(intake: Intake) -> Iterator[Gathered]:
    parts: list[tuple[list[Fact], list[Aside]]] = [([event], []) for event in intake.events]
    parts += [([], [one]) for one in intake.faulty]
    for events, faulty in parts:
        part = Intake(address=intake.address, last_at=intake.last_at, events=events, faulty=faulty)
        yield Gathered(intakes={intake.address: part})


def _given_up(intake: Intake, topic: str, single: Gathered, reason: str) -> Gathered:
    """Return the same event as one that is set aside: it counts as received."""
    (part,) = single.intakes.values()
    faulty = part.faulty + [
        make_aside(
            intake.last_at,
            topic,
            reason,
            json.dumps(_nameless(event).told()).encode(),
            (event.epoch, event.seq),
        )
        for event in part.events
    ]
    given_up = Intake(address=intake.address, last_at=intake.last_at, faulty=faulty)
    return Gathered(intakes={intake.address: given_up})


def _write(connection: Connection, gathered: Gathered, issuer: Issuer) -> list[Reply]:
    """Write a set within the transaction; return the replies for after its commit."""
    asides = list(gathered.asides)
    # In a fixed order, so that two ingest processes never wait for each other crosswise.
    order = sorted(gathered.intakes, key=lambda one: (one.store, one.box))
    intakes = [gathered.intakes[address] for address in order]
    replies = _take_in(connection, intakes, asides, issuer) if intakes else []
    aside.keep(connection, asides)
    if intakes or asides:
        aside.count_up(connection, {aside.CHANGES: 1})
    return replies


def _take_in(
    connection: Connection, intakes: Sequence[Intake], asides: list[Aside], issuer: Issuer
) -> list[Reply]:
    known = boxes.lock_boxes(connection, [intake.address for intake in intakes])
    zones = {store: boxes.zone_or_utc(one.timezone) for (store, _), one in known.items()}
    hours: set[tuple[str, int]] = set()
    days: set[marks.Day] = set()
    for intake in intakes:
        if intake.hellos:
            store = intake.address.store
            hours |= {(store, hour) for hour in _introduce(connection, intake, asides)}
            before, zones[store] = zones[store], boxes.zone_of(connection, store)
            if zones[store] != before:
                days |= marks.days_of_shop(connection, store)
    ledger = Ledger(connection)
    ledger.load({named for intake in intakes for named in _epochs(intake)})
    kept_from = retention.kept_from(connection)
    new = [one for intake in intakes for one in _sift(intake, ledger, asides, kept_from)]
    if new:
        # All but visitors and counts, the most by far, which none of these rooms asks for.
        special = [one for one in new if one[2].subject or one[2].kind not in _PLAIN]
        ends = erasures.concerned(connection, special)
        gone = members.forget(connection, special)
        facts.insert_events(connection, [_without_link(one) for one in new], gone)
        members.save(connection, special, gone)
        days |= desk_facts.save(connection, zones, new)
        touched = facts.derive(connection, zones, new, gone)
        hours |= touched.hours
        days |= touched.days
        _take_reports(connection, special, gone)
        now = max(one.last_at for one in intakes)
        erasures.pass_on(connection, issuer, special, ends, now)
        erasures.pass_on_links(connection, issuer, special, gone, now)
        erasures.pass_on_late(connection, issuer, special, gone, now)
    replies = [reply for intake in intakes for reply in _answers(intake, ledger)]
    ledger.save()
    boxes.hear(connection, known, intakes)
    for intake in intakes:
        for key in intake.keys:
            order_post.hear_key(connection, intake.address, key.public, intake.last_at)
        for ack in intake.carried_out:
            order_post.hear(connection, issuer, intake.address, ack, intake.last_at)
        for said in intake.sharing:
            replies += sharing.heard(connection, issuer, intake.address, said, intake.last_at)
    facts.mark_dirty(connection, hours)
    marks.mark_days(connection, days)
    return replies


def _take_reports(connection: Connection, new: Sequence[facts.New], gone: Collection[str]) -> None:
    """Keep what boxes tell of orders: settings in force, and what they refuse."""
    for _, address, fact in new:
        body, at = fact.body, _moment(fact.at)
        if fact.kind == ConfigReported.KIND:
            version, state, code = body.version, body.state, body.code
            if state != "superseded":  # then its last word on the newer one stands
                desired.note_report(connection, address, version, state, code, at)
        elif fact.kind == MemberLinked.KIND and fact.subject not in gone:
            people.link(connection, address, str(fact.subject), body.member)
        elif fact.kind == OrderRefused.KIND:
            order = (body.order_epoch, body.order_seq)
            order_post.refused(connection, address, order, body.code)
            desired.refused(connection, address, order, body.code, at)


def _without_link(new: facts.New) -> facts.New:
    """Return an event as it is kept: whom it links stands where an erasure finds it."""
    if new.fact.kind != MemberLinked.KIND:
        return new
    return new._replace(fact=replace(new.fact, body=replace(new.fact.body, member=None)))


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _epochs(intake: Intake) -> set[Named]:
    names = {event.epoch for event in intake.events}
    names |= {one.epoch for one in intake.faulty if one.epoch is not None}
    names |= {span.epoch for hello in intake.hellos for span in hello.epochs}
    store, box = intake.address.store, intake.address.box
    return {(store, box, name) for name in names}


def _introduce(connection: Connection, intake: Intake, asides: list[Aside]) -> set[int]:
    touched: set[int] = set()
    for hello in intake.hellos:
        try:
            touched |= boxes.introduce(connection, intake.address, hello)
        except ValueError as exc:
            topic = intake.address.topic("up")
            asides.append(make_aside(intake.last_at, topic, str(exc), hello.timezone.encode()))
    return touched


def _sift(intake: Intake, ledger: Ledger, asides: list[Aside], kept_from: int) -> list[facts.New]:
    """Note what arrived, good and faulty; return the events that are new."""
    address = intake.address
    entries = ledger.of(address)
    by_epoch: dict[str, dict[int, Fact]] = {}
    for fact in intake.events:
        by_epoch.setdefault(fact.epoch, {}).setdefault(fact.seq, fact)
    new: list[facts.New] = []
    numbers: list[tuple[Entry, list[int]]] = []
    for name, numbered in by_epoch.items():
        entry = entries[name]
        seqs = sorted(numbered)
        held = ledger.held_events(entry, seqs) if seqs[0] <= entry.received.top else ()
        fresh = [numbered[seq] for seq in seqs if seq not in held]
        if fresh and min(map(_earliest, fresh)) < kept_from:
            fresh = _within_keeping(intake, entry, fresh, asides, kept_from)
        new += [facts.New(entry.pk, address, fact) for fact in fresh]
        numbers.append((entry, seqs))
    _note_faulty(intake, ledger, asides)
    for entry, seqs in numbers:
        entry.take(seqs)
    return new


def _earliest(fact: Fact) -> int:
    return fact.at if fact.moment is None else min(fact.at, fact.moment)


def _within_keeping(
    intake: Intake, entry: Entry, fresh: list[Fact], asides: list[Aside], kept_from: int
) -> list[Fact]:
    """Return the facts that are still counted; others go aside, unless they were held before."""
    within: list[Fact] = []
    for fact in fresh:
        counts = fact.at if fact.moment is None else fact.moment
        if _earliest(fact) < kept_from and entry.received.holds(fact.seq):
            continue  # it was here, and went with its month
        if counts >= kept_from or fact.kind in _NEVER_TOO_OLD:
            within.append(fact)
            continue
        expected = f"expected a fact of {_day(kept_from)} or later, got {_day(counts)}"
        told = json.dumps(_nameless(fact).told()).encode()
        topic, identity = intake.address.topic("up"), (fact.epoch, fact.seq)
        reason = f"{fact.kind}: past keeping: {expected}"
        asides.append(make_aside(intake.last_at, topic, reason, told, identity))
    return within


def _nameless(fact: Fact) -> Fact:
    """Return a fact as it may lie aside, where no erasure looks: without whom it names."""
    body = replace(fact.body, member=None) if fact.kind == MemberLinked.KIND else fact.body
    return replace(fact, subject=None, body=body)


def _day(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d}"


def _note_faulty(intake: Intake, ledger: Ledger, asides: list[Aside]) -> None:
    """Count events that can never be taken as received, so that they are not sent for ever."""
    for one in intake.faulty:
        if one.epoch is None or one.seq is None:
            continue
        entry = ledger.of(intake.address)[one.epoch]
        if not entry.received.holds(one.seq):
            asides.append(one)
        entry.take([one.seq])


def _answers(intake: Intake, ledger: Ledger) -> list[Reply]:
    replies: list[Reply] = []
    address = intake.address
    entries = ledger.of(address)
    names = {event.epoch for event in intake.events}
    names |= {one.epoch for one in intake.faulty if one.epoch is not None}
    if names:
        replies += answer_batch(address, [entries[name] for name in sorted(names)])
    for hello in intake.hellos:
        replies += answer_hello(address, hello, entries)
    return replies
