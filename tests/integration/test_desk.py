"""What was done at a desk while the hub was away, and what head office knows of it afterwards."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from cloud import tables
from cloud.db import migrate, open_engine, reading
from cloud.ingest import Ingest
from cloud.shares import Shares
from edge.store.outbox import Outbox
from edge.wire.codec import encode
from edge.wire.messages import Batch
from tests.desk.test_guests import works
from tests.web.shopbox import SHANGHAI, ShopBox

NOW = datetime(2026, 11, 22, 16, 25, 30, tzinfo=SHANGHAI)


class HeadOffice:
    """A hub on SQLite that takes whatever waits in a box's outbox, twice."""

    def __init__(self, folder: Path) -> None:
        self.engine = open_engine(f"sqlite:///{folder / 'hub.db'}")
        migrate(self.engine)
        self.ingest = Ingest(self.engine, Shares(self.engine, folder / "share.secret"))

    def hear(self, box: ShopBox) -> str:
        """Take all that the box has to tell; return it as it travelled."""
        events = [one.event for one in Outbox(box.db).waiting(after=0, limit=200)]
        sent = encode(Batch(events=tuple(events)))
        for _ in range(2):
            self.ingest.take([("menkou/v1/nj-001/nj-001-a/up", sent, NOW)])
        return json.dumps([json.loads(encode(Batch(events=(one,)))) for one in events])

    def row(self, table: Any) -> Any:
        """Return the one row of a table."""
        (found,) = self.rows(table)
        return found

    def rows(self, table: Any) -> list[Any]:
        """Return the rows of a table."""
        with reading(self.engine) as connection:
            return list(connection.execute(select(table)).all())


def test_claims_made_twice_while_the_hub_was_away_are_one_and_outlive_wrong_person(
    tmp_path: Path,
) -> None:
    box, office = ShopBox(tmp_path, now=NOW), HeadOffice(tmp_path)
    lin = works(box, "小林", "phone-1")
    works(box, "周敏", "phone-2")
    member = box.member("王丽华")
    visit = box.visit(member).id
    for device in ("phone-1", "phone-2", "phone-1"):
        box.floor.guests.claim(visit, device)
    box.floor.guests.note(visit, "下周带先生来", "phone-1")
    sent = office.hear(box)
    claim = office.row(tables.desk_fact)
    assert (claim.what, claim.id, claim.rev, claim.staff) == ("claim", visit, 1, lin)
    assert office.row(tables.visit).subject == member.subject
    for personal in ("小林", "周敏", "王丽华", "下周"):
        assert json.dumps(personal)[1:-1] not in sent
        assert personal not in sent

    assert box.desk.wrong_person(visit, "phone-2")
    box.correct()
    office.hear(box)
    told = office.row(tables.visit)
    assert (told.subject, told.who, told.rev) == (None, "visitor", 1)
    assert office.row(tables.desk_fact) == claim
    office.engine.dispose()


def test_an_appointment_that_opened_by_itself_is_taken_back_after_it_was_synced(
    tmp_path: Path,
) -> None:
    box, office = ShopBox(tmp_path, now=NOW), HeadOffice(tmp_path)
    member = box.member("王丽华", external_id="C-1")
    here = {"at": NOW.isoformat(), "member": "C-1", "what": "取戒指", "channel": "web"}
    booked = box.appointments.book(here, "local").id
    visit = box.visit(member).id
    assert box.appointments.watch.follow() == 1
    sent = office.hear(box)
    told = office.row(tables.desk_fact)
    assert (told.id, told.rev, told.visit) == (booked, 2, visit)
    assert json.loads(told.told) == {
        **{"state": "arrived", "reason": None, "channel": "web", "late_min": 0},
    }
    for personal in ("王丽华", "取戒指", "C-1"):
        assert json.dumps(personal)[1:-1] not in sent

    box.desk.wrong_person(visit, "local")
    box.correct()
    assert box.appointments.watch.follow() == 1
    office.hear(box)
    told = office.row(tables.desk_fact)
    assert (told.rev, told.visit, json.loads(told.told)["state"]) == (3, None, "expected")
    office.engine.dispose()


def test_answers_and_tickets_of_a_month_offline_arrive_as_they_stand_last(tmp_path: Path) -> None:
    box, office = ShopBox(tmp_path, now=NOW), HeadOffice(tmp_path)
    visit = box.visit(box.member("王丽华", external_id="V-1")).id
    for channel, advert in (("friend", ""), ("xiaohongshu", ""), ("xiaohongshu", "unknown")):
        box.sources.answer(visit, channel, advert, "local")
    made = box.service.take_in("repair", device="local", member="V-1", what="戒指改圈")
    for state in ("at_workshop", "ready", "collected"):
        assert box.service.move(made.ticket, state, "local")
    sent = office.hear(box)
    assert "戒指" not in sent
    assert json.dumps("戒指")[1:-1] not in sent
    with reading(office.engine) as connection:
        rows = connection.execute(select(tables.desk_fact)).all()
    found = {row.what: (row.id, row.rev, json.loads(row.told)) for row in rows}
    assert found == {
        "source": (visit, 3, {"channel": "xiaohongshu", "advert": "unknown"}),
        "service": (made.ticket, 4, {"kind": "repair", "state": "collected", "open_days": 0}),
    }
    office.engine.dispose()
