"""Keeps models that were made on this box: the file, and its sha256 beside it.

Called by faces.embedder. A model whose digest does not match is not there: that finds a worn card's
flipped bits; it does not stop somebody who can write to the folder.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from edge.faces.dlib_file import FaceModelFault
from menkou.ownership import inherit_owner, make_folder


def read(cached: Path) -> bytes | None:
    """The cached model, or None when it has to be made: absent, damaged or unreadable."""
    try:
        expected = _digest_path(cached).read_bytes().split()
        model = cached.read_bytes()
    except OSError:
        return None
    return model if expected[:1] == [_sha256(model)] else None


def keep(cached: Path, model: bytes) -> None:
    """Write the model, then its digest: after a power cut in between the two do not match.

    Raises FaceModelFault: the folder cannot be written.
    """
    try:
        make_folder(cached.parent)
        _replace(cached, model)
        # The form that `sha256sum --check` reads.
        _replace(_digest_path(cached), _sha256(model) + b"  " + cached.name.encode() + b"\n")
    except OSError as exc:
        raise FaceModelFault(
            f"{cached}: expected a folder that this user may write to, with 30 MB free, got {exc}"
        ) from exc


def _digest_path(cached: Path) -> Path:
    return cached.with_name(cached.name + ".sha256")


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()


def _replace(path: Path, data: bytes) -> None:
    """Write the whole file or none of it; only the owner may read it (mkstemp gives 0600)."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        inherit_owner(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
