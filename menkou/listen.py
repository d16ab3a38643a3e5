"""Where a page may listen: on loopback freely, elsewhere only with TLS and a login
(a password, paired devices, or a token).

Used by both configurations, `menkou.web.server` and `menkou.metrics`.
"""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """A host and port, and the certificate and login that guard it (None: none set).

    `paired_only`: only devices that were paired come in, which is a login too, and so is `token`,
    which machines send. `login_words` says what is missing where there is none of these.
    """

    host: str
    port: int
    cert: Path | None = None
    key: Path | None = None
    password_hash: str | None = None
    paired_only: bool = False
    token: str | None = field(default=None, repr=False)
    login_words: str = "login (password)"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def has_tls(self) -> bool:
        """Whether a certificate and its key are set."""
        return self.cert is not None and self.key is not None

    @property
    def url(self) -> str:
        """The address that a person opens."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.has_tls else 'http'}://{host}:{self.port}/"

    def exposure(self) -> str | None:
        """Say why this must not be opened, or None if it may."""
        if self.is_loopback:
            return None
        missing = [] if self.has_tls else ["TLS (cert and key)"]
        if not (self.password_hash or self.paired_only or self.token):
            missing.append(self.login_words)
        if not missing:
            return None
        return (
            f"{self.host}:{self.port} can be reached from other machines and has no"
            f" {' and no '.join(missing)}; set it, or listen on 127.0.0.1"
        )


def parse_listen(text: str) -> tuple[str, int]:
    """Split `127.0.0.1:8780` or `[::1]:8780`.

    Raises:
        ValueError: no host, no port, or a port out of 0 to 65535 (0: any free one).
    """
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if not (host and colon and port.isascii() and port.isdigit() and int(port) <= 65535):
        raise ValueError(f"expected HOST:PORT such as 127.0.0.1:8780, got {text!r}")
    return host, int(port)
