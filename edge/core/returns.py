"""Says which of somebody's visits are re-entries, and to which visit they return. Pure.

Called by `core.book` whenever one of the visits of a person changes, so that a U-turn, a late
identity and a wrong person need no rules of their own.
"""

from collections.abc import Container, Iterable
from dataclasses import replace
from datetime import datetime

from edge.core.visit import Visit, Window


def within(window: Window, first_at: datetime, last_at: datetime, at: datetime) -> bool:
    """Say whether somebody first and last seen then, who comes at `at`, has been away briefly.

    The end of the window belongs to it: after 2:59:59 and after 3:00:00 it is a re-entry.
    """
    return at - (last_at if window.since == "last_seen" else first_at) <= window.length


def linked(visits: Iterable[Visit], window: Window, known: Container[str]) -> list[Visit]:
    """Return one person's visits in order of time, each with its `reentry` and `first_visit`.

    Void visits are left as they are and start nothing. The oldest visit is taken at its word about
    what it returns to, since that may be older than what is remembered; not so if that is among the
    `known` visits, for then it has turned out to be somebody else's or none.
    """
    done: list[Visit] = []
    first: Visit | None = None  # the visit that re-entries return to
    first_id = ""
    last_at: datetime | None = None
    for visit in sorted(visits, key=lambda v: (v.opened_at, v.id)):
        if visit.void:
            done.append(visit)
            continue
        told = visit
        if first is None or last_at is None:
            if visit.first_visit is not None and visit.first_visit in known:
                told = replace(visit, reentry=False, first_visit=None)
        elif within(window, first.opened_at, last_at, visit.opened_at):
            told = replace(visit, reentry=True, first_visit=first_id)
        else:
            told = replace(visit, reentry=False, first_visit=None)
        if not told.reentry or first is None:
            first, first_id = told, told.first_visit or told.id
        last_at = max(told.last_at, last_at or told.last_at)
        done.append(told)
    return done
