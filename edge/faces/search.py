"""The nearest and the second-nearest of many templates: what `faces.gallery` asks of numbers alone.

Exact: the answer is that of comparing with every template in float64, whatever the templates are.

Few templates are all compared, one product in float32. Of many only a head is read, a third of
the numbers, which is where the time goes. With the rows of `B` orthonormal, every vector is a head
`Bv` and a rest `v'` at right angles to it, so that

    <p, r> = <Bp, Br> + <p', r'> <= <Bp, Br> + |p'| |r'|         (Cauchy-Schwarz)

and with |r'| kept behind the head, `u = (Br, |r'|)` and `w = (Bp, |p'|)`, one product `w . u` gives
what no template can exceed. Some templates are compared at once; the second-best of these is a
`floor`. Whoever is among the best two is above it, and so is their bound: those are compared, a
few dozen of 100,000.

Rounding cannot hide one of them. `u` and `w` are made in float64 and kept in float32, an error of
2^-24 of their length each, which is 1; a float32 product of n numbers errs by n * 2^-24 of
the lengths at most (Higham 2002, 3.1): 40 * 2^-24 for the bound, 128 * 2^-24 for the floor,
together 1.1e-5. The floor is lowered by SLACK.

Any B will do; how many are left to compare depends on it. It is made of the templates themselves:
the directions in which a sample of them is longest. dlib's descriptors fill 77 dimensions of
the 128 and 98 % of their length lie in 39.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

DIMENSIONS: Final = 128
ROOM: Final = 64  # templates at first; doubled when full
HEAD: Final = 40
"""Numbers of a head, the length of the rest among them. `menkou-edge bench match`, 100,000: 32
leave 340 to compare and take 0.72 ms, 40 leave 56 and take 0.51, 48 leave 15 and take 0.90."""
HEADED_FROM: Final = 15_000
"""So many templates have heads. Below, comparing with all of them takes no longer."""
SLACK: Final = 2e-5
SAMPLE: Final = 4_000  # templates that the directions are made of
STRIPES: Final = 64  # of each the likeliest is compared at once
WHOLE: Final = 0.25  # of the templates: with more left than this it is quicker to compare all
PIECE: Final = 4_096  # templates whose heads are made at once: 4 MB in float64

Numbers = NDArray[np.float32]
Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """What a search found.

    `row` is the nearest template's, `distance` how far it is, `second` how far the second-nearest
    (infinite when there is none): Euclidean. `compared` says with how many it was compared.
    """

    row: int
    distance: float
    second: float
    compared: int


class Templates:
    """Templates by row, float32 of length 1, and their search. Not thread-safe.

    What is taken out or outgrown is overwritten, heads included.
    """

    def __init__(self) -> None:
        self._rows: Numbers = np.zeros((ROOM, DIMENSIONS), np.float32)
        # (HEAD, room), so that the product runs along the templates; None while they are few.
        self._heads: Numbers | None = None
        self._directions: NDArray[np.float64] = np.zeros((DIMENSIONS, HEAD - 1))
        self._count = 0

    def __len__(self) -> int:
        """How many there are."""
        return self._count

    @property
    def rows(self) -> Numbers:
        """All templates, float32 (N, 128): a view, good until the next change."""
        return self._rows[: self._count]

    def put(self, row: int, template: Numbers) -> None:
        """Write a template in the place of another, or behind the last (`row` is then `len`)."""
        if row == len(self._rows):
            self._grow()
        self._rows[row] = template
        if self._heads is not None:
            self._heads[:, row] = self._headed(template[None])[:, 0]
        self._count = max(self._count, row + 1)

    def take_out(self, row: int) -> None:
        """Overwrite a template; the last takes its place."""
        last = self._count - 1
        self._rows[row] = self._rows[last]
        self._rows[last] = 0.0
        if self._heads is not None:
            self._heads[:, row] = self._heads[:, last]
            self._heads[:, last] = 0.0
        self._count = last

    def wipe(self) -> None:
        """Overwrite everything."""
        self._rows.fill(0.0)
        self._behead()
        self._count = 0

    def settle(self) -> None:
        """Make the heads anew, of what is there now; to be called after many changes.

        About 4 ms for 20,000 templates. Searches are exact without it, only slower.
        """
        self._behead()
        if self._count < HEADED_FROM:
            return
        sample = self.rows[:: max(1, self._count // SAMPLE)].astype(np.float64)
        _, vectors = np.linalg.eigh(sample.T @ sample)  # the longest is the last
        sample.fill(0.0)
        self._directions[:] = vectors[:, 1 - HEAD :]
        self._make_heads()

    def nearest(self, probe: Numbers) -> Nearest:
        """Search for a vector of length 1. Raises ValueError when there are no templates."""
        if not self._count:
            raise ValueError("search: expected one template or more, got none")
        left = self._left(probe)
        scores = self.rows @ probe if left is None else self._products(left, probe)
        # float32 orders all but those that are nearly as good as the second.
        best = np.flatnonzero(scores >= _second(scores) - np.float32(SLACK))
        places = best if left is None else left[best]
        gathered = self._rows[places]
        between = gathered.astype(np.float64)
        between -= probe
        apart = np.linalg.norm(between, axis=1)
        gathered.fill(0.0)
        between.fill(0.0)  # with the probe it is the template
        order = np.argsort(apart, kind="stable")
        return Nearest(
            row=int(places[order[0]]),
            distance=float(apart[order[0]]),
            second=float(apart[order[1]]) if len(order) > 1 else math.inf,
            compared=len(scores),
        )

    def _left(self, probe: Numbers) -> Places | None:
        """Return all rows that may be among the nearest two; None: no few can be singled out."""
        if self._heads is None or self._count < STRIPES:
            return None
        bounds = self._headed(probe[None])[:, 0] @ self._heads[:, : self._count]
        length = self._count // STRIPES
        striped = bounds[: length * STRIPES].reshape(STRIPES, length)
        likely = striped.argmax(axis=1) + length * np.arange(STRIPES)
        floor = _second(self._products(likely, probe))
        left = np.flatnonzero(bounds >= floor - np.float32(SLACK))
        return left if len(left) <= WHOLE * self._count else None

    def _products(self, places: Places, probe: Numbers) -> Numbers:
        gathered = self._rows[places]
        products = gathered @ probe
        gathered.fill(0.0)  # no copy of a template lies about in freed memory
        return np.asarray(products, np.float32)

    def _headed(self, vectors: Numbers) -> Numbers:
        """Return heads with the lengths of the rests, float32 (HEAD, N)."""
        wide = vectors.astype(np.float64)
        heads = wide @ self._directions
        rests = np.einsum("ij,ij->i", wide, wide) - np.einsum("ij,ij->i", heads, heads)
        wide.fill(0.0)
        return np.vstack([heads.T, np.sqrt(np.maximum(0.0, rests))]).astype(np.float32)

    def _make_heads(self) -> None:
        heads = np.zeros((HEAD, len(self._rows)), np.float32)
        for start in range(0, self._count, PIECE):
            piece = self._rows[start : min(start + PIECE, self._count)]
            heads[:, start : start + len(piece)] = self._headed(piece)
        self._heads = heads

    def _grow(self) -> None:
        rows = np.zeros((2 * len(self._rows), DIMENSIONS), np.float32)
        rows[: self._count] = self.rows
        self._rows.fill(0.0)  # no second copy may stay behind
        self._rows = rows
        if self._heads is not None:
            heads = np.zeros((HEAD, len(rows)), np.float32)
            heads[:, : self._count] = self._heads[:, : self._count]
            self._heads.fill(0.0)
            self._heads = heads

    def _behead(self) -> None:
        if self._heads is not None:
            self._heads.fill(0.0)
            self._heads = None
        self._directions.fill(0.0)


def _second(scores: Numbers) -> np.float32:
    """Return the second-highest score, the only one where there is one."""
    if len(scores) == 1:
        return np.float32(scores[0])
    best = int(scores.argmax())
    highest = scores[best]
    scores[best] = -np.inf
    second = np.float32(scores.max())
    scores[best] = highest
    return second
