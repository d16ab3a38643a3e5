"""Boxes that lose their broker together do not come back together."""

from random import Random

from edge.uplink.link import (
    RECONNECT_FIRST_S,
    RECONNECT_LAST_S,
    Broker,
    client_for,
    spread_reconnects,
)
from edge.wire.topics import BoxAddress


def test_a_chain_of_boxes_reconnects_spread_over_seconds() -> None:
    client = client_for(
        Broker(host="127.0.0.1", port=1), BoxAddress(store="nj-001", box="nj-001-a")
    )
    chance = Random(1)
    first: list[float] = []
    for _ in range(2_100):
        spread_reconnects(client, chance)
        first.append(client._reconnect_min_delay)
        assert RECONNECT_LAST_S[0] <= client._reconnect_max_delay <= RECONNECT_LAST_S[1]
    low, high = RECONNECT_FIRST_S
    tenth = (high - low) / 10
    for part in range(10):
        begin = low + part * tenth
        assert 140 < sum(begin <= wait < begin + tenth for wait in first) < 280
