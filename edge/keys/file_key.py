"""`key = "file"`: the roots in files that only the box's user may read.

Made by `app.keys`. A copied card yields everything then; the declaration must accept it.
"""

from pathlib import Path
from typing import Final

from edge.keys import envelope
from edge.keys.errors import KeyFault
from edge.keys.private_file import create_private, read_private
from edge.keys.roots import Part


class FileRoots:
    """The roots in `keys_dir/profile.key` and `keys_dir/template.key` (0600)."""

    kind: Final = "file"

    def __init__(self, keys_dir: Path) -> None:
        self._dir = keys_dir

    def _path(self, part: Part) -> Path:
        return self._dir / f"{part}.key"

    def find(self, part: Part) -> bytes | None:
        """Return the root, None when there is no file (see `roots.RootProvider`)."""
        root = read_private(self._path(part))
        if root is not None and len(root) != envelope.KEY_BYTES:
            raise KeyFault(
                f"{self._path(part)}: expected {envelope.KEY_BYTES} bytes, got {len(root)};"
                " restore the file from a backup"
            )
        return root

    def make(self, part: Part) -> bytes:
        """Make the file (see `roots.RootProvider`)."""
        return envelope.require_key(create_private(self._path(part), envelope.new_key()))
