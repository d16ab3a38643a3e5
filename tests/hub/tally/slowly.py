"""Counts days of a chain the plain way: from the bodies of events, in memory, by the definitions.

Shares no code with what it is held against. Every moment is an aware datetime.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from cloud.figures.bins import EDGES

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CROSSED = ("staff", "entered", "left", "entered_closed", "left_closed", "turned_back")
FIGURES = ("visitors", "reentries", "members", *CROSSED)
Rows = dict[tuple[Any, ...], Any]


@dataclass(frozen=True, kw_only=True)
class Told:
    """An event as it is held."""

    store: str
    box: str
    kind: str
    at: datetime
    body: dict[str, Any]
    subject: str | None


def told(store: str, box: str, kind: str, at: datetime, body: str, subject: str | None) -> Told:
    """Return an event of the text of its body."""
    return Told(store=store, box=box, kind=kind, at=at, body=json.loads(body), subject=subject)


_SUMMED = (
    ("money_tally", "chain_money", 1),
    ("channel_tally", "chain_channel", 2),
    ("channel_money", "chain_channel_money", 3),
    ("booking_tally", "chain_booking", 1),
    ("reason_tally", "chain_reason", 1),
    ("staff_tally", "chain_staff", 0),
)
"""Tables, where their sums over all shops are, and by how many keys beside the day."""


@dataclass(kw_only=True)
class Slowly:
    """The tallies of a chain, each as rows by their keys."""

    events: Iterable[Told]
    zones: Mapping[str, ZoneInfo]
    links: Mapping[str, str]
    """The member of head office behind a subject."""
    gone: frozenset[str]
    """Who was erased."""
    now: datetime
    tables: dict[str, Rows] = field(default_factory=lambda: defaultdict(dict))

    def __post_init__(self) -> None:
        self.visits: dict[tuple[str, str, str], SimpleNamespace] = {}
        self.closes: dict[tuple[str, str, str], tuple[int, datetime, str]] = {}
        self.wrong: dict[tuple[str, str, str], datetime] = {}
        self.minutes: dict[Any, dict[str, Any]] = {}
        self.summaries: dict[Any, dict[str, Any]] = {}
        self.sensed: dict[Any, dict[str, Any]] = {}
        self.documents: dict[Any, tuple[int, datetime, SimpleNamespace]] = {}
        self.touched: set[tuple[str, date]] = set()
        for event in self.events:
            getattr(self, f"_{event.kind}", lambda _: None)(event)
        self.facts = [one for _, _, one in self.documents.values()]
        self._members_days()
        self._kinds()
        days = self.touched | {(one.store, self._day(one.store, one.about)) for one in self.facts}
        for store, day in sorted(days):
            self._count(store, day)
        self._chain()

    # What the events say

    def _touch(self, store: str, at: datetime) -> None:
        self.touched.add((store, self._day(store, at)))

    def _visit(self, event: Told, rev: int, at: datetime) -> None:
        self._touch(event.store, at)
        key = (event.store, event.box, event.body["visit"])
        if key in self.visits and self.visits[key].rev >= rev:
            return
        subject = None if event.subject in self.gone else event.subject
        said = {**{"void": False}, **event.body, "rev": rev, "opened": at, "subject": subject}
        self.visits[key] = SimpleNamespace(store=event.store, box=event.box, **said)

    def _visit_opened(self, event: Told) -> None:
        self._visit(event, 0, event.at)

    def _visit_revised(self, event: Told) -> None:
        self._visit(event, event.body["rev"], moment(event.body["opened_at"]))
        if event.body["reason"] == "wrong_person":
            key = (event.store, event.box, event.body["visit"])
            self.wrong[key] = min(event.at, self.wrong.get(key, event.at))

    def _visit_closed(self, event: Told) -> None:
        key = (event.store, event.box, event.body["visit"])
        close = (event.body["rev"], event.at, event.body["reason"])
        self.closes[key] = max(close, self.closes.get(key, close))

    def _newest(self, held: dict[Any, dict[str, Any]], event: Told, moment_of: str) -> None:
        at = moment(event.body[moment_of])
        self._touch(event.store, at)
        key = (event.store, event.box, event.body.get("camera"), at)
        if key not in held or held[key]["rev"] < event.body["rev"]:
            held[key] = event.body

    def _crossing_minute(self, event: Told) -> None:
        self._newest(self.minutes, event, "minute")

    def _hour_summary(self, event: Told) -> None:
        self._newest(self.summaries, event, "hour")
        self._touch(event.store, moment(event.body["hour"]) + timedelta(minutes=59))

    def _presence_hour(self, event: Told) -> None:
        self._newest(self.sensed, event, "hour")

    def _desk_fact(self, event: Told) -> None:
        body = event.body
        key = (event.store, event.box, body["what"], body["id"])
        names = ("state", "kind", "value", "currency", "items", "buyer", "reason", "channel")
        said = {**dict.fromkeys((*names, "advert", "late_min", "waited_s", "tea")), **body}
        said["about"] = moment(body["about"])
        one = SimpleNamespace(store=event.store, box=event.box, **said)
        if key not in self.documents or self.documents[key][:2] < (body["rev"], event.at):
            self.documents[key] = (body["rev"], event.at, one)

    # Days, hours, persons

    def _day(self, store: str, at: datetime) -> date:
        return at.astimezone(self.zones[store]).date()

    def _hour(self, store: str, at: datetime) -> int:
        local = at.astimezone(self.zones[store])
        into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        return int((at - into).timestamp())

    def _standing(self, store: str, day: date) -> list[SimpleNamespace]:
        return [
            one
            for one in self.visits.values()
            if one.store == store and self._day(store, one.opened) == day
            if not one.void and one.who != "staff"
        ]

    def _person(self, subject: str) -> str:
        return self.links.get(subject, subject)

    def _members_days(self) -> None:
        came: Counter[tuple[str, date, str]] = Counter()
        for one in self.visits.values():
            if one.who == "member" and not one.void and not one.reentry and one.subject:
                came[one.subject, self._day(one.store, one.opened), one.store] += 1
        self.tables["subject_day"] = {key: (visits,) for key, visits in came.items()}
        self.days_of: defaultdict[str, set[date]] = defaultdict(set)
        for subject, day, _ in came:
            self.days_of[self._person(subject)].add(day)
        self.tables["correction"] = {key: (at,) for key, at in self.wrong.items()}

    def _kinds(self) -> None:
        kinds = {"receipt": "till", "appointment": "bookings", "service": None}
        said: set[tuple[str, str, date]] = set()
        for one in self.facts:
            if kind := kinds.get(one.what, "desk"):
                said.add((one.store, kind, self._day(one.store, one.about)))
        for store, day in self.touched:
            visits = self._standing(store, day)
            if any(one.who == "member" for one in visits) or self._footfall(store, day)["members"]:
                said.add((store, "faces", day))
            if any((one.store, one.box, "claim", one.visit) in self.documents for one in visits):
                said.add((store, "desk", day))
        self.told_days = said
        self.tables["told_day"] = dict.fromkeys(said, ())

    def _knows(self, store: str, kind: str, day: date) -> bool:
        return any((store, kind, day - n * DAY) in self.told_days for n in range(29))

    # Footfall

    def _footfall(self, store: str, day: date, hour: int | None = None) -> dict[str, Any]:
        """Return what `daily` has of a day, or `hourly` of an hour of it."""

        def within(at: datetime) -> bool:
            return self._day(store, at) == day and hour in (None, self._hour(store, at))

        def summed(box: str, at: datetime) -> bool:
            mine = (key[3] for key in self.summaries if key[:2] == (store, box))
            return any(start <= at < start + HOUR for start in mine)

        counts: Counter[str] = Counter()
        bases, boxes = set(), set()
        for one in self.visits.values():
            if one.store != store or not within(one.opened) or one.void or one.who == "staff":
                continue
            if summed(one.box, one.opened):
                continue
            counts["visitors"] += not one.reentry and one.counted
            counts["reentries"] += one.reentry
            counts["members"] += not one.reentry and one.who == "member"
            if one.counted or one.reentry:
                bases.add(one.basis)
                boxes.add(one.box)
        for (of, box, _, at), minute in self.minutes.items():
            if of == store and within(at) and not summed(box, at):
                counts.update({name: minute[name] for name in CROSSED})
        for (of, box, _, at), summary in self.summaries.items():
            if of == store and within(at):
                counts.update({name: summary[name] for name in FIGURES})
                if summary["visitors"] or summary["reentries"]:
                    bases.add(summary["basis"])
                    boxes.add(box)
        distinct = bases == {"distinct"} and len(boxes) == 1
        return {**counts, "members": counts["members"], "visitors": counts["visitors"]} | {
            "basis": "distinct" if distinct else "crossings",
            **{name: counts[name] for name in ("entered", "left", "reentries", "staff")},
        }

    def _street(self, store: str, day: date) -> tuple[int | None, int | None]:
        hours: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
        for (of, _, _, at), body in self.sensed.items():
            if of == store and self._day(store, at) == day:
                hours[self._hour(store, at)].append(body)
        passers = captured = 0
        bases = set()
        for hour, bodies in hours.items():
            best = max(bodies, key=lambda one: -1 if one["passers"] is None else one["passers"])
            if best["passers"] is None or any(one["visitors"] is None for one in bodies):
                continue
            there = self._footfall(store, day, hour)
            passers, captured = passers + best["passers"], captured + there["visitors"]
            bases.add(there["basis"])
        return (passers, captured) if len(bases) == 1 else (None, None)

    # A day

    def _count(self, store: str, day: date) -> None:
        visits = self._standing(store, day)
        about = [
            one for one in self.facts if one.store == store and self._day(store, one.about) == day
        ]
        counts: dict[str, int | None] = {}
        counts |= self._faces(store, day, visits)
        counts |= self._desk(store, day, visits, about)
        counts |= self._till(store, day, about)
        counts |= self._bookings(store, day, about)
        counts["passers"], counts["captured"] = self._street(store, day)
        basis = None
        there = self._footfall(store, day) if (store, day) in self.touched else None
        for name in ("visitors", "entered", "left", "reentries", "staff"):
            counts[name] = None if there is None else there[name]
        for kind in ("faces", "desk", "till"):
            known = self._knows(store, kind, day)
            known |= kind == "faces" and any(one.basis == "distinct" for one in visits)
            counts[f"{kind}_visitors"] = counts["visitors"] if known else None
        if there is not None:
            basis = there["basis"]
        self.tables["day_tally"][store, day] = {"basis": basis, **counts}
        self._hours(store, visits, about)
        self._staff(store, day, visits, about)
        self._sources(store, day, about)
        tickets = Counter((one.kind, one.state) for one in about if one.what == "service")
        for key, count in tickets.items():
            self.tables["service_tally"][store, day, *key] = (count,)

    def _faces(self, store: str, day: date, visits: list[SimpleNamespace]) -> dict[str, Any]:
        names = ("members", "members_new", "members_back", "members_due", "members_returned")
        distinct = any(one.basis == "distinct" for one in visits)
        if not self._knows(store, "faces", day) and not distinct:
            return dict.fromkeys((*names, "wrong_person"))
        counts = Counter(dict.fromkeys(names, 0))
        today = self.now.astimezone(self.zones[store]).date()
        for one in visits:
            if one.who != "member" or one.reentry or one.subject is None:
                continue
            days = self.days_of[self._person(one.subject)]
            back = any(day - 90 * DAY <= other < day for other in days)
            again = any(day < other <= day + 90 * DAY for other in days)
            counts["members_back" if back else "members_new"] += 1
            if day + 90 * DAY < today:
                counts["members_due"] += 1
                counts["members_returned"] += again
        if (store, day) in self.touched:
            counts["members"] = self._footfall(store, day)["members"]
        wrong = sum(
            not self.visits[key].void
            for key in self.wrong
            if key in self.visits and key[0] == store
            if self._day(store, self.visits[key].opened) == day
        )
        return {**counts, "wrong_person": wrong}

    def _claim(self, one: SimpleNamespace) -> SimpleNamespace | None:
        found = self.documents.get((one.store, one.box, "claim", one.visit))
        return found[2] if found and found[2].state == "taken" else None

    def _desk(
        self, store: str, day: date, visits: list[SimpleNamespace], about: list[SimpleNamespace]
    ) -> dict[str, Any]:
        served = on_time = members = 0
        for one in visits:
            if claim := self._claim(one):
                seconds = (claim.about - one.opened).total_seconds()
                served, on_time = served + 1, on_time + (seconds <= 30)
                members += one.who == "member"
                self._bin(store, day, "wait", seconds)
            close = self.closes.get((store, one.box, one.visit))
            if close and close[2] in ("tap", "receipt"):
                self._bin(store, day, "dwell", (close[1] - one.opened).total_seconds())
        queue = [one for one in about if one.what == "queue"]
        for one in queue:
            if one.state in ("back", "served") and one.waited_s is not None:
                self._bin(store, day, "queue", one.waited_s)
        counts = {
            "served": served,
            "greeted_30s": on_time,
            "served_members": members,
            "asked": sum(one.what == "source" for one in about),
            "queued": len(queue),
            "queue_back": sum(one.state in ("back", "served") for one in queue),
            "queue_gone": sum(one.state == "gone" for one in queue),
        }
        return counts if self._knows(store, "desk", day) else dict.fromkeys(counts)

    def _bin(self, store: str, day: date, measure: str, seconds: float) -> None:
        edges = EDGES[measure]  # type: ignore[index]
        number = max([n for n, edge in enumerate(edges) if edge <= seconds], default=0)
        key = (store, day, measure, number)
        self.tables["bin_tally"][key] = (self.tables["bin_tally"].get(key, (0,))[0] + 1,)

    def _till(self, store: str, day: date, about: list[SimpleNamespace]) -> dict[str, Any]:
        counts = dict.fromkeys(("sales", "sales_members", "returns", "items"), 0)
        money: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        for one in about:
            if one.what != "receipt" or one.state != "kept" or one.buyer != "guest":
                continue
            priced = one.value is not None and one.currency is not None
            if one.kind == "sale":
                of = self.visits.get((store, one.box, one.visit))
                counts["sales"] += 1
                counts["sales_members"] += bool(of and of.who == "member" and not of.void)
                counts["items"] += one.items or 0
                if priced:
                    money[one.currency][0] += 1
                    money[one.currency][1] += one.value
            elif one.kind == "return":
                counts["returns"] += 1
                if priced:
                    money[one.currency][2] += abs(one.value)
        for currency, sums in money.items():
            self.tables["money_tally"][store, day, currency] = tuple(sums)
        return dict(counts) if self._knows(store, "till", day) else dict.fromkeys(counts)

    def _bookings(self, store: str, day: date, about: list[SimpleNamespace]) -> dict[str, Any]:
        by: dict[str, dict[str, int]] = {}
        reasons: Counter[str] = Counter()
        names = ("booked", "kept", "late", "no_show", "cancelled")
        for one in about:
            if one.what != "appointment":
                continue
            counts = by.setdefault(one.channel or "", dict.fromkeys(names, 0))
            counts["booked"] += one.state != "cancelled"
            counts["cancelled"] += one.state == "cancelled"
            if one.state in ("arrived", "kept"):
                counts["kept"] += 1
                counts["late"] += bool(one.late_min)
            if one.state == "no_show":
                counts["no_show"] += 1
                reasons[one.reason or ""] += 1
        for channel, counts in by.items():
            self.tables["booking_tally"][store, day, channel] = tuple(counts.values())
        for reason, count in reasons.items():
            self.tables["reason_tally"][store, day, reason] = (count,)
        sums = {name: sum(of[name] for of in by.values()) for name in names}
        return sums if self._knows(store, "bookings", day) else dict.fromkeys(names)

    def _sales_of(self, one: SimpleNamespace) -> list[SimpleNamespace]:
        return [
            other
            for other in self.facts
            if other.what == "receipt" and one.visit is not None
            if (other.store, other.box, other.visit) == (one.store, one.box, one.visit)
            if (other.state, other.kind, other.buyer) == ("kept", "sale", "guest")
        ]

    def _sources(self, store: str, day: date, about: list[SimpleNamespace]) -> None:
        counts: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
        money: Counter[tuple[str, str, str]] = Counter()
        for one in about:
            if one.what != "source":
                continue
            key = (one.channel, one.advert or "")
            sales = self._sales_of(one)
            booked = any(
                other.what == "appointment" and other.state != "cancelled"
                for other in self.facts
                if one.visit is not None
                if (other.store, other.box, other.visit) == (store, one.box, one.visit)
            )
            for n, more in enumerate((1, booked, bool(sales))):
                counts[key][n] += more
            for sale in sales:
                if sale.value is not None and sale.currency is not None:
                    money[(*key, sale.currency)] += sale.value
        for key, sums in counts.items():
            self.tables["channel_tally"][store, day, *key] = tuple(sums)
        for of, value in money.items():
            self.tables["channel_money"][store, day, *of] = (value,)

    def _hours(
        self, store: str, visits: list[SimpleNamespace], about: list[SimpleNamespace]
    ) -> None:
        served = Counter(self._hour(store, one.opened) for one in visits if self._claim(one))
        sales: Counter[int] = Counter()
        staff: defaultdict[int, set[str]] = defaultdict(set)
        for one in about:
            hour = self._hour(store, one.about)
            if one.what == "receipt":
                sales[hour] += (one.state, one.kind, one.buyer) == ("kept", "sale", "guest")
            if one.what in ("claim", "stay", "source", "receipt") and one.staff:
                staff[hour].add(one.staff)
        for hour in {*served, *sales, *staff}:
            row = (served[hour], sales[hour], len(staff[hour]))
            if any(row):
                self.tables["hour_tally"][store, hour] = row

    def _staff(
        self, store: str, day: date, visits: list[SimpleNamespace], about: list[SimpleNamespace]
    ) -> None:
        rows: defaultdict[str, list[int]] = defaultdict(lambda: [0] * 6)
        for one in visits:
            claim = self._claim(one)
            if claim is None or claim.staff is None:
                continue
            late = (claim.about - one.opened).total_seconds() > 30
            wrong = (store, one.box, one.visit) in self.wrong
            bought = bool(self._sales_of(one))
            for n, more in enumerate((1, not late, one.who == "member", bought, wrong)):
                rows[claim.staff][n] += more
        for one in about:
            ended = one.state in ("collected", "settled", "done")
            if one.what == "service" and one.staff and ended:
                rows[one.staff][5] += 1
        for who, row in rows.items():
            self.tables["staff_tally"][store, day, who] = tuple(row)

    def _chain(self) -> None:
        sums: dict[tuple[date, str], dict[str, Any]] = {}
        for (_, day), row in self.tables["day_tally"].items():
            counts = {name: count for name, count in row.items() if name != "basis"}
            held = sums.setdefault((day, row["basis"] or ""), {"shops": 0, **dict.fromkeys(counts)})
            held["shops"] += 1
            for name, count in counts.items():
                if count is not None:
                    held[name] = (held[name] or 0) + count
        self.tables["chain_tally"] = dict(sums)
        for of, to, kept in _SUMMED:
            summed: dict[tuple[Any, ...], tuple[int, ...]] = {}
            for (_, day, *keys), row in self.tables[of].items():
                key = (day, *keys[:kept])
                before = summed.get(key, (0,) * len(row))
                summed[key] = tuple(one + other for one, other in zip(before, row, strict=True))
            self.tables[to] = dict(summed)


def moment(text: str) -> datetime:
    """Return a moment as boxes write it."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
