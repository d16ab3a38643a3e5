"""`key = "tpm"`: the roots sealed to the machine's TPM 2.0, by the tools of tpm2-software.

Made by `app.keys`. What lies on the card can be unsealed by the chip that sealed it and no other.

    make  random root ──stdin──> tpm2 create -i - ──> sealed object in keys/{part}.tpm
    find  keys/{part}.tpm ──> tpm2 load, tpm2 unseal ──stdout──> root

The parent key is the owner hierarchy's ECC primary, which the chip derives anew each time. The
root passes through pipes only; the folder for the tools' files holds none of it. How the chip is
reached is the tools' business (TPM2TOOLS_TCTI, else /dev/tpmrm0).
"""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from edge.keys import envelope
from edge.keys.errors import KeyAway, KeyFault, KeyGone
from edge.keys.private_file import create_private, read_private
from edge.keys.roots import Part

_PROGRAM: Final = "tpm2"
_TIMEOUT_S: Final = 30.0
_REMEDY: Final = (
    "see that the box has a TPM 2.0 (/dev/tpmrm0) that this user may open, or set [privacy] key ="
    ' "hub" or "file" before the first member is enrolled; the box goes on counting'
)


class TpmRoots:
    """The roots in `keys_dir/profile.tpm` and `keys_dir/template.tpm`, sealed."""

    kind: Final = "tpm"

    def __init__(self, keys_dir: Path) -> None:
        self._dir = keys_dir

    def _path(self, part: Part) -> Path:
        return self._dir / f"{part}.tpm"

    def find(self, part: Part) -> bytes | None:
        """Unseal the root, None when none was sealed here (see `roots.RootProvider`).

        Raises:
            KeyGone: there is no TPM, or it is not the one that sealed this.
        """
        held = read_private(self._path(part))
        return None if held is None else self._unsealed(part, held)

    def make(self, part: Part) -> bytes:
        """Seal a fresh root (see `roots.RootProvider`).

        Raises:
            KeyGone: there is no TPM.
        """
        with tempfile.TemporaryDirectory(prefix="menkou-tpm-") as folder:
            place = Path(folder)
            _primary(place)
            _tpm2(place, "create", "-Q", *_PARENT, "-i", "-", *_BLOBS, secret=envelope.new_key())
            _flush(place)
            blobs = {name: (place / name).read_bytes().hex() for name in ("pub", "priv")}
        held = create_private(self._path(part), json.dumps(blobs).encode())
        return self._unsealed(part, held)  # what counts is what the card gives back

    def _unsealed(self, part: Part, held: bytes) -> bytes:
        with tempfile.TemporaryDirectory(prefix="menkou-tpm-") as folder:
            place = Path(folder)
            try:
                blobs = json.loads(held)
                for name in ("pub", "priv"):
                    (place / name).write_bytes(bytes.fromhex(blobs[name]))
            except (ValueError, KeyError, TypeError):
                raise KeyFault(
                    f"{self._path(part)}: expected a sealed root, got something else;"
                    " restore the file from a backup"
                ) from None
            _primary(place)
            _tpm2(place, "load", "-Q", *_PARENT, *_BLOBS, "-c", "sealed.ctx")
            _flush(place)
            root = _tpm2(place, "unseal", "-c", "sealed.ctx")
            _flush(place)
        return envelope.require_key(root)


_PARENT: Final = ("-C", "primary.ctx")
_BLOBS: Final = ("-u", "pub", "-r", "priv")


def _primary(place: Path) -> None:
    _tpm2(place, "createprimary", "-Q", "-C", "o", "-G", "ecc", "-c", "primary.ctx")
    _flush(place)


def _flush(place: Path) -> None:
    """Free the chip's few slots. Behind a resource manager they are free already."""
    _tpm2(place, "flushcontext", "-t")


def _tpm2(place: Path, *words: str, secret: bytes | None = None) -> bytes:
    """Run one of the tools in a folder; return what it prints.

    Raises:
        KeyGone: it is not installed, or the chip refuses.
        KeyAway: it does not answer.
    """
    try:
        done = subprocess.run(
            [_PROGRAM, *words],
            cwd=place,
            input=secret or b"",
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError:
        raise KeyGone(
            f"TPM: expected the program {_PROGRAM} (Debian package tpm2-tools), got none; {_REMEDY}"
        ) from None
    except subprocess.TimeoutExpired:
        # Not chained: that exception holds what was printed so far.
        raise KeyAway(f"TPM: expected an answer within {_TIMEOUT_S:g} s, got none") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise KeyGone(
            f"TPM: tpm2 {words[0]}: expected the chip to do it, got"
            f" {said[0] if said else done.returncode!r}; {_REMEDY}"
        )
    return done.stdout
