"""Measures the box on this machine: `menkou-edge bench`. Called by `cli`; needs no settings.

One module a topic; each yields its cases, and a text where one had to be skipped.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

from edge.bench import console, detect, embed, match, memory, outbox, pipeline, probes, receipts
from menkou.bench import Result

_Cases = Callable[[], Iterator[Result | str]]
_BENCHES: Final[dict[str, _Cases]] = {
    "console": console.cases,
    "detect": detect.cases,
    "embed": embed.cases,
    "match": match.cases,
    "memory": memory.cases,
    "outbox": outbox.cases,
    "pipeline": pipeline.cases,
    "probes": probes.cases,
    "receipts": receipts.cases,
}
NAMES: Final = tuple(_BENCHES)
"""What can be measured."""


def run(name: str | None, members: Sequence[int] = match.SIZES) -> Iterator[Result | str]:
    """Run the benchmarks of a name, or all; a text says why a case was skipped.

    `members`: the sizes of the galleries that `match` searches.
    """
    benches: dict[str, _Cases] = {**_BENCHES, "match": partial(match.cases, members)}
    for each, cases in benches.items():
        if name in (None, each):
            yield from cases()
