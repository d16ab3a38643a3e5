"""How phones find the pages and trust them: the local name and the certificate; for the front."""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from functools import partial

from edge.config import EdgeConfig
from edge.console.view import ReachView
from edge.local.addresses import ipv4_addresses
from edge.local.mdns import LocalName
from menkou.listen import Listen
from menkou.web.certificate import Certificate


def local_name(config: EdgeConfig, listen: Listen, changed: Callable[[], None]) -> LocalName | None:
    """Return what tells the name; None where nobody but this machine may open the pages, or no
    name is wanted.
    """
    if listen.is_loopback or not config.console.local_name or listen.port == 0:
        return None
    return LocalName(
        wanted=config.console.local_name,
        box=config.box.id,
        port=listen.port,
        addresses=partial(_served_at, listen.host),
        changed=changed,
    )


def _served_at(host: str) -> Sequence[str]:
    """Return the addresses at which the pages are served now; none for one of IPv6 alone."""
    there = ipv4_addresses()
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:
            found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
        except OSError:
            return ()
        named = {str(place[0]) for *_, place in found}
        return [one for one in there if one in named]
    if address.is_unspecified and address.version == 4:
        return there
    return [one for one in there if one == host]


def reach(config: EdgeConfig, name: LocalName | None, held: Certificate | None) -> ReachView:
    """Return how phones reach the pages now."""
    return ReachView(
        wanted=f"{config.console.local_name}.local" if name else None,
        found_as=name.found_as if name else None,
        expires_at=held.expires_at if held else None,
        unusable=held.unusable if held else False,
    )
