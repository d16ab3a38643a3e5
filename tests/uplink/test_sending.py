"""The rules of delivery, without a network."""

from datetime import UTC, datetime
from random import Random

from edge.store.outbox import Waiting
from edge.uplink.sending import FIRST_PATIENCE_S, LAST_PATIENCE_S, WINDOW_EVENTS, Delivery
from edge.wire.messages import Ack, EpochAck, Event, VisitClosed

EPOCH = "e" * 32
SESSION = "5" * 32


def rows(first: int, count: int) -> list[Waiting]:
    body = VisitClosed(visit="01M7XXA33GXJBZ1TSAYXW5Y5AK", reason="closing_time", rev=0)
    at = datetime(2026, 11, 21, tzinfo=UTC)
    return [
        Waiting(id=n, event=Event(epoch=EPOCH, seq=n, at=at, mono=0.0, clock="ok", body=body))
        for n in range(first, first + count)
    ]


def ack(through: int, hello: str | None = None) -> Ack:
    return Ack(hello=hello, epochs=(EpochAck(epoch=EPOCH, through=through),))


def greeted() -> Delivery:
    delivery = Delivery(random=Random(1))
    delivery.on_connected()
    delivery.on_hello_sent(0.0)
    delivery.on_ack(ack(0, SESSION), SESSION, 0.1)
    return delivery


def test_nothing_is_sent_before_the_hub_has_answered_the_hello() -> None:
    delivery = Delivery(random=Random(1))
    assert not delivery.hello_due(0.0)
    delivery.on_connected()
    assert delivery.hello_due(0.0)
    delivery.on_hello_sent(0.0)
    assert delivery.room() == 0
    delivery.on_ack(ack(0, SESSION), SESSION, 0.1)
    assert delivery.room() == 200


def test_the_answer_to_an_earlier_hello_does_not_count() -> None:
    delivery = Delivery(random=Random(1))
    delivery.on_connected()
    delivery.on_hello_sent(0.0)
    delivery.on_ack(ack(0, "0" * 32), SESSION, 0.1)
    assert delivery.room() == 0


def test_a_later_part_of_the_answer_makes_the_box_look_from_the_beginning_again() -> None:
    delivery = greeted()
    delivery.on_batch_sent(rows(1, 10), 1.0)
    delivery.on_ack(ack(0, SESSION), SESSION, 1.1)
    assert delivery.cursor == 0
    assert delivery.room() == 200


def test_an_unanswered_hello_is_repeated_ever_more_patiently_up_to_a_bound() -> None:
    delivery = Delivery(random=Random(1))
    delivery.on_connected()
    now, pauses = 0.0, []
    for _ in range(8):
        delivery.on_hello_sent(now)
        before = now
        while not delivery.hello_due(now):
            now += 0.05
        pauses.append(now - before)
    assert FIRST_PATIENCE_S * 0.7 <= pauses[0] <= FIRST_PATIENCE_S * 1.3 + 0.1
    assert LAST_PATIENCE_S * 0.7 <= pauses[-1] <= LAST_PATIENCE_S * 1.3 + 0.1


def test_only_a_window_of_events_is_on_its_way() -> None:
    delivery = greeted()
    sent = 0
    while room := delivery.room():
        delivery.on_batch_sent(rows(sent + 1, room), 1.0)
        sent += room
    assert sent == WINDOW_EVENTS
    delivery.on_ack(ack(through=150), SESSION, 1.1)
    assert delivery.room() == 150
    assert delivery.cursor == WINDOW_EVENTS


def test_events_that_are_not_acknowledged_lead_to_a_new_hello_and_are_sent_again() -> None:
    delivery = greeted()
    delivery.on_batch_sent(rows(1, 10), 1.0)
    assert not delivery.hello_due(1.1)
    assert delivery.hello_due(1.0 + FIRST_PATIENCE_S)
    delivery.on_hello_sent(4.0)
    assert delivery.cursor == 0
    assert delivery.room() == 0


def test_a_box_with_nothing_on_its_way_stays_quiet() -> None:
    delivery = greeted()
    assert not delivery.hello_due(1e9)
    delivery.on_batch_sent(rows(1, 10), 1.0)
    delivery.on_ack(ack(through=10), SESSION, 1.1)
    assert not delivery.hello_due(1e9)


def test_progress_keeps_the_box_patient() -> None:
    delivery = greeted()
    delivery.on_batch_sent(rows(1, 10), 1.0)
    delivery.on_ack(ack(through=5), SESSION, 2.9)
    assert not delivery.hello_due(3.5)
    assert delivery.hello_due(2.9 + FIRST_PATIENCE_S)


def test_a_lost_connection_starts_everything_over() -> None:
    delivery = greeted()
    delivery.on_batch_sent(rows(1, 10), 1.0)
    delivery.on_disconnected()
    assert delivery.room() == 0
    assert not delivery.hello_due(99.0)
    delivery.on_connected()
    assert delivery.hello_due(2.0)
    assert delivery.cursor == 0
