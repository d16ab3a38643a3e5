"""Boxes come back to the shop's own broker as they do to the hub's: not all at once."""

import pytest

from edge.local.publisher import LocalPublisher
from edge.local.topics import LocalTopics
from edge.uplink.link import RECONNECT_FIRST_S, RECONNECT_LAST_S, Broker
from edge.wire.topics import BoxAddress


def test_a_publisher_waits_by_chance_before_it_connects_again_and_anew_after_each_loss() -> None:
    def never() -> bytes:
        pytest.fail("nothing is told without a connection")

    publisher = LocalPublisher(
        broker=Broker(host="127.0.0.1", port=1),
        account=None,
        topics=LocalTopics(address=BoxAddress(store="s", box="b"), prefix="homeassistant"),
        discovery=b"",
        state=never,
        alert=lambda _: never(),
        db=lambda: pytest.fail("no store is asked"),
    )
    client, delays = publisher._client, set()
    for _ in range(20):
        publisher._on_disconnect(client, None, None, "lost", None)
        first, last = client._reconnect_min_delay, client._reconnect_max_delay
        assert RECONNECT_FIRST_S[0] <= first <= RECONNECT_FIRST_S[1]
        assert RECONNECT_LAST_S[0] <= last <= RECONNECT_LAST_S[1]
        delays.add((first, last))
    assert len(delays) == 20
