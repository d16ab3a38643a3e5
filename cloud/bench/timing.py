"""Takes the time of questions, and turns times into results. Used by `pages`, `served`, `users`."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from menkou.bench import Result

_TIMES: Final = 20
_SLOW_TIMES: Final = 5
_QUICK_MS: Final = 100  # a baseline that takes longer is asked only a few times
_SHARES: Final = {"p50": 0.5, "p95": 0.95, "max": 1.0}
Ask = Callable[[], Any]


def in_turns(ask: Ask, other: Ask) -> tuple[list[float], list[float]]:
    """Return milliseconds of a question and of its baseline; both are asked once before."""
    took: list[float] = []
    others: list[float] = []
    timed(ask), timed(other)
    for turn in range(_TIMES):
        took.append(timed(ask))
        if turn < _SLOW_TIMES or others[-1] < _QUICK_MS:
            others.append(timed(other))
    return took, others


def timed(ask: Ask) -> float:
    """Return in how many milliseconds a question is answered."""
    began = time.perf_counter()
    ask()
    return (time.perf_counter() - began) * 1000


def results(
    case: str, times: Sequence[float], baseline: str, others: Sequence[float]
) -> Iterator[Result]:
    """Yield a line for each percentile of times, beside that of the baseline's."""
    for word, share in _SHARES.items():
        ms, before_ms = quantile(times, share), quantile(others, share)
        yield Result(
            bench="pages",
            case=f"{case}, {word}",
            value=round(ms, 2),
            unit="ms",
            baseline=baseline,
            baseline_value=round(before_ms, 2),
            ratio=round(before_ms / ms, 2),
        )


def quantile(times: Sequence[float], share: float) -> float:
    """Return the time within which a share of them was, the nearest above.

    >>> quantile([3.0, 1.0, 2.0, 4.0], 0.5)
    2.0
    """
    return sorted(times)[math.ceil(len(times) * share) - 1]
