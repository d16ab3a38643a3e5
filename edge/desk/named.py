"""Whose a thing at the desk is, as a device may be shown it.

Used by the desks of the queue, of tickets and of appointments.
"""

import logging
from collections.abc import Mapping
from datetime import datetime

from sqlite_utils import Database

from edge.core.profile import Profile
from edge.keys.profiles import ProfileKeys
from edge.store.arrivals import Shown, note_views, unseen
from edge.store.database import StoreAway
from edge.store.people import People, ProfileUnreadable

log = logging.getLogger(__name__)


def names_shown(
    db: Database, keys: ProfileKeys, whose: Mapping[str, str], actor: str, now: datetime
) -> dict[str, str]:
    """Return what members wish to be called, by the thing that is theirs, for a device to show.

    It is logged first who is shown whom; where that cannot be kept, names are withheld.

    Args:
        db: the store.
        keys: open profiles.
        whose: the subject of each thing's member, by the thing's id.
        actor: the device.
        now: the box's time.
    """
    people = People(db, keys)
    called = {subject: _called(people, subject) for subject in set(whose.values())}
    named = {thing: subject for thing, subject in whose.items() if called[subject]}
    try:
        if unseen(db, actor, named):
            note_views(db, [Shown(device=actor, cards=named)], now=now)
    except StoreAway as exc:
        log.error("names are withheld, since showing them cannot be logged: %s", exc)
        return {}
    return {thing: called[subject] for thing, subject in named.items()}


def profile_of(people: People, subject: str) -> Profile | None:
    """Return a member's profile; None: there is no such member, or it cannot be read."""
    try:
        member = people.by_subject(subject)
    except ProfileUnreadable:
        return None
    return member.profile if member else None


def external_id_of(db: Database, keys: ProfileKeys, subject: str | None) -> str | None:
    """Return a member's number in the shop's own systems, which a webhook can be sent by."""
    profile = profile_of(People(db, keys), subject) if subject else None
    return profile.external_id if profile else None


def _called(people: People, subject: str) -> str:
    profile = profile_of(people, subject)
    return (profile.called or profile.name) if profile else ""
