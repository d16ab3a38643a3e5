"""The gallery finds the one member whose face it is, or says that it knows nobody."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.core.observed import NEEDED, PART
from edge.core.threshold import MARGIN, nearest_of_part, threshold
from edge.faces.embedder import Embedder
from edge.faces.gallery import MemberGallery, VectorDamaged
from edge.faces.reader import FaceReader

Vector = NDArray[np.float32]


def unit(vector: NDArray[np.floating]) -> Vector:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def somebody(seed: int) -> Vector:
    """A direction; two of these are about 1.4 apart, so never alike."""
    return unit(np.random.default_rng(seed).normal(size=128))


def beside(vector: Vector, distance: float, seed: int = 99) -> Vector:
    """A descriptor at exactly `distance` from `vector`."""
    drawn = np.random.default_rng(seed).normal(size=128)
    aside = unit(drawn - (drawn @ vector) * vector)
    angle = 2 * np.arcsin(distance / 2)
    return unit(np.cos(angle) * vector + np.sin(angle) * aside)


def gallery_of(*seeds: int) -> MemberGallery:
    gallery = MemberGallery()
    for seed in seeds:
        gallery.add(f"subject-{seed}", somebody(seed), 1)
    return gallery


def test_a_member_is_found_with_the_distance() -> None:
    found = gallery_of(1, 2, 3).match(beside(somebody(2), 0.2), 5)
    assert found is not None
    assert found.subject == "subject-2"
    assert found.distance == pytest.approx(0.2, abs=1e-4)
    assert found.sure


def test_the_very_template_is_at_distance_zero() -> None:
    found = gallery_of(1, 2).match(somebody(1), 1)
    assert found is not None
    assert found.distance == pytest.approx(0.0, abs=1e-6)


def test_nobody_is_found_beyond_the_threshold_and_a_likely_one_just_below() -> None:
    limit = threshold(3, 1, 5)
    gallery = gallery_of(1, 2, 3)
    assert gallery.match(beside(somebody(2), limit + 0.003), 5) is None
    likely = gallery.match(beside(somebody(2), limit - 0.003), 5)
    assert likely is not None
    assert not likely.sure


def test_an_empty_gallery_knows_nobody() -> None:
    assert MemberGallery().match(somebody(1), 5) is None


def test_a_face_between_two_members_is_neither() -> None:
    gallery = gallery_of(1)
    gallery.add("twin", beside(somebody(1), 0.2), 1)
    between = unit(somebody(1) + beside(somebody(1), 0.2))
    assert gallery.match(between, 5) is None
    nearer = beside(somebody(1), 0.1 - MARGIN)  # sideways of both
    found = gallery.match(nearer, 5)
    assert found is not None
    assert found.subject == "subject-1"


def test_the_threshold_follows_the_size_and_the_photos_of_the_one_it_is() -> None:
    probe = beside(somebody(1), 0.33)
    gallery = gallery_of(1)
    assert gallery.match(probe, 5) is not None
    for seed in range(1000, 1400):
        gallery.add(str(seed), somebody(seed), 1)
    assert gallery.match(probe, 5) is None
    few = gallery_of(1, 2)
    probe = beside(somebody(1), 0.35)
    assert few.match(probe, 5) is not None
    few.add("subject-1", somebody(1), 3)
    assert few.match(probe, 5) is None
    assert len(few) == 2


def test_members_who_look_alike_make_the_gallery_stricter() -> None:
    rng = np.random.default_rng(7)
    kin = rng.normal(size=128)
    alike, unlike = MemberGallery(), MemberGallery()
    for index in range(60):
        own = rng.normal(size=128)
        alike.add(str(index), unit(kin + 0.22 * own), 1)
        unlike.add(str(index), unit(kin + 0.5 * own), 1)
    known = unit(kin + 2.0 * rng.normal(size=128))
    for gallery in (alike, unlike):
        gallery.add("known", known, 1)
    probe = beside(known, threshold(61, 1, 5) - 0.03)
    assert unlike.match(probe, 5) is not None
    assert alike.match(probe, 5) is None


def test_who_was_taken_out_is_found_no_more_and_the_others_still_are() -> None:
    gallery = gallery_of(*range(10))
    assert gallery.remove("subject-3")
    assert not gallery.remove("subject-3")
    assert len(gallery) == 9
    assert gallery.match(somebody(3), 5) is None
    for seed in (0, 1, 2, 4, 5, 6, 7, 8, 9):
        found = gallery.match(somebody(seed), 5)
        assert found is not None
        assert found.subject == f"subject-{seed}"


def numbers_held(gallery: MemberGallery, vector: Vector) -> bool:
    return bool((np.abs(gallery._templates._rows - vector).max(axis=1) < 1e-6).any())


def test_the_numbers_of_who_was_taken_out_are_overwritten() -> None:
    gallery = gallery_of(*range(5))
    for seed in (4, 0):  # the last row, and one into whose place another moves
        assert numbers_held(gallery, somebody(seed))
        gallery.remove(f"subject-{seed}")
        assert not numbers_held(gallery, somebody(seed))


def test_wiping_and_growing_leave_no_number_behind() -> None:
    gallery = gallery_of(*range(64))
    before = gallery._templates._rows
    gallery.add("one more", somebody(64), 1)
    assert gallery._templates._rows is not before
    assert not before.any()
    rows = gallery._templates._rows
    gallery.wipe()
    assert not rows.any()
    assert len(gallery) == 0
    assert gallery.match(somebody(1), 5) is None
    gallery.add("again", somebody(1), 1)
    assert gallery.match(somebody(1), 5) is not None


@pytest.mark.parametrize(
    "damage",
    [
        np.full(128, np.nan, np.float32),
        np.full(128, np.inf, np.float32),
        np.zeros(128, np.float32),
        somebody(1) * np.float32(1.3),
        somebody(1)[:127],
        somebody(1)[None],
        np.ones(128, np.int64),
    ],
    ids=["not a number", "infinite", "zeros", "raw length", "short", "two axes", "whole numbers"],
)
def test_a_damaged_vector_is_refused_and_changes_nothing(damage: Vector) -> None:
    gallery = gallery_of(1)
    with pytest.raises(VectorDamaged, match="template of subject-1: expected") as refused:
        gallery.add("subject-1", damage, 1)
    assert "0." not in str(refused.value)
    with pytest.raises(VectorDamaged, match="face seen: expected"):
        gallery.match(damage, 5)
    found = gallery.match(somebody(1), 5)
    assert found is not None
    assert found.distance < 1e-6


def test_a_template_without_a_photo_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 1 photo or more, got 0"):
        MemberGallery().add("subject", somebody(1), 0)


def test_nothing_of_a_template_is_printed() -> None:
    gallery = gallery_of(1)
    assert "subject-1" not in repr(gallery)
    assert "array" not in repr(gallery)


def test_what_is_handed_in_is_copied() -> None:
    mine = somebody(1)
    gallery = MemberGallery()
    gallery.add("subject", mine, 1)
    mine.fill(0.0)
    assert gallery.match(somebody(1), 5) is not None


def test_twenty_thousand_members_are_searched_in_milliseconds_while_more_come() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(20_000, 128)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    gallery = MemberGallery()
    for index, vector in enumerate(vectors[:10_000]):
        gallery.add(str(index), vector, 1)

    def fill() -> None:
        for index in range(10_000, 20_000):
            gallery.add(str(index), vectors[index], 1)

    filler = threading.Thread(target=fill)
    filler.start()
    taken: list[float] = []
    wrong = 0
    while filler.is_alive() or len(taken) < 200:
        asked = int(rng.integers(10_000))
        began = time.perf_counter()
        found = gallery.match(vectors[asked], 5)
        taken.append(time.perf_counter() - began)
        wrong += found is None or found.subject != str(asked)
    filler.join()
    assert wrong == 0
    assert len(gallery) == 20_000
    assert float(np.median(taken[-100:])) < 0.02  # 1 ms on an idle core


def test_real_people_who_are_no_members_are_not_taken_for_one(
    recordings: Path, tmp_path: Path
) -> None:
    """Forty members of one photo; of a hundred and more others none or two are taken for one."""
    reader, embedder = FaceReader(), Embedder.open(tmp_path)
    folders = sorted((recordings / "faces" / "lfw-part").iterdir())[::5]
    vectors = []
    for folder in folders:
        image = cv2.imread(str(sorted(folder.glob("*.jpg"))[0]))
        assert image is not None
        seen = reader.read(np.asarray(image, np.uint8))
        if seen:
            vectors.append(embedder.embed(seen[0].chip[None])[0])
    gallery = MemberGallery()
    for index, vector in enumerate(vectors[:40]):
        gallery.add(str(index), vector, 1)
    strangers = vectors[40:]
    assert len(strangers) > 100
    assert sum(gallery.match(vector, 1) is not None for vector in strangers) <= 3


def test_strangers_who_come_nearer_than_usual_make_the_gallery_stricter() -> None:
    gallery = gallery_of(1, 2, 3)
    probe = beside(somebody(2), threshold(3, 1, 5) - 0.01)
    assert gallery.match(probe, 5) is not None
    near = beside(somebody(1), nearest_of_part(3, 1, 5, PART) - 0.02)
    for _ in range(NEEDED - 1):
        gallery.note_stranger(near, 5)
    assert gallery.match(probe, 5) is not None
    gallery.note_stranger(near, 5)
    assert gallery.match(probe, 5) is None
    gallery.wipe()
    gallery.note_stranger(near, 5)  # nobody to be near to: nothing to count
    gallery.add("again", somebody(2), 1)
    assert gallery.match(probe, 5) is not None


def test_a_shop_may_ask_for_fewer_false_matches() -> None:
    probe = beside(somebody(1), threshold(100, 1, 5, 0.01) - 0.005)
    usual, strict = MemberGallery(), MemberGallery(0.001)
    for gallery in (usual, strict):
        for seed in range(1, 101):
            gallery.add(str(seed), somebody(seed), 1)
    assert usual.match(probe, 5) is not None
    assert strict.match(probe, 5) is None
    nearer = strict.match(beside(somebody(1), threshold(100, 1, 5, 0.001) - 0.005), 5)
    assert nearer is not None
    assert nearer.sure
