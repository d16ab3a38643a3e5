"""Turns what is known of the box at a moment into figures for Prometheus.

Asked by `menkou.metrics` at each scrape, through `figures`, which `edge.app.metrics` puts together.
Counts of visitors are the shop's business and are left out; no label names a person or an address.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, get_args

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from edge.bus import RadioNote
from edge.console.view import GalleryView
from edge.ports import CameraStateCode

CAMERA_STATES: Final = (*get_args(CameraStateCode), "unknown")
MODES: Final = ("count", "checkin", "entrance")
PART_STATES: Final = ("running", "restarting", "silent")


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkFigures:
    """What the uplink did since its process began."""

    connected: bool
    sent: int
    acknowledged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraFigures:
    """One camera: its state is a code of `edge.ports.CameraStateCode`, or `unknown`."""

    name: str
    state: str
    frames_per_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetFigures:
    """From how many hours the box has learnt what Wi-Fi is worth, how many it needs, and when its
    newest minute ended: None before the first.
    """

    learnt: int
    needed: int
    heard_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxFigures:
    """The box at one moment.

    `parts`: state and restarts by process. `chains`: whether each hash-chained table was whole
    when it was last computed anew; empty before that. Sizes are bytes. `shares`: by box the members
    shared with it, those that wait to be, and those that came from it; `keys_refused` counts boxes
    whose keys are not believed, `unconfirmed` members' faces at check-in cameras that were not seen
    to be a head. `messages_...`: out of the shop; lost ones of the last week.
    """

    store: str
    box: str
    version: str
    now: datetime
    committed: int
    waiting: int
    oldest_at: datetime | None
    uplink: UplinkFigures | None
    refused: int
    clock_ok: bool
    mode: str
    mode_wanted: str
    cameras: Sequence[CameraFigures]
    parts: Mapping[str, tuple[str, int]]
    store_bytes: int
    store_limit: int
    disk_free_bytes: int
    disk_bytes: int
    temperatures: Mapping[str, float]
    chains: Mapping[str, bool] = field(default_factory=dict)
    shares: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    keys_refused: int = 0
    gallery: GalleryView | None = None
    unconfirmed: int = 0
    radio: RadioNote | None = None
    street: StreetFigures | None = None
    messages_waiting: int = 0
    messages_lost: int = 0
    certificate_until: datetime | None = None


class BoxCollector(Collector):
    """Asks for the box's figures at each scrape."""

    def __init__(self, figures: Callable[[], BoxFigures]) -> None:
        self._figures = figures

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the registry is then not asked for figures before the first scrape."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every figure."""
        box = self._figures()
        yield _one(
            "info", "Which box this is", 1, store=box.store, box=box.box, version=box.version
        )
        yield from _outbox(box)
        yield from _uplink(box)
        yield from _messages(box)
        yield from _machine(box)
        yield from _parts(box)
        yield from _shares(box)
        yield from _gallery(box.gallery)
        yield from _radio(box.radio)
        yield from _street(box.street, box.now)


def _one(name: str, text: str, value: float, **labels: str) -> Metric:
    family = GaugeMetricFamily(f"menkou_box_{name}", text, labels=list(labels))
    family.add_metric(list(labels.values()), value)
    return family


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"menkou_box_{name}", text, value=value)


def _outbox(box: BoxFigures) -> Iterator[Metric]:
    yield _one("outbox_events", "Events that the hub has not acknowledged", box.waiting)
    age_s = (box.now - box.oldest_at).total_seconds() if box.oldest_at else 0.0
    text = "Age of the oldest event that the hub has not acknowledged; 0 when none waits"
    yield _one("outbox_oldest_age_seconds", text, max(0.0, age_s))
    if box.oldest_at is not None:
        text = "Time of the oldest event that the hub has not acknowledged"
        yield _one("outbox_oldest_timestamp_seconds", text, box.oldest_at.timestamp())
    yield _counter("events_committed", "Events put into the outbox, ever", box.committed)
    text = "Facts that found no room in memory while the store could not be written"
    yield _counter("facts_refused", text, box.refused)
    text = "Members' faces at check-in cameras that were not seen to be a head"
    yield _counter("presentation_refused", text, box.unconfirmed)


def _uplink(box: BoxFigures) -> Iterator[Metric]:
    if (uplink := box.uplink) is None:
        return
    yield _one("uplink_connected", "Whether the hub answers", uplink.connected)
    yield _counter("events_sent", "Events sent to the hub, again included", uplink.sent)
    text = "Events whose acknowledgement was taken in"
    yield _counter("events_acknowledged", text, uplink.acknowledged)


def _messages(box: BoxFigures) -> Iterator[Metric]:
    text = "Messages out of the shop (webhooks, short messages, bots) that have not gone out yet"
    yield _one("messages_waiting", text, box.messages_waiting)
    text = "Messages of the last week that were too late or refused, and never went out"
    yield _one("messages_lost", text, box.messages_lost)


