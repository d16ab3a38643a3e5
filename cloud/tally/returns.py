"""Who came back: on which days each member came, and what that makes of a day's visits.

Called by `recount` and `day`; `office` says who is known to be one person. A person is all the
subjects by which shops know one member of head office (`member_link`, `member_merge`), or else one
subject. Days are each shop's own.

    day - 90 ...... day - 1 | day | day + 1 ...... day + 90
    came: `members_back`            came: `members_returned`, once all of it is over
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Engine,
    Select,
    bindparam,
    delete,
    false,
    insert,
    or_,
    select,
    update,
)

from cloud.bulk import some_at_once
from cloud.db import reading, upsert, writing
from cloud.tables import member_link, member_merge, meter, visit
from cloud.tally.marks import Day, mark_days, mark_subjects
from cloud.tally.shop_day import ShopDay
from cloud.tally.tables import day_tally, subject_day

WITHIN: Final = timedelta(days=90)
_LOCAL: Final = timedelta(days=2)
"""A day is over everywhere two days after it was over somewhere."""
_FALLEN_DUE: Final = "tally_due"
"""The day, as an ordinal number, up to which days were looked at for 90 days that were over."""
People = Mapping[str, frozenset[str]]
"""All subjects of the person behind each subject."""


def place(connection: Connection, day: ShopDay, members: Counter[str]) -> set[Day]:
    """Bring the members' days up to date with one day of a shop.

    Args:
        connection: of the transaction.
        day: the day.
        members: the visits of each on it.

    Returns:
        Days that were counted without knowing: those within 90 days on which somebody came who
        is new on this day, or turns out not to have come.
    """
    mine = (subject_day.c.store == day.store) & (subject_day.c.day == day.day)
    placed = connection.execute(select(subject_day.c.subject, subject_day.c.visits).where(mine))
    held = Counter({row.subject: row.visits for row in placed})
    if held == members:
        return set()
    if left := sorted(held.keys() - members.keys()):
        connection.execute(
            delete(subject_day).where(mine, subject_day.c.subject == bindparam("of")),
            [{"of": subject} for subject in left],
        )
    if came := sorted(members.keys() - held.keys()):
        rows = [
            {"subject": one, "day": day.day, "store": day.store, "visits": members[one]}
            for one in came
        ]
        connection.execute(insert(subject_day), rows)
    if changed := sorted(one for one in held.keys() & members.keys() if held[one] != members[one]):
        connection.execute(
            update(subject_day)
            .where(mine, subject_day.c.subject == bindparam("of"))
            .values(visits=bindparam("now")),
            [{"of": subject, "now": members[subject]} for subject in changed],
        )
    found = _came(connection, people_of(connection, [*left, *came]), day.day)
    return {(store, on) for _, on, store in found} - {(day.store, day.day)}


def count_returns(
    connection: Connection, day: ShopDay, members: Counter[str], today: date
) -> dict[str, int]:
    """Count the visits of a day by whether the member had come before, and came again.

    Args:
        connection: of the transaction, in which the day was placed.
        day: the day.
        members: the visits of each on it.
        today: at the shop.
    """
    people = people_of(connection, list(members))
    days: dict[str, set[date]] = {}
    for subject, on, _ in _came(connection, people, day.day):
        days.setdefault(subject, set()).add(on)
    counts: Counter[str] = Counter()
    due = day.day + WITHIN < today
    for subject, visits in members.items():
        came = set(chain.from_iterable(days.get(one, ()) for one in people[subject]))
        back = any(on < day.day for on in came)
        counts["members_back" if back else "members_new"] += visits
        counts["members_due"] += visits * due
        counts["members_returned"] += visits * (due and any(on > day.day for on in came))
    names = ("members_new", "members_back", "members_due", "members_returned")
    return {name: counts[name] for name in names}


def people_of(connection: Connection, subjects: Collection[str]) -> People:
    """Return all subjects of the person behind each of some subjects."""
    persons = {one: one for one in subjects}
    led = select(member_merge.c.gone, member_merge.c.kept)
    persons.update(
        _asked(connection, lambda some: led.where(member_merge.c.gone.in_(some)), subjects)
    )
    linked = select(member_link.c.subject, member_link.c.member)
    persons.update(
        _asked(connection, lambda some: linked.where(member_link.c.subject.in_(some)), subjects)
    )
    members = set(persons.values())
    known: dict[str, set[str]] = {one: {one} for one in members}
    for subject, member in [
        *_asked(connection, lambda some: linked.where(member_link.c.member.in_(some)), members),
        *_asked(connection, lambda some: led.where(member_merge.c.kept.in_(some)), members),
    ]:
        known[member].add(subject)
    whole = {member: frozenset(of) | {member} for member, of in known.items()}
    return {one: whole[member] | {one} for one, member in persons.items()}


def mark_person(connection: Connection, member: str) -> None:
    """Mark the days of a member of head office of whom it became known who that is in shops.

    Nothing changes as long as only one shop's subject is known.
    """
    (subjects,) = people_of(connection, [member]).values()
    came = _asked(
        connection,
        lambda some: select(visit.c.subject).distinct().where(visit.c.subject.in_(some)),
        subjects,
    )
    if len(came) > 1:
        mark_subjects(connection, subjects)


def fall_due(engine: Engine, now: datetime) -> None:
    """Mark the days whose 90 days after are over since they were counted; looks once a day."""
    today = now.date()
    seen = select(meter.c.value).where(meter.c.name == _FALLEN_DUE)
    with reading(engine) as connection:
        before = connection.execute(seen).scalar()
    # The clock was ahead: without this nothing would fall due until then.
    ahead = before is not None and before > today.toordinal() + _LOCAL.days
    if not ahead and before is not None and before >= today.toordinal():
        return
    first = date.min if before is None or ahead else date.fromordinal(before) - WITHIN - _LOCAL
    with writing(engine) as connection:
        counts = day_tally.c
        rows = connection.execute(
            select(counts.store, counts.day)
            .where(
                or_(
                    counts.day.between(first, today - WITHIN)
                    & (counts.members_due < counts.members_new + counts.members_back),
                    (counts.day > today - WITHIN) & (counts.members_due > 0) if ahead else false(),
                )
            )
            # A simulated year has no visits that could be counted anew.
            .where(select(visit.c.store).where(visit.c.store == counts.store).exists())
        )
        mark_days(connection, {(store, day) for store, day in rows})
        statement = upsert(connection, meter).values(name=_FALLEN_DUE, value=today.toordinal())
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=[meter.c.name],
                set_={"value": statement.excluded.value},
            )
        )


def _came(connection: Connection, people: People, day: date) -> list[tuple[str, date, str]]:
    """Return when and where subjects of people came within 90 days of a day, but for the day."""
    subjects = set(chain.from_iterable(people.values()))
    came = select(subject_day.c.subject, subject_day.c.day, subject_day.c.store).where(
        subject_day.c.day.between(day - WITHIN, day + WITHIN), subject_day.c.day != day
    )
    return _asked(connection, lambda some: came.where(subject_day.c.subject.in_(some)), subjects)


def _asked(
    connection: Connection, question: Callable[[list[str]], Select[Any]], keys: Iterable[str]
) -> list[Any]:
    """Return the rows of a question for many keys, some at a time."""
    return [
        tuple(row)
        for some in some_at_once(sorted(set(keys)))
        for row in connection.execute(question(list(some))).all()
    ]
