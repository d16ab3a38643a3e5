"""How near two descriptors must be to be called one person, given how many could be meant.

Called by faces.gallery and by whoever joins strangers; calls nothing. Distances are Euclidean,
between descriptors of length 1 as faces.embedder makes them: `enrol` for templates, `embed` for
what is searched. fp32 and int8 give the same figures (docs/adr/0016).

A stranger is taken for somebody when any of the members is near enough by chance, so the distance
follows from how many there are: FPIR = 1 - (1 - FMR)^members (ISO/IEC 19795-1), were they
independent. Who is near to one member is often near to several, which MARGIN refuses, so many
members count as fewer (`independent`). The distances of
different people were measured on 1,938 photos of 962 people (LFW, names A to E; three pairs that
are one person under two names left out), 3.7 million pairs of photos, 2026-11. Measured on either
half of these people, no distance differs by more than 0.003 (at 1e-5, of ten pairs, by 0.01).

::

    FMR       0.5    0.3    0.1    3e-2   1e-2   3e-3   1e-3   3e-4   1e-4   3e-5   1e-5
    distance  0.544  0.509  0.461  0.426  0.401  0.379  0.361  0.343  0.328  0.313  0.297
                                                            below: 0.033 nearer for each tenth of it

What the members look like is not in there: people of one sex, age and origin are more alike than
those of LFW. `closeness` tells how much nearer to each other the members really are.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

# (log10 of the false match rate, distance) for one photo as template and one as probe.
_MEASURED: Final = (
    (-0.301, 0.544),
    (-0.523, 0.509),
    (-1.0, 0.461),
    (-1.523, 0.426),
    (-2.0, 0.401),
    (-2.523, 0.379),
    (-3.0, 0.361),
    (-3.523, 0.343),
    (-4.0, 0.328),
    (-4.523, 0.313),
    (-5.0, 0.297),
)
# Beyond what was measured, a tenth of the false matches costs so much. The last steps were 0.033
# and 0.031; the larger is the careful choice.
_STEP: Final = 0.033
# A mean of photos is nearer to everybody: measured against single photos, at FMR 1e-3 to 1e-5.
_BY_PHOTOS: Final = {1: 0.0, 2: 0.017, 3: 0.022, 4: 0.025}
# So is a mean of the frames of one track, less, for they are alike: measured on three tracks
# against the same 962 people; 0.001 to 0.026 for 5 frames, 0.002 to 0.029 for 10.
_BY_FRAMES: Final = ((10, 0.015), (5, 0.010), (2, 0.005), (1, 0.0))
# More members than FEW count as FEW * (members / FEW) ** ALIKE. Without it FPIR 1 % came out as
# 0.95, 0.68, 0.49, 0.51 and 0.39 % at 30, 100, 200, 400 and 600 members. Above MOST nothing was
# measured: a member there counts as much as one of MOST does on average.
FEW: Final = 10
MOST: Final = 600
ALIKE: Final = 0.8
# However few members: one stranger in 500 may be as near as this to a given one.
_LOOSEST_FMR: Final = 2e-3

LIKELY_FPIR: Final = 0.01
"""At most one stranger in 100 is taken for a member, whatever the gallery's size: the default."""
SURE_FPIR: Final = 0.001
"""At most one in 1,000: what `Match.sure` means, whatever may be taken for likely."""
MARGIN: Final = 0.03
"""The second-best member must be so much further away: it costs no match (LFW, 30 to 840 members;
from 0.06 on it does) and spares who looks like several members."""
SAME_STRANGER: Final = 0.324
"""Two visits of strangers within the window are one person's. Of 500 visits, a fifth of them by
people who return, it counts 1.030 of the people and swallows 1.46 % of the new ones (LFW, the
worse half of its people; a photo for each track; docs/adr/0016)."""
SAME_MEMBER: Final = 0.405
"""Photos of one enrolment may differ by so much: 1.0 % of a person's pairs of photos differ more,
1.3 % of the pairs of two people less (LFW)."""
NEAR_PAIRS: Final = 0.01
"""The part of all pairs of members by which `closeness` judges a gallery."""
# So near are those pairs in LFW, templates of 1, 2 and 3 photos.
_NEAREST: Final = {1: 0.399, 2: 0.360, 3: 0.351}
PAIRS_NEEDED: Final = 400
"""Pairs of members (29 members) below which a gallery says too little about itself."""


