"""Joins what the digest says to how it is written: for each recipient, what they may see.

Made by `cloud.run` and `command`; called by `rounds`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from email.message import EmailMessage

from sqlalchemy import Engine

from cloud.accounts.people import by_name, plain_name
from cloud.accounts.scope import Scope
from cloud.config_digest import DigestConfig, Recipient
from cloud.db import reading
from cloud.digest.errors import DigestFault
from cloud.digest.figures import Anomalies, gather
from cloud.digest.letter import Envelope, letter
from cloud.queries.morning import Mornings


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Writes digests. `url`: the address of the pages; `anomalies` asks for those that are open."""

    engine: Engine
    config: DigestConfig
    mornings: Mornings
    url: str
    clock: Callable[[], datetime]
    anomalies: Anomalies

    def __call__(self, recipient: Recipient, day: date) -> EmailMessage:
        """Return the message for a recipient.

        Raises:
            DigestFault: the account whose shops these are is not there, or may not come in.
        """
        now = self.clock()
        scope = self._scope(recipient, now)
        digest = gather(self.engine, self.mornings, scope, day, now, self.anomalies)
        at = now.astimezone(self.config.zone)
        envelope = Envelope(sender=self.config.sender, to=recipient.address, url=self.url, at=at)
        return letter(digest, recipient.language, envelope)

    def _scope(self, recipient: Recipient, now: datetime) -> Scope:
        """Return what a recipient sees; members are named to nobody in a mail."""
        if recipient.account is None:
            return Scope(shops=recipient.shops, names=False)
        with reading(self.engine) as connection:
            account = by_name(connection, plain_name(recipient.account))
        if account is None or account.state(now) != "active":
            text = (
                f"the account of {recipient.address} is not active, so nothing is sent there;"
                " check [[digest.to]] account"
            )
            raise DigestFault("account", text)
        return Scope(shops=account.scope.shops, names=False)
