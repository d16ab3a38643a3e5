"""Two members of head office made one: both numbers lead to it, boxes that were away hear it."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from cloud import cli, erasures
from cloud.accounts import audit
from cloud.accounts.audit import Wanted
from cloud.db import migrate, open_engine, reading, writing
from cloud.ingest import Ingest
from cloud.members import hash_of
from cloud.office.merge import MemberUnknown, Merged
from cloud.office.people import Office
from cloud.office.united import united
from cloud.orders import Issuer
from cloud.tables import member_link, member_merge, office_member
from edge.wire.messages import MemberLinked
from edge.wire.orders import EraseOrder, MemberOrder, MergeOrder
from tests.hub.conftest import FakeBox, ulid
from tests.hub.test_office import TODAY, WANG, Reading, book, take
from tests.hub.test_orders import Hub

OTHER = {"external_id": "C-2", "name": "王方", "phone": "13800000000", "tags": "戒指"}


@pytest.fixture
def hub(engine: Engine, ingest: Ingest) -> Hub:
    return Hub(engine, ingest)


@pytest.fixture
def reading_box(hub: Hub, box: FakeBox) -> Reading:
    made = Reading(box)
    hub.ingest.take(made.greets())
    return made


def merge(hub: Hub, keep: str = "C-1", gone: str = "C-2") -> Merged | None:
    with writing(hub.engine) as connection:
        office = Office(hub.ingest._shares.master(connection))
        return office.merge(connection, Issuer(), keep, gone, hub.now)


def deliver(hub: Hub, box: Reading) -> None:
    """Send all that waits; a box is asked for its key first."""
    hub.deliver(box)
    hub.ingest.take([box.key()])
    hub.deliver(box)


def number_of(hub: Hub) -> int:
    with reading(hub.engine) as connection:
        return connection.execute(select(func.count()).select_from(office_member)).scalar_one()


def open_merge(box: Reading, order: MergeOrder) -> dict[str, str]:
    return box.open(order)  # type: ignore[arg-type]


def test_a_box_that_was_away_for_a_month_hears_who_is_who_before_anything_else(
    hub: Hub, reading_box: Reading
) -> None:
    take(hub, WANG, OTHER)
    book(hub, {**TODAY, "external_id": "C-2"})
    done = merge(hub)
    assert done is not None
    assert done.shops == ("nj-001",)
    hub.now += timedelta(days=30)
    hub.ingest.take(reading_box.greets(hub.now))
    deliver(hub, reading_box)
    sealed = [one for one in reading_box.carried_out if isinstance(one, MergeOrder | MemberOrder)]
    told, now = sealed
    assert isinstance(told, MergeOrder)
    assert told.kept == now.id == done.member
    assert open_merge(reading_box, told) == {"external_id": "C-1", "name": "王芳", "gone": "C-2"}
    assert reading_box.members() == [{**OTHER, **WANG}]
    assert hub.waiting() == 0


def test_the_number_that_went_leads_to_the_kept_member_for_ever(hub: Hub) -> None:
    take(hub, WANG, OTHER)
    merge(hub)
    assert take(hub, {"external_id": "Ｃ-2", "name": "王芳芳"}).changed == 1
    assert number_of(hub) == 1
    with reading(hub.engine) as connection:
        office = Office(hub.ingest._shares.master(connection))
        first, second = (office.read(connection, one) for one in ("C-1", "C-2"))
    assert first == second
    assert first is not None
    assert (first[2]["name"], first[2]["external_id"]) == ("王芳芳", "C-1")
    assert book(hub, {**TODAY, "external_id": "C-2"}).unknown == ()


def test_again_in_a_chain_and_of_nobody(hub: Hub) -> None:
    take(hub, WANG, OTHER, {"external_id": "C-3", "name": "王"})
    assert merge(hub) is not None
    assert merge(hub) is None
    assert merge(hub, "C-3", "C-2") is not None, "C-2 stands for C-1"
    assert merge(hub, "C-1", "C-3") is None
    assert number_of(hub) == 1
    with pytest.raises(MemberUnknown):
        merge(hub, "C-1", "C-9")
    with reading(hub.engine) as connection:
        led = connection.execute(select(member_merge.c.kept).distinct()).all()
    assert len(led) == 1


def test_a_new_box_of_the_shop_hears_of_merges_too(hub: Hub, reading_box: Reading) -> None:
    take(hub, WANG, OTHER)
    merge(hub)
    other = Reading(FakeBox(box="nj-001-b"))
    hub.ingest.take(other.greets())
    deliver(hub, other)
    assert [type(one) for one in other.carried_out if type(one) in (MergeOrder, MemberOrder)] == [
        MergeOrder,
        MemberOrder,
    ]


def test_an_erasure_finds_a_box_that_knows_the_member_by_the_number_that_went(
    hub: Hub, reading_box: Reading
) -> None:
    take(hub, WANG, OTHER)
    deliver(hub, reading_box)
    ids = {reading_box.open(o)["external_id"]: o.id for o in _members(reading_box)}
    done = merge(hub)
    assert done is not None
    # Told before the merge was heard, and arriving after it.
    event = reading_box.box.tell(MemberLinked(subject=ulid(41), member=ids["C-2"]))
    hub.ingest.take([reading_box.box.batch(event)])
    with reading(hub.engine) as connection:
        assert connection.execute(select(member_link.c.member)).scalars().all() == [done.member]
    with writing(hub.engine) as connection:
        erasures.erase(connection, Issuer(), done.member, None, hub.now)
    deliver(hub, reading_box)
    ordered = {one.hash for one in reading_box.carried_out if isinstance(one, EraseOrder)}
    assert {hash_of(ids["C-1"]), hash_of(ids["C-2"]), hash_of(ulid(41))} <= ordered
    assert number_of(hub) == 0
    with reading(hub.engine) as connection:
        assert connection.execute(select(member_merge)).all() == []


def _members(box: Reading) -> list[MemberOrder]:
    return [one for one in box.carried_out if isinstance(one, MemberOrder)]


def test_what_the_kept_one_says_stands_and_the_rest_is_added() -> None:
    kept = {"name": "王芳", "tier": "", "note": "蓝", "last_purchase_on": "2026-01-02"}
    gone = {
        **{"name": "王方", "tier": "gold", "note": "红", "tags": "a;b"},
        **{"last_purchase_on": "2026-02-02", "last_purchase": "手链"},
    }
    assert united(kept, gone, lambda _: True) == {
        **{"name": "王芳", "tier": "gold", "note": "蓝 / 红", "tags": "a;b"},
        **{"last_purchase_on": "2026-02-02", "last_purchase": "手链"},
    }
    assert united(kept, gone, lambda texts: "tags" not in texts)["note"] == "蓝 / 红"


def test_the_command_asks_and_is_in_the_audit_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    monkeypatch.setenv("MENKOU_DATABASE_URL", url)
    monkeypatch.setenv("MENKOU_DATA_DIR", str(tmp_path))
    engine = open_engine(url)
    migrate(engine)
    table = tmp_path / "members.csv"
    table.write_text("external_id,name,phone\nC-1,王芳,138 0000-0000\nC-2,王方,\n", "utf-8")
    assert cli.main(["member", "import", str(table), "--store", "nj-001"]) == 0
    assert cli.main(["member", "merge", "C-1", "C-2"]) == 2
    assert cli.main(["member", "merge", "C-1", "C-2", "--yes"]) == 0
    assert cli.main(["member", "merge", "C-1", "C-2", "--yes"]) == 0
    assert "already" in capsys.readouterr().out
    with reading(engine) as connection:
        lines = audit.entries(connection, Wanted(what="import"), 10)
    assert [line.detail.get("how") for line in lines] == ["merge", None]
    engine.dispose()