def threshold(
    members: int,
    photos: int,
    frames: int,
    fpir: float = LIKELY_FPIR,
    *,
    closeness: float = 0.0,
) -> float:
    """The distance below which a face is a member's.

    `members` are in the gallery, the template is the mean of `photos`, the probe the mean of
    `frames` of a track, and at most `fpir` of the strangers may be taken for somebody.
    `closeness` is what `closeness()` says of this gallery, 0 or more. The result is between 0 and
    0.4, and never rises with members, photos, frames or closeness.

    >>> round(threshold(300, 1, 1), 3), round(threshold(20_000, 3, 5), 3)
    (0.323, 0.234)

    Raises ValueError for fewer than one of anything, and for a rate not between 0 and 1.
    """
    if min(members, photos, frames) < 1:
        raise ValueError(
            f"threshold: expected 1 or more members, photos and frames,"
            f" got {members}, {photos}, {frames}"
        )
    if not 0.0 < fpir < 1.0:
        raise ValueError(f"threshold: expected a rate between 0 and 1, got {fpir}")
    fmr = min(_fmr(members, fpir), _LOOSEST_FMR)
    return max(0.0, _distance(math.log10(fmr)) - _nearer(photos, frames) - max(0.0, closeness))


def nearest_of_part(members: int, photos: int, frames: int, part: float) -> float:
    """The distance below which a `part` of LFW's strangers find their nearest member.

    Arguments as in `threshold`. What a box's own strangers are compared with (core.observed).
    """
    return _distance(math.log10(_fmr(members, part))) - _nearer(photos, frames)


def _fmr(members: int, fpir: float) -> float:
    return -math.expm1(math.log1p(-fpir) / independent(members))


def _nearer(photos: int, frames: int) -> float:
    """How much nearer means are to everybody than single photos are."""
    by_frames = next(less for least, less in _BY_FRAMES if frames >= least)
    return _BY_PHOTOS[min(photos, 4)] + by_frames


def independent(members: int) -> float:
    """How many members that have nothing to do with each other give the same FPIR.

    >>> independent(10), round(independent(100)), round(independent(20_000))
    (10.0, 63, 8819)
    """
    measured = min(members, MOST)
    if measured <= FEW:
        return float(measured)
    return members / measured * FEW * math.pow(measured / FEW, ALIKE)


def closeness(pairs: NDArray[np.float32], photos: int) -> float:
    """How much nearer a gallery's members are to each other than LFW's people, 0 or more.

    `pairs` are the distances of all pairs of members (or of a fair sample), templates of `photos`
    photos each. It compares the 1 % nearest with LFW's, and says 0 with fewer than 400 pairs:
    a threshold is made stricter by it and never looser.
    """
    if len(pairs) < PAIRS_NEEDED:
        return 0.0
    nearest = float(np.quantile(pairs, NEAR_PAIRS))
    return max(0.0, _NEAREST[min(photos, 3)] - nearest)


def _distance(log_fmr: float) -> float:
    """The distance that a part 10^log_fmr of all pairs of different people stay below."""
    last_log, last = _MEASURED[-1]
    if log_fmr <= last_log:
        return last - _STEP * (last_log - log_fmr)
    for (high_log, high), (low_log, low) in pairwise(_MEASURED):
        if log_fmr >= low_log:
            return low + (high - low) * (log_fmr - low_log) / (high_log - low_log)
    return last
