"""Members recognised in real recordings, through the real commands and stores."""

import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.store.database import connect
from edge.store.switches import FACES, switch
from tests.support.shop import ZONE, Shop, consent

TEN, HALF_PAST_TWELVE, SIX = (f"2026-11-21T{t}:00+08:00" for t in ("10:00", "12:30", "18:00"))


Enrolled = tuple[Shop, dict[str, str]]


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory: pytest.TempPathFactory, recordings: Path) -> Enrolled:
    """A shop with three members, to be copied; enrolling loads the models anew each time."""
    shop = Shop(tmp_path_factory.mktemp("enrolled"))
    pairs = recordings / "faces/pairs"
    photos = {
        "Lin-Manuel Miranda": "lin-manuel-miranda.png",
        "Alex Lacamoire": "alex-lacamoire.png",
        "Joe Biden": "biden.jpg",
    }
    return shop, {name: shop.enrol(name, pairs / photo) for name, photo in photos.items()}


@pytest.fixture
def shop(tmp_path: Path, enrolled: Enrolled) -> Shop:
    shutil.copytree(enrolled[0].data, tmp_path / "data")
    return Shop(tmp_path)


@pytest.fixture
def miranda(enrolled: Enrolled) -> str:
    return enrolled[1]["Lin-Manuel Miranda"]


@pytest.fixture
def film(recordings: Path) -> Path:
    return recordings / "video/two-faces.mp4"


def of_kind(lines: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["event"] == kind]


