"""The front process of a box, alone, with the test in the place of eyes and supervisor."""

import http.client
import os
import re
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from edge.bus import Bus, Note
from edge.keys.handover import KeySlot
from tests.support.processes import Running, answers, free_port, our_command, until
from tests.web.shopbox import ShopBox


class FrontBox(Running):
    """A box's store and its front process, which is given the profiles' key as a box gives it.

    Args:
        folder: where settings, certificates and data lie.
        console: the rest of the `[console]` section.
        host: the address that the pages listen at.
    """

    def __init__(self, folder: Path, *, host: str = "127.0.0.1", console: str = "") -> None:
        self.folder = folder
        self.port = free_port()
        self.config = folder / "edge.toml"
        self.config.write_text(
            '[store]\nid = "nj-001"\nname = "南京东路店"\ntimezone = "Asia/Shanghai"\n'
            '[box]\nid = "nj-001-a"\ndata_dir = "box"\n'
            f'[console]\nlisten = "{host}:{self.port}"\n{console}',
            encoding="utf-8",
        )
        self.box = ShopBox(folder)
        self.slot = KeySlot.create()
        assert self.box.root
        self.slot.put(self.box.root)
        self.eyes = Bus(self.box.folder / "run", "eyes")
        argv = our_command("edge", "front", log=folder / "front.log")._argv
        argv += ["--config", str(self.config), "--epoch", "0" * 32]
        argv += ["--profile-key-fd", str(self.slot.fd)]
        super().__init__(argv, folder / "front.log")

    def start(self) -> "FrontBox":
        """Start it with the slot's descriptor, and wait until it listens."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._argv, stdout=output, stderr=output, pass_fds=[self.slot.fd], env=os.environ
            )
        until(lambda: answers(self.port), what="the front process")
        return self

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one of the box's commands to its end."""
        argv = [self._argv[0], "-m", "edge", words[0], "--config", str(self.config), *words[1:]]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)

    def tell(self) -> None:
        """Say on the bus that something was committed, as the eyes do."""
        self.eyes.send("front", Note(sender="eyes", new=True))

    def close(self) -> None:
        """End everything."""
        self.stop()
        self.slot.close()
        self.eyes.close()


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    text: str


@dataclass
class Device:
    """A browser without a window: keeps its cookies, speaks HTTPS, follows nothing.

    `ca` None: it is on the box itself, where HTTP will do.
    """

    port: int
    ca: Path | None
    cookies: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def open(
        self, path: str, form: dict[str, str] | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        """Give the answer to a GET, or to a POST of a form, while it is still coming."""
        connection = self._connection()
        headers = {
            "Accept": "text/html",
            "Accept-Language": "en",
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
        }
        body = None
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(form)
        with closing(connection):
            connection.request("GET" if form is None else "POST", path, body=body, headers=headers)
            with closing(connection.getresponse()) as answer:
                for given in answer.headers.get_all("Set-Cookie") or ():
                    name, _, value = given.partition(";")[0].partition("=")
                    self.cookies[name] = value
                yield answer

    def _connection(self) -> http.client.HTTPConnection:
        if self.ca is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        context = ssl.create_default_context(cafile=self.ca)
        return http.client.HTTPSConnection("localhost", self.port, timeout=20, context=context)

    def ask(self, path: str, form: dict[str, str] | None = None) -> Answer:
        """Return the whole answer to a GET, or to a POST of a form."""
        with self.open(path, form) as answer:
            return Answer(answer.status, answer.read().decode())

    def text(self, path: str) -> str:
        """Return a page."""
        return self.ask(path).text

    def post(self, path: str, page: str, **form: str) -> Answer:
        """Send a form with the token that stands on a page."""
        found = re.search(r'name="csrf" value="(\w+)"', self.text(page))
        assert found, f"no form on {page}"
        return self.ask(path, {"csrf": found[1], **form})
