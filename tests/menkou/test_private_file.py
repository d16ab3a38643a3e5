"""Private files: whole or not at all, and the service's own when root makes them."""

import os
import threading
from pathlib import Path

import pytest

from menkou.ownership import make_folder
from menkou.private_file import create_private, replace_private

SERVICE = 65534  # nobody
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def test_the_first_content_stays_and_only_the_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "keys/profile.key"
    create_private(path, b"first")
    create_private(path, b"second")
    assert path.read_bytes() == b"first"
    assert path.stat().st_mode & 0o777 == 0o600
    replace_private(path, b"third")
    assert path.read_bytes() == b"third"
    assert [p.name for p in path.parent.iterdir()] == ["profile.key"]


def test_of_many_who_begin_at_once_one_wins_whole(tmp_path: Path) -> None:
    path = tmp_path / "key"
    contents = [bytes([n]) * 4096 for n in range(8)]
    threads = [threading.Thread(target=create_private, args=(path, c)) for c in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in contents


@needs_root
def test_what_root_makes_in_a_services_folder_is_the_services(tmp_path: Path) -> None:
    os.chown(tmp_path, SERVICE, SERVICE)
    create_private(tmp_path / "keys/profile.key", b"content")
    replace_private(tmp_path / "keys/template.pub", b"content")
    make_folder(tmp_path / "models/deep")
    made = list(tmp_path.rglob("*"))
    assert len(made) == 5
    assert {(p.stat().st_uid, p.stat().st_gid) for p in made} == {(SERVICE, SERVICE)}
