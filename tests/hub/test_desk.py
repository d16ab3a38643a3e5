"""What people at the shops' desks did: one row a document, whatever order it arrives in."""

import json
import threading
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from sqlalchemy import Engine, select

from cloud import retention, tables
from cloud.accounts.scope import EVERYTHING
from cloud.db import reading
from cloud.export import export
from cloud.ingest import Ingest
from edge.wire.messages import DeskFact
from tests.hub.conftest import MINUTE, NOW, FakeBox, ulid

VISIT, LIN, ZHOU = ulid(1), ulid(2), ulid(3)


def claim(rev: int, staff: str | None, state: str = "taken") -> DeskFact:
    return DeskFact(
        what="claim",
        id=VISIT,
        rev=rev,
        visit=VISIT,
        staff=staff,
        about=NOW,
        state=state,
    )


def stay(rev: int, **said: Any) -> DeskFact:
    known: dict[str, Any] = {"about": NOW, **said}
    return DeskFact(what="stay", id=VISIT, rev=rev, visit=VISIT, staff=LIN, **known)


def held(engine: Engine) -> list[tuple[Any, ...]]:
    table = tables.desk_fact
    with reading(engine) as connection:
        rows = connection.execute(select(table).order_by(table.c.what)).all()
    return [(row.what, row.rev, row.staff, json.loads(row.told)) for row in rows]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 2, 3, 0)], ids=str)
def test_the_highest_revision_wins_in_whatever_order_they_come(
    engine: Engine, ingest: Ingest, box: FakeBox, order: tuple[int, ...]
) -> None:
    bodies = [claim(1, LIN), claim(2, LIN, "released"), claim(3, ZHOU), stay(1, tea="taken")]
    events = [box.tell(body, NOW + i * MINUTE) for i, body in enumerate(bodies)]
    for index in order:
        for _ in range(2):
            ingest.take([box.batch(events[index])])
    assert held(engine) == [
        ("claim", 3, ZHOU, {"state": "taken"}),
        ("stay", 1, LIN, {"tea": "taken", "meal": None}),
    ]


def test_an_appointment_stands_as_the_box_last_had_it(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    said: tuple[dict[str, Any], ...] = (
        {"state": "expected"},
        {"state": "no_show", "reason": "ill"},
    )
    for rev in (2, 1):
        fact = DeskFact(
            what="appointment",
            id=VISIT,
            rev=rev,
            visit=None,
            staff=None,
            about=NOW,
            channel="app",
            **said[rev - 1],
        )
        ingest.take([box.batch(box.tell(fact, NOW + rev * MINUTE))])
    held_words = {"state": "no_show", "reason": "ill", "channel": "app", "late_min": None}
    assert held(engine) == [("appointment", 2, None, held_words)]


def test_a_receipt_is_held_with_what_it_came_to_and_nothing_of_a_person(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    said: dict[str, Any] = {
        **{"state": "kept", "kind": "sale", "value": 128_800, "currency": "CNY"},
        **{"items": 2, "tied": "member", "buyer": "guest"},
    }
    sold = DeskFact(what="receipt", id=VISIT, rev=1, visit=VISIT, staff=None, about=NOW, **said)
    voided = replace(sold, rev=2, state="voided")
    ingest.take([box.batch(box.tell(voided, NOW + MINUTE), box.tell(sold, NOW))])
    assert held(engine) == [("receipt", 2, None, {**said, "state": "voided"})]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=str)
def test_of_two_claims_with_one_number_the_later_one_stands(
    engine: Engine, ingest: Ingest, box: FakeBox, order: tuple[int, ...]
) -> None:
    """A box that was restored from a backup does not know that somebody claimed before."""
    before = box.tell(claim(1, LIN), NOW)
    box.epoch = "d" * 32
    after = box.tell(claim(1, ZHOU), NOW + MINUTE)
    ingest.take([box.batch((before, after)[index]) for index in order])
    assert held(engine) == [("claim", 1, ZHOU, {"state": "taken"})]


def test_answers_and_tickets_are_kept_as_they_were_told(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    asked: dict[str, Any] = {"what": "source", "about": NOW}
    unseen = DeskFact(**asked, id=ulid(4), rev=1, visit=None, staff=None, channel="unknown")
    seen = DeskFact(**asked, id=VISIT, rev=2, visit=VISIT, staff=LIN, channel="note", advert="n-11")
    known: dict[str, Any] = {"kind": "repair", "state": "ready", "open_days": 9}
    ticket = DeskFact(what="service", id=ulid(5), rev=3, visit=None, staff=ZHOU, about=NOW, **known)
    ingest.take([box.batch(*(box.tell(one) for one in (unseen, seen, ticket)))])
    found = sorted(held(engine), key=str)
    assert found == [
        ("service", 3, ZHOU, known),
        ("source", 1, None, {"channel": "unknown", "advert": None}),
        ("source", 2, LIN, {"channel": "note", "advert": "n-11"}),
    ]


def test_a_name_in_place_of_a_channel_is_set_aside(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    told = DeskFact(
        what="source", id=VISIT, rev=1, visit=VISIT, staff=None, about=NOW, channel="note"
    )
    (topic, payload, at) = box.batch(box.tell(told))
    for name in ("王丽华", "li ming", "c13800138000"):
        raw = json.loads(payload)
        raw["events"][0]["body"]["channel"] = name
        ingest.take([(topic, json.dumps(raw).encode(), at)])
        assert held(engine) == []
        with reading(engine) as connection:
            (aside,) = connection.execute(select(tables.set_aside.c.reason)).scalars()
        assert "body.channel: expected 1 to 24" in aside
        assert name not in aside


def test_documents_of_two_boxes_are_two(engine: Engine, ingest: Ingest, box: FakeBox) -> None:
    other = FakeBox(box="nj-001-b")
    for one in (box, other):
        ingest.take([one.batch(one.tell(claim(1, LIN)))])
    assert len(held(engine)) == 2


def test_a_word_of_another_kind_of_document_is_set_aside(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    (topic, payload, at) = box.batch(box.tell(claim(1, LIN)), box.tell(stay(1, tea="declined")))
    raw = json.loads(payload)
    raw["events"][0]["body"]["tea"] = "taken"
    ingest.take([(topic, json.dumps(raw).encode(), at)])
    assert [row[0] for row in held(engine)] == ["stay"]
    with reading(engine) as connection:
        (aside,) = connection.execute(select(tables.set_aside.c.reason)).scalars()
    assert "body.tea: expected null or a word that a claim has" in aside


def test_old_documents_go_with_the_other_facts(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    later = NOW + timedelta(days=75)
    ingest.take([box.batch(box.tell(claim(1, LIN), NOW), box.tell(stay(1, about=later), later))])
    retention.retain(engine, timedelta(days=31), later, threading.Event())
    assert [row[0] for row in held(engine)] == ["stay"]


def test_they_are_exported(engine: Engine, ingest: Ingest, box: FakeBox, tmp_path: Path) -> None:
    ingest.take([box.batch(box.tell(claim(2, LIN)))])
    out = tmp_path / "desk.parquet"
    day = date(2026, 11, 21)
    assert export(engine, EVERYTHING, "desk", day, day, out, lambda _: None) == 1
    (row,) = pyarrow.parquet.read_table(out).to_pylist()
    assert (row["what"], row["id"], row["rev"], row["staff"]) == ("claim", VISIT, 2, LIN)
    assert json.loads(row["told"]) == {"state": "taken"}