def test_exactly_the_member_who_came_is_named_and_told_once_in_a_window(
    shop: Shop, film: Path, miranda: str
) -> None:
    def play(start: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        lines = shop.replay(film, start)
        visits = {v["visit"]: v for v in of_kind(lines, "visit")}
        return lines, {v["member"]: v for v in visits.values() if v["who"] == "member"}

    lines, members = play(TEN)
    assert lines[-1]["members"] == [miranda]
    assert lines[-1]["basis"] == "distinct"
    assert lines[-1]["embeddings"] > 0
    assert list(members) == [miranda]
    first = members[miranda]
    assert not first["reentry"]
    assert first["distance"] < 0.4
    assert [(a["kind"], a["member"]) for a in of_kind(lines, "alert")] == [
        ("member_arrived", miranda)
    ]
    lines, members = play(HALF_PAST_TWELVE)
    again = members[miranda]
    assert (again["reentry"], again["first_visit"]) == (True, first["visit"])
    assert of_kind(lines, "alert") == []
    lines, members = play(SIX)
    assert (members[miranda]["reentry"], len(of_kind(lines, "alert"))) == (False, 1)


def test_a_consent_that_does_not_hold_then_names_nobody(shop: Shop, film: Path) -> None:
    for start in ("2026-11-20T10:00:00+08:00", "2027-11-21T10:00:00+08:00"):
        shop.renew_declaration("2028-11-01")
        lines = shop.replay(film, start)
        assert lines[-1]["basis"] == "distinct"
        assert lines[-1]["members"] == []
    assert shop.replay(film, "2027-11-20T23:00:00+08:00")[-1]["members"] != []


def test_an_expired_declaration_counts_and_reads_no_face(shop: Shop, film: Path) -> None:
    summary = shop.replay(film, "2027-11-02T10:00:00+08:00")[-1]
    assert (summary["basis"], summary["embeddings"], summary["members"]) == ("crossings", 0, [])
    late = shop.replay(film, "2027-11-01T23:59:57+08:00")  # it runs out while the film plays
    assert late[-1]["basis"] == "distinct"
    assert late[-1]["members"] == []


def test_faces_off_holds_for_recordings_too(shop: Shop, film: Path) -> None:
    db = connect(shop.data)
    now = datetime(2026, 11, 21, tzinfo=UTC)
    switch(db, FACES, "off", actor="local", now=now)
    assert shop.replay(film, TEN)[-1]["embeddings"] == 0
    switch(db, FACES, "on", actor="local", now=now)
    db.close()
    assert shop.replay(film, TEN)[-1]["members"] != []


def test_a_template_damaged_by_one_byte_takes_nobody_elses_recognition_away(
    shop: Shop, film: Path, miranda: str, enrolled: Enrolled
) -> None:
    ids = enrolled[1]
    db = connect(shop.data)
    (subject,) = db.execute(
        "SELECT subject FROM member WHERE id = ?", [ids["Joe Biden"]]
    ).fetchone()
    (sealed,) = db.execute("SELECT sealed FROM template WHERE subject = ?", [subject]).fetchone()
    broken = bytes([sealed[0] ^ 1, *sealed[1:]])
    db.execute("UPDATE template SET sealed = ? WHERE subject = ?", [broken, subject])
    db.close()
    assert shop.replay(film, TEN)[-1]["members"] == [miranda]


def test_a_key_that_is_gone_stops_faces_and_nothing_else(shop: Shop, film: Path) -> None:
    before = shop.replay(film, TEN)[-1]
    (shop.data / "keys/template.key").unlink()
    after = shop.replay(film, SIX)[-1]
    assert (after["in"], after["out"]) == (before["in"], before["out"])
    assert (after["basis"], after["embeddings"]) == ("crossings", 0)


def test_events_of_a_member_name_a_subject_and_nobody_by_name(
    shop: Shop, film: Path, miranda: str
) -> None:
    shop.replay(film, TEN)
    db = connect(shop.data)
    (subject,) = db.execute("SELECT subject FROM member WHERE id = ?", [miranda]).fetchone()
    events = [json.loads(row[0]) for row in db.execute("SELECT event FROM outbox").fetchall()]
    audited = db.execute("SELECT what FROM audit WHERE subject = ?", [subject]).fetchall()
    db.close()
    named = [e["kind"] for e in events if subject in json.dumps(e)]
    assert {"visit_opened", "alert", "member_changed"} <= set(named)
    assert miranda not in json.dumps(events)
    assert "Miranda" not in json.dumps(events)
    assert ("match",) in audited


def test_who_withdraws_is_not_recognised_any_more(shop: Shop, film: Path, miranda: str) -> None:
    shop.member("withdraw", miranda)
    summary = shop.replay(film, TEN)[-1]
    assert (summary["members"], summary["basis"]) == ([], "distinct")
    assert shop.member("list", "--json").count(miranda) == 1


def test_the_consent_of_another_shop_is_no_consent_here(shop: Shop, recordings: Path) -> None:
    record = consent(scope="chain", shops=["sh-002"])
    refused = shop.refused(
        "Miranda", recordings / "faces/pairs/lin-manuel-miranda.png", record=record
    )
    assert "shops" in refused


def test_in_checkin_mode_only_the_checkin_camera_reads_faces(
    tmp_path: Path, film: Path, miranda: str, enrolled: Enrolled
) -> None:
    def copy(name: str, camera: str) -> Shop:
        (tmp_path / name).mkdir()
        shutil.copytree(enrolled[0].data, tmp_path / name / "data")
        return Shop(tmp_path / name, camera, mode="checkin")

    entrance = copy("entrance", f'[[camera]]\nname = "door"\nsource = "x.mp4"\n{ZONE}')
    counted = entrance.replay(film, TEN)[-1]
    assert (counted["embeddings"], counted["members"], counted["basis"]) == (0, [], "distinct")
    assert counted["visitors"] == counted["in"]
    assert counted["out"] > 0  # it counts, and reads no face
    desk = copy("desk", '[[camera]]\nname = "door"\nsource = "x.mp4"\nrole = "checkin"\n')
    lines = desk.replay(film, TEN)
    assert lines[-1]["members"] == [miranda]
    assert (lines[-1]["in"], lines[-1]["visitors"]) == (0, 0)  # came to the desk, crossed no door
    (visit,) = {v["visit"]: v for v in of_kind(lines, "visit")}.values()
    assert (visit["who"], visit["counted"], visit["reentry"]) == ("member", False, False)
    assert len(of_kind(lines, "alert")) == 1


def test_before_a_checkin_camera_a_members_photo_names_nobody(
    tmp_path: Path, recordings: Path, enrolled: Enrolled
) -> None:
    shutil.copytree(enrolled[0].data, tmp_path / "data")
    desk = '[[camera]]\nname = "door"\nsource = "x.mp4"\nrole = "checkin"\n'
    photo = cv2.imread(str(recordings / "faces/pairs/lin-manuel-miranda.png"))
    assert photo is not None
    film = tmp_path / "photo.mp4"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"mp4v"), 10, (640, 360))
    assert writer.isOpened()
    card = cv2.resize(photo, None, fx=300 / photo.shape[0], fy=300 / photo.shape[0])
    for number in range(40):  # held up, in hands that are not quite still
        frame = np.full((360, 640, 3), 110, np.uint8)
        left = 150 + round(40 * np.sin(number / 6))
        frame[30 : 30 + card.shape[0], left : left + card.shape[1]] = card
        writer.write(frame)
    writer.release()
    checked = Shop(tmp_path, desk, mode="checkin").replay(film, TEN)[-1]
    assert checked["embeddings"] > 0
    assert checked["members"] == []
    off = desk + '[faces]\npresentation = "off"\n'
    assert Shop(tmp_path, off, mode="checkin").replay(film, TEN)[-1]["members"] != []
