"""Two shops' running boxes, the shipped broker settings, a hub: who enrols here is known there."""

import sqlite3
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

from edge.app.keys import keyring
from edge.config import load
from edge.keys.templates import TemplateOpener
from edge.store.database import connect
from edge.store.people import template_rows
from edge.wire.codec import WireFault, inflated
from tests.support.processes import child_of, our_command, until
from tests.support.secured import Secured
from tests.support.sharing import Certificates
from tests.support.shop import ZONE, Shop, consent, settings
from tests.support.vectors import vectors_in

NAME, NUMBER = "林·金丝雀·米兰达", "C-canary-77"


class Branch(Shop):
    """One shop's box, with the certificate that the authority issued for it."""

    def __init__(self, folder: Path, place: str, secured: Secured, film: Path) -> None:
        folder.mkdir()
        self.place = place
        self.papers = secured.folder
        self._url = secured.url
        super().__init__(
            folder, f'[[camera]]\nname = "door"\nsource = "{film}"\nloop = true\n{ZONE}'
        )
        self.process = our_command(
            "edge", "run", "--config", str(self.config), log=folder / "run.log"
        )

    def _write(self) -> None:
        store, _, box = self.place.partition("/")
        text = settings().replace('"nj-001"', f'"{store}"').replace('"nj-001-a"', f'"{box}"')
        papers = self.papers / f"box-{store}-{box}"
        uplink = (
            f'[uplink]\nbroker = "{self._url}"\nca = "{self.papers}/ca.pem"\n'
            f'cert = "{papers}.pem"\nkey = "file:{papers}.key"\n'
            '[console]\nlisten = "127.0.0.1:0"\n'
        )
        self.config.write_text(text + self._camera + uplink, encoding="utf-8")

    def one(self, query: str) -> Any:
        """Return the first value of a query; None without a row, or a table."""
        if not (self.data / "menkou.db").exists():
            return None
        db = connect(self.data)
        try:
            row = db.execute(query).fetchone() if "share_in" in db.table_names() else None
        finally:
            db.close()
        return row[0] if row else None

    def matches(self) -> int:
        return int(self.one("SELECT count(*) FROM audit WHERE what = 'match'") or 0)

    def template(self) -> bytes:
        """Return the one template that the box holds, as its own root opens it."""
        config, db = load(self.config), connect(self.data)
        (row,) = template_rows(db, datetime.now(UTC))
        opener = TemplateOpener(keyring(config, db).root("template"))
        vector = opener.open(row.sealed_key, row.sealed, subject=row.subject)
        db.close()
        return vector.tobytes()


class Spy:
    """Hears all that boxes say, as the hub may, and all that a box is told, as that box may."""

    def __init__(self, secured: Secured, **topics: str) -> None:
        self.content = bytearray()
        self._lock = threading.Lock()
        self._clients = [self._client(secured, file, topic) for topic, file in topics.items()]

    def _client(self, secured: Secured, topic: str, file: str) -> paho.Client:
        client = secured.client(file)
        client.on_message = self._hear
        client.connect("localhost", secured.port)
        client.subscribe(topic, qos=1)
        client.loop_start()
        return client

    def _hear(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        payload = bytes(message.payload)
        try:
            plain = inflated(payload)
        except WireFault:
            plain = b""
        with self._lock:
            self.content += payload + b"\0" + plain + b"\0"

    def close(self) -> None:
        for client in self._clients:
            client.disconnect()
            client.loop_stop()


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Secured]:
    folder = tmp_path / "papers"
    certificates = Certificates(folder)
    for words in (("broker", "localhost"), ("hub",)):
        certificates.run(*words)
    for place in ("nj-001/nj-001-a", "sh-002/sh-002-a"):
        certificates.box(place)
    made = Secured(folder, issued=True)
    yield made.start()
    made.broker.stop()


@pytest.mark.timeout(400)
def test_who_enrols_in_one_shop_is_recognised_in_the_other_until_she_withdraws(
    secured: Secured, tmp_path: Path, recordings: Path
) -> None:
    papers = secured.folder
    hub_config = tmp_path / "hub.toml"
    hub_config.write_text(
        f'[hub]\ndata_dir = "{tmp_path}/hub"\n'
        f'[broker]\nurl = "{secured.url}"\nca = "{papers}/ca.pem"\n'
        f'cert = "{papers}/hub.pem"\nkey = "{papers}/hub.key"\n'
    )
    named = ("--config", str(hub_config))
    log = tmp_path / "hub.log"
    assert our_command("cloud.cli", "migrate", *named, log=log).start().wait() == 0
    hub = our_command("cloud.cli", "ingest", *named, log=log)
    film, empty = (recordings / f"video/{n}.mp4" for n in ("two-faces", "one-by-one"))
    a = Branch(tmp_path / "a", "nj-001/nj-001-a", secured, empty)
    b = Branch(tmp_path / "b", "sh-002/sh-002-a", secured, film)
    spy = Spy(
        secured,
        **{"hub": "menkou/v1/+/+/up", "box-sh-002-sh-002-a": "menkou/v1/sh-002/sh-002-a/down"},
    )
    record = consent(scope="chain", shops=["nj-001", "sh-002"])
    photo = recordings / "faces/pairs/lin-manuel-miranda.png"
    try:
        hub.start()
        b.process.start()
        a.process.start()
        member = a.enrol(NAME, photo, "--external-id", NUMBER, record=record)
        sealed = "SELECT 1 FROM share_out WHERE bundle IS NOT NULL OR state = 'held'"
        until(lambda: a.one(sealed) == 1, 90, "the sealed template: " + a.process.log())
        # All of it may be cut down in the middle: it is found again and goes on.
        child_of(a.process.pid, "front").kill()
        hub.kill()
        child_of(b.process.pid, "eyes").kill()
        hub.start()
        stored = "SELECT state FROM share_in"
        until(lambda: b.one(stored) == "stored", 90, "the member in the other shop")
        until(lambda: b.matches() > 0, 90, "the recognition in the other shop")
        (listed,) = [line for line in b.member("list").splitlines() if NUMBER in line]
        assert NAME in listed
        face = a.template()
        assert b.template() == face
        until(lambda: bundles(tmp_path) == [None], what="the hub's deletion of what it delivered")
        shown = a.run("sharing").stdout
        assert "sh-002/sh-002-a\t1\t0\t0\tgood" in shown

        a.member("withdraw", member)
        until(lambda: b.one("SELECT count(*) FROM template") == 0, 60, "the end there")
        until(lambda: b.one("SELECT count(*) FROM member") == 0, 60, "that she is forgotten there")
    finally:
        for one in (a.process, b.process, hub):
            one.stop()
        spy.close()
    heard = bytes(spy.content)
    assert b'"sealed_template":"' in heard
    assert b'"kind":"template"' in heard
    forms = [face, b64encode(face), face.hex().encode(), NAME.encode(), NUMBER.encode()]
    kept = [path for path in (*(tmp_path / "hub").rglob("*"), log) if path.is_file()]
    assert any(path.name == "hub.db" for path in kept)
    for what, content in (("MQTT", heard), *((path.name, path.read_bytes()) for path in kept)):
        assert not [one for one in forms if one in content], what
        assert vectors_in(content) == [], what
    for path in (a.folder / "run.log", b.folder / "run.log"):
        assert NAME not in path.read_text(encoding="utf-8", errors="replace")


def bundles(folder: Path) -> list[Any]:
    """Return what the hub holds of members on their way."""
    with closing(sqlite3.connect(folder / "hub/hub.db", timeout=10)) as db:
        return [row[0] for row in db.execute("SELECT bundle FROM shared")]
