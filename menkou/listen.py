"""Where a page may listen: on loopback freely, elsewhere only with TLS and a login
(a password, paired devices, or a token).

Used by both configurations, `menkou.web.server` and `menkou.metrics`.
"""

import ipaddress
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """A host and port, and the certificate and login that guard it (None: none set).

    `paired_only`: only devices that were paired come in, which is a login too, and so are
    `accounts` and `token`, which machines send. `login_words` says what is missing where there is
    none of these, `setting` what a person changes to listen elsewhere, as `[console] listen`.
    `public_url` is what people open where a proxy stands before this, without a slash at its end.
    `client_ca`: callers may show a certificate of these authorities (PEM); nobody has to.
    """

    host: str
    port: int
    cert: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    password_hash: str | None = None
    paired_only: bool = False
    accounts: bool = False
    public_url: str | None = None
    token: str | None = field(default=None, repr=False)
    login_words: str = "login (password)"
    setting: str = "listen"

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
    def is_secure(self) -> bool:
        """Whether whoever opens it does so over TLS."""
        return self.has_tls or (self.public_url or "").startswith("https://")

    @property
    def public_host(self) -> str | None:
        """The host's name in `public_url`, in lower case."""
        return urlsplit(self.public_url).hostname if self.public_url else None

    @property
    def url(self) -> str:
        """The address that is served."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.has_tls else 'http'}://{host}:{self.port}/"

    def exposure(self) -> str | None:
        """Say why this must not be opened, or None if it may."""
        if self.is_loopback:
            return None
        missing = [] if self.has_tls else ["TLS (cert and key)"]
        if not (self.password_hash or self.paired_only or self.accounts or self.token):
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


def overlapping(places: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return (setting, fault) for places where two parts of one machine cannot both listen.

    Args:
        places: HOST:PORT by setting, such as `metrics.listen`; what is none is passed over, since
            it is a fault of its own.
    """
    parsed: dict[str, tuple[str, int]] = {}
    for name, place in places.items():
        try:
            parsed[name] = parse_listen(place)
        except ValueError:
            continue
    found: dict[str, str] = {}
    for first, second in itertools.combinations(parsed, 2):
        if second not in found and _meet(parsed[first], parsed[second]):
            found[second] = (
                f"expected an address or port of its own: {places[second]} is where"
                f" {first} = {places[first]} listens"
            )
    return list(found.items())


def _meet(one: tuple[str, int], other: tuple[str, int]) -> bool:
    (host, port), (other_host, other_port) = one, other
    if port != other_port or port == 0:
        return False
    first, second = _address(host), _address(other_host)
    if first is None or second is None:  # a name, of whatever address
        known = first or second
        return host == other_host or (known is not None and known.is_unspecified)
    everywhere = first.is_unspecified or second.is_unspecified
    return first == second or (everywhere and first.version == second.version)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        return None
