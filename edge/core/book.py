"""The shop's open book: crossings and identities in, visits and occupancy out (DESIGN section 6).

Called by `edge.pipeline`; calls `core.occupancy`, `core.returns` and `core.told`.

    in  ──> visit opens ──> turned back within 10 s? the visit was none
                       └──> occupancy zero, closing time: the visit ends
    out ──> occupancy - what an exit is worth, opens nothing
    face known ──> the visit of its body ──> else the visit that its person is on
                                         └─> else a visit of its own; the crossing joins
    code shown ──> the visit that its person is on, else the newest anonymous one, else its own

Whose a visit is, is its `owner`: a member's subject, or the name of a stranger's chain. Pure: time
comes with each call, identifiers from the function it is given.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from edge.core.hours import OpeningHours
from edge.core.identity import BY_CODE, Body, Fit, Place, Recognised
from edge.core.occupancy import Balance, Occupancy
from edge.core.returns import linked
from edge.core.timeline import Moved
from edge.core.told import STAY, Told, Veto, Word
from edge.core.visit import (
    Chain,
    Change,
    Closed,
    CloseReason,
    Crossed,
    Direction,
    EndReason,
    Occupied,
    Opened,
    Raised,
    Revised,
    ReviseReason,
    Seen,
    Visit,
    Who,
    Window,
)

BODILESS: Final = timedelta(seconds=10)
"""A face without a body joins an anonymous crossing at its camera that is no older than this."""
SEEN_EVERY: Final = timedelta(seconds=1)
"""How often it is worth keeping that somebody is still seen."""
FACES_MAX: Final = 1_000
"""Bodies whose faces are known but who have not crossed; far more than stand before any door."""
REMEMBER: Final = timedelta(hours=24)
"""Closed visits are remembered for so long at least, since a person may still correct them."""

ASK_AGAIN: Final = timedelta(minutes=10)
"""Pause before a balance that could not be told is asked for again: a store that is locked makes
its reader wait, and counting waits with it."""


class VisitBook:
    """The visits and the occupancy of one shop.

    Args:
        hours: the shop's opening hours.
        new_id: makes a visit's id from the moment it opened.
        window: when a return is a re-entry.
        open_visits: visits that were open when the box stopped.
        recent: visits that have ended but whose visitors may return.
        alerted: when each member's arrival was last told and of which visit, by subject.
        vetoes: when a person in the shop said of a visit that it is not that member's.
        occupancy: how many people were in the shop then.
        balance: what the doors counted on the days before a closing, None while that cannot be
            told; asked once for each, and then again `ASK_AGAIN` after a None.
        foreign: the moments among all these that another start of the machine dated: a step of
            this one's clock does not move them.
        in_doubt: whether nobody vouches for the time. Whoever crosses then counts as in opening
            hours: a box that was off overnight would take the morning for the night, and miss
            all who come. What was outside them is known once the time is (`store.clockfix`).
    """

    def __init__(
        self,
        *,
        hours: OpeningHours,
        new_id: Callable[[datetime], str],
        window: Window | None = None,
        open_visits: Iterable[Visit] = (),
        recent: Iterable[Visit] = (),
        alerted: Mapping[str, Told] | None = None,
        vetoes: Mapping[Veto, datetime] | None = None,
        occupancy: Occupied | None = None,
        balance: Callable[[datetime], Balance | None] = lambda closing: Balance(),
        foreign: Collection[datetime] = (),
        in_doubt: Callable[[], bool] = lambda: False,
    ) -> None:
        self._hours = hours
        self._in_doubt = in_doubt
        self._new_id = new_id
        self._window = window or Window()
        opened = list(open_visits)
        self._visits = {visit.id: visit for visit in (*recent, *opened)}
        self._open = {visit.id for visit in opened}
        self._owner = {v.id: v.subject for v in self._visits.values() if v.subject is not None}
        self._by_body: dict[Body, str] = {}
        self._crossed = set(self._visits)  # whose crossing is known, or was before this start
        self._faces: dict[Body, tuple[str, Fit | None]] = {}
        self._word = Word(alerted or {}, vetoes or {})
        self._foreign = frozenset(foreign)
        self._people = Occupancy(occupancy.people if occupancy else 0)
        self._balance = balance
        self._learnt_at: datetime | None = None
        self._asked_at: datetime | None = None  # when that could not be told last
        self._last_change = occupancy.at if occupancy else None

    @property
    def occupancy(self) -> int:
        """People in the shop, by the count."""
        return self._people.people

    def crossing(
        self,
        *,
        at: datetime,
        camera: str,
        direction: Direction,
        track: int,
        staff: bool,
        turned_back: bool,
    ) -> list[Change]:
        """Take a crossing and return everything that follows from it, itself first."""
        crossed = Crossed(
            at=at,
            camera=camera,
            direction=direction,
            track=track,
            staff=staff,
            turned_back=turned_back,
            hours_open=self._in_doubt() or self._hours.is_open(at),
        )
        changes = [*self.tick(at), crossed]
        if staff or not crossed.hours_open:
            return changes
        if direction == "in":
            return changes + self._enter(crossed)
        return changes + self._leave(crossed)

    def _enter(self, crossed: Crossed) -> list[Change]:
        people = self._people.enter(turned_back=crossed.turned_back)
        changes: list[Change] = [self._occupy(crossed.at, people)]
        if crossed.turned_back:  # came out and went straight back in: nobody new
            return changes
        body = (crossed.camera, crossed.track)
        held = self._by_body.get(body)
        if held in self._open and held not in self._crossed:
            self._crossed.add(held)  # the face was known before the line was reached
            return changes
        opened = self._begin(crossed.at, crossed.camera, body, counted=True)
        self._crossed.add(opened.visit.id)
        changes.append(opened)
        if body in self._faces:
            owner, fit = self._faces[body]
            changes += self._own(crossed.at, opened.visit.id, owner, fit)
        return self._merged(changes)

    def _merged(self, changes: list[Change]) -> list[Change]:
        """Open a visit as what it is already known to be, instead of revising it at once."""
        opened = {c.visit.id for c in changes if isinstance(c, Opened)}
        last = {c.visit.id: c for c in changes if isinstance(c, Revised) and c.visit.id in opened}
        merged: list[Change] = []
        for change in changes:
            match change:
                case Opened(visit=visit):
                    known = replace(self._visits[visit.id], rev=0)
                    self._visits[visit.id] = known
                    merged.append(Opened(visit=known))
                case Revised(visit=visit) if visit.id in last:
                    continue
                case Seen(visit=visit_id) if visit_id in opened:
                    continue
                case _:
                    merged.append(change)
        return merged

    def _begin(
        self, at: datetime, camera: str | None, body: Body | None, *, counted: bool
    ) -> Opened:
        visit = Visit(
            id=self._new_id(at), rev=0, opened_at=at, camera=camera, who="visitor", counted=counted
        )
        self._visits[visit.id] = visit
        self._open.add(visit.id)
        if body is not None:
            self._by_body[body] = visit.id
        return Opened(visit=visit)

    def _leave(self, crossed: Crossed) -> list[Change]:
        people = self._people.leave(turned_back=crossed.turned_back)
        changes: list[Change] = [self._occupy(crossed.at, people)]
        body = (crossed.camera, crossed.track)
        self._faces.pop(body, None)
        visit_id = self._by_body.pop(body, None)
        visit = self._visits.get(visit_id) if visit_id else None
        if crossed.turned_back and visit_id and visit and not visit.void:
            self._open.discard(visit_id)  # or it has ended already, with the last who left
            void = replace(visit, void=True)
            changes.append(self._revise(crossed.at, void, "u_turn"))
            changes += self._relink(crossed.at, self._owner.get(visit_id))
            self._word.take_back(visit_id)
        if people == 0:
            changes += self._close_all(crossed.at, "occupancy_zero", self._inside(crossed.at))
        return changes

    def _inside(self, at: datetime) -> list[str]:
        """Return the open visits, but for those of people who are just about to cross."""
        coming = at - BODILESS
        return [i for i in self._open if i in self._crossed or self._visits[i].opened_at <= coming]

    def member_seen(
        self, *, at: datetime, place: Place, subject: str, fit: Fit, taken_for: str | None = None
    ) -> Recognised:
        """A face was found to be a member's; `taken_for` is the stranger that it was so far."""
        return self._recognise(at, place, subject, fit, taken_for)

    def stranger_seen(self, *, at: datetime, place: Place, chain: str | None) -> Recognised:
        """A face matched no member: the stranger of `chain`, or a new one (None)."""
        return self._recognise(at, place, chain, None)

    def code_shown(self, *, at: datetime, subject: str) -> Recognised:
        """A member showed a one-time code, which somebody in the shop typed in.

        Neither the opening hours nor an earlier "wrong person" speak against it: that was said of
        another visit, which stays somebody else's.
        """
        changes = self.tick(at)
        visit_id = self._stays_on(at, subject) or self._anonymous(at, subject, camera=None)
        if visit_id is None:
            opened = self._begin(at, None, None, counted=False)
            visit_id = opened.visit.id
            changes.append(opened)
        if self._owner.get(visit_id) == subject:
            changes += self._again(at, visit_id, subject, BY_CODE)
        else:
            changes += self._own(at, visit_id, subject, BY_CODE)
        return Recognised(changes=self._merged(changes), owner=subject, visit=visit_id)

    def _recognise(
        self,
        at: datetime,
        place: Place,
        owner: str | None,
        fit: Fit | None,
        taken_for: str | None = None,
    ) -> Recognised:
        changes = self.tick(at)
        if not self._hours.is_open(at):
            return Recognised(changes=changes)
        visit_id = self._seat(at, place, owner, fit)
        if owner is not None and self._is_refused(at, owner, visit_id):
            # A person in the shop said that this is somebody else, who is still there. Who comes
            # in only now may yet be the member: the crossing decides.
            if place.track is not None and place.track not in self._by_body:
                self._note_face(place.track, owner, fit)
            return Recognised(changes=changes)
        if visit_id is None:
            opened = self._begin(at, place.camera, place.track, counted=not place.checkin)
            visit_id = opened.visit.id
            changes.append(opened)
        if self._visits[visit_id].who == "staff":
            return Recognised(changes=changes)  # by somebody's word
        holder = self._owner.get(visit_id)
        if owner is None or (fit is None and holder not in (None, owner, visit_id)):
            owner = holder or visit_id  # what says who somebody is is not undone by a worse picture
        if place.track is not None:
            self._note_face(place.track, owner, fit)
        if holder == owner:
            return Recognised(changes=changes + self._again(at, visit_id, owner, fit), owner=owner)
        changes += self._own(at, visit_id, owner, fit, whole=holder == taken_for)
        return Recognised(
            changes=self._merged(changes),
            owner=owner,
            began=owner == visit_id,
            released=holder if holder is not None and not self._of(holder) else None,
        )

    def _note_face(self, body: Body, owner: str, fit: Fit | None) -> None:
        self._faces[body] = (owner, fit)
        if len(self._faces) > FACES_MAX:
            del self._faces[next(iter(self._faces))]

    def _is_refused(self, at: datetime, subject: str, visit_id: str | None) -> bool:
        """Say whether a member may not be seen on a visit (None: on a new one without a crossing).

        While whoever was taken for the member is in the shop, and for a while after, the member
        can only be somebody who came in since.
        """
        since = self._word.corrected_at(subject, at, self._open)
        if since is None:
            return False
        return visit_id is None or self._visits[visit_id].opened_at <= since

    def _seat(self, at: datetime, place: Place, owner: str | None, fit: Fit | None) -> str | None:
        """Return the visit that a recognised person is on, None if there is none yet."""
        mine = self._by_body.get(place.track) if place.track else None
        if mine not in self._open:
            mine = None  # it has ended, with the last who left
        if mine is not None:
            holder = self._owner.get(mine)
            becomes_known = fit is None or self._visits[mine].subject is None
            if holder is None or holder == owner or becomes_known:
                return mine
        if (last := self._stays_on(at, owner)) is not None:
            return last
        if place.checkin or place.track is None or mine is not None:
            return self._anonymous(at, owner, camera=None if place.checkin else place.camera)
        return None

    def _stays_on(self, at: datetime, owner: str | None) -> str | None:
        """Return the visit that somebody who was seen a moment ago is still on."""
        last = self._last_of(owner)
        # Also if it has ended: who has not crossed again was miscounted out.
        return last.id if last is not None and at - last.last_at <= STAY else None

    def _anonymous(self, at: datetime, owner: str | None, *, camera: str | None) -> str | None:
        """Return the newest visit that nobody is known to be on and that this person may be on.

        `camera`: where the person is seen to cross just now; None: somebody who stopped in the
        shop, and may have come in some minutes ago by any door.
        """
        oldest = at - (STAY if camera is None else BODILESS)
        found = [
            visit
            for visit in (self._visits[i] for i in self._open)
            if visit.id not in self._owner
            and visit.who != "staff"
            and not self._word.forbids(visit.id, owner)
            and visit.opened_at >= oldest
            and (camera is None or visit.camera == camera)
        ]
        return max(found, key=lambda v: v.opened_at).id if found else None

    def _last_of(self, owner: str | None) -> Visit | None:
        mine = [v for v in self._of(owner) if not v.void]
        return max(mine, key=lambda v: v.opened_at) if mine else None

    def _of(self, owner: str | None) -> list[Visit]:
        if owner is None:
            return []
        return [self._visits[i] for i, whose in self._owner.items() if whose == owner]

    def _own(
        self, at: datetime, visit_id: str, owner: str, fit: Fit | None, *, whole: bool = False
    ) -> list[Change]:
        """Say whose an open visit is.

        `whole`: the same face was taken for a stranger so far, so that what this stranger did
        before goes with it. Otherwise two people may share the body.
        """
        before = self._owner.get(visit_id)
        self._owner[visit_id] = owner
        self._visits[visit_id] = replace(self._visits[visit_id], seen_at=at)
        changes: list[Change] = [Seen(at=at, visit=visit_id)]
        if fit is None:
            return changes + self._relink(at, owner)
        if before is not None and whole:
            for visit in self._of(before):
                self._owner[visit.id] = owner
        changes += self._name(at, owner, fit)
        return changes + self._alert(at, visit_id, owner)

    def _name(self, at: datetime, subject: str, fit: Fit) -> list[Change]:
        """Give a member all visits that are known to be theirs."""
        changes: list[Change] = []
        told = linked(self._of(subject), self._window, self._visits)
        for visit in told:
            if visit.who == "staff":
                continue  # by somebody's word, which a picture does not undo
            known = visit
            if visit.subject != subject:
                known = replace(
                    visit, who="member", subject=subject, distance=fit.distance, sure=fit.sure
                )
            if known != self._visits[visit.id]:
                changes.append(self._revise(at, known, "late_identity"))
        return changes

    def _again(self, at: datetime, visit_id: str, owner: str, fit: Fit | None) -> list[Change]:
        """Note that somebody is seen again; better evidence makes a likely member a sure one."""
        visit = self._visits[visit_id]
        changes: list[Change] = []
        if at - visit.last_at >= SEEN_EVERY:
            visit = self._visits[visit_id] = replace(visit, seen_at=at)
            changes.append(Seen(at=at, visit=visit_id))
        if fit is not None and fit.sure is not False and visit.sure is False:
            better = replace(visit, distance=fit.distance, sure=fit.sure)
            changes.append(self._revise(at, better, "late_identity"))
        if fit is not None:
            changes += self._alert(at, visit_id, owner)
        return changes

    def _alert(self, at: datetime, visit_id: str, subject: str) -> list[Change]:
        """Tell of a member's arrival, once in a window."""
        chain = [v for v in self._of(subject) if not v.void]
        first_at = min((v.opened_at for v in self._chain_of(chain, visit_id)), default=at)
        if not self._word.is_due(subject, at=at, first_at=first_at, window=self._window):
            return []
        self._word.note(subject, at, visit_id)
        return [Raised(at=at, kind="member_arrived", visit=visit_id, subject=subject)]

    @staticmethod
    def _chain_of(visits: list[Visit], visit_id: str) -> list[Visit]:
        first = next((v.first_visit or v.id for v in visits if v.id == visit_id), visit_id)
        return [v for v in visits if (v.first_visit or v.id) == first]

    def _relink(self, at: datetime, owner: str | None) -> list[Change]:
        return [
            self._revise(at, visit, "late_identity")
            for visit in linked(self._of(owner), self._window, self._visits)
            if visit != self._visits[visit.id]
        ]

    def _revise(self, at: datetime, visit: Visit, reason: ReviseReason) -> Revised:
        known = replace(visit, rev=self._visits[visit.id].rev + 1)
        self._visits[visit.id] = known
        return Revised(at=at, visit=known, reason=reason)

    def wrong_person(self, *, at: datetime, visit: Visit) -> list[Change]:
        """A person in the shop says that a visit is not that member's."""
        known = self._visits.setdefault(visit.id, visit)
        subject = known.subject
        if subject is None:
            return []
        self._owner.pop(visit.id, None)
        self._faces = {k: v for k, v in self._faces.items() if v[0] != subject}
        self._word.correct(visit.id, subject, at)
        nobody = replace(
            known,
            who="visitor",
            subject=None,
            reentry=False,
            first_visit=None,
            distance=None,
            sure=None,
        )
        return [self._revise(at, nobody, "wrong_person"), *self._relink(at, subject)]

    def was_staff(self, *, at: datetime, visit: Visit, staff: bool) -> list[Change]:
        """A person in the shop says that a nameless visit was staff's, or a guest's after all.

        That visit alone: staff are not recognised by their faces (DESIGN section 6). How many
        people are in the shop is the doors' count and stays.
        """
        known = self._visits.setdefault(visit.id, visit)
        who: Who = "staff" if staff else "visitor"
        if known.void or known.subject is not None or known.who == who:
            return []
        return [self._revise(at, replace(known, who=who), "staff")]

    def end(self, *, at: datetime, visit: str, reason: EndReason = "tap") -> list[Change]:
        """A person in the shop says that a guest has left, or the till that one has paid; who has
        ended already stays so.
        """
        if visit not in self._open:
            return []
        return self._close_all(max(at, self._visits[visit].opened_at), reason, [visit])

    def enrolled(self, *, at: datetime, chain: str, subject: str, fit: Fit) -> list[Change]:
        """Somebody who was a stranger has just agreed to be known: their visits are a member's."""
        for visit in self._of(chain):
            self._owner[visit.id] = subject
        self._faces = {k: v for k, v in self._faces.items() if v[0] != chain}
        return self._name(at, subject, fit)

    def strangers(self, chains: Iterable[Chain]) -> None:
        """Take up what is still known of strangers from before a restart."""
        for chain in chains:
            for visit in self._visits.values():
                mine = visit.id in (chain.first_visit, chain.last_visit)
                if visit.subject is None and (mine or visit.first_visit == chain.first_visit):
                    self._owner[visit.id] = chain.first_visit

    def chain(self, owner: str) -> Chain | None:
        """Return the visits of a stranger, None of somebody of whom nothing is left."""
        mine = sorted((v for v in self._of(owner) if not v.void), key=lambda v: v.opened_at)
        if not mine or any(v.subject for v in mine):
            return None
        return Chain(
            first_visit=owner,
            first_at=mine[0].opened_at,
            last_visit=mine[-1].id,
            last_at=max(v.last_at for v in mine),
        )

    def tick(self, now: datetime) -> list[Change]:
        """Deal with a closing time that has passed: visits end, the shop is empty.

        What opened before a closing is closed at that closing, however late this is called.
        """
        self._forget(now)
        return self._end_day(now)

    def clock_moved(self, moved: Moved, now: datetime) -> list[Change]:
        """The wall clock has stepped, so that it is `now`; all that is remembered goes with it.

        Nobody was away for longer or shorter because of that. What was told of a visit's time is
        not told anew here: where it was wrong, `edge.store.clockfix` does.
        """
        # A step over a closing ends the visits from before it: they were in the shop until then.
        # Those that are moved themselves may have begun after it.
        changes = [] if moved.redated else self._end_day(now)
        self._visits = {i: self._moved_visit(visit, moved) for i, visit in self._visits.items()}
        self._word.move(lambda at: self._moved(at, moved))
        if self._last_change is not None:
            self._last_change = self._moved(self._last_change, moved)
        return changes + self._end_day(now)

    def _moved(self, at: datetime, moved: Moved) -> datetime:
        return at if at in self._foreign else at + moved.by

    def _moved_visit(self, visit: Visit, moved: Moved) -> Visit:
        seen_at = None if visit.seen_at is None else self._moved(visit.seen_at, moved)
        return replace(visit, opened_at=self._moved(visit.opened_at, moved), seen_at=seen_at)

    def _end_day(self, now: datetime) -> list[Change]:
        closing = self._hours.last_closing(now)
        if closing is None:
            return []
        self._learn(closing, now)
        over = [i for i in self._open if self._visits[i].opened_at < closing]
        changes = self._close_all(closing, "closing_time", over)
        stale = self._last_change is not None and self._last_change < closing
        if stale and self._people.people:
            changes.append(self._occupy(closing, self._people.empty()))
        return changes

    def _learn(self, closing: datetime, now: datetime) -> None:
        """Take up what the days before a closing say of the doors, once it is to be had."""
        waits = self._asked_at is not None and abs(now - self._asked_at) < ASK_AGAIN
        if closing == self._learnt_at or waits:
            return
        balance = self._balance(closing)
        if balance is None:
            self._asked_at = now
            return
        self._people.learn(balance)
        self._learnt_at, self._asked_at = closing, None

    def _forget(self, now: datetime) -> None:
        """Let go of visits that nothing can follow any more."""
        limit = now - REMEMBER - self._window.length
        old = [i for i, v in self._visits.items() if i not in self._open and v.last_at < limit]
        for visit_id in old:
            del self._visits[visit_id]
            self._owner.pop(visit_id, None)
            self._crossed.discard(visit_id)
        if old:
            self._by_body = {b: v for b, v in self._by_body.items() if v in self._visits}
            self._word.forget(limit, self._visits)

    def _occupy(self, at: datetime, people: int) -> Occupied:
        self._last_change = at
        return Occupied(at=at, people=people)

    def _close_all(self, at: datetime, reason: CloseReason, ending: Iterable[str]) -> list[Change]:
        gone = sorted(ending)
        self._open.difference_update(gone)
        return [Closed(at=at, visit=visit_id, reason=reason) for visit_id in gone]
