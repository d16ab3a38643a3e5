"""Checks of addresses; no message repeats one that may hold a password. Pure."""

import ipaddress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

_BACKENDS: Final = ("sqlite", "postgresql")


def check_database_url(text: str) -> str:
    """Check the address of a database.

    Raises:
        ValueError: it is no address, or of a database that the hub does not know.
    """
    expected = "expected sqlite:////PATH or postgresql+psycopg://USER:PASSWORD@HOST/NAME"
    try:
        backend = make_url(text).get_backend_name()
    except (ArgumentError, ValueError):
        raise ValueError(expected) from None
    if backend not in _BACKENDS:
        raise ValueError(f"{expected}; {backend!r} is not known")
    return text


def check_broker_url(text: str) -> str:
    """Check the address of a broker.

    Raises:
        ValueError: it is no address, or would send what it carries in the clear.
    """
    parts = _split(text)
    if parts.scheme == "mqtt" and not _is_loopback(parts.hostname or ""):
        raise ValueError(
            f"mqtt://{parts.hostname} would send in the clear; expected mqtts:// to another machine"
        )
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mail is handed in. `tls`: from the first byte; else by STARTTLS, which only a server on
    this machine may lack.
    """

    host: str
    port: int
    tls: bool
    loopback: bool


def mail_server(text: str) -> MailServer:
    """Return the server of mail of an address.

    Raises:
        ValueError: it is no address; what it holds is not repeated.

    >>> mail_server("smtps://mail.example.com").port
    465
    """
    expected = (
        "expected smtps://HOST:465 or smtp://HOST:587 (STARTTLS), with user and password in"
        " settings of their own"
    )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(expected) from None
    host, tls = parts.hostname or "", parts.scheme == "smtps"
    more = parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None
    if parts.scheme not in ("smtp", "smtps") or not host or more or port == 0:
        raise ValueError(expected)
    default = 465 if tls else 587
    return MailServer(host=host, port=port or default, tls=tls, loopback=_is_loopback(host))


def check_page_url(text: str) -> str:
    """Check an address that browsers open, and that passwords and codes go to.

    Raises:
        ValueError: it is none, has more than a path, or would send in the clear.
    """
    expected = "expected https://HOST, or http://127.0.0.1:PORT on this machine only"
    try:
        parts = urlsplit(text)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        raise ValueError(expected) from None
    if not known or parts.query or parts.fragment or parts.username or text != text.strip():
        raise ValueError(expected)
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise ValueError(f"{expected}; http:// to another machine is in the clear")
    return text


def check_hub_url(text: str) -> str:
    """Check the address at which people open the hub; return it without a slash at its end.

    Raises:
        ValueError: as `check_page_url`, or it has a path: the hub's pages begin at the root.
    """
    bare = check_page_url(text).rstrip("/")
    if urlsplit(bare).path:
        raise ValueError("expected an address without a path, such as https://hub.example.com")
    return bare


def broker_parts(text: str) -> dict[str, Any]:
    """Split a checked address into host, port, tls, username and password."""
    parts = _split(text)
    return {
        "host": parts.hostname,
        "port": parts.port,
        "tls": parts.scheme == "mqtts",
        "username": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
    }


def _split(text: str) -> SplitResult:
    expected = "expected mqtts://HOST:PORT, or mqtt://127.0.0.1:PORT"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(expected) from None
    known = parts.scheme in ("mqtt", "mqtts") and parts.hostname and port != 0
    if not known or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(expected)
    return parts


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
