"""A shop whose box may read faces: settings, enrolments, replays; by the ordinary commands."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.people import RECORD

ZONE = "zone = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]\n"


def consent(**changes: Any) -> dict[str, Any]:
    """Return a consent record of an adult for this store."""
    return {**RECORD, **changes}


def settings(
    *, mode: str = "entrance", who: str = "members", basis: str = "", expires: str = "2027-11-01"
) -> str:
    """Return the settings of a declared shop, without cameras."""
    return (
        '[store]\nid = "nj-001"\nname = "南京东路店"\ntimezone = "Asia/Shanghai"\n'
        '[box]\nid = "nj-001-a"\ndata_dir = "data"\nclock = "host"\n'
        f'[privacy]\nmode = "{mode}"\nkey = "file"\n'
        '[declaration]\njurisdiction = "CN"\ncontroller = "Example Jewellery Co."\n'
        'contact = "privacy@example.com"\nassessment = "PIA-2026-014"\n'
        'signage_attested_by = "Shop manager"\nsignage_attested_on = 2026-11-01\n'
        f'expires = {expires}\naccept_file_key = true\nbasis_everybody = "{basis}"\n'
        f'[dedup]\nwho = "{who}"\n'
    )


class Shop:
    """One box's folder, and its commands."""

    def __init__(self, folder: Path, camera: str = "", **kept: str) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.config = folder / "edge.toml"
        self._camera = camera or f'[[camera]]\nname = "door"\nsource = "door.mp4"\n{ZONE}'
        self._kept = kept
        self._write()

    def _write(self) -> None:
        self.config.write_text(settings(**self._kept) + self._camera, encoding="utf-8")

    def renew_declaration(self, expires: str) -> None:
        """Let the declaration run out on another day."""
        self._kept["expires"] = expires
        self._write()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of the box's commands to its end."""
        argv = [sys.executable, "-m", "edge", *arguments, "--config", str(self.config)]
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)

    def member(self, *arguments: str) -> str:
        """Run `member ...`; return what it printed."""
        done = self.run("member", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _enrol(
        self, name: str, photo: Path, record: dict[str, Any] | None, *more: str
    ) -> subprocess.CompletedProcess[str]:
        path = self.folder / "consent.json"
        path.write_text(json.dumps(record or consent()), encoding="utf-8")
        named = ("--name", name, "--consent", str(path), "--photo", str(photo))
        return self.run("member", "enroll", *named, *more)

    def enrol(
        self, name: str, photo: Path, *more: str, record: dict[str, Any] | None = None
    ) -> str:
        """Enrol somebody by a photo; return the member id."""
        done = self._enrol(name, photo, record, *more)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[-1]

    def refused(self, name: str, photo: Path, *, record: dict[str, Any] | None = None) -> str:
        """Try to enrol somebody; return why that was refused."""
        done = self._enrol(name, photo, record)
        assert done.returncode in (1, 2), done.stdout
        return done.stderr

    def replay(self, film: Path, start: str) -> list[dict[str, Any]]:
        """Play a film; return its lines, the summary last."""
        done = self.run("replay", "--camera", f"door={film}", "--start", start, "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]
