"""The front process: the shop's page and the uplink. The supervisor starts it.

It reads what the eyes committed, and shows and sends it; it never sees a frame.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from flask import Flask
from sqlite_utils import Database

from edge.bus import Bus, Note
from edge.clock import SteadyClock
from edge.console.view import GalleryView, HourFigures, ReachView, ShopView
from edge.core.hours import OpeningHours
from edge.core.misses import expected_fnir
from edge.desired import laid
from edge.live import LiveState
from edge.modes import basis_of
from edge.store import figures
from edge.store.limit import shown_state
from edge.store.orders import wish_of
from edge.store.outbound import waiting_since
from edge.store.outbox import Backlog, Outbox
from edge.store.people import gallery_mark
from edge.store.standing import roll_call
from edge.store.switches import FACES, is_off
from edge.street import street_view
from edge.uplink.link import Condition
from edge.uplink.mqtt import Uplink
from edge.wire.messages import MODE_REASONS
from menkou.listen import Listen
from menkou.web.certificate import Certificate
from menkou.web.server import serve
from menkou.web.stream import Broadcast

log = logging.getLogger(__name__)

_UNREACHABLE_AFTER: Final = timedelta(minutes=10)
_COUNTED_FOR: Final = timedelta(minutes=1)
"""Members are counted again so often, and when a template is another: a million take 0.2 s."""
_FACES_TOO: Final = {"clock_suspect": "clock_suspect_faces"}
"""Codes that have words of their own when they keep faces from being read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """What the page says of the shop itself, and of how many members are searched by face."""

    store_id: str
    store_name: str
    box_id: str
    mode_wanted: str
    key_in_file: bool
    wifi: bool
    hours: OpeningHours
    gallery: int
    fpir: float
    controller: str | None = None


class PerThread:
    """Gives each thread a database connection of its own, opened when first asked for."""

    def __init__(self, connect: Callable[[], Database]) -> None:
        self._connect = connect
        self._local = threading.local()

    def __call__(self) -> Database:
        """Return the calling thread's connection."""
        db: Database | None = getattr(self._local, "db", None)
        if db is None:
            db = self._local.db = self._connect()
        return db


class ShopFront:
    """Gathers the page's figures.

    Args:
        shop: what does not change while the box runs.
        db: the calling thread's connection.
        live: the notes of the other parts.
        clock: the box's clock.
        follow_time: makes it step where the box's time does.
        names_locked: says whether there are members whose names cannot be read.
        reach: how phones reach the pages.
    """

    def __init__(
        self,
        *,
        shop: Shop,
        db: Callable[[], Database],
        live: LiveState,
        clock: SteadyClock,
        follow_time: Callable[[], None],
        names_locked: Callable[[], bool],
        reach: Callable[[], ReachView] = ReachView,
    ) -> None:
        self._shop = shop
        self._db = db
        self._live = live
        self._clock = clock
        self.follow_time = follow_time
        self._names_locked = names_locked
        self.reach = reach
        self._counted: tuple[int, datetime, GalleryView | None] | None = None
        self.uplink: Uplink | None = None

    def _mode(self) -> str:
        """Return the mode that runs; before the eyes' first word nobody is recognised."""
        return self._live.mode() or "count"

    def condition(self) -> Condition:
        """Return how the box is, for the heartbeat."""
        mode, wanted = self._mode(), self._shop.mode_wanted
        why = [code for code in self._live.why() if code in MODE_REASONS]
        return Condition(
            mode=mode,
            mode_wanted=wanted,
            mode_why=why[0] if why and mode != wanted else None,
            occupancy=figures.occupancy(self._db()),
            storage=shown_state(self._db(), self._clock.now()),
            cameras=self._live.camera_states(),
            controller=self._shop.controller,
        )

    def view(self) -> ShopView:
        """Return everything on the page at this moment."""
        shop, db = self._shop, self._db()
        now = self._clock.now()
        local = now.astimezone(shop.hours.zone)
        day = figures.day_count(db, shop.hours, now)
        minute = figures.minute_count(db, now)
        always_open = shop.hours.by_weekday is None
        opening = None if always_open else shop.hours.opening_on(local.date())
        backlog = self.uplink.backlog if self.uplink else Outbox(db).backlog()
        return ShopView(
            store_id=shop.store_id,
            store_name=shop.store_name,
            box_id=shop.box_id,
            now=local,
            mode=self._mode(),
            mode_wanted=shop.mode_wanted,
            faces_off=is_off(db, FACES),
            key_in_file=shop.key_in_file and self._mode() != "count",
            basis=basis_of(self._mode()),
            notices=self._notices(backlog, unsure=day.unsure),
            minute_entered=minute.entered,
            minute_left=minute.left,
            visitors=day.visitors,
            reentries=day.reentries,
            members=day.members,
            entered=day.entered,
            left=day.left,
            occupancy=figures.occupancy(db),
            turned_back=day.turned_back,
            staff=day.staff,
            outside_hours=day.outside_hours,
            always_open=always_open,
            opens=opening.opens.astimezone(shop.hours.zone) if opening else None,
            closes=opening.closes.astimezone(shop.hours.zone) if opening else None,
            hours=tuple(self._hour(count) for count in day.hours),
            cameras=self._live.cameras(),
            parts=self._live.parts(),
            uplink=self.uplink.state if self.uplink else "none",
            backlog=backlog.events,
            last_crossing=figures.last_crossing(db),
            head_office=laid(wish_of(db)),
            gallery=self.gallery(),
            street=street_view(db, shop.hours, now) if shop.wifi else None,
            sales=figures.sales_of_day(db, shop.hours, now),
            reach=self.reach(),
        )

    def gallery(self) -> GalleryView | None:
        """Return how many members are not searched by face; None while all are, or none may be."""
        if self._mode() == "count":
            return None
        db, now = self._db(), self._clock.now()
        mark = gallery_mark(db)
        if self._counted is not None:
            at_mark, at, counted = self._counted
            if at_mark == mark and abs(now - at) < _COUNTED_FOR:
                return counted
        counted = self._over(db, now)
        self._counted = mark, now, counted
        return counted

    def _over(self, db: Database, now: datetime) -> GalleryView | None:
        shop = self._shop
        roll = roll_call(db, now, shop.gallery)
        if roll.members <= shop.gallery:
            return None
        expected = expected_fnir(roll.photos, shop.fpir)
        return GalleryView(
            members=roll.members,
            searched=roll.searched,
            fpir=shop.fpir,
            missed=expected.fnir,
            extrapolated=expected.extrapolated,
        )

    def _hour(self, count: figures.HourCount) -> HourFigures:
        hours, now = self._shop.hours, self._clock.now()
        open_in_it = hours.is_open(count.start) or hours.opens_within(count.start, count.end)
        return HourFigures(
            start=count.start.astimezone(hours.zone),
            visitors=count.visitors,
            entered=count.entered,
            left=count.left,
            open=open_in_it,
            current=count.start <= now < count.end,
        )

    def _notices(self, backlog: Backlog, *, unsure: bool) -> tuple[str, ...]:
        notices = [*self._live.trouble(), *self._mode_notices()]
        if self._names_locked():
            notices.append("names_locked")
        if (state := shown_state(self._db(), self._clock.now())) != "ok":
            notices.append(f"storage_{state}")
        if self._clock.state() == "suspect" and "clock_suspect_faces" not in notices:
            notices.append("clock_suspect")
        elif self._clock.timeline.word == "person":
            notices.append("clock_by_hand")
        if unsure and self._clock.state() == "ok":
            notices.append("day_unsure")
        oldest = backlog.oldest_at
        if self.uplink and oldest and self._clock.now() - oldest > _UNREACHABLE_AFTER:
            notices.append("hub_unreachable")
        waiting = waiting_since(self._db())
        if waiting and self._clock.now() - waiting > _UNREACHABLE_AFTER:
            notices.append("messages_held")
        return tuple(notices)

    def _mode_notices(self) -> list[str]:
        """Return why less is recognised than the settings ask for, as the eyes told it."""
        why = [_FACES_TOO.get(code, code) for code in self._live.why()]
        if not why and self._live.mode() not in (None, self._shop.mode_wanted):
            return ["mode_lowered"]
        return why