def _machine(box: BoxFigures) -> Iterator[Metric]:
    yield _one("clock_ok", "Whether somebody vouches for the time", box.clock_ok)
    yield _one("store_bytes", "Size of the database and its log", box.store_bytes)
    yield _one("store_limit", "Bytes that the database may take", box.store_limit)
    yield _one("disk_free_bytes", "Room on the store's disk", box.disk_free_bytes)
    yield _one("disk_bytes", "Size of the store's disk", box.disk_bytes)
    if box.certificate_until is not None:
        text = "When the certificate of the box's pages runs out"
        until = box.certificate_until.timestamp()
        yield _one("certificate_expires_timestamp_seconds", text, until)
    if box.temperatures:
        heat = GaugeMetricFamily(
            "menkou_box_temperature_celsius", "As the board tells", labels=["sensor"]
        )
        for sensor, degrees in box.temperatures.items():
            heat.add_metric([sensor], degrees)
        yield heat
    if box.chains:
        text = "Whether a hash-chained table was whole when it was last computed anew"
        whole = GaugeMetricFamily("menkou_box_chain_ok", text, labels=["chain"])
        for chain, ok in box.chains.items():
            whole.add_metric([chain], ok)
        yield whole


def _shares(box: BoxFigures) -> Iterator[Metric]:
    text = "Members shared with other boxes, waiting to be, and come from them"
    members = GaugeMetricFamily("menkou_box_shared_members", text, labels=["with", "state"])
    for place, counts in box.shares.items():
        for state, count in zip(("shared", "waiting", "came"), counts, strict=True):
            members.add_metric([place, state], count)
    yield members
    yield _one("share_keys_refused", "Boxes whose keys are not believed", box.keys_refused)


def _gallery(gallery: GalleryView | None) -> Iterator[Metric]:
    if gallery is None:
        return
    text = "Members who may be recognised by face, where not all are searched"
    members = GaugeMetricFamily("menkou_box_members", text, labels=["state"])
    members.add_metric(["searched"], gallery.searched)
    members.add_metric(["left_out"], gallery.members - gallery.searched)
    yield members
    text = "The part of searched members that is expected to be missed"
    yield _one("expected_fnir", text, gallery.missed)


def _radio(radio: RadioNote | None) -> Iterator[Metric]:
    if radio is None:
        return
    yield _one("wifi_listening", "Whether probe requests are heard", radio.trouble is None)
    text = "Whether the radio cannot be moved between channels"
    yield _one("wifi_channel_fixed", text, radio.fixed_channel)
    yield _counter("wifi_probes", "Probe requests counted", radio.probes)
    text = "Frames that were not counted, by reason; no_room: lost in the kernel"
    dropped = CounterMetricFamily("menkou_box_wifi_dropped", text, labels=["reason"])
    for reason, number in radio.dropped.items():
        dropped.add_metric([reason], number)
    yield dropped
    text = "Probe requests by the frequency that they came on"
    heard = CounterMetricFamily("menkou_box_wifi_channel_probes", text, labels=["mhz"])
    for mhz, number in radio.frequencies.items():
        heard.add_metric([mhz], number)
    yield heard


def _street(street: StreetFigures | None, now: datetime) -> Iterator[Metric]:
    if street is None:
        return
    text = "Hours from which the box has learnt what Wi-Fi is worth in people"
    yield _one("wifi_hours_learnt", text, street.learnt)
    text = "Hours that it needs before it estimates anybody"
    yield _one("wifi_hours_needed", text, street.needed)
    if street.heard_at is not None:
        age_s = max(0.0, (now - street.heard_at).total_seconds())
        yield _one("wifi_last_minute_age_seconds", "Since the newest minute of Wi-Fi", age_s)


def _parts(box: BoxFigures) -> Iterator[Metric]:
    yield _states("mode", "The mode that runs", {(): box.mode}, MODES, label="mode")
    text = "The mode that the settings ask for"
    yield _states("mode_wanted", text, {(): box.mode_wanted}, MODES, label="mode")
    cameras: Mapping[tuple[str, ...], str]
    cameras = {(camera.name,): camera.state for camera in box.cameras}
    text = "1 for the state that a camera is in"
    yield _states("camera_state", text, cameras, CAMERA_STATES, "camera")
    frames = GaugeMetricFamily(
        "menkou_box_camera_frames_per_second", "Pictures looked at", labels=["camera"]
    )
    for camera in box.cameras:
        frames.add_metric([camera.name], camera.frames_per_s or 0.0)
    yield frames
    parts: Mapping[tuple[str, ...], str]
    parts = {(name,): state for name, (state, _) in box.parts.items()}
    text = "1 for the state that a process is in"
    yield _states("part_state", text, parts, PART_STATES, "part")
    restarts = CounterMetricFamily(
        "menkou_box_part_restarts", "Starts of a process after its first", labels=["part"]
    )
    for name, (_, number) in box.parts.items():
        restarts.add_metric([name], number)
    yield restarts


def _states(
    name: str,
    text: str,
    current: Mapping[tuple[str, ...], str],
    known: Sequence[str],
    *things: str,
    label: str = "state",
) -> Metric:
    """Return a series for each state that there may be: 1 for the current one, 0 for the others.

    `things` are the labels that the keys of `current` fill, `label` is that of the state.
    """
    family = GaugeMetricFamily(f"menkou_box_{name}", text, labels=[*things, label])
    for which, is_in in current.items():
        for state in known:
            family.add_metric([*which, state], state == is_in)
    return family
