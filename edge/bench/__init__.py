"""Measures the box on this machine: `menkou-edge bench`. Called by `cli`; needs no settings.

One module a topic; each yields its cases, and a text where one had to be skipped.
"""

from collections.abc import Callable, Iterator
from typing import Final

from edge.bench import detect, embed, outbox, pipeline
from menkou.bench import Result

_BENCHES: Final[dict[str, Callable[[], Iterator[Result | str]]]] = {
    "detect": detect.cases,
    "embed": embed.cases,
    "outbox": outbox.cases,
    "pipeline": pipeline.cases,
}
NAMES: Final = tuple(_BENCHES)
"""What can be measured."""


def run(name: str | None) -> Iterator[Result | str]:
    """Run the benchmarks of a name, or all; a text says why a case was skipped."""
    for each, cases in _BENCHES.items():
        if name in (None, each):
            yield from cases()
