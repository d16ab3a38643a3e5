"""Where the roots live, and that no store is opened with another's."""

import os
import threading
from pathlib import Path

import pytest

from edge.keys import envelope
from edge.keys.errors import KeyFault, KeyGone
from edge.keys.file_key import FileRoots
from edge.keys.hub_key import HubRoots
from edge.keys.roots import Check, Keyring, Part, RootProvider
from menkou.errors import MenkouFault


class Checks:
    """What a store knows of its roots."""

    def __init__(self, *, used: bool = False) -> None:
        self.values: dict[Check, bytes] = {}
        self.used = used

    def held(self, part: Check) -> bytes | None:
        return self.values.get(part)

    def in_use(self, part: Part) -> bool:
        return self.used

    def keep(self, part: Check, value: bytes) -> None:
        self.values[part] = value


def ring(tmp_path: Path, checks: Checks, provider: RootProvider | None = None) -> Keyring:
    keys = tmp_path / "keys"
    return Keyring(provider or FileRoots(keys), checks, keys)


def test_a_root_is_made_once_and_is_the_same_ever_after(tmp_path: Path) -> None:
    checks = Checks()
    first = ring(tmp_path, checks).root("profile")
    assert len(first) == 32
    assert ring(tmp_path, checks).root("profile") == first
    assert ring(tmp_path, checks).root("template") != first


def test_key_files_are_for_their_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)  # whatever the umask
    try:
        ring(tmp_path, Checks()).root("template")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()}
    assert modes == {"template.key": 0o600, "template.pub": 0o600}
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    ring(tmp_path, Checks()).root("profile")
    (tmp_path / "keys/profile.key").chmod(0o640)
    with pytest.raises(KeyFault, match="only its owner can read"):
        ring(tmp_path, Checks()).root("profile")


@pytest.mark.parametrize("content", [b"", bytes(31), bytes(64)], ids=["empty", "short", "long"])
def test_a_key_file_of_another_length_is_refused_and_not_replaced(
    tmp_path: Path, content: bytes
) -> None:
    ring(tmp_path, Checks()).root("profile")
    path = tmp_path / "keys/profile.key"
    path.write_bytes(content)
    with pytest.raises(KeyFault, match="expected 32 bytes"):
        ring(tmp_path, Checks()).root("profile")
    assert path.read_bytes() == content


def test_a_key_that_is_gone_is_never_made_anew_while_members_exist(tmp_path: Path) -> None:
    checks = Checks()
    ring(tmp_path, checks).root("profile")
    (tmp_path / "keys/profile.key").unlink()
    checks.used = True
    with pytest.raises(KeyGone, match="got none"):
        ring(tmp_path, checks).root("profile")
    assert not (tmp_path / "keys/profile.key").exists()


def test_another_box_s_key_is_refused_while_members_exist(tmp_path: Path) -> None:
    checks = Checks()
    ring(tmp_path, checks).root("profile")
    (tmp_path / "keys/profile.key").write_bytes(bytes(32))
    checks.used = True
    with pytest.raises(KeyGone, match="got another"):
        ring(tmp_path, checks).root("profile")


def test_a_store_without_members_takes_a_new_key(tmp_path: Path) -> None:
    checks = Checks()
    first = ring(tmp_path, checks).root("profile")
    (tmp_path / "keys/profile.key").unlink()
    second = ring(tmp_path, checks).root("profile")
    checks.used = True
    assert second != first
    assert ring(tmp_path, checks).root("profile") == second


def test_the_public_half_lies_there_and_is_mended_when_it_is_another_s(tmp_path: Path) -> None:
    keys = ring(tmp_path, Checks())
    public = keys.public()
    root = FileRoots(tmp_path / "keys").find("template")
    assert root is not None
    assert public == envelope.public_of(root)
    assert (tmp_path / "keys/template.pub").read_bytes() == public
    (tmp_path / "keys/template.pub").write_bytes(bytes(32))
    keys.root("template")
    assert (tmp_path / "keys/template.pub").read_bytes() == public


def test_sealing_needs_the_public_half_only(tmp_path: Path) -> None:
    checks = Checks()
    public = ring(tmp_path, checks).public()
    (tmp_path / "keys/template.key").unlink()
    checks.used = True
    assert ring(tmp_path, checks).public() == public


class Elsewhere(FileRoots):
    """Roots in another place, as after a change of [privacy] key."""

    kind = "tpm"  # type: ignore[misc]

    def _path(self, part: Part) -> Path:
        return self._dir / f"{part}.elsewhere"


def test_the_public_half_of_a_key_in_another_place_is_not_sealed_to(tmp_path: Path) -> None:
    """What was sealed to it could never be opened, and would lock out the box's new key."""
    checks = Checks()
    stale = ring(tmp_path, checks).public()
    moved = ring(tmp_path, checks, Elsewhere(tmp_path / "keys"))
    with pytest.raises(KeyFault, match=r'key = "tpm".*Start the box once'):
        moved.public()
    root = moved.root("template")  # what the box does when it starts
    assert moved.public() == envelope.public_of(root) != stale


@pytest.mark.parametrize("content", [bytes(32), b"short"], ids=["another's", "another length"])
def test_a_public_half_that_was_exchanged_is_refused(tmp_path: Path, content: bytes) -> None:
    checks = Checks()
    keys = ring(tmp_path, checks)
    keys.public()
    (tmp_path / "keys/template.pub").write_bytes(content)
    with pytest.raises(KeyFault, match="expected the public half"):
        ring(tmp_path, checks).public()


def test_a_public_half_that_nobody_vouches_for_is_made_anew(tmp_path: Path) -> None:
    public = ring(tmp_path, Checks()).public()
    (tmp_path / "keys/template.pub").write_bytes(bytes(32))
    assert ring(tmp_path, Checks()).public() == public


def test_processes_that_make_the_key_at_once_get_the_same(tmp_path: Path) -> None:
    found: list[bytes] = []
    barrier = threading.Barrier(8)

    def make() -> None:
        barrier.wait()
        found.append(FileRoots(tmp_path / "keys").make("profile"))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["profile.key"]


class NoHub(MenkouFault):
    """The hub is away."""


def absent(part: Part) -> bytes:
    raise NoHub(f"no {part} share")


def test_a_hub_s_share_and_the_box_s_salt_make_the_root_together(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    shares: dict[Part, bytes] = {"profile": bytes(32), "template": bytes(range(32))}
    checks = Checks()
    root = ring(tmp_path, checks, HubRoots(keys, shares.__getitem__)).root("profile")
    checks.used = True
    assert ring(tmp_path, checks, HubRoots(keys, shares.__getitem__)).root("profile") == root
    assert root not in (shares["profile"], (keys / "hub.salt").read_bytes())
    other = {**shares, "profile": bytes(range(1, 33))}
    with pytest.raises(KeyGone, match="got another"):
        ring(tmp_path, checks, HubRoots(keys, other.__getitem__)).root("profile")


def test_without_the_hub_there_is_no_key_and_no_salt_is_left_behind(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    with pytest.raises(NoHub):
        ring(tmp_path, Checks(), HubRoots(keys, absent)).root("profile")
    assert not keys.exists()


def test_a_box_that_lost_its_salt_does_not_make_another(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    checks = Checks(used=True)
    with pytest.raises(KeyGone, match="got none"):
        ring(tmp_path, checks, HubRoots(keys, lambda part: bytes(32))).root("profile")
    assert not keys.exists()
