"""Looks at the chain's hours as they are over, and says what is not as expected.

    store, box, hourly, expectation -> shop.look for each -> chain: one word, or each shop's own
         -> anomaly, expectation, in short transactions -> a word to shops that were told

Run by ingest's rollup thread after the counting; several processes may: whoever takes the lease
looks, the others pass. What was looked at twice, since a process was killed, is told once.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, Engine, select, update

from cloud.anomalies import by_hand, keep, learning, weekly
from cloud.anomalies.chain import ChainWatch
from cloud.anomalies.heard import heard_of
from cloud.anomalies.keep import Known
from cloud.anomalies.shop import GRACE, Chances, Heard, Seen, Watched, look
from cloud.anomalies.tables import CHAIN, expectation
from cloud.anomalies.words import Words
from cloud.boxes import zone_or_utc
from cloud.bulk import parts
from cloud.db import reading, upsert, writing
from cloud.expect.calendar import Calendar
from cloud.expect.model import Model
from cloud.hours import hour_end, hour_start
from cloud.orders import Issuer
from cloud.tables import hourly, store

EVERY: Final = timedelta(minutes=10)
_LEASE: Final = timedelta(minutes=5)
FIRST_BACK: Final = timedelta(days=3)
"""A shop that was never looked at is looked at from so long ago on."""
_AT_ONCE: Final = 50
_MODEL: Final = msgspec.json.Decoder(Model)
_STATE: Final = msgspec.json.Decoder(Watched)
_CHAIN: Final = msgspec.json.Decoder(ChainWatch)


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What a look came to."""

    shops: int = 0
    hours: int = 0
    opened: int = 0
    learnt: int = 0


class Lookout:
    """Looks now and then; called as often as one likes.

    Args:
        engine: the database.
        calendar: the days that are not ordinary.
    """

    def __init__(self, engine: Engine, calendar: Calendar) -> None:
        self._engine = engine
        self._calendar = calendar
        self._issuer = Issuer()
        self._slot: datetime | None = None

    def __call__(self, now: datetime, give_way: Callable[[], None] = lambda: None) -> Looked | None:
        """Look, if it is time; return what it came to, None if it is not.

        Raises:
            sqlalchemy.exc.DBAPIError: the database does not answer now; the next look does it all.
        """
        if self._slot is not None and now < self._slot + EVERY:
            return None
        # A little after the hour and its tenths, when the last minute has come.
        into = (now - GRACE).timestamp() % EVERY.total_seconds()
        self._slot = now - timedelta(seconds=into)
        if not _leased(self._engine, now):
            return None
        learnt = self.learn(now, give_way)
        found = self.look(now, give_way)
        return msgspec.structs.replace(found, learnt=learnt)

    def learn(self, now: datetime, give_way: Callable[[], None] = lambda: None) -> int:
        """Learn some shops anew."""
        with reading(self._engine) as connection:
            shops = learning.due(connection, now)
        learnt = 0
        for some in parts(shops, 5):
            with writing(self._engine) as connection:
                learnt += learning.learn_some(connection, self._calendar, some, now)
            give_way()
        with writing(self._engine) as connection:
            learning.learn_chain(connection, now)
        return learnt

    def look(self, now: datetime, give_way: Callable[[], None] = lambda: None) -> Looked:
        """Look at all hours that are over, once."""
        with reading(self._engine) as connection:
            known = keep.going_on(connection)
            before = _chain_before(connection)
            ended = keep.last_of_chain(connection)
            heard = heard_of(connection, now)
            total, due = _due(connection, heard, known, now)
        seen: dict[str, Seen] = {}
        for some in parts(due, _AT_ONCE):
            with reading(self._engine) as connection:
                seen |= _look_at(connection, some, heard, self._calendar, now)
            give_way()
        words = Words(seen, total, known, before, ended, now)
        opened = 0
        if due:
            with writing(self._engine) as connection:
                opened += words.of_chain(connection, self._issuer)
        for group in parts(seen, _AT_ONCE):
            with writing(self._engine) as connection:
                opened += sum(words.of_shop(connection, self._issuer, name) for name in group)
                _put(connection, {name: seen[name] for name in group})
            give_way()
        opened += weekly.look(self._engine, self._issuer, now, give_way)
        by_hand.close_over(self._engine, self._issuer, known, now)
        hours = sum(len(one.pulses) for one in seen.values())
        return Looked(shops=len(seen), hours=hours, opened=opened)


