"""Which sequence numbers of one epoch are held: a top and the gaps below it. Pure.

    held      1 2 3 . . 6 7 . 9
    gaps            4-5     8        through = 3, top = 9

Kept as ranges, so that a sender that declares a billion of them costs one row. Used on both sides:
by the hub for the events of boxes, by the box for the orders of the hub.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge.wire.checks import INTEGER_MAX

Range = tuple[int, int]


@dataclass(slots=True, kw_only=True)
class Received:
    """What is held of an epoch. Ranges hold both their ends, are sorted and do not touch.

    `top` is the highest number held, `declared` the highest that the box spoke of, `lost` how
    many the box had dropped before the hub ever saw them.
    """

    top: int = 0
    declared: int = 0
    lost: int = 0
    gaps: list[Range] = field(default_factory=list)

    @property
    def through(self) -> int:
        """The number up to which nothing is missing."""
        return self.gaps[0][0] - 1 if self.gaps else self.top

    @property
    def missing(self) -> int:
        """How many of the declared numbers are not held."""
        holes = sum(high - low + 1 for low, high in self.gaps)
        return holes + max(0, self.declared - self.top)

    def holds(self, seq: int) -> bool:
        """Whether a number has been taken or given up."""
        if seq > self.top:
            return False
        at = bisect_right(self.gaps, (seq, self.top)) - 1
        return at < 0 or self.gaps[at][1] < seq

    def take(self, seqs: Sequence[int]) -> None:
        """Note numbers, which rise and differ, as held."""
        if seqs and seqs[0] == self.top + 1 and seqs[-1] == self.top + len(seqs):
            self.top = seqs[-1]  # they go on without a gap, as they nearly always do
            return
        for seq in seqs:
            if seq > self.top:
                if seq > self.top + 1:
                    self.gaps.append((self.top + 1, seq - 1))
                self.top = seq
            elif not self.holds(seq):
                self._fill(seq)

    def _fill(self, seq: int) -> None:
        at = bisect_right(self.gaps, (seq, self.top)) - 1
        low, high = self.gaps[at]
        rest = [(low, seq - 1)] if low < seq else []
        rest += [(seq + 1, high)] if seq < high else []
        self.gaps[at : at + 1] = rest

    def declare(self, first: int, last: int) -> None:
        """Note what the box holds: below `first` is gone for ever, up to `last` exists."""
        self.declared = max(self.declared, last)
        below = first - 1
        keep: list[Range] = []
        for low, high in self.gaps:
            self.lost += max(0, min(high, below) - low + 1)
            if high > below:
                keep.append((max(low, first), high))
        self.gaps = keep
        if self.top < below:
            self.lost += below - self.top
            self.top = below

    def missing_within(self, first: int, last: int) -> list[Range]:
        """Return every range of `first` to `last`, ends included, that is not held."""
        if first > last:
            return []
        found = [
            (max(low, first), min(high, last))
            for low, high in self.gaps
            if high >= first and low <= last
        ]
        if last > self.top:
            found.append((max(self.top + 1, first), last))
        return found

    def missing_around(self, low: int, high: int) -> list[Range]:
        """Return the ranges that are not held from the last one below `low` to the first above.

        Whoever knows them knows of each number from `low` to `high` whether it is held. Above
        `top` nothing is: that range has no end.

        Args:
            low: a number that is held, above `through`.
            high: one that is held, not below `low`.
        """
        first = bisect_right(self.gaps, low, key=lambda gap: gap[0]) - 1
        after = bisect_right(self.gaps, high, key=lambda gap: gap[0]) + 1
        found = self.gaps[max(first, 0) : after]
        if after > len(self.gaps) and self.top < INTEGER_MAX:
            found.append((self.top + 1, INTEGER_MAX))
        return found


def at_most(ranges: list[Range], count: int) -> list[Range]:
    """Return at most `count` ranges that cover the given ones.

    The last one then spans the rest. To ask for too much is harmless, because what arrives
    twice is taken once; to ask for too little would tell the box that the rest is safe.
    """
    if len(ranges) <= count:
        return ranges
    return [*ranges[: count - 1], (ranges[count - 1][0], ranges[-1][1])]
