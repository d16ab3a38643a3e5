"""The embedded broker: for one shop or a trial, so that nothing else has to be installed.

Pure Python (amqtt) in a thread and an event loop of its own, on loopback only and therefore
without a login. Started by `cli`; a chain uses an existing broker instead.
"""

import asyncio
import contextlib
import ipaddress
import logging
import struct
import threading
from collections.abc import Callable
from typing import Any, Final

from amqtt.broker import Broker
from amqtt.errors import AMQTTError

from cloud.errors import BrokerFault

_log = logging.getLogger(__name__)
_START_S: Final = 10.0
_STOP_S: Final = 5.0
_CHATTY: Final = ("amqtt", "transitions")


class _TidyBroker(Broker):  # type: ignore[misc]  # amqtt is not typed
    """amqtt's broker, which leaves a connection open when it could not understand it."""

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        try:
            await super().stream_connected(reader, writer, listener_name)
        except (ValueError, IndexError, struct.error, OSError, RecursionError) as exc:
            # What its packet reader raises for garbage, besides its own errors.
            _log.debug("embedded broker: a connection ended: %s", exc)
        finally:
            writer.close()

    def inner_tasks(self) -> list["asyncio.Task[Any]"]:
        """Return the tasks without which it would accept messages and pass none on."""
        return [task for task in (self._broadcast_task, self._session_monitor_task) if task]


class EmbeddedBroker:
    """An MQTT 3.1.1 broker inside this process.

    Args:
        host: a loopback address.
        port: its port.
        on_crash: called in the broker's thread if it ends without having been asked to.

    Raises:
        ValueError: the host can be reached from other machines.
    """

    def __init__(self, host: str, port: int, on_crash: Callable[[], None]) -> None:
        if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"embedded broker: expected a loopback address, got {host!r}")
        self._host, self._port, self._on_crash = host, port, on_crash
        self._thread = threading.Thread(target=self._run, name="broker", daemon=True)
        self._settled = threading.Event()
        self._fault: BaseException | None = None
        self._broker: _TidyBroker | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def start(self) -> None:
        """Start the broker and wait until it listens.

        Raises:
            BrokerFault: it does not; the port is taken, most likely.
        """
        for name in _CHATTY:  # each connection and each bad packet would be a line
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._thread.start()
        if not self._settled.wait(_START_S):
            raise BrokerFault(f"embedded broker: not listening after {_START_S:.0f} s")
        if self._fault is not None:
            raise BrokerFault(
                f"embedded broker: cannot listen on {self._host}:{self._port}:"
                f" {self._fault}; is another broker running there? Set broker.url to a free port"
            )

    def stop(self) -> None:
        """Stop the broker and wait until it has ended. May be called twice."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            # The loop may end by itself between the question and the call.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_STOP_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except AMQTTError as exc:
            self._fail(exc)
        except Exception as exc:  # noqa: BLE001 - a worker's outermost loop; logged in _fail
            self._fail(exc)

    def _fail(self, exc: Exception) -> None:
        started = self._settled.is_set()
        self._fault = exc
        self._settled.set()
        if started:
            _log.error("embedded broker: crashed; the process ends", exc_info=exc)
            self._on_crash()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._loop.set_exception_handler(_note_stray)
        self._broker = broker = _TidyBroker(self._settings())
        await broker.start()
        self._settled.set()
        asked = asyncio.create_task(self._stop.wait())
        done, _ = await asyncio.wait(
            [asked, *broker.inner_tasks()], return_when=asyncio.FIRST_COMPLETED
        )
        with contextlib.suppress(TimeoutError):  # clients that do not let go
            await asyncio.wait_for(broker.shutdown(), _STOP_S / 2)
        if asked not in done:
            asked.cancel()
            raise BrokerFault("embedded broker: one of its tasks has ended")

    def _settings(self) -> dict[str, Any]:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return {
            "listeners": {"default": {"type": "tcp", "bind": f"{host}:{self._port}"}},
            # Named one by one, or amqtt adds its own loggers and $SYS topics.
            "plugins": {
                "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}
            },
        }


def _note_stray(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A task of one connection died of what it was sent; the broker itself goes on."""
    exc = context.get("exception")
    _log.debug("embedded broker: %s", context.get("message"), exc_info=exc)
