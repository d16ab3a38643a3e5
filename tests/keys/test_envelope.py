"""Sealed bytes open for whom they were sealed, and for nobody and nothing else."""

from collections.abc import Callable

import numpy as np
import pytest

from edge.keys import envelope
from edge.keys.errors import KeyFault, Unreadable
from edge.keys.lock import TemplateLock
from edge.keys.profiles import ProfileKeys
from edge.keys.templates import TemplateOpener

ROOT, OTHER = bytes(range(32)), bytes(range(1, 33))
SUBJECT, SOMEBODY = "01M7XXA33GXJBZ1TSAYXW5Y5AK", "01M7XXA33GXJBZ1TSAYXW5Y5AM"
VECTOR = np.linspace(-1, 1, 128).astype(np.float32)


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def test_a_profile_opens_with_its_key_subject_and_purpose_only() -> None:
    keys = ProfileKeys(ROOT)
    wrapped = keys.new()
    sealed = keys.seal(wrapped, "王丽".encode(), subject=SUBJECT, purpose="profile")
    assert keys.unseal(wrapped, sealed, subject=SUBJECT, purpose="profile").decode() == "王丽"
    attempts: list[Callable[[], bytes]] = [
        lambda: keys.unseal(wrapped, sealed, subject=SOMEBODY, purpose="profile"),
        lambda: keys.unseal(wrapped, sealed, subject=SUBJECT, purpose="guardian"),
        lambda: keys.unseal(keys.new(), sealed, subject=SUBJECT, purpose="profile"),
        lambda: ProfileKeys(OTHER).unseal(wrapped, sealed, subject=SUBJECT, purpose="profile"),
        lambda: keys.unseal(wrapped[:-1], sealed, subject=SUBJECT, purpose="profile"),
        lambda: keys.unseal(b"", sealed, subject=SUBJECT, purpose="profile"),
        lambda: keys.unseal(wrapped, b"", subject=SUBJECT, purpose="profile"),
        lambda: keys.unseal(wrapped, sealed[:11], subject=SUBJECT, purpose="profile"),
    ]
    for attempt in attempts:
        with pytest.raises(Unreadable):
            attempt()


def test_a_single_changed_byte_anywhere_makes_sealed_bytes_unreadable() -> None:
    keys = ProfileKeys(ROOT)
    wrapped = keys.new()
    sealed = keys.seal(wrapped, b"name", subject=SUBJECT, purpose="profile")
    for place in range(len(sealed)):
        with pytest.raises(Unreadable):
            keys.unseal(wrapped, flipped(sealed, place), subject=SUBJECT, purpose="profile")
    for place in range(len(wrapped)):
        with pytest.raises(Unreadable):
            keys.unseal(flipped(wrapped, place), sealed, subject=SUBJECT, purpose="profile")


def test_a_template_opens_for_the_eyes_to_the_same_numbers() -> None:
    sealed = TemplateLock(envelope.public_of(ROOT)).seal(VECTOR, subject=SUBJECT)
    opened = TemplateOpener(ROOT).open(sealed.key, sealed.vector, subject=SUBJECT)
    assert opened.dtype == np.float32
    assert np.array_equal(opened, VECTOR)


def test_a_template_of_another_subject_box_or_with_a_changed_byte_does_not_open() -> None:
    sealed = TemplateLock(envelope.public_of(ROOT)).seal(VECTOR, subject=SUBJECT)
    opener = TemplateOpener(ROOT)
    bad = [
        (opener, sealed.key, sealed.vector, SOMEBODY),
        (TemplateOpener(OTHER), sealed.key, sealed.vector, SUBJECT),
        (opener, sealed.key[:10], sealed.vector, SUBJECT),
        (opener, bytes(len(sealed.key)), sealed.vector, SUBJECT),
    ]
    bad += [(opener, flipped(sealed.key, n), sealed.vector, SUBJECT) for n in range(80)]
    bad += [(opener, sealed.key, flipped(sealed.vector, n), SUBJECT) for n in (0, 11, 12, 300, -1)]
    for whose, key, vector, subject in bad:
        with pytest.raises(Unreadable):
            whose.open(key, vector, subject=subject)


@pytest.mark.parametrize(
    "vector",
    [np.zeros(127, np.float32), np.full(128, np.nan, np.float32), np.zeros((1, 128), np.float32)],
    ids=["too short", "not a number", "another shape"],
)
def test_what_is_no_template_is_not_sealed(
    vector: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]",
) -> None:
    with pytest.raises(KeyFault, match="expected 128 finite numbers"):
        TemplateLock(envelope.public_of(ROOT)).seal(vector, subject=SUBJECT)


def test_the_same_member_sealed_twice_looks_different() -> None:
    lock = TemplateLock(envelope.public_of(ROOT))
    first, second = (lock.seal(VECTOR, subject=SUBJECT) for _ in range(2))
    assert first.key != second.key
    assert first.vector != second.vector


def test_an_external_id_is_found_by_its_own_box_however_it_is_written() -> None:
    keys = ProfileKeys(ROOT)
    assert keys.blind("c-１ ") == keys.blind("C-1")
    assert keys.blind("C-1") != keys.blind("C-2")
    assert keys.blind("C-1") != ProfileKeys(OTHER).blind("C-1")


def test_keys_show_nothing_of_themselves() -> None:
    sealed = TemplateLock(envelope.public_of(ROOT)).seal(VECTOR, subject=SUBJECT)
    shown = [repr(thing) for thing in (ProfileKeys(ROOT), TemplateOpener(ROOT), sealed)]
    assert shown == ["ProfileKeys(...)", "TemplateOpener(...)", "SealedTemplate()"]


def test_purposes_have_keys_of_their_own() -> None:
    assert envelope.derive(ROOT, "a") != envelope.derive(ROOT, "b")
    assert envelope.derive(ROOT, "a", salt=OTHER) != envelope.derive(ROOT, "a")


def test_derivation_and_wrapping_are_those_of_the_rfcs() -> None:
    """RFC 3394, section 4.6: 256 bits of key under a 256-bit key; RFC 5869 has no salt as zeros."""
    wrapped = envelope.wrap(
        bytes.fromhex("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"),
        bytes.fromhex("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F"),
    )
    assert wrapped.hex().upper() == (
        "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21"
    )
    assert envelope.derive(ROOT, "a") == envelope.derive(ROOT, "a", salt=bytes(32))


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33)])
def test_a_key_of_another_length_is_refused(key: bytes) -> None:
    for use in (ProfileKeys, TemplateLock, TemplateOpener):
        with pytest.raises(KeyFault, match="expected 32 bytes"):
            use(key)
