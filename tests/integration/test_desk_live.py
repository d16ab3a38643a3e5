"""What the desk did while the hub was away, over a real broker: there once, the last word of it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select

from cloud import tables
from cloud.db import reading
from edge.clock import SystemClock
from edge.store.database import connect
from edge.store.outbox import Outbox
from edge.uplink.link import Broker, Condition, Identity
from edge.uplink.mqtt import Uplink
from tests.desk.test_guests import works
from tests.integration.test_catching_up import ADDRESS, SlowHub
from tests.support.processes import Mosquitto, until
from tests.web.shopbox import ShopBox


@contextmanager
def connected(box: ShopBox, broker: Mosquitto) -> Iterator[None]:
    """Let a box tell the hub what waits, as one start of its process does."""
    stop = threading.Event()
    uplink = Uplink(
        broker=Broker(host="127.0.0.1", port=broker.port),
        identity=Identity(
            address=ADDRESS, name="南京东路店", timezone="Asia/Shanghai", version="1.2.3"
        ),
        outbox=lambda: Outbox(connect(box.folder)),
        condition=lambda: Condition(mode="count", mode_wanted="count", occupancy=0, cameras=()),
        clock=SystemClock(),
        mark_every_s=0.2,
    )
    thread = threading.Thread(target=uplink.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def desk_facts(hub: SlowHub) -> list[tuple[str, str, int, str | None]]:
    """Return what, id, rev and staff of every document that the hub holds."""
    held = tables.desk_fact.c
    with reading(hub.engine) as connection:
        rows = connection.execute(
            select(held.what, held.id, held.rev, held.staff).order_by(held.what)
        ).all()
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def test_a_claim_made_while_the_hub_was_away_arrives_after_it_is_back_exactly_once(
    tmp_path: Path,
) -> None:
    broker, box = Mosquitto(tmp_path).start(), ShopBox(tmp_path)
    outbox = Outbox(box.db)

    def drained() -> bool:
        return outbox.backlog().events == 0

    works(box, "小林", "phone-1")
    zhou = works(box, "周敏", "phone-2")
    member = box.member("王丽华", external_id="V-1")
    visit = box.visit(member).id
    hub = SlowHub(tmp_path / "hub", broker, 0.0)
    try:
        with connected(box, broker):
            until(drained, what="the hub's word on the visit")
            broker.kill()
            hub.close()
            guests = box.floor.guests
            assert guests.claim(visit, "phone-1") == "mine"
            assert guests.claim(visit, "phone-2") == "taken"
            assert guests.release(visit, "phone-1", anybodys=False)
            assert guests.claim(visit, "phone-2") == "mine"
            given = box.queue.take(phone="", code="", member="V-1", actor="phone-2")
            assert given.number == "A001"
            broker.start()
            hub = SlowHub(tmp_path / "hub", broker, 0.0)
            until(drained, what="the hub's word on the desk")
        with connected(box, broker):  # another start asks the hub what it has
            hellos = hub.hellos
            until(lambda: hub.hellos > hellos, what="the box's hello")
            guests.note(visit, "下周带先生来", "phone-2")
            box.visit()
            until(drained, what="the hub's word on the next visit")
        claim, ticket = desk_facts(hub)
        assert claim == ("claim", visit, 3, zhou)
        assert ticket[0] == "queue"
        seqs = {one.seq for one in hub.heard if one.kind == "desk_fact"}
        assert len(seqs) == 4, "three of the claim and one of the number"
        (events,) = box.db.execute("SELECT count(*) FROM outbox").fetchone()
        assert hub.events() == events
    finally:
        hub.close()
        broker.kill()
