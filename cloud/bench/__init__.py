"""Measures the hub on this machine: `menkou-hub bench`. Called by `cli`; needs no settings.

Each case runs in a temporary directory, in turns with its baseline, so that a machine that is
busy for a while is as slow for both. One module a topic; `chain` makes what they take in.
"""

from collections.abc import Callable, Iterator
from typing import Final

from cloud.bench import backlog, broker, ingest, pages, postgres
from cloud.bench.report import Skipped
from cloud.bench.users import Load
from menkou.bench import Result

Line = Result | Skipped


def _ingest(events: int | None, *_: object) -> Iterator[Line]:
    for cases in (ingest.cases, broker.cases, backlog.cases):
        yield from cases(events)


_BENCHES: Final[dict[str, Callable[[int | None, str | None, Load | None], Iterator[Line]]]] = {
    "ingest": _ingest,
    "postgres": lambda events, *_: postgres.cases(events),
    "pages": lambda _, database, load: pages.cases(database, load),
}
NAMES: Final = tuple(_BENCHES)
"""What can be measured."""


def run(
    name: str | None, events: int | None, database: str | None = None, load: Load | None = None
) -> Iterator[Line]:
    """Run the benchmarks of a name, or all.

    Args:
        name: one of `NAMES`.
        events: how many each case takes in, if not as many as is usual.
        database: the address of a filled one, for `pages`.
        load: how many users the pages have at once; None: one.
    """
    for each, cases in _BENCHES.items():
        if name in (None, each):
            yield from cases(events, database, load)
