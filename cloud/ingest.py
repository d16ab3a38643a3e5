"""The only writer of facts: messages in, one transaction, acknowledgements out.

    messages -> inbox (decode) -> boxes (lock), ledger (once only), members (erase),
                                  facts (derive), ledger and boxes (save): all boxes at once
             -> commit -> acknowledgements
                  `----> shares (keys that were asked for) -> commit -> releases

Called by `mqtt`; knows nothing of MQTT but topics. What a box or a stranger sends never raises:
it is set aside and counted. What the database raises does, and nothing is then acknowledged,
so that the box sends it again.
"""

import gc
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError

from cloud import aside, boxes, facts, members
from cloud.acks import Reply, answer_batch, answer_hello
from cloud.batches import Fact
from cloud.db import writing
from cloud.inbox import Aside, Gathered, Intake, Received, sort_out
from cloud.inbox import aside as make_aside
from cloud.ledger import Entry, Ledger, Named
from cloud.shares import Shares

_log = logging.getLogger(__name__)


class _Poison(Exception):
    """A statement failed because of what it was given; without it, the rest can be taken."""


class Ingest:
    """Takes what boxes send into the database.

    Args:
        engine: the database.
        shares: answers the boxes that ask for keys.
    """

    def __init__(self, engine: Engine, shares: Shares) -> None:
        self._engine = engine
        self._shares = shares

    def take(self, messages: Sequence[Received]) -> list[Reply]:
        """Write a gathered set of messages in one transaction, then answer requests for keys.

        Args:
            messages: topic, payload and the aware moment of receipt of each, oldest first.

        Returns:
            Topics and payloads to publish. Everything that they acknowledge is committed.

        Raises:
            sqlalchemy.exc.DBAPIError: the database cannot write now; nothing was acknowledged.
        """
        with _no_collection():
            gathered = sort_out(messages)
            return self._take(gathered, messages) + self._shares.answer(gathered.asked)

    def _take(self, gathered: Gathered, messages: Sequence[Received]) -> list[Reply]:
        try:
            with writing(self._engine) as connection:
                return _translated(_write, connection, gathered)
        except _Poison as poison:
            # Not the driver's own words: they may repeat what a visit says.
            cause = type(poison.__cause__).__name__
            _log.warning("a set of %d messages: %s; taking them singly", len(messages), cause)
        with writing(self._engine) as connection:
            return [reply for message in messages for reply in _take_one(connection, message)]

    def beat(self, now: datetime, *, dropped: int = 0, database_errors: int = 0) -> None:
        """Note that ingest is alive, and what it had to drop since the last time."""
        with writing(self._engine) as connection:
            counts = {aside.DROPPED: dropped, aside.DATABASE_ERRORS: database_errors}
            aside.count_up(connection, counts)
            aside.note_alive(connection, now)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Let Python look for cycles between sets only: a set makes many records, and no cycles.

    Measured: a sixth of the time in which a chain's shops each send one event.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _translated(
    write: Callable[[Connection, Gathered], list[Reply]],
    connection: Connection,
    gathered: Gathered,
) -> list[Reply]:
    """Tell a statement that can never succeed from a database that cannot write now.

    Raises:
        _Poison: the former; the latter is left as it is.
    """
    try:
        return write(connection, gathered)
    except (StatementError, OverflowError, UnicodeError) as exc:
        # A driver raises the latter two for numbers and texts that the database cannot hold.
        if isinstance(exc, DBAPIError) and not isinstance(exc, IntegrityError | DataError):
            raise  # locked, full, away, a table or a right missing: nothing may be given up
        cause = exc.orig if isinstance(exc, StatementError) and exc.orig is not None else exc
        raise _Poison(f"{type(cause).__name__}: {cause}") from exc


def _take_one(connection: Connection, message: Received) -> list[Reply]:
    """Take one message; if it is poisoned, set aside the part that is."""
    topic, payload, at = message
    gathered = sort_out([message])
    try:
        return _within_savepoint(connection, gathered)
    except _Poison as poison:
        events = [event for intake in gathered.intakes.values() for event in intake.events]
        if not events:
            gathered = Gathered(asides=[make_aside(at, topic, str(poison), payload)])
            return _write(connection, gathered)
    (intake,) = gathered.intakes.values()
    for single in _singly(intake):
        try:
            _within_savepoint(connection, single)
        except _Poison as poison:
            _write(connection, _given_up(intake, topic, single, str(poison)))
    ledger = Ledger(connection)
    ledger.load(_epochs(intake))
    return _answers(intake, ledger)


def _within_savepoint(connection: Connection, gathered: Gathered) -> list[Reply]:
    with connection.begin_nested():
        return _translated(_write, connection, gathered)


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
            json.dumps(event.told()).encode(),
            (event.epoch, event.seq),
        )
        for event in part.events
    ]
    given_up = Intake(address=intake.address, last_at=intake.last_at, faulty=faulty)
    return Gathered(intakes={intake.address: given_up})


def _write(connection: Connection, gathered: Gathered) -> list[Reply]:
    """Write a set within the transaction; return the replies for after its commit."""
    asides = list(gathered.asides)
    # In a fixed order, so that two ingest processes never wait for each other crosswise.
    order = sorted(gathered.intakes, key=lambda one: (one.store, one.box))
    intakes = [gathered.intakes[address] for address in order]
    replies = _take_in(connection, intakes, asides) if intakes else []
    aside.keep(connection, asides)
    if intakes or asides:
        aside.count_up(connection, {aside.CHANGES: 1})
    return replies


def _take_in(connection: Connection, intakes: Sequence[Intake], asides: list[Aside]) -> list[Reply]:
    known = boxes.lock_boxes(connection, [intake.address for intake in intakes])
    zones = {store: boxes.zone_or_utc(one.timezone) for (store, _), one in known.items()}
    hours: set[tuple[str, int]] = set()
    for intake in intakes:
        if intake.hellos:
            store = intake.address.store
            hours |= {(store, hour) for hour in _introduce(connection, intake, asides)}
            zones[store] = boxes.zone_of(connection, store)
    ledger = Ledger(connection)
    ledger.load({named for intake in intakes for named in _epochs(intake)})
    new = [one for intake in intakes for one in _sift(intake, ledger, asides)]
    if new:
        gone = members.forget(connection, new)
        facts.insert_events(connection, new, gone)
        members.save(connection, new, gone)
        hours |= facts.derive(connection, zones, new, gone)
    replies = [reply for intake in intakes for reply in _answers(intake, ledger)]
    ledger.save()
    boxes.hear(connection, known, intakes)
    facts.mark_dirty(connection, hours)
    return replies


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


def _sift(intake: Intake, ledger: Ledger, asides: list[Aside]) -> list[facts.New]:
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
        new += [facts.New(entry.pk, address, numbered[seq]) for seq in seqs if seq not in held]
        numbers.append((entry, seqs))
    _note_faulty(intake, ledger, asides)
    for entry, seqs in numbers:
        entry.opened += entry.received.take(seqs)
    return new


def _note_faulty(intake: Intake, ledger: Ledger, asides: list[Aside]) -> None:
    """Count events that can never be taken as received, so that they are not sent for ever."""
    for one in intake.faulty:
        if one.epoch is None or one.seq is None:
            continue
        entry = ledger.of(intake.address)[one.epoch]
        if not entry.received.holds(one.seq):
            asides.append(one)
        entry.opened += entry.received.take([one.seq])


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
