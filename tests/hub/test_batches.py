"""What is read fast is read as the contract says: nothing more, nothing less, nothing else."""

import copy
import json
import zlib
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from cloud import batches
from cloud.batches import Fact, load_fact, read_facts, texts_of
from edge.wire import codec
from edge.wire.checks import milliseconds
from edge.wire.codec import EventFault, WireFault
from edge.wire.messages import BODIES, Batch

GOLDEN = Path(__file__).parents[1] / "wire" / "v1"
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


def packed(*raw: Any, **changes: Any) -> bytes:
    """Return a batch of events as some box might pack it."""
    message = {"v": 1, "type": "batch", "events": raw} | changes
    return json.dumps(message, separators=(",", ":")).encode()


def by_the_contract(payload: bytes) -> Any:
    """Return what the codec says of a payload, as far as facts tell it."""
    try:
        message, faults = codec.decode_up(payload)
    except WireFault as fault:
        return type(fault), str(fault)
    assert isinstance(message, Batch)
    told = [(codec.dump_event(event), milliseconds(event.at)) for event in message.events]
    return told, [(type(fault), str(fault), fault.epoch, fault.seq) for fault in faults]


def fast(payload: bytes) -> Any:
    try:
        facts, faults = read_facts(payload)
    except WireFault as fault:
        return type(fault), str(fault)
    assert isinstance(facts, list)
    told = [(fact.told(), fact.at) for fact in facts]
    return told, [(type(fault), str(fault), fault.epoch, fault.seq) for fault in faults]


def slow_way_barred(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: Any) -> Any:
        raise AssertionError("took the long way")

    monkeypatch.setattr(batches, "read_up", slow)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_golden_event_is_the_same_fact(file: Path) -> None:
    payload = file.read_bytes()
    assert fast(payload) == by_the_contract(payload)
    assert fast(payload)[1] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_batch_as_boxes_send_it_takes_the_fast_way(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of older releases, too: a chain's hub is updated before its boxes."""
    slow_way_barred(monkeypatch)
    for payload in (packed(*events(file)), zlib.compress(packed(*events(file)))):
        facts, _ = read_facts(payload)
        assert isinstance(facts, list)
        assert isinstance(facts[0], Fact)


def test_the_long_way_gives_the_same_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    for file in FILES:
        quick, _ = read_facts(packed(*events(file)))
        with monkeypatch.context() as patch:
            patch.setattr(batches, "_read_quickly", lambda _: None)
            assert read_facts(packed(*events(file))) == (quick, ())


def test_a_body_is_kept_as_it_was_sent_but_without_its_subject() -> None:
    for file in FILES:
        raw = events(file)
        facts, _ = read_facts(packed(*raw))
        assert isinstance(facts, list)
        kept = [json.loads(text) for text in texts_of(facts)]
        for before, fact, after in zip(raw, facts, kept, strict=True):
            assert "subject" not in after
            assert fact.subject == before["body"].get("subject")
            assert before["body"].items() - {("subject", fact.subject)} <= after.items()


@pytest.mark.parametrize("kind", BODIES)
def test_no_value_in_any_field_is_judged_otherwise_than_by_the_contract(kind: str) -> None:
    (good, *_) = events(GOLDEN / f"batch_{kind}.json")
    for where in ("event", "body"):
        for name in [*(good if where == "event" else good["body"]), "name"]:
            for value in STRANGE:
                raw = copy.deepcopy(good)
                (raw if where == "event" else raw["body"])[name] = value
                agree(packed(good, raw), where, name, value)
            raw = copy.deepcopy(good)
            (raw if where == "event" else raw["body"]).pop(name, None)
            agree(packed(good, raw), where, name, "is not there")


def agree(payload: bytes, *words: Any) -> None:
    assert fast(payload) == by_the_contract(payload), words


def test_no_mangled_event_is_judged_otherwise_than_by_the_contract() -> None:
    random = Random(20261122)
    good = [raw for file in FILES for raw in events(file)]
    for _ in range(4_000):
        raw = copy.deepcopy(random.choice(good))
        for _ in range(random.randrange(1, 4)):
            place = random.choice([raw, raw["body"] if isinstance(raw["body"], dict) else raw])
            place[random.choice([*place, "body"])] = copy.deepcopy(random.choice(STRANGE))
        agree(packed(random.choice(good), raw))


def test_no_mangled_text_is_judged_otherwise_than_by_the_contract() -> None:
    """Names that stand twice, numbers in other forms, escapes: what JSON lets one write."""
    random = Random(20261123)
    good = [raw for file in FILES for raw in events(file)]
    pieces = [
        *(b'"kind":"health",', b'"v":1,', b'"v":1.0,', b'"seq":1.0,', b"1e0", b"0x1", b"\\u006b"),
        *(b'"body":{},', b'"\\u006bind":"health",', b'"rev":2,', b" ", b"\n", b"//", b"\xff"),
        *(b'"subject":null,', b'"at":"2026-11-21T02:00:00.000Z",', b"-0", b"\x00", b"{", b"}"),
    ]
    for _ in range(6_000):
        text = packed(*random.sample(good, random.randrange(1, 4)))
        for _ in range(random.randrange(1, 3)):
            at = random.randrange(len(text))
            if random.random() < 0.7:  # where a value or a name may begin
                at = text.find(random.choice([b'"', b"{", b":"]), at) + random.randrange(2)
            text = text[:at] + random.choice(pieces) + text[at + random.choice([0, 0, 0, 1, 2]) :]
        agree(text, text)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(packed(), id="no events"),
        pytest.param(packed(*[{}] * 201), id="too many events"),
        pytest.param(packed({}, photo="x"), id="a field beside the events"),
        pytest.param(packed({}, v=2), id="another version"),
        pytest.param(b"[" * 100_000, id="deep nesting"),
        pytest.param("{}".encode("utf-16"), id="another encoding"),
        pytest.param(zlib.compress(zlib.compress(packed() + b" " * 3_000)), id="deflated twice"),
    ],
)
def test_what_is_no_batch_is_refused_by_the_contract(payload: bytes) -> None:
    agree(payload)
    with pytest.raises(WireFault):
        read_facts(payload)


def test_a_batch_that_is_deflated_twice_is_refused() -> None:
    (good, *_) = events(FILES[0])
    with pytest.raises(WireFault, match="expected JSON"):
        read_facts(zlib.compress(zlib.compress(packed(good))))


@pytest.mark.parametrize("raw", [None, 7, "text", [], [1] * 8, {}], ids=repr)
def test_what_is_no_event_is_refused_in_words(raw: Any) -> None:
    with pytest.raises(WireFault, match="expected") as caught:
        load_fact(raw)
    assert not isinstance(caught.value, EventFault)


def test_the_bodys_own_instant_is_told_in_milliseconds() -> None:
    (raw, *_) = events(GOLDEN / "batch_visit_revised.json")
    raw["body"]["opened_at"] = "2026-11-21T02:00:01.250Z"
    facts, _ = read_facts(packed(raw))
    assert isinstance(facts, list)
    assert load_fact(raw) == facts[0]
    assert facts[0].moment == 1_795_226_401_250
