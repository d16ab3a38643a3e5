"""Where guests come from: asked with two taps, corrected, listed. For pages and API.

    of a visit      one answer, under the visit's own id; the last one wins
    of no visit     of a guest whom no camera saw: `enter`, once for each name that the page gives

The list is head office's while it has laid one over, else the manager's, else the settings'.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from edge.core.sources import (
    Advert,
    Answer,
    Channel,
    advert_of,
    answered,
    channel_of,
    proposed,
    wants_advert,
)
from edge.desk.means import Means
from edge.desk.staff import Me, StaffDesk
from edge.store import sources
from edge.store.audit import Audit, Code
from edge.store.database import transaction
from edge.store.desk_facts import is_here
from edge.store.ids import random_id
from edge.store.staff import Staff, device_names
from edge.wire.channels import ADVERTS_MAX, CHANNELS_MAX, NAME_MAX, is_id, is_name

Answered = Literal["kept", "gone", "unlisted"]
"""What became of an answer; `unlisted`: the list has no such channel or advertisement."""
Unlisted = Literal["fixed", "id", "name", "taken", "full", "gone"]
"""Why the list was not changed; `fixed`: it is head office's."""
_ENTRIES_SHOWN: Final = 40
ENTRY_CHARS: Final = range(8, 65)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceList:
    """The list that is in force. `fixed`: head office's, which nobody here changes."""

    channels: tuple[Channel, ...]
    fixed: bool

    @property
    def asked(self) -> tuple[Channel, ...]:
        """The channels that are asked for."""
        return tuple(one for one in self.channels if one.active)

    def channel(self, answer: Answer) -> Channel | None:
        """Return the channel of an answer; None: `unknown`, or it is not listed any more."""
        return channel_of(self.channels, answer.channel)

    def advert(self, answer: Answer) -> Advert | None:
        """Return the advertisement of an answer, None as for the channel."""
        found = self.channel(answer)
        return advert_of(found, answer.advert) if found and answer.advert else None

    def wants_advert(self, answer: Answer | None) -> bool:
        """Say whether the advertisement is still to be asked for."""
        return wants_advert(self.channels, answer)

    def proposed(self, booked_by: str) -> str | None:
        """Return the channel to be tapped first, for who comes with an appointment."""
        return proposed(self.channels, booked_by)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """A guest whom no camera saw, as the page lists it. `at` is local; `by` who asked."""

    entry: str
    at: datetime
    answer: Answer
    by: str


