"""`key = "hub"`: a share that the hub releases at each start, combined with a salt of this box.

Made by `app.keys`, which gives it the way to ask: this module knows no network. Neither the hub
nor a copied card has the root; a box that the hub has revoked gets no share.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from edge.keys import envelope
from edge.keys.errors import KeyFault
from edge.keys.private_file import create_private, read_private
from edge.keys.roots import Part

SALT_FILE: Final = "hub.salt"


class HubRoots:
    """The roots of a box whose hub holds a share.

    Args:
        keys_dir: holds `hub.salt`.
        share: asks the hub for a part's share, 32 bytes; raises a MenkouFault.
    """

    kind: Final = "hub"

    def __init__(self, keys_dir: Path, share: Callable[[Part], bytes]) -> None:
        self._salt = keys_dir / SALT_FILE
        self._share = share

    def find(self, part: Part) -> bytes | None:
        """Return the root, None when the box has no salt yet (see `roots.RootProvider`)."""
        salt = read_private(self._salt)
        if salt is None:
            return None
        if len(salt) != envelope.KEY_BYTES:
            raise KeyFault(
                f"{self._salt}: expected {envelope.KEY_BYTES} bytes, got {len(salt)};"
                " restore the file from a backup"
            )
        return envelope.derive(self._share(part), f"hub-{part}", salt=salt)

    def make(self, part: Part) -> bytes:
        """Make the salt and combine (see `roots.RootProvider`)."""
        share = self._share(part)  # asked for first: no salt is left behind when there is no hub
        salt = create_private(self._salt, envelope.new_key())
        return envelope.derive(share, f"hub-{part}", salt=salt)
