"""The rules of delivery, without a network: an outbox of numbers, and what goes out of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

import pytest

from edge.store.outbox import Waiting
from edge.uplink.sending import (
    ALERTS_FIRST,
    FIRST_PATIENCE_S,
    LAST_PATIENCE_S,
    LATE_LEAST,
    LATE_PATIENCE_LEAST_S,
    LATE_PATIENCE_S,
    LATE_WINDOW_EVENTS,
    LIVE_S,
    WINDOW_EVENTS,
    Delivery,
    Recently,
)
from edge.wire.messages import Ack, Alert, Body, EpochAck, EpochSpan, Event, VisitClosed

EPOCH = "e" * 32
SESSION = "5" * 32
VISIT = "01M7XXA33GXJBZ1TSAYXW5Y5AK"
AT = datetime(2026, 11, 21, tzinfo=UTC)


def row(number: int, *, alert: bool = False) -> Waiting:
    body: Body = VisitClosed(visit=VISIT, reason="closing_time", rev=0)
    if alert:
        body = Alert(alert="member_arrived", visit=VISIT, subject=None)
    event = Event(epoch=EPOCH, seq=number, at=AT, mono=0.0, clock="ok", body=body)
    return Waiting(id=number, event=event)


def ack(through: int, hello: str | None = None, *missing: tuple[int, int]) -> Ack:
    return Ack(hello=hello, epochs=(EpochAck(epoch=EPOCH, through=through, missing=missing),))


@dataclass
class Sender:
    """A delivery and the rows behind it, whose ids are their sequence numbers."""

    delivery: Delivery = field(default_factory=lambda: Delivery(random=Random(1)))
    alerts: set[int] = field(default_factory=set)
    newest: int = 0
    now: float = 0.0

    def add(self, count: int, alerts: Sequence[int] = ()) -> None:
        self.newest += count
        self.alerts |= set(alerts)

    def look(self, now: float) -> None:
        self.now = now
        self.delivery.recently.note(now, self.newest)

    def greet(self, through: int = 0) -> None:
        self.delivery.on_connected()
        self.delivery.on_hello_sent([EpochSpan(epoch=EPOCH, first=1, last=self.newest)], self.now)
        self.delivery.on_ack(ack(through, SESSION), SESSION, self.now)

    def send(self) -> list[tuple[str, list[int]]]:
        """Send what may be sent now; return channels and numbers."""
        return list(self._sent())

    def _sent(self) -> Iterator[tuple[str, list[int]]]:
        for some in self.delivery.portions():
            upto = self.newest if some.upto is None else some.upto
            rows_after = range(some.after + 1, upto + 1)
            if some.alerts:
                numbers = [n for n in rows_after if n in self.alerts]
            else:
                ahead = {n for n in self.alerts if n <= some.alerts_after}
                numbers = [n for n in rows_after if n not in ahead]
            numbers = numbers[: some.limit]
            if numbers:
                yield some.channel, numbers
            rows = [row(n, alert=n in self.alerts) for n in numbers]
            self.delivery.on_sent(some, rows, self.now)


def flat(batches: list[tuple[str, list[int]]], channel: str) -> list[int]:
    return [n for name, numbers in batches for n in numbers if name == channel]


def test_nothing_is_sent_before_the_hub_has_answered_the_hello() -> None:
    sender = Sender(newest=3)
    assert not sender.delivery.hello_due(0.0)
    sender.delivery.on_connected()
    assert sender.delivery.hello_due(0.0)
    sender.delivery.on_hello_sent([], 0.0)
    assert sender.send() == []
    sender.delivery.on_ack(ack(0, SESSION), SESSION, 0.1)
    assert flat(sender.send(), "up") == [1, 2, 3]


def test_the_answer_to_an_earlier_connections_hello_does_not_count() -> None:
    sender = Sender(newest=3)
    sender.delivery.on_connected()
    sender.delivery.on_hello_sent([], 0.0)
    sender.delivery.on_ack(ack(0, "0" * 32), SESSION, 0.1)
    assert sender.send() == []


def test_a_later_part_of_the_answer_makes_the_box_look_from_the_beginning_again() -> None:
    sender = Sender(newest=3)
    sender.greet()
    assert flat(sender.send(), "up") == [1, 2, 3]
    sender.delivery.on_ack(ack(0, SESSION), SESSION, 1.1)
    assert flat(sender.send(), "up") == [1, 2, 3]


def test_the_span_of_the_first_hello_of_a_connection_bounds_what_an_answer_may_mean() -> None:
    delivery = Delivery(random=Random(1))
    delivery.on_connected()
    for last in (5, 9):
        delivery.on_hello_sent([EpochSpan(epoch=EPOCH, first=1, last=last)], 0.0)
    assert delivery.declared == {EPOCH: 5}
    delivery.on_connected()
    assert delivery.declared == {}


def test_an_unanswered_hello_is_repeated_ever_more_patiently_up_to_a_bound() -> None:
    delivery = Delivery(random=Random(1))
    delivery.on_connected()
    now, pauses = 0.0, []
    for _ in range(8):
        delivery.on_hello_sent([], now)
        before = now
        while not delivery.hello_due(now):
            now += 0.05
        pauses.append(now - before)
    assert FIRST_PATIENCE_S * 0.7 <= pauses[0] <= FIRST_PATIENCE_S * 1.3 + 0.1
    assert LAST_PATIENCE_S * 0.7 <= pauses[-1] <= LAST_PATIENCE_S * 1.3 + 0.1


def test_a_window_of_events_is_on_its_way_and_no_more() -> None:
    sender = Sender(newest=WINDOW_EVENTS + 500)
    sender.greet()
    assert flat(sender.send(), "up") == list(range(1, WINDOW_EVENTS + 1))
    assert sender.send() == []
    sender.delivery.on_ack(ack(200), SESSION, 1.0)
    assert flat(sender.send(), "up") == list(range(WINDOW_EVENTS + 1, WINDOW_EVENTS + 201))


def test_what_had_waited_goes_out_late_its_oldest_alerts_first() -> None:
    sender = Sender()
    sender.add(1_000, alerts=(40, 900))
    sender.look(0.0)
    sender.greet()
    batches = sender.send()
    assert batches[0] == ("late", [40, 900])
    assert [name for name, _ in batches] == ["late"] * len(batches)
    rest = [n for n in range(1, 1_001) if n not in (40, 900)]
    assert flat(batches[1:], "late") == rest[: LATE_WINDOW_EVENTS - 2]


def test_more_alerts_than_fit_into_a_window_all_go_before_the_rest() -> None:
    sender = Sender()
    sender.add(2 * LATE_WINDOW_EVENTS, alerts=range(2, 2 * LATE_WINDOW_EVENTS + 1, 2))
    sender.add(1, alerts=(2 * LATE_WINDOW_EVENTS + 1,))
    sender.look(0.0)
    sender.greet()
    alerts = flat(sender.send(), "late")
    assert alerts == list(range(2, 2 * LATE_WINDOW_EVENTS + 1, 2))
    gaps = [(number - 1, number - 1) for number in alerts]
    sender.delivery.on_ack(ack(0, None, *gaps), SESSION, 1.0)
    batches = sender.send()
    assert batches[0] == ("late", [2 * LATE_WINDOW_EVENTS + 1])
    assert batches[1][1][0] == 1


def test_alerts_beyond_what_an_answer_can_name_wait_for_their_turn() -> None:
    sender = Sender()
    sender.add(4 * ALERTS_FIRST, alerts=range(2, 4 * ALERTS_FIRST + 1, 2))
    sender.look(0.0)
    sender.greet()
    first = range(2, 2 * ALERTS_FIRST + 1, 2)
    sent: list[int] = []
    while len(sent) < len(first):
        sent += (came := flat(sender.send(), "late"))
        sender.delivery.on_ack(ack(0, None, *((n - 1, n - 1) for n in came)), SESSION, 1.0)
    assert sent == list(first)
    turns: list[int] = []
    while len(turns) < 3 * ALERTS_FIRST:
        turns += flat(sender.send(), "late")
        sender.delivery.on_ack(ack(turns[-1]), SESSION, 2.0)
    assert turns == sorted({*range(1, 4 * ALERTS_FIRST + 1)} - set(first))


def test_a_window_that_is_free_by_a_little_waits_for_more() -> None:
    sender = Sender()
    sender.add(3 * LATE_WINDOW_EVENTS, alerts=(40,))
    sender.look(0.0)
    sender.greet()
    assert [len(numbers) for _, numbers in sender.send()] == [1, LATE_WINDOW_EVENTS - 1]
    sender.delivery.on_ack(ack(0, None, (1, 39), (41, 10**9)), SESSION, 1.0)
    assert sender.send() == []
    sender.delivery.on_ack(ack(LATE_LEAST), SESSION, 1.1)
    assert [len(numbers) for _, numbers in sender.send()] == [LATE_LEAST]


def test_what_becomes_known_meanwhile_goes_first_on_up_however_much_waits() -> None:
    sender = Sender()
    sender.add(50_000)
    sender.look(0.0)
    sender.greet()
    sender.send()
    assert sender.send() == []  # the window of what is late is full
    sender.add(2, alerts=(50_002,))
    assert sender.send() == [("up", [50_001, 50_002])]


def test_what_became_known_seconds_before_the_connection_is_live() -> None:
    sender = Sender()
    sender.add(10)
    sender.look(0.0)
    sender.look(LIVE_S * 2)
    sender.add(1)
    sender.look(LIVE_S * 2 + 3)
    sender.greet()
    batches = sender.send()
    assert batches[0] == ("up", [11])
    assert flat(batches, "late") == list(range(1, 11))


def test_what_piled_up_while_the_broker_was_there_but_no_hub_is_late() -> None:
    sender = Sender()
    sender.look(0.0)
    sender.delivery.on_connected()
    sender.add(LATE_WINDOW_EVENTS)
    sender.look(60.0)
    sender.look(60.0 + LIVE_S)
    sender.add(1)
    sender.look(61.0 + LIVE_S)
    sender.delivery.on_hello_sent([], sender.now)
    sender.delivery.on_ack(ack(0, SESSION), SESSION, sender.now)
    batches = sender.send()
    assert batches[0] == ("up", [LATE_WINDOW_EVENTS + 1])
    assert flat(batches, "late") == list(range(1, LATE_WINDOW_EVENTS + 1))


def test_gaps_that_an_acknowledgement_names_show_what_was_sent_ahead_of_them_has_arrived() -> None:
    sender = Sender()
    sender.add(100, alerts=(40, 41, 90))
    sender.look(0.0)
    sender.greet()
    sender.send()
    assert sender.delivery.under_way == 100
    sender.delivery.on_ack(ack(0, None, (1, 39), (42, 89)), SESSION, 1.0)
    # 40 and 41 stand between the gaps, 90 right behind the last one
    assert sender.delivery.under_way == 97
    sender.delivery.on_ack(ack(39), SESSION, 1.1)
    assert sender.delivery.under_way == 58


def test_acknowledgements_that_name_no_gaps_make_progress_all_the_same() -> None:
    sender = Sender()
    sender.add(5_000)
    sender.look(0.0)
    sender.greet()
    held: set[int] = set()
    sent: list[int] = []
    for _ in range(5_000 // LATE_WINDOW_EVENTS + 2):
        sender.add(1)
        batches = sender.send()
        sent += [n for _, numbers in batches for n in numbers]
        held |= {n for _, numbers in batches for n in numbers}
        through = next(n for n in range(len(held) + 1) if n + 1 not in held)
        sender.delivery.on_ack(ack(through), SESSION, sender.now)
    assert held == set(range(1, sender.newest + 1))
    assert len(sent) == len(held)  # each once
    assert sender.delivery.under_way == 0


def test_what_waits_behind_a_chains_backlog_is_not_sent_twice_for_it() -> None:
    sender = Sender()
    sender.add(500)
    sender.look(0.0)
    sender.greet()
    sender.send()
    assert not sender.delivery.hello_due(LATE_PATIENCE_S - 0.1)
    assert sender.delivery.hello_due(LATE_PATIENCE_S + 0.1)
    sender.add(1)
    sender.send()
    assert sender.delivery.hello_due(FIRST_PATIENCE_S + 0.1), "a live one is waited for as ever"


@pytest.mark.parametrize(
    ("took_s", "patience_s"),
    [(0.2, LATE_PATIENCE_LEAST_S), (2.5, 10.0), (8.0, LATE_PATIENCE_S)],
)
def test_a_late_batch_counts_as_lost_after_four_times_what_the_hub_usually_takes(
    took_s: float, patience_s: float
) -> None:
    sender = Sender()
    sender.add(2 * LATE_WINDOW_EVENTS)
    sender.look(0.0)
    sender.greet()
    sender.send()
    sender.now += took_s
    sender.delivery.on_ack(ack(LATE_WINDOW_EVENTS), SESSION, sender.now)
    sender.send()
    assert not sender.delivery.hello_due(sender.now + patience_s - 0.1)
    assert sender.delivery.hello_due(sender.now + patience_s + 0.1)
    sender.greet()  # too long this time: nobody knows how slow the hub is now
    sender.send()
    assert not sender.delivery.hello_due(sender.now + LATE_PATIENCE_S - 0.1)


def test_a_box_that_hears_nothing_says_hello_again_and_sends_again() -> None:
    sender = Sender(newest=10)
    sender.greet()
    sender.send()
    assert not sender.delivery.hello_due(FIRST_PATIENCE_S - 0.1)
    assert sender.delivery.hello_due(FIRST_PATIENCE_S + 0.1)
    sender.greet()
    assert flat(sender.send(), "up") == list(range(1, 11))


def test_a_box_with_nothing_on_its_way_does_not_ask() -> None:
    sender = Sender()
    sender.greet()
    assert not sender.delivery.hello_due(1000.0)


def test_what_arrives_gives_the_rest_new_patience() -> None:
    sender = Sender(newest=10)
    sender.greet()
    sender.send()
    sender.delivery.on_ack(ack(through=5), SESSION, 1.9)
    assert not sender.delivery.hello_due(3.5)
    assert sender.delivery.hello_due(1.9 + FIRST_PATIENCE_S)


def test_a_lost_connection_starts_everything_over() -> None:
    sender = Sender(newest=10)
    sender.greet()
    sender.send()
    sender.delivery.on_disconnected()
    assert sender.send() == []
    assert not sender.delivery.hello_due(99.0)
    sender.delivery.on_connected()
    assert sender.delivery.hello_due(2.0)
    assert sender.delivery.under_way == 0


def test_the_newest_row_of_ten_seconds_ago_is_remembered() -> None:
    recently = Recently()
    assert recently.before() is None
    for second in range(30):
        recently.note(float(second), second * 100)
    assert recently.before() == (29 - int(LIVE_S)) * 100
