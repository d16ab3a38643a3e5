"""Measures the hub on this machine: `menkou-hub bench`. Called by `cli`; needs no settings.

Each case runs in a temporary directory, in turns with its baseline, so that a machine that is
busy for a while is as slow for both. One module a topic; `chain` makes what they take in.
"""

from collections.abc import Callable, Iterator
from typing import Final

from cloud.bench import backlog, broker, ingest
from cloud.bench.report import Result, Skipped

Line = Result | Skipped
_BENCHES: Final[dict[str, tuple[Callable[[int | None], Iterator[Line]], ...]]] = {
    "ingest": (ingest.cases, broker.cases, backlog.cases),
}
NAMES: Final = tuple(_BENCHES)
"""What can be measured."""


def run(name: str | None, events: int | None) -> Iterator[Line]:
    """Run the benchmarks of a name, or all.

    Args:
        name: one of `NAMES`.
        events: how many each case takes in, if not as many as is usual.
    """
    for each, topics in _BENCHES.items():
        for cases in topics if name in (None, each) else ():
            yield from cases(events)
