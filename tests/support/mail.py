"""A real server of mail on loopback: over TLS from the first byte, by STARTTLS, or in the clear."""

import ssl
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Literal

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.support.processes import free_port

USER, PASSWORD = "menkou@example.com", "right horse"
How = Literal["smtps", "starttls", "plain"]


@dataclass
class Box:
    """What arrived; `refuses`: what is said of an address instead of taking it."""

    arrived: list[EmailMessage] = field(default_factory=list)
    tos: list[str] = field(default_factory=list)
    refuses: dict[str, str] = field(default_factory=dict)

    async def handle_RCPT(  # noqa: N802 - the name that the library calls
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        """Take an address, or not."""
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Take a message."""
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        message["X-Was-Encrypted"] = str(session.ssl is not None)
        self.arrived.append(message)
        self.tos += envelope.rcpt_tos
        return "250 taken"


class MailHub:
    """The server. Its certificate is `NAME.pem` of a folder; with `auth`, people sign in to it."""

    def __init__(self, folder: Path, how: How, *, name: str = "mail", auth: bool = True) -> None:
        self.box = Box()
        self.port = free_port()
        self._how = how
        more: dict[str, Any] = {}
        if how != "plain":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
            more["ssl_context" if how == "smtps" else "tls_context"] = context
        if how == "starttls":
            more["require_starttls"] = True
        if auth:
            # Over TLS from the first byte the library does not know that it is encrypted.
            encrypts = how == "starttls"
            more |= {"authenticator": self._authenticate, "auth_required": encrypts}
            more["auth_require_tls"] = encrypts
        self._more = more
        self._controller: Controller | None = None

    @property
    def url(self) -> str:
        """Its address in the settings."""
        return f"{'smtps' if self._how == 'smtps' else 'smtp'}://localhost:{self.port}"

    def start(self) -> "MailHub":
        """Take connections."""
        self._controller = Controller(self.box, hostname="localhost", port=self.port, **self._more)
        self._controller.start()
        return self

    def stop(self) -> None:
        """Take none any more."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def _authenticate(
        self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any
    ) -> AuthResult:
        given = isinstance(data, LoginPassword) and (data.login, data.password)
        return AuthResult(
            success=given == (USER.encode(), PASSWORD.encode()),
            handled=False,  # else it would answer by itself
        )
