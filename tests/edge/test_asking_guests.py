"""Guests are asked about recognition only where a face may be read now, and its template sealed."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from edge.app.common import ready_store, steady_clock
from edge.app.desks import responsible
from edge.app.keys import keyring
from edge.config import load
from edge.desk.join import Responsible
from edge.store.switches import FACES, switch

SETTINGS = """
[store]
id = "nj-001"
name = "南京东路店"
timezone = "Asia/Shanghai"

[box]
id = "nj-001-a"
data_dir = "box"
clock = "host"

[privacy]
mode = "{mode}"
key = "file"

[declaration]
jurisdiction = "CN"
controller = "示例珠宝公司"
contact = "privacy@example.com"
assessment = "PIA-2026-014"
signage_attested_by = "Shop manager"
signage_attested_on = 2026-11-01
expires = 2099-11-01
accept_file_key = true

[[camera]]
name = "desk"
source = "desk.mp4"
role = "checkin"
zone = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
"""


def asked(folder: Path, mode: str, *, sealed: bool = True, off: bool = False) -> Responsible | None:
    path = folder / "edge.toml"
    path.write_text(SETTINGS.format(mode=mode), encoding="utf-8")
    config = load(path)
    db = ready_store(config.data_dir)
    clock = steady_clock(config, db)
    if sealed:
        keyring(config, db).root("template")
    if off:
        switch(db, FACES, "off", actor="local", now=clock.now(), also=lambda: None)
    try:
        late = replace(config.declaration, expires=clock.now().date() - timedelta(days=1))  # type: ignore[type-var]
        assert responsible(replace(config, declaration=late), db, clock) is None
        return responsible(config, db, clock)
    finally:
        db.close()


def test_the_declaration_says_who_answers_for_it(tmp_path: Path) -> None:
    assert asked(tmp_path, "checkin") == Responsible(
        controller="示例珠宝公司", contact="privacy@example.com"
    )


@pytest.mark.parametrize(
    "case",
    [
        {"mode": "count"},
        {"mode": "checkin", "off": True},
        {"mode": "checkin", "sealed": False},
    ],
    ids=["counts", "faces are off", "nothing to seal to"],
)
def test_nobody_is_asked_where_no_face_may_be_read(tmp_path: Path, case: dict[str, bool]) -> None:
    assert asked(tmp_path, **case) is None  # type: ignore[arg-type]
