"""Lets phones find the box's pages as `menkou.local`: multicast DNS (RFC 6762, 6763).

A thread of the front process (`edge.app.named`), so the name is there as long as the pages are
(docs/adr/0028). The protocol is python-zeroconf's. What it leaves to its users is here: that no two
boxes of a shop have one name, and that networks come and go.
"""

import ipaddress
import logging
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from zeroconf import (  # type: ignore[attr-defined]  # the first is not in its __all__
    AddressResolverIPv4,
    Error,
    IPVersion,
    ServiceInfo,
    Zeroconf,
)

LOOK_EVERY_S: Final = 2.0
"""How soon a network that came or went, or another box of our name, is noticed."""
PROBE_S: Final = 2.0
"""Longer than RFC 6762, section 8.1 asks for: who has just told a name may hold back the next
answer for a second (section 6); python-zeroconf does so also for one who wants to take the name."""
NAMES_MAX: Final = 20
"""Boxes of one name in one network; one more has none."""
_OWN_FOR_S: Final = 150.0
"""Others remember an address that was ours for two minutes (RFC 6762, section 10)."""
_SERVICE: Final = "_https._tcp.local."
log = logging.getLogger(__name__)


class LocalName:
    """A name of this box in the networks that it is in.

    Args:
        wanted: the name without `.local`; of several boxes the next ones get a number behind it.
        box: the box's id, which tells it from others in lists of what is in the network.
        port: where the pages are served.
        addresses: the addresses to tell now, one for each network.
        changed: called when the name has become another.
    """

    def __init__(
        self,
        *,
        wanted: str,
        box: str,
        port: int,
        addresses: Callable[[], Sequence[str]],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._wanted = wanted
        self._box = box
        self._port = port
        self._addresses = addresses
        self._changed = changed
        self._number = 1
        self._networks: dict[str, _Network] = {}
        self._own: dict[str, float] = {}
        self._failed = False
        self.found_as: str | None = None

    def run(self, stop: threading.Event) -> None:
        """Keep the name until stopped, and take it back then."""
        # It warns of each packet that somebody else got wrong.
        logging.getLogger("zeroconf").setLevel(logging.ERROR)
        try:
            while not stop.is_set():
                self._try(stop)
                stop.wait(LOOK_EVERY_S)
        finally:
            self._leave(*self._networks)

    def _try(self, stop: threading.Event) -> None:
        """Look once. Without a name the pages are there all the same, by their address."""
        try:
            self._look(stop)
            self._failed = False
        except (OSError, Error, RuntimeError) as exc:
            if not self._failed:
                log.warning(
                    "the pages have no name in the shop's network: %s; tried again",
                    exc or type(exc).__name__,
                )
            self._failed = True
            self._leave(*self._networks)

    def _look(self, stop: threading.Event) -> None:
        there = self._addresses()
        now_s = time.monotonic()
        self._own |= dict.fromkeys(there, now_s)
        self._own = {one: at for one, at in self._own.items() if now_s - at < _OWN_FOR_S}
        self._leave(*(set(self._networks) - set(there)))
        new = [_Network(address) for address in there if address not in self._networks]
        self._networks |= {one.address: one for one in new}
        if not self._networks or (not new and self._keeps()):
            return
        while self._number <= NAMES_MAX and not stop.is_set():
            if self._is_free():
                self._take()
                return
            self._number += 1
        if not stop.is_set():
            raise OSError(f"{NAMES_MAX} names like {self._wanted}.local are taken by others")

    def _keeps(self) -> bool:
        """Whether the name stays ours. Two that took it at one moment: the later address keeps it
        (RFC 6762, section 8.2); it says so once more, and the other takes the next name.
        """
        others = self._others()
        if not others or max(map(_rank, self._networks)) > max(map(_rank, others)):
            return True
        log.warning("%s is another device's now", self.found_as)
        self._number += 1
        return False

    @property
    def _host(self) -> str:
        number = f"-{self._number}" if self._number > 1 else ""
        return f"{self._wanted}{number}.local."

    def _others(self) -> set[str]:
        """Return who else has the name, as far as was heard."""
        heard = (one.holders(self._host) for one in self._networks.values())
        return set().union(*heard) - self._own.keys()

    def _is_free(self) -> bool:
        for one in self._networks.values():
            one.ask_for(self._host)
        return not self._others()

    def _take(self) -> None:
        for one in self._networks.values():
            one.tell(self._box, self._host, self._port)
        name = self._host.rstrip(".")
        if name != self.found_as:
            log.info("the pages are found as %s, port %d", name, self._port)
            self.found_as = name
            self._changed()

    def _leave(self, *addresses: str) -> None:
        for address in addresses:
            self._networks.pop(address).close()
        if addresses and not self._networks:
            self.found_as = None
            self._changed()


class _Network:
    """One network that the box is in, by the address that it has there."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._told: ServiceInfo | None = None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
            trial.bind((address, 0))  # the library forgets to close its sockets where this fails
        self._responder = Zeroconf(interfaces=[address], ip_version=IPVersion.V4Only)

    def holders(self, host: str) -> set[str]:
        """Return the addresses that were told for a name, by whomever."""
        heard = AddressResolverIPv4(host)
        heard.load_from_cache(self._responder)
        return set(heard.parsed_addresses())

    def ask_for(self, host: str) -> None:
        """Ask who has a name; what is answered is remembered (`holders`)."""
        AddressResolverIPv4(host).request(self._responder, 1000 * PROBE_S)

    def tell(self, box: str, host: str, port: int) -> None:
        """Tell that the pages are here, under a name that is free; takes a second."""
        self._untell()
        info = ServiceInfo(
            _SERVICE,
            f"{box}.{_SERVICE}",
            port=port,
            server=host,
            parsed_addresses=[self.address],
            properties={"path": "/"},
        )
        self._responder.register_service(info, allow_name_change=True)
        self._told = info

    def _untell(self) -> None:
        if self._told is not None:
            self._responder.unregister_service(self._told)
            self._told = None

    def close(self) -> None:
        """Take the name back and be silent."""
        try:
            self._untell()
        except (OSError, Error) as exc:  # the network has gone before
            log.info("%s: the name could not be taken back: %s", self.address, exc)
        self._responder.close()


def _rank(address: str) -> bytes:
    return ipaddress.IPv4Address(address).packed
