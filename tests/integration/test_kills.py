"""Whatever is killed, the hub ends up with exactly what the box has committed.

The suite does each once; `scripts/torture` fifty times.
"""

import random
import time
from functools import partial

import pytest

from tests.integration.conftest import Chain
from tests.support.processes import until

FILM_EVENTS = 18
"""What a replay of the film commits: six visits, twelve minutes' crossings or so."""


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    count: int = request.config.getoption("--rounds")
    return count


def agree(chain: Chain) -> None:
    """The hub holds each committed event once, and its figures are the box's."""
    until(
        lambda: chain.held() == sorted(chain.committed()),
        within_s=90,
        what="the hub's events being the box's",
    )
    until(
        lambda: chain.figures("hub/hub.db", "SELECT count(*) FROM dirty") == (0,),
        what="the rollup",
    )
    figures = chain.figures(
        "hub/hub.db",
        'SELECT total(visitors), total(entered), total("left") FROM hourly',
    )
    visits = chain.figures("box/menkou.db", "SELECT count(*) FROM visit WHERE void = 0")
    crossings = chain.figures(
        "box/menkou.db",
        "SELECT total(direction = 'in'), total(direction = 'out') FROM crossing",
    )
    assert figures == (*visits, *crossings)


def drained(chain: Chain) -> None:
    """Send what a killed box has left behind."""
    sender = chain.box("outbox", "--send", "90").start()
    assert sender.wait() == 0, sender.log()


def has_committed(chain: Chain, count: int) -> bool:
    """Say whether the box has committed so many events."""
    return len(chain.committed()) >= count


def pause(chance: random.Random, longest_s: float) -> None:
    """Let a random time pass."""
    time.sleep(chance.uniform(0.0, longest_s))


def test_a_replay_reaches_the_hub_whole_when_nothing_is_killed(chain: Chain) -> None:
    chain.broker.start()
    chain.hub.start()
    replay = chain.replay().start()
    assert replay.wait() == 0, replay.log()
    agree(chain)
    assert chain.figures("hub/hub.db", "SELECT sum(visitors) FROM hourly") == (6,)


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("victim", ["broker", "hub", "box", "all three"])
def test_a_kill_loses_nothing_and_doubles_nothing(chain: Chain, victim: str, rounds: int) -> None:
    chain.broker.start()
    chain.hub.start()
    for number in range(rounds):
        chance = random.Random(f"{victim} {number}")
        replay = chain.replay().start()
        middle = len(chain.committed()) + chance.randint(1, FILM_EVENTS - 4)
        until(partial(has_committed, chain, middle), what="the middle of the replay")
        pause(chance, 0.2)
        if victim in ("broker", "all three"):
            chain.broker.kill()
            pause(chance, 1.0)
        if victim in ("hub", "all three"):
            chain.hub.kill()
            pause(chance, 1.0)
        if victim in ("box", "all three"):
            replay.kill()
        if not chain.broker.alive:
            chain.broker.start()
        if not chain.hub.alive:
            chain.hub.start()
        if victim in ("box", "all three"):
            drained(chain)
        else:
            assert replay.wait() == 0, replay.log()
        agree(chain)
