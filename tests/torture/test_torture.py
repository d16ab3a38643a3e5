"""Whatever befalls boxes, brokers, the way between and the hub: nothing lost, nothing twice.

The suite's short form of `scripts/torture`.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.torture.chain import Tortured
from tests.torture.truth import committed_in, gone_from

_log = logging.getLogger(__name__)
_BOXES = 4
_SETTLE_S = 180.0


@pytest.fixture
def chain(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Tortured]:
    seed = request.config.getoption("--torture-seed")
    rate = request.config.getoption("--torture-rate")
    made = Tortured(tmp_path, boxes=_BOXES, rate=rate, seed=seed)
    yield made
    made.close()


@pytest.mark.timeout(4 * 3600)
def test_the_hub_holds_each_committed_event_once_whatever_befalls(
    chain: Tortured, request: pytest.FixtureRequest
) -> None:
    events: int = request.config.getoption("--torture-events")
    kills: int = request.config.getoption("--torture-kills")
    told = time.monotonic()
    while not (chain.all_befell and chain.committed() >= events and chain.kills.total() >= kills):
        what = chain.befall()
        if time.monotonic() - told > 30:
            told = time.monotonic()
            _log.warning("%d events, kills %s: %s", chain.committed(), dict(chain.kills), what)
        chain.rest()
    chain.settle(_SETTLE_S)

    held = chain.held()
    lost: list[tuple[str, str, int]] = []
    invented = set(held)
    for box in chain.boxes:
        committed = {(box.name, *identity) for identity in committed_in(box.database)}
        lost += committed - held.keys()
        invented -= committed | {(box.name, *identity) for identity in gone_from(box.gone)}
    doubled = [identity for identity, times in held.items() if times > 1]
    assert (lost, doubled, invented) == ([], [], set())
    expected = chain.expected()
    assert _not_zero(chain.figures()) == _not_zero(expected)
    for store, shown in chain.pages().items():
        today = [
            counts
            for (shop, hour), counts in expected.items()
            if _is_on(shop, hour, store, shown["day"])
        ]
        for name in ("visitors", "reentries", "members", "entered", "left"):
            assert shown[name] == sum(counts[name] for counts in today), (store, name)


def _is_on(shop: str, hour: str, store: str, day: str) -> bool:
    local = datetime.fromisoformat(f"{hour}:00+00:00").astimezone(ZoneInfo("Asia/Shanghai"))
    return shop == store and local.date().isoformat() == day


def _not_zero(hours: dict[tuple[str, str], Counter[str]]) -> dict[tuple[str, str], dict[str, int]]:
    shown = {hour: {n: v for n, v in counts.items() if v} for hour, counts in hours.items()}
    return {hour: counts for hour, counts in shown.items() if counts}
