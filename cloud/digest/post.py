"""Hands a message to the server of mail, over TLS; says clearly what is wrong if it cannot.

The server's own words are not repeated, as they may hold what was sent: only its code.
Called by `rounds` and `command`.
"""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Final

from cloud.config_digest import DigestConfig
from cloud.digest.errors import DigestFault

TIMEOUT_S: Final = 30.0
_PERMANENT: Final = 500


@contextmanager
def connected(config: DigestConfig) -> Iterator[smtplib.SMTP]:
    """Connect and sign in; good for several messages.

    Raises:
        DigestFault: the server is away, shows no certificate that is trusted, offers no TLS, or
            does not take user and password.
    """
    server = config.server
    place = f"{server.host}:{server.port}"
    with _explained(place):
        client = _connect(config)
    try:
        with _explained(place):
            client.ehlo_or_helo_if_needed()
            if not server.tls:
                _encrypt(client, config, place)
            if config.user is not None and config.password is not None:
                client.login(config.user, config.password)
        yield client
    finally:
        client.close()


def send(client: smtplib.SMTP, config: DigestConfig, message: EmailMessage, to: str) -> None:
    """Hand in one message.

    Raises:
        DigestFault: it was not taken.
    """
    with _explained(f"{config.server.host}:{config.server.port}"):
        try:
            client.send_message(message, from_addr=config.sender, to_addrs=[to])
        except smtplib.SMTPRecipientsRefused as exc:
            code = next((told[0] for told in exc.recipients.values()), 0)
            if code >= _PERMANENT:
                text = f"the server does not take mail for {to} ({code}); check [digest] to"
                raise DigestFault("recipient", text) from None
            raise DigestFault("server", f"the server takes no mail now ({code})") from None


def _connect(config: DigestConfig) -> smtplib.SMTP:
    server = config.server
    if server.tls:
        context = _context(config)
        return smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_S, context=context)
    return smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)


def _encrypt(client: smtplib.SMTP, config: DigestConfig, place: str) -> None:
    if client.has_extn("starttls"):
        client.starttls(context=_context(config))
    elif not config.server.loopback:
        text = f"{place} offers no STARTTLS, and nothing is sent in the clear; use smtps://"
        raise DigestFault("no_tls", text)


def _context(config: DigestConfig) -> ssl.SSLContext:
    """Return what trusts the server: by `ca`, or by the machine's own authorities.

    A server on this machine needs none of that, unless `ca` says how to know it.
    """
    context = ssl.create_default_context(cafile=_file(config.ca))
    if config.server.loopback and config.ca is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _file(path: Path | None) -> str | None:
    return None if path is None else str(path)


@contextmanager
def _explained(place: str) -> Iterator[None]:
    """Turn what the library raises into words."""
    try:
        yield
    except ssl.SSLCertVerificationError as exc:
        why = exc.verify_message or "it is not trusted"
        text = f"the certificate of {place} is refused: {why}; set [digest] ca, or the right name"
        raise DigestFault("certificate", text) from None
    except smtplib.SMTPAuthenticationError as exc:
        text = (
            f"{place} does not take [digest] user and password ({exc.smtp_code}); check both, and"
            " whether the account needs a password of its own for programs"
        )
        raise DigestFault("auth", text) from None
    except smtplib.SMTPNotSupportedError:
        text = f"{place} has no sign-in that this hub knows; expected PLAIN, LOGIN or CRAM-MD5"
        raise DigestFault("server", text) from None
    except smtplib.SMTPResponseException as exc:
        raise DigestFault("server", f"{place} answered {exc.smtp_code}") from None
    except smtplib.SMTPException as exc:
        raise DigestFault("away", f"{place}: {type(exc).__name__}") from None
    except OSError as exc:
        why = exc.strerror or type(exc).__name__
        raise DigestFault("away", f"{place} cannot be reached: {why}") from None