class SourceDesk:
    """What people in the shop do about where guests come from.

    Args:
        means: what every desk works with.
        channels: the list of the settings, with what head office has laid over them.
        fixed: whether it is head office's.
        staff: who is at which device.
    """

    def __init__(
        self,
        means: Means,
        *,
        channels: Sequence[Channel],
        fixed: bool,
        staff: StaffDesk,
    ) -> None:
        self._channels = tuple(channels)
        self._fixed = fixed
        self._zone = means.zone
        self._db = means.db
        self._now = means.now
        self._staff = staff
        self._teller = means.teller
        self._wake = means.wake

    def in_force(self) -> SourceList:
        """Return the list that is in force."""
        own = None if self._fixed else sources.own_list(self._db())
        return SourceList(channels=self._channels if own is None else own, fixed=self._fixed)

    def answer(self, visit: str, channel: str, advert: str, device: str) -> Answered:
        """Keep what the guest of a visit said. The same again changes nothing.

        Raises:
            edge.store.database.StoreAway: it cannot be kept now.
        """
        said = answered(self.in_force().channels, channel, advert)
        if said is None:
            return "unlisted"
        db = self._db()
        with transaction(db):
            if not is_here(db, visit):
                return "gone"
            changed = sources.answers_of(db, [visit]).get(visit) != said
            if changed:
                self._keep(visit, said, None, device)
        if changed:
            self._wake()
        return "kept"

    def enter(self, entry: str, channel: str, advert: str, device: str) -> Answered:
        """Keep what a guest said whom no camera saw; the same `entry` again corrects it."""
        said = answered(self.in_force().channels, channel, advert)
        if said is None:
            return "unlisted"
        if len(entry) not in ENTRY_CHARS:
            return "gone"
        db = self._db()
        with transaction(db):
            known = sources.entry_of(db, entry)
            if known is None or known.answer != said:
                thing = known.id if known else random_id()
                self._keep(thing, said, entry, device)
        self._wake()
        return "kept"

    def entered(self, entry: str) -> Entered | None:
        """Return a guest whom no camera saw, to be corrected or asked further."""
        found = sources.entry_of(self._db(), entry)
        return self._told([found])[0] if found else None

    def today(self) -> tuple[Entered, ...]:
        """Return the guests whom no camera saw today, the newest first."""
        now = self._now().astimezone(self._zone)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return self._told(sources.entries_since(self._db(), midnight, _ENTRIES_SHOWN))

    def _told(self, found: Sequence[sources.Entry]) -> tuple[Entered, ...]:
        db = self._db()
        names, devices = Staff(db).names(), device_names(db)
        return tuple(
            Entered(
                entry=one.entry,
                at=one.asked_at.astimezone(self._zone),
                answer=one.answer,
                by=names.get(one.staff or "", "") or devices.get(one.device, ""),
            )
            for one in found
        )

    def _keep(self, thing: str, said: Answer, entry: str | None, device: str) -> None:
        db, now, me = self._db(), self._now(), self._staff.me(device)
        sources.keep_answer(
            db,
            thing,
            said,
            entry=entry,
            staff=me.staff,
            device=device,
            now=now,
            teller=self._teller,
        )
        detail: dict[str, Code] = {
            **{"source": thing, "staff": me.staff},
            **{"channel": said.channel, "advert": said.advert},
        }
        self._note(me, now, detail)

    def _note(self, me: Me, now: datetime, detail: dict[str, Code]) -> None:
        Audit(self._db()).append(at=now, what="source", actor=me.device, detail=detail)
        Staff(self._db()).acts(me.device, now)

    # The manager's list

    def add_channel(self, name: str, zh: str, en: str, actor: str) -> Unlisted | None:
        """Add a channel. `name` is the id that leaves the shop; without `en` it reads as `zh`."""
        zh, en = zh.strip(), en.strip() or zh.strip()
        made = Channel(id=name.strip(), zh=zh, en=en)
        held = self.in_force().channels
        if problem := self._misnamed(made, [one.id for one in held], CHANNELS_MAX):
            return problem
        return self._relist((*held, made), "added", made.id, None, actor)

    def add_advert(self, channel: str, name: str, zh: str, en: str, actor: str) -> Unlisted | None:
        """Add an advertisement of a channel; see `add_channel`."""
        zh, en = zh.strip(), en.strip() or zh.strip()
        made = Advert(id=name.strip(), zh=zh, en=en)
        held = self.in_force().channels
        found = channel_of(held, channel)
        if found is None:
            return "gone"
        if problem := self._misnamed(made, [one.id for one in found.adverts], ADVERTS_MAX):
            return problem
        changed = replace(found, adverts=(*found.adverts, made))
        return self._relist(_with(held, changed), "added", channel, made.id, actor)

    def switch(self, channel: str, advert: str, *, active: bool, actor: str) -> Unlisted | None:
        """Ask for a channel, or for one of its advertisements, or ask no more.

        None is ever deleted: what guests said of it stays readable.
        """
        held = self.in_force().channels
        found = channel_of(held, channel)
        if found is None or (advert and advert_of(found, advert) is None):
            return "gone"
        if advert:
            adverts = tuple(
                replace(one, active=active) if one.id == advert else one for one in found.adverts
            )
            changed = replace(found, adverts=adverts)
        else:
            changed = replace(found, active=active)
        how = "on" if active else "off"
        return self._relist(_with(held, changed), how, channel, advert or None, actor)

    def _misnamed(self, made: Channel | Advert, ids: Sequence[str], most: int) -> Unlisted | None:
        if not is_id(made.id):
            return "id"
        if not (is_name(made.zh) and is_name(made.en)):
            return "name"
        if made.id in ids:
            return "taken"
        return "full" if len(ids) >= most else None

    def _relist(
        self, held: Sequence[Channel], how: str, channel: str, advert: str | None, actor: str
    ) -> Unlisted | None:
        if self._fixed:
            return "fixed"
        db, now = self._db(), self._now()
        with transaction(db):
            sources.keep_list(db, held, now, actor=actor)
            detail: dict[str, Code] = {"how": how, "channel": channel, "advert": advert}
            Audit(db).append(at=now, what="source", actor=actor, detail=detail)
        self._wake()
        return None


def _with(held: Sequence[Channel], changed: Channel) -> tuple[Channel, ...]:
    return tuple(changed if one.id == changed.id else one for one in held)


NAME_CHARS_MAX: Final = NAME_MAX
