"""What a running box takes of the memory: `menkou-edge bench memory`. Called by `edge.bench`.

A real `menkou-edge run` in `entrance` mode over a store with 10,000 members' templates, until the
one of them who stands before the camera, and is opened last, has been recognised. The figure is
PSS: pages that its processes have in common, such as libraries, count once. Beside it stands the
sum of what each has in memory (RSS), in which such pages count for each.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from sqlite_utils import Database

from edge.app.keys import keyring
from edge.bench import films
from edge.bench.shop import templates
from edge.config import load
from edge.consent.texts import text_hashes
from edge.core.consent import Terms, read_consent
from edge.core.profile import Profile
from edge.faces.embedder import DESCRIPTOR
from edge.faces.precision import chosen
from edge.keys.lock import TemplateLock
from edge.keys.profiles import ProfileKeys
from edge.models.manifest import read_manifest
from edge.ports import Vector
from edge.store.consents import Consents
from edge.store.database import connect, migrate, transaction
from edge.store.register import Template, new_member, store_template
from edge.wire.codec import utc_text
from menkou.bench import Result

MEMBERS: Final = 10_000
MOST_MB: Final = 400
PATIENCE_S: Final = 45.0
STEADY_S: Final = 2.0
_SEED: Final = 20261122
_SETTINGS: Final = """\
[store]
id = "bench"
name = "Bench"
timezone = "UTC"
[box]
id = "bench-a"
data_dir = "data"
clock = "host"
[privacy]
mode = "entrance"
key = "file"
[declaration]
jurisdiction = "-"
controller = "-"
contact = "-"
assessment = "-"
signage_attested_by = "-"
signage_attested_on = {today}
expires = {expires}
accept_file_key = true
[[camera]]
name = "door"
source = "{film}"
loop = true
zone = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
[console]
listen = "127.0.0.1:{port}"
"""


def cases() -> Iterator[Result | str]:
    """Measure."""
    if words := films.missing(films.TWO_FACES, films.YUNET):
        yield f"memory: {words}"
        return
    with tempfile.TemporaryDirectory(prefix="menkou-bench-") as name:
        settings = _shop(Path(name))
        with (Path(name) / "log").open("wb") as log:
            command = [sys.executable, "-m", "edge", "run", "--config", str(settings)]
            box = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            known = _recognised(connect(Path(name) / "data"), box)
            try:
                sizes = [_sizes_mb(pid) for pid in (box.pid, *_children(box.pid))]
            except PermissionError:
                yield "memory: skipped, expected to run as root: a box's memory is sealed"
                return
        finally:
            box.terminate()
            box.wait()
        if not known:
            yield f"memory: the member was not recognised within {PATIENCE_S:g} s"
        yield from _results(sizes)


def _results(sizes: Sequence[tuple[float, float]]) -> Iterator[Result]:
    parts = ", ".join(f"{pss:.0f}" for pss, _ in sizes)
    for what, size in (
        (f"PSS ({parts} of its processes)", sum(pss for pss, _ in sizes)),
        ("the sum of RSS", sum(rss for _, rss in sizes)),
    ):
        yield Result(
            bench="memory",
            case=f"a running box, entrance, {MEMBERS:,} members, YuNet, 1 camera: {what}",
            value=round(size, 1),
            unit="MB",
            baseline="what it may take at most (PSS)",
            baseline_value=MOST_MB,
            ratio=round(MOST_MB / size, 2),
        )


def _shop(folder: Path) -> Path:
    """Make a box's settings, store and models; return the settings' path."""
    today = datetime.now(UTC).date()
    path = folder / "edge.toml"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path.write_text(
        _SETTINGS.format(
            today=today,
            expires=today + timedelta(days=365),
            film=(films.data() / films.TWO_FACES).resolve(),
            port=port,
        ),
        encoding="utf-8",
    )
    config = load(path)
    models = config.data_dir / "models"
    models.mkdir(parents=True)
    shutil.copy(films.data() / films.YUNET, models / (read_manifest().of("yunet-s").file or ""))
    member = templates(models)[films.PHOTOS.index(films.MEMBER)]
    db = connect(config.data_dir)
    migrate(db)
    ring = keyring(config, db)
    drawn = np.random.default_rng(_SEED).normal(size=(MEMBERS - 1, len(member)))
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    # The latest are opened first: the member before the camera is the oldest.
    _enrol(
        db,
        ProfileKeys(ring.root("profile")),
        TemplateLock(ring.public()),
        [member, *drawn.astype(np.float32)],
    )
    db.close()
    return path


def _enrol(db: Database, keys: ProfileKeys, lock: TemplateLock, faces: Sequence[Vector]) -> None:
    """Enrol a member for each face, in one transaction; their profiles stay empty."""
    now = datetime.now(UTC)
    record: dict[str, object] = {
        **{"purpose": "recognition", "text_version": "2026-11", "language": "en"},
        **{"means": "in_person", "scope": "store", "shops": [], "adult": True, "guardian": None},
        "given_at": utc_text(now - timedelta(hours=1)),
        "expires": str(now.date() + timedelta(days=300)),
    }
    terms = Terms(shop="bench", zone=ZoneInfo("UTC"), now=now, texts=text_hashes(), names=())
    consent = read_consent(record, terms)
    consents = Consents(db, actor="local", tell=lambda *_: None)
    model = DESCRIPTOR[chosen("auto")]
    with transaction(db):
        for face in faces:
            one = new_member(Profile(name="-"), now)
            db.execute(
                "INSERT INTO member VALUES (?, ?, NULL, ?, x'', ?, ?)",
                [one.id, one.subject, keys.new(), utc_text(now), utc_text(now)],
            )
            row = consents.give(one.subject, consent, None, now)
            sealed = lock.seal(face, subject=one.subject)
            template = Template(sealed_key=sealed.key, sealed=sealed.vector, model=model, photos=1)
            store_template(db, one.subject, row, template, now, actor="local")


def _recognised(db: Database, box: subprocess.Popen[bytes]) -> bool:
    """Wait until the box has recognised its member, who is opened last, and a little longer."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and box.poll() is None:
        if db.execute("SELECT 1 FROM audit WHERE what = 'match' LIMIT 1").fetchone():
            time.sleep(STEADY_S)
            return True
        time.sleep(0.2)
    return False


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text(encoding="ascii").split()]


def _sizes_mb(pid: int) -> tuple[float, float]:
    """(PSS, RSS) of a process. Raises PermissionError: it is sealed, and this is not root."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    parts = (line.partition(":") for line in lines)
    sizes_kib = {name: int(rest.split()[0]) for name, _, rest in parts}
    return sizes_kib["Pss"] * 1024 / 1e6, sizes_kib["Rss"] * 1024 / 1e6
