"""A TCP relay that keeps every byte that passes, in both directions."""

import contextlib
import re
import socket
import threading
import zlib


class Tap:
    """Listens on a free port of loopback and relays to another port there."""

    def __init__(self, to_port: int) -> None:
        self._to = to_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._kept = bytearray()
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def content(self) -> bytes:
        """Everything that has passed so far."""
        with self._lock:
            return bytes(self._kept)

    @property
    def inflated(self) -> bytes:
        """What was deflated in it, inflated: a search of `content` alone would be blind for it."""
        content = self.content
        found = []
        for start in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", content):
            stream = zlib.decompressobj()
            with contextlib.suppress(zlib.error):  # two bytes that look alike
                found.append(stream.decompress(content[start.start() :]))
        return b"\0".join(found)

    def close(self) -> None:
        """Cut all connections and take no more."""
        for end in (self._listener, *self._ends):
            with contextlib.suppress(OSError):  # closed by the other side already
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in (self._listener, *self._ends):
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                near, _ = self._listener.accept()
                self._ends.append(near)
                with contextlib.suppress(ConnectionRefusedError):
                    far = socket.create_connection(("127.0.0.1", self._to))
                    self._ends.append(far)
                    for ends in ((near, far), (far, near)):
                        self._threads.append(threading.Thread(target=self._relay, args=ends))
                        self._threads[-1].start()

    def _relay(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the other direction has ended
            while piece := source.recv(65536):
                with self._lock:
                    self._kept += piece
                sink.sendall(piece)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
