"""The secret of the sessions: made once, whole, and for its owner only."""

import stat
import threading
from pathlib import Path

import pytest

from menkou.web.errors import BadSecret
from menkou.web.secret import session_secret


def test_the_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret"
    made = session_secret(path)
    assert len(made) == 32
    assert session_secret(path) == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["secret"]


@pytest.mark.parametrize(
    ("content", "mode"),
    [
        pytest.param(b"", 0o600, id="cut short by a power cut"),
        pytest.param(b"x" * 32, 0o644, id="readable by others"),
    ],
)
def test_a_secret_not_to_be_trusted_is_replaced(tmp_path: Path, content: bytes, mode: int) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    assert len(session_secret(path)) == 32
    assert session_secret(path) != content
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_processes_that_start_together_share_one_secret(tmp_path: Path) -> None:
    path, found = tmp_path / "secret", []
    threads = [
        threading.Thread(target=lambda: found.append(session_secret(path))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSecret, match="file/secret"):
        session_secret(tmp_path / "file" / "secret")