def _leased(engine: Engine, now: datetime) -> bool:
    """Take the lease; say whether it was free."""
    second = int(now.timestamp())
    with writing(engine) as connection:
        statement = upsert(connection, expectation).on_conflict_do_nothing()
        connection.execute(statement, [{"store": CHAIN}])
        taken = connection.execute(
            update(expectation)
            .where(expectation.c.store == CHAIN)
            .where(
                expectation.c.looked.is_(None)
                | (expectation.c.looked <= second - int(_LEASE.total_seconds()))
                | (expectation.c.looked > second + int(_LEASE.total_seconds()))
            )
            .values(looked=second)
        )
        return bool(taken.rowcount)


def _chain_before(connection: Connection) -> ChainWatch:
    text = connection.execute(
        select(expectation.c.state).where(expectation.c.store == CHAIN)
    ).scalar()
    return _CHAIN.decode(text) if text else ChainWatch()


def _due(
    connection: Connection, heard: Mapping[str, Heard], known: Known, now: datetime
) -> tuple[int, list[Any]]:
    """Return how many shops have a model, and those that have something new."""
    rows = connection.execute(
        select(store.c.id, store.c.timezone, expectation.c.looked)
        .join(expectation, expectation.c.store == store.c.id)
        .where(expectation.c.model.is_not(None))
        .order_by(store.c.id)
    ).all()
    newest = int((now - GRACE).timestamp())
    well = Heard(now)
    return len(rows), [
        row
        for row in rows
        if row.looked is None
        or hour_end(row.looked, zone_or_utc(row.timezone)) <= newest
        or heard.get(row.id, well).why
        or (row.id, "silent") in known
    ]


def _look_at(
    connection: Connection,
    shops: Sequence[Any],
    heard: Mapping[str, Heard],
    calendar: Calendar,
    now: datetime,
) -> dict[str, Seen]:
    names = [shop.id for shop in shops]
    held = {
        row.store: row
        for row in connection.execute(
            select(expectation.c.store, expectation.c.model, expectation.c.state).where(
                expectation.c.store.in_(names)
            )
        )
    }
    begin = {shop.id: _begin(shop, zone_or_utc(shop.timezone), now) for shop in shops}
    counts: dict[str, dict[int, int]] = {name: {} for name in names}
    for name, hour, visitors in connection.execute(
        select(hourly.c.store, hourly.c.hour, hourly.c.visitors).where(
            hourly.c.store.in_(names), hourly.c.hour >= min(begin.values())
        )
    ):
        counts[name][hour] = visitors
    found = {}
    for shop in shops:
        zone, row = zone_or_utc(shop.timezone), held[shop.id]
        found[shop.id] = look(
            _STATE.decode(row.state) if row.state else Watched(),
            begin[shop.id],
            counts[shop.id],
            Chances(_MODEL.decode(row.model), calendar, zone),
            heard.get(shop.id, Heard(now)),
            zone,
            now,
        )
    return found


def _begin(shop: Any, zone: ZoneInfo, now: datetime) -> int:
    return hour_start(now - FIRST_BACK, zone) if shop.looked is None else int(shop.looked)


def _put(connection: Connection, seen: Mapping[str, Seen]) -> None:
    for name, one in seen.items():
        connection.execute(
            update(expectation)
            .where(expectation.c.store == name)
            .values(looked=one.looked, state=msgspec.json.encode(one.watched).decode())
        )
