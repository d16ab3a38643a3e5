"""Brings a model to the box: over HTTP, resumed where it was cut off, kept only if it is right.

Called by `edge.model_cli`; calls requests. What has come so far lies beside the place as
`.FILE.part`; it is moved there when its sha256 is the manifest's, on the card, whole or not at all.
"""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import urlsplit, urlunsplit

import requests

from edge.models.manifest import Model, ModelFault, digest_of, state_of
from menkou.ownership import inherit_owner, make_folder

ATTEMPTS: Final = 4
"""Connections that are tried one after the other, each from where the last one broke."""
PAUSE_S: Final = 1.0
TIMEOUT_S: Final = (10.0, 30.0)  # to connect, between two pieces
_PIECE: Final = 4096  # what a broken connection may cost

Progress = Callable[[int, int], None]


class CannotFetch(ModelFault):
    """The model did not come, or not whole; what did come is kept for the next try."""


class WrongModel(ModelFault):
    """What came is not what the manifest names; nothing of it is kept."""


class _Broken(Exception):
    """The connection broke, or gave nothing; trying again may help."""


def fetch(
    model: Model,
    folder: Path,
    *,
    mirror: str | None = None,
    progress: Progress = lambda got, of: None,
    pause_s: float = PAUSE_S,
) -> bool:
    """Bring a model into a folder; return False when it is there already, whole.

    Args:
        model: one that has a source.
        folder: made if need be, its owner's alone.
        mirror: the address of a folder that holds the model's file; None: the manifest's source.
        progress: told how many bytes have come, of how many.
        pause_s: between two tries.

    Raises:
        CannotFetch: no connection, a refusal, or no room.
        WrongModel: the content differs from the manifest's sha256 or size.
    """
    if model.source is None or model.file is None:
        raise ModelFault(f"model {model.name}: it comes with pip; there is nothing to fetch")
    if state_of(model, folder) == "fetched":
        return False
    address = f"{mirror.rstrip('/')}/{model.file}" if mirror else model.source
    try:
        make_folder(folder)
        with open(folder / f".{model.file}.part", "a+b", opener=_no_link) as part:
            _lock(part, model)
            _fill(part, model, address, progress, pause_s)
            part.flush()
            os.fsync(part.fileno())
            _place(Path(part.name), folder / model.file)
    except OSError as exc:
        raise CannotFetch(
            f"model {model.name}: {folder}: expected a folder that this user may write to, with"
            f" {model.bytes} bytes free, got {exc.strerror or exc}"
        ) from exc
    return True


def _no_link(path: str, flags: int) -> int:
    """Open what is a file itself: who may write the folder must not lead root to another file."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _lock(part: BinaryIO, model: Model) -> None:
    try:
        fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        raise CannotFetch(f"model {model.name}: another command is fetching it now") from exc


def _fill(part: BinaryIO, model: Model, address: str, progress: Progress, pause_s: float) -> None:
    """Bring the part to its full size and check it."""
    for attempt in range(ATTEMPTS):
        resumed = part.seek(0, os.SEEK_END) > 0
        try:
            _receive(part, model, address, progress)
        except _Broken as exc:
            if attempt + 1 == ATTEMPTS:
                got = part.seek(0, os.SEEK_END)
                raise CannotFetch(
                    f"model {model.name}: {_shown(address)}: {exc}; got {got} of {model.bytes}"
                    " bytes. Check the network, or name a mirror with --from; the next fetch goes"
                    " on from there"
                ) from exc
            time.sleep(pause_s * 2**attempt)
            continue
        if (digest := _digest(part)) == model.sha256:
            return
        part.truncate(0)
        if not resumed:  # else the old part may be of another file: once more, from byte 0
            break
    raise WrongModel(
        f"model {model.name}: {_shown(address)}: expected the sha256 {model.sha256} of the"
        f" manifest, got {digest}; nothing of it is kept. Use a mirror that holds this very file"
    )


def _receive(part: BinaryIO, model: Model, address: str, progress: Progress) -> None:
    """Ask for what is missing and append it. Raises _Broken, CannotFetch, WrongModel."""
    size = model.bytes or 0
    got = part.seek(0, os.SEEK_END)
    if got > size:
        part.truncate(0)
        got = 0
    if got == size:
        return
    headers = {"Accept-Encoding": "identity"}  # a range counts the file's own bytes
    if got:
        headers["Range"] = f"bytes={got}-"
    try:
        with requests.get(address, headers=headers, stream=True, timeout=TIMEOUT_S) as answer:
            if answer.status_code == 416:  # the server's file is shorter than what we hold
                part.truncate(0)
                raise _Broken("the server has no such range")
            _refuse(answer.status_code, model, address)
            if got and answer.status_code != 206:  # a server that knows no ranges
                part.truncate(0)
                got = 0
            for piece in answer.iter_content(_PIECE):
                if got + len(piece) > size:
                    part.truncate(0)
                    raise WrongModel(
                        f"model {model.name}: {_shown(address)}: expected {size} bytes, got more;"
                        " nothing of it is kept"
                    )
                part.write(piece)
                got += len(piece)
                progress(got, size)
    except (
        requests.ConnectionError,
        requests.exceptions.ChunkedEncodingError,
        requests.Timeout,
    ) as exc:
        raise _Broken("no connection, or it broke off") from exc
    except requests.RequestException as exc:
        raise CannotFetch(
            f"model {model.name}: {_shown(address)}: expected an address to fetch from, got"
            f" {type(exc).__name__}; check the address"
        ) from exc
    finally:
        part.flush()
    if got < size:
        raise _Broken("the connection broke off")


def _refuse(status: int, model: Model, address: str) -> None:
    if status in (200, 206):
        return
    if status >= 500 or status == 429:
        raise _Broken(f"the server is not able to answer now (HTTP {status})")
    raise CannotFetch(
        f"model {model.name}: {_shown(address)}: expected the file, got HTTP {status};"
        " check the address"
    )


def _shown(address: str) -> str:
    """Return an address for messages: without what a mirror's user, password or token may be."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "an address that cannot be read"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _digest(part: BinaryIO) -> str:
    part.flush()
    return digest_of(Path(part.name))


def _place(part: Path, place: Path) -> None:
    """Move the whole file to its place, so that a power cut leaves the old one or the new one."""
    inherit_owner(part)
    part.replace(place)
    folder = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
