"""What is read fast is read as the contract says: nothing more, nothing less, nothing else."""

import copy
import json
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from edge.wire import codec, facts
from edge.wire.checks import milliseconds
from edge.wire.codec import EventFault, WireFault
from edge.wire.facts import Fact, load_fact
from edge.wire.messages import BODIES

GOLDEN = Path(__file__).parent / "v1"
FILES = sorted(GOLDEN.glob("batch_*.json")) + sorted((GOLDEN / "older").glob("batch_*.json"))
STRANGE: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, 1.0, -1, 2**53, 10**20, 1e12, float("nan"), "", "x", "door"),
    *("a b", "0" * 32, "0" * 32 + "\n", [], {}, [1], ["door"], {"kind": "health"}, "member", "ok"),
    *("2026-11-21T02:00:00.000Z", "2026-11-21T02:00:00Z", "2026-11-21T10:00:00.123456+08:00"),
    *("2026-11-21 02:00:00.000Z", "2026-W47-6T02:00:00.000Z", "2026-02-30T02:00:00.000Z"),
    *("2026-11-21T24:00:00.000Z", "2026-11-21T02:60:00.000Z", "2026-11-21T02:00:60.000Z"),
    *("1999-12-31T23:59:59.999Z", "2201-01-01T00:00:00.000Z", "２026-11-21T02:00:00.000Z"),
    *("01M7XXA33GXJBZ1TSAYXW5Y5AK", "01M7XXA33GXJBZ1TSAYXW5Y5AK\n", "\ud800"),
)


def events(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(file.read_text())["events"]
    return found


def by_the_contract(raw: Any) -> Any:
    """Return what `load_event` says of an event, as far as a fact tells it."""
    try:
        event = codec.load_event(copy.deepcopy(raw), "here")
    except WireFault as fault:
        return type(fault), str(fault)
    told = codec.dump_event(event)
    return told, milliseconds(event.at)


def fast(raw: Any) -> Any:
    try:
        fact = load_fact(copy.deepcopy(raw), "here")
    except WireFault as fault:
        return type(fault), str(fault)
    return fact.told(), fact.at


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_golden_event_is_the_same_fact(file: Path) -> None:
    for raw in events(file):
        assert fast(raw) == by_the_contract(raw)


@pytest.mark.parametrize("kind", BODIES)
def test_an_event_as_boxes_send_it_takes_the_fast_way(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_: Any) -> Any:
        raise AssertionError("took the long way")

    monkeypatch.setattr(facts, "load_event", slow)
    (raw, *_) = events(GOLDEN / f"batch_{kind}.json")
    assert isinstance(load_fact(raw), Fact)


@pytest.mark.parametrize("kind", BODIES)
def test_no_value_in_any_field_is_judged_otherwise_than_by_the_contract(kind: str) -> None:
    (good, *_) = events(GOLDEN / f"batch_{kind}.json")
    for where in ("event", "body"):
        for name in [*(good if where == "event" else good["body"]), "name"]:
            for value in STRANGE:
                raw = copy.deepcopy(good)
                (raw if where == "event" else raw["body"])[name] = value
                assert fast(raw) == by_the_contract(raw), (where, name, value)
            raw = copy.deepcopy(good)
            (raw if where == "event" else raw["body"]).pop(name, None)
            assert fast(raw) == by_the_contract(raw), (where, name, "is not there")


def test_no_mangled_event_is_judged_otherwise_than_by_the_contract() -> None:
    random = Random(20261122)
    good = [raw for file in FILES for raw in events(file)]
    for _ in range(3_000):
        raw = copy.deepcopy(random.choice(good))
        for _ in range(random.randrange(1, 4)):
            place = random.choice([raw, raw["body"] if isinstance(raw["body"], dict) else raw])
            place[random.choice([*place, "body"])] = random.choice(STRANGE)
        assert fast(raw) == by_the_contract(raw)


@pytest.mark.parametrize("raw", [None, 7, "text", [], [1] * 8, {}], ids=repr)
def test_what_is_no_event_is_refused_in_words(raw: Any) -> None:
    with pytest.raises(WireFault, match="expected") as caught:
        load_fact(raw)
    assert not isinstance(caught.value, EventFault)


def test_the_bodys_own_instant_is_told_in_milliseconds() -> None:
    (raw, *_) = events(GOLDEN / "batch_visit_revised.json")
    raw["body"]["opened_at"] = "2026-11-21T02:00:01.250Z"
    assert load_fact(raw).moment == 1_795_226_401_250
