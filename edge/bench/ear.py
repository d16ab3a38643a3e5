"""What `edge.bench.probes` measures, each in a process of its own.

    python -m edge.bench.ear ours CONFIG EPOCH     the radio process of a box
    python -m edge.bench.ear scapy INTERFACE       scapy.sniff with a callback

Prints a line when it listens, and at SIGTERM how many frames it counted.
"""

import signal
import sys
from pathlib import Path
from typing import Any

from edge.app.radio import run_radio
from edge.config import load


def _ours(config: str, epoch: str) -> None:
    run_radio(load(Path(config)), epoch, listening=_ready, live=False)


def _scapy(interface: str) -> None:
    from scapy.layers.dot11 import Dot11, RadioTap
    from scapy.sendrecv import sniff

    counted = 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # by which sniff ends

    def take(frame: Any) -> None:
        nonlocal counted
        if frame[Dot11].addr2 and frame[RadioTap].dBm_AntSignal:
            counted += 1

    listening: Any = sniff
    # Nothing else is on this interface, so no filter is compiled, which needs libpcap.
    listening(iface=interface, prn=take, store=False, started_callback=_ready)
    _say(counted)


def _ready() -> None:
    _say("ready")


def _say(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "ours":
        _ours(*sys.argv[2:])
    else:
        _scapy(*sys.argv[2:])
