"""What can go wrong with the digest. Raised in this package, caught by `rounds` and `command`."""

from typing import Literal

from cloud.errors import HubFault

Why = Literal["away", "certificate", "no_tls", "auth", "server", "recipient", "account"]


class DigestFault(HubFault):
    """The digest cannot be made or sent; `why` is a code, and the text says what to do.

    recipient and account are about one address alone; all else is about the server.
    """

    def __init__(self, why: Why, text: str) -> None:
        super().__init__(f"digest: {text}")
        self.why = why

    @property
    def alone(self) -> bool:
        """Whether it is about one address, which does not get that day's digest any more."""
        return self.why in ("recipient", "account")
