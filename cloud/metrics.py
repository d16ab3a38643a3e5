"""What an ingest process counts of its own work, for Prometheus.

Counted by `ingest`, asked of `mqtt`'s post at each scrape, served by `run` through
`menkou.metrics`. What stands in the database is `metrics_fleet`'s. No label: which process it was,
Prometheus knows itself.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from prometheus_client import Counter, Histogram, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from cloud.inbox import Gathered

COMMIT_S: Final = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostFigures:
    """The post at one moment; what was lost is counted since the process began."""

    connected: bool
    waiting: int
    waiting_bytes: int
    dropped: int
    database_errors: int


class Post(Protocol):
    """What `mqtt.Post` does, as seen from here."""

    def figures(self) -> PostFigures:
        """Return the post as it is now."""
        ...


class IngestMeters(Collector):
    """The counters of one ingest process."""

    def __init__(self) -> None:
        self._messages = Counter(
            "menkou_ingest_messages", "Messages in committed sets", registry=None
        )
        self._events = Counter(
            "menkou_ingest_events", "Events in committed sets, repeated ones too", registry=None
        )
        self.commit = Histogram(
            "menkou_ingest_commit_seconds",
            "Time to write a set of messages and to commit it",
            buckets=COMMIT_S,
            registry=None,
        )
        self._post: Post | None = None

    def watch(self, post: Post) -> None:
        """Ask this post at each scrape."""
        self._post = post

    def took(self, gathered: Gathered) -> None:
        """Count a set that was committed."""
        self._messages.inc(len(gathered.messages))
        self._events.inc(sum(len(intake.events) for intake in gathered.intakes.values()))

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the registry is then not asked for figures before the first scrape."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every figure."""
        for kept in (self._messages, self._events, self.commit):
            yield from kept.collect()
        if self._post is None:
            return
        post = self._post.figures()
        for name, text, value in (
            ("connected", "Whether the broker is reached and subscribed", post.connected),
            ("waiting_messages", "Messages received and not taken in yet", post.waiting),
            ("waiting_bytes", "What their payloads weigh", post.waiting_bytes),
        ):
            yield GaugeMetricFamily(f"menkou_ingest_{name}", text, value=value)
        for name, text, value in (
            ("messages_dropped", "Messages dropped; the boxes send them again", post.dropped),
            ("database_errors", "Sets that could not be written at once", post.database_errors),
        ):
            yield CounterMetricFamily(f"menkou_ingest_{name}", text, value=value)
