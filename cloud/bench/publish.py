"""Publishes messages that were packed before, as fast as a broker takes them: a process of its own.

    python publish.py PORT FILE COUNT

Started by `broker`'s benchmarks, alone and with the standard library only. FILE holds COUNT
packets of MQTT 3.1.1, QoS 1. It ends when the broker has answered all of them: then the broker
has them all, and whoever is measured has had none of this process's time.
"""

import socket
import sys
import threading
from pathlib import Path
from typing import Final

_CONNECT: Final = b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05bench"
_CONNACK: Final = b"\x20\x02\x00\x00"
_PUBACK_BYTES: Final = 4


def main(port: int, file: Path, count: int) -> None:
    """Publish, and wait for all answers.

    Raises:
        OSError: the broker refused, or is gone.
    """
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(_CONNECT)
        if line.recv(len(_CONNACK)) != _CONNACK:
            raise OSError("the broker refused the connection")
        # Somebody must read the answers, or both sides end up waiting to be read.
        sender = threading.Thread(target=line.sendall, args=(file.read_bytes(),))
        sender.start()
        left = count * _PUBACK_BYTES
        while left:
            answered = len(line.recv(1 << 16))
            if not answered:
                raise OSError("the broker ended the connection")
            left -= answered
        sender.join()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
