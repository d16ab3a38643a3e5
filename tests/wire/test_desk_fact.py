"""What a desk fact may say depends on what it is about."""

import json
from pathlib import Path
from typing import Any

import pytest

from edge.core.appointments import CHANNELS, REASONS, STATES
from edge.wire import codec
from edge.wire.messages import DESK_FIELDS, Batch, DeskFact

GOLDEN = Path(__file__).parent / "v1"


def golden(name: str) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads((GOLDEN / f"batch_{name}.json").read_text())
    return raw


@pytest.mark.parametrize(
    ("file", "field", "value"),
    [
        pytest.param("desk_fact", "tea", "taken", id="a claim has no tea"),
        pytest.param("desk_fact_stay", "state", "taken", id="a stay has no state"),
        pytest.param("desk_fact_stay", "tea", "released", id="nobody releases tea"),
        pytest.param("desk_fact_queue", "state", "taken", id="a number has states of its own"),
        pytest.param("desk_fact_queue", "channel", "app", id="a number has no channel"),
        pytest.param("desk_fact_appointment", "state", "gone", id="an appointment has its own too"),
        pytest.param("desk_fact", "channel", "friend", id="a claim comes from nowhere"),
        pytest.param("desk_fact_source", "state", "ready", id="an answer has no state"),
        pytest.param("desk_fact_service", "state", "served", id="tickets have states of their own"),
        pytest.param("desk_fact_service", "advert", "xhs", id="no ticket by an advert"),
    ],
)
def test_a_field_of_another_kind_of_document_neither_leaves_nor_enters(
    file: str, field: str, value: str
) -> None:
    raw = golden(file)
    raw["events"][0]["body"][field] = value
    batch, (fault,) = codec.decode_up(json.dumps(raw).encode())
    assert isinstance(batch, Batch)
    assert batch.events == ()
    assert f"body.{field}: expected" in str(fault)
    assert fault.seq == raw["events"][0]["seq"]
    event = codec.load_event(golden(file)["events"][0])
    body = DeskFact(**{**golden(file)["events"][0]["body"], field: value})
    with pytest.raises(codec.WireFault, match=f"{field}: expected"):
        codec.encode(Batch(events=(type(event)(**{**_parts(event), "body": body}),)))


def _parts(event: Any) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__dataclass_fields__}


def test_what_a_document_does_not_say_is_not_sent_and_may_be_sent_as_null() -> None:
    raw = golden("desk_fact")
    sent = raw["events"][0]["body"]
    assert sent.keys() == {"what", "id", "rev", "visit", "staff", "about", "state"}
    raw["events"][0]["body"] = {**sent, "tea": None, "late_min": None}
    batch, faults = codec.decode_up(json.dumps(raw).encode())
    assert faults == ()
    assert isinstance(batch, Batch)
    assert codec.dump_event(batch.events[0])["body"] == sent


def test_every_kind_of_document_has_a_golden_message() -> None:
    files = GOLDEN.glob("batch_desk_fact*.json")
    said = {json.loads(file.read_text())["events"][0]["body"]["what"] for file in files}
    assert said == DESK_FIELDS.keys()


def test_the_words_of_appointments_are_those_that_the_box_has() -> None:
    fields = DESK_FIELDS["appointment"]
    assert (fields["state"], fields["reason"], fields["channel"]) == (STATES, REASONS, CHANNELS)
