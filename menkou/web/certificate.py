"""The certificate of served pages, taken anew from its files while they are served.

Whoever renews a certificate writes two files and restarts nothing: `server` looks at them each
minute, and new connections are greeted with what is there. A pair that cannot be used, such as one
that is half written, leaves the one before in place. Read by `edge.front` for its notices.
"""

import logging
import ssl
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from menkou.errors import told
from menkou.listen import Listen
from menkou.web.errors import BadCertificate

LOOK_EVERY_S: Final = 60.0
_Stamp = tuple[tuple[int, int, int], ...]
log = logging.getLogger(__name__)


class Certificate:
    """A certificate and its key, as they were last usable. Any thread may read it.

    Args:
        listen: where it is served; has both files.

    Raises:
        BadCertificate: they cannot be used.
    """

    def __init__(self, listen: Listen) -> None:
        assert listen.cert is not None
        assert listen.key is not None
        self._cert, self._key, self._client_ca = listen.cert, listen.key, listen.client_ca
        self._section = listen.setting.rpartition(" ")[0]
        self._refused: _Stamp | None = None
        self._stamp: _Stamp | None = None
        self.leaf: x509.Certificate | None = None
        try:
            self._take()
        except (OSError, ValueError) as exc:  # of TLS, too
            raise BadCertificate(self._fault(exc)) from exc

    @property
    def unusable(self) -> bool:
        """Whether the files hold something else now that cannot be used."""
        return self._refused is not None

    @property
    def expires_at(self) -> datetime | None:
        """When the certificate runs out; None if that cannot be read."""
        return self.leaf.not_valid_after_utc if self.leaf else None

    def context(self) -> ssl.SSLContext:
        """Return what a server is given once: each new connection uses what is then in force."""
        first = self._context
        first.sni_callback = self._greet  # called for those that name nobody as well
        return first

    def _greet(self, handshake: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        handshake.context = self._context

    def look(self) -> bool:
        """Take the files if they have changed; say whether another certificate is in force."""
        try:
            stamp = self._stamped()
            if stamp == self._stamp:
                self._refused = None
                return False
            self._take()
        except (OSError, ValueError) as exc:
            self._refuse(exc)
            return False
        log.info("%s: the certificate was renewed, good until %s", self._section, self.expires_at)
        return True

    def _take(self) -> None:
        stamp = self._stamped()
        context = _context(self._cert, self._key, self._client_ca)
        self.leaf = _leaf(self._cert)
        self._context, self._stamp, self._refused = context, stamp, None

    def _stamped(self) -> _Stamp:
        found = (path.stat() for path in (self._cert, self._key))
        return tuple((one.st_mtime_ns, one.st_size, one.st_ino) for one in found)

    def _refuse(self, exc: Exception) -> None:
        """Keep what is in force; say why once for each state of the files."""
        try:
            stamp = self._stamped()
        except OSError:
            stamp = ()
        if stamp != self._refused:
            log.error("%s; the one before stays in force", self._fault(exc))
        self._refused = stamp

    def _fault(self, exc: Exception) -> str:
        return (
            f"{self._section} cert {self._cert} and key {self._key}: expected a PEM certificate and"
            f" its key, got: {told(exc)}"
        ).lstrip()


def _context(cert: Path, key: Path, client_ca: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Without the last argument OpenSSL would ask the terminal for a password.
    context.load_cert_chain(cert, key, "")
    if client_ca is not None:  # a till may show a certificate; whoever shows none is no till
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _leaf(cert: Path) -> x509.Certificate | None:
    """Return the certificate itself; OpenSSL takes a few that the library cannot read."""
    try:
        return x509.load_pem_x509_certificates(cert.read_bytes())[0]
    except ValueError as exc:
        log.warning("%s: when it runs out cannot be read: %s", cert, exc)
        return None
