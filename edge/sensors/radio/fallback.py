"""Capture through scapy and libpcap, where the ring of `capture` cannot be had.

Fifty times slower, and much larger: for kernels without such rings (some sandboxes), where a shop
may be tried out. Called by `capture.listen`, which loads it only then.
"""

import ctypes
import select
from collections.abc import Callable
from typing import Any

from edge.sensors.radio.capture import FILTER, Begin, Take
from edge.sensors.radio.errors import CaptureFault


class ScapyCapture:
    """A libpcap handle, as scapy opens it.

    Args:
        name: of an interface in monitor mode.
        now: the box's time in seconds since 1970.

    Raises:
        CaptureFault: it cannot be listened to, or libpcap is not there.
    """

    def __init__(self, name: str, now: Callable[[], float]) -> None:
        self._now = now
        try:
            from scapy.config import conf
            from scapy.error import Scapy_Exception

            conf.use_pcap = True
            listen: Any = conf.L2listen
            self._socket = listen(iface=name, filter=FILTER, promisc=False)
            self._socket.pcap_fd.setnonblock(True)
        except ImportError as exc:
            raise CaptureFault(
                "wifi_refused",
                f"wifi.interface {name}: expected AF_PACKET, or libpcap for scapy, got neither"
                f" ({exc}); install libpcap0.8",
            ) from exc
        except (OSError, ValueError, Scapy_Exception) as exc:
            raise CaptureFault(
                "wifi_refused",  # it was there and up a moment ago
                f"wifi.interface {name}: expected the right to listen, by AF_PACKET or by libpcap,"
                f" got {exc}; install firmware_config's wifi.conf for the service",
            ) from exc

    def drain(self, begin: Begin, take: Take, timeout_s: float) -> None:
        """Wait for frames, at most `timeout_s`, and hand on those that are there.

        An interface that goes is silent here; the watchdog sees it.
        """
        ready, _, _ = select.select([self._socket], [], [], timeout_s)
        if not ready:
            return
        at_s = self._now()
        begin(at_s)
        while (frame := self._socket.recv_raw()[1]) is not None:
            take(frame, at_s)

    def lost(self) -> int:
        """Return how many probe requests had no room since it was opened."""
        from scapy.libs.winpcapy import pcap_stat, pcap_stats

        counts = pcap_stat()
        if pcap_stats(self._socket.pcap_fd.pcap, ctypes.byref(counts)) != 0:
            return 0  # the interface has gone, and its counters with it
        return int(counts.ps_drop)

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
