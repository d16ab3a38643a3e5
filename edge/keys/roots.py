"""The box's two roots, and that no store is ever opened with another than its own.

Put together by `app.keys`; calls a provider (`file_key`, `tpm_key`, `hub_key`).

    root found?   store made with it?
    no            no  ──> made, where the provider can
    no            yes ──> KeyGone: never a new one in silence
    yes           differs from the store's ──> KeyGone, unless nothing is sealed with it
"""

import hmac
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal, Protocol

from edge.keys import envelope
from edge.keys.errors import KeyFault, KeyGone
from edge.keys.private_file import read_private, replace_private

Part = Literal["profile", "template"]
Check = Literal["profile", "template", "public"]
"""What the store keeps a check value of: the two roots, and the public half of the template's."""
PUBLIC_FILE: Final = "template.pub"


class RootProvider(Protocol):
    """Where the roots live."""

    @property
    def kind(self) -> str:
        """What the settings call it: `file`, `tpm`, `hub`."""
        ...

    def find(self, part: Part) -> bytes | None:
        """Return the root, 32 bytes, or None when there never was one here.

        Raises:
            KeyFault: it is there but cannot be had.
        """
        ...

    def make(self, part: Part) -> bytes:
        """Make the root where it is to live, and return it.

        Raises:
            KeyFault: that is not possible now.
        """
        ...


class KeyChecks(Protocol):
    """What the store knows of the roots that it was made with."""

    def held(self, part: Check) -> bytes | None:
        """Return the check value that was kept, 32 bytes."""
        ...

    def in_use(self, part: Part) -> bool:
        """Say whether anything in the store is sealed under this root."""
        ...

    def keep(self, part: Check, value: bytes) -> None:
        """Keep a check value."""
        ...


class Keyring:
    """Hands out the roots of one box, checked against its store.

    Args:
        provider: where they live.
        checks: what the store was made with.
        keys_dir: holds the public half of the template pair.
    """

    def __init__(self, provider: RootProvider, checks: KeyChecks, keys_dir: Path) -> None:
        self._provider = provider
        self._checks = checks
        self._public = keys_dir / PUBLIC_FILE

    def root(self, part: Part) -> bytes:
        """Return a root, 32 bytes; made at its first use.

        Raises:
            KeyGone: members' data were sealed with another one, or it is not to be had.
            KeyFault: it cannot be read or made.
        """
        found = self._provider.find(part)
        root = found if found is not None else self._made(part)
        check = envelope.mac(root, envelope.bound(part, "key-check"))
        held = self._checks.held(part)
        if held is None or not hmac.compare_digest(held, check):
            if held is not None and self._checks.in_use(part):
                raise KeyGone(
                    f"{part} key: expected the key that this store was made with, got another;"
                    " restore that one, or erase the members who were enrolled with it"
                )
            self._checks.keep(part, check)
        if part == "template":
            self._publish(envelope.public_of(root))
        return root

    def _made(self, part: Part) -> bytes:
        if self._checks.in_use(part):
            raise KeyGone(
                f"{part} key: expected the key that this store was made with, got none. Members'"
                " data cannot be read without it. Restore it, or erase the members; the box"
                " goes on counting"
            )
        return self._provider.make(part)

    def public(self) -> bytes:
        """Return the public half of the template pair, 32 bytes, making the root if need be.

        The file is believed only where it is the one that was written when the root was last had,
        from the place that the settings name now.

        Raises:
            KeyFault: as `root`; or the file is of another root.
        """
        held, check = read_private(self._public), self._checks.held("public")
        if held is None or check is None:
            return envelope.public_of(self.root("template"))
        if not hmac.compare_digest(check, self._check_of(held)):
            raise KeyFault(
                f"{self._public}: expected the public half of the template key that"
                f' [privacy] key = "{self._provider.kind}" gives this box, got another: nobody'
                " could be recognised by what is sealed to it. Start the box once: it writes it"
                " anew, or says which key is missing. Then enrol"
            )
        return held

    def published(self) -> bytes | None:
        """Return the public half of the template pair where it was written, 32 bytes.

        None: it was not, or it is of another root. Asks no provider: for who must see no root.
        """
        held, check = read_private(self._public), self._checks.held("public")
        if held is None or check is None or not hmac.compare_digest(check, self._check_of(held)):
            return None
        return held

    def _publish(self, public: bytes) -> None:
        if read_private(self._public) != public:
            replace_private(self._public, public)
        check = self._check_of(public)
        if self._checks.held("public") != check:
            self._checks.keep("public", check)

    def _check_of(self, public: bytes) -> bytes:
        """Bind a public half to the place of its root: elsewhere another root may lie."""
        return sha256(envelope.bound(self._provider.kind, "public-half") + public).digest()