class FrontProcess:
    """Serves the page and the uplink until told to stop; a crash of either ends the process.

    Args:
        app: the dressed page.
        listen: where it is served.
        front: its figures, and the uplink if there is one.
        live: where notes of the other parts go.
        bus: this part's place on the bus.
        broadcast: tells the open pages that something is new.
        beside: what runs in threads of its own beside the page until told to stop.
        certificate: that of `listen`.
    """

    def __init__(
        self,
        *,
        app: Flask,
        listen: Listen,
        front: ShopFront,
        live: LiveState,
        bus: Bus,
        broadcast: Broadcast,
        beside: Sequence[Callable[[threading.Event], None]] = (),
        certificate: Certificate | None = None,
    ) -> None:
        self._app = app
        self._listen = listen
        self._front = front
        self._live = live
        self._bus = bus
        self._broadcast = broadcast
        self._beside = beside
        self._certificate = certificate
        self._stop = threading.Event()
        self._crash: BaseException | None = None

    def run(self, stop: threading.Event, ready: Callable[[str], None]) -> None:
        """Serve until `stop` is set.

        Raises:
            menkou.web.errors.WebError: the page cannot be served there.
        """
        self._stop = stop
        workers: list[Callable[[], object]] = [
            self._watch_bus,
            *(partial(work, stop) for work in self._beside),
        ]
        if (uplink := self._front.uplink) is not None:
            workers.append(lambda: uplink.run(stop))
        threads = [threading.Thread(target=work) for work in workers]
        told = threading.excepthook
        # Those that libraries start are among them: without paho's nothing is ever sent again.
        threading.excepthook = partial(self._thread_died, told)
        for thread in threads:
            thread.start()
        try:
            serve(
                self._app,
                self._listen,
                broadcast=self._broadcast,
                stop=stop,
                ready=ready,
                certificate=self._certificate,
            )
        finally:
            stop.set()
            for thread in threads:
                thread.join()
            threading.excepthook = told
        if self._crash is not None:
            raise self._crash

    def _thread_died(
        self, told: Callable[[threading.ExceptHookArgs], object], of: threading.ExceptHookArgs
    ) -> None:
        """Stop everything when a thread has crashed, so that `run` can raise its error."""
        told(of)
        self._crash = of.exc_value
        self._stop.set()

    def _watch_bus(self) -> None:
        """Pass news on to the screens and the uplink, and tell the supervisor of our health."""
        uplink = self._front.uplink
        shown: object = None
        told = float("-inf")
        while not self._stop.is_set():
            note = self._bus.receive(0.5)
            if note is not None:
                if note.new and uplink:
                    uplink.nudge()
                if self._live.take(note):
                    self._broadcast.publish()
            now = time.monotonic()
            if now - told >= 1.0:
                told = now
                self._front.follow_time()
                self._bus.send("supervisor", Note(sender="front"))
                link = (uplink.state, uplink.backlog.events) if uplink else None
                if link != shown:
                    shown = link
                    self._broadcast.publish()
