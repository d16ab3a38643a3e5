"""Orders on the wire: what each kind may hold, and what is done with those that cannot be read."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from edge.wire import codec
from edge.wire.codec import WireFault
from edge.wire.orders import ORDER_BODIES, ConfigOrder, EraseOrder, Order, Orders
from tests.wire.test_allow_list import NOT_TEXT, NUMBERS, TEXTS

GOLDEN = Path(__file__).parent / "v1"
PLACES = [
    (kind, field.name)
    for kind, body in ORDER_BODIES.items()
    for field in dataclasses.fields(body)
    # The shop's own name is a text for people, and what is sealed only the receiver can tell.
    if (kind, field.name) != ("config", "name") and not field.name.startswith("sealed")
]

ADVERT: dict[str, Any] = {"id": "a", "zh": "一", "en": "One", "active": True}
CHANNEL: dict[str, Any] = {**ADVERT, "adverts": []}


def golden(kind: str) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads((GOLDEN / f"orders_{kind}.json").read_text())
    return raw


def read(raw: dict[str, Any]) -> Orders:
    message = codec.decode_down(json.dumps(raw).encode())
    assert isinstance(message, Orders)
    return message


def test_every_kind_of_order_has_a_golden_message() -> None:
    assert {f"orders_{kind}" for kind in ORDER_BODIES} <= {file.stem for file in GOLDEN.iterdir()}


@pytest.mark.parametrize(("kind", "field"), PLACES)
def test_no_field_of_an_order_holds_a_name_a_face_or_an_address(kind: str, field: str) -> None:
    for label, value in (TEXTS | NOT_TEXT | NUMBERS).items():
        raw = golden(kind)
        raw["orders"][0]["body"][field] = value
        message = read(raw)
        assert message.orders == (), f"{label} was let in"
        (faulty,) = message.faulty
        assert (faulty.seq, faulty.code) == (3, "malformed")
        assert not isinstance(value, str) or value not in faulty.reason


@pytest.mark.parametrize(
    "field",
    ["source", "camera", "line", "zone", "declaration", "key", "broker", "mode", "window_s"],
)
def test_no_order_can_name_a_camera_a_zone_a_declaration_or_a_key(field: str) -> None:
    raw = golden("config")
    raw["orders"][0]["body"][field] = "entrance"
    (faulty,) = read(raw).faulty
    assert f"unknown field {field!r}" in faulty.reason


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("who", "everybody"),
        ("since", "last_seen"),
        ("wifi", "on"),
        ("mode_at_most", "everything"),
        ("window_s_at_most", 31 * 86_400),
        ("hours", {}),
        ("hours", {"mon": ["10:00"]}),
        ("hours", {"monday": ["10:00", "22:00"]}),
        ("hours", {"mon": ["10:00", "24:00"]}),
        ("hours", {"mon": ["10:00", "10:00"]}),
        ("channels", []),
        ("channels", [{"id": "a", "zh": "一", "en": "One", "active": True}]),
        ("channels", [{**CHANNEL, "id": "unknown"}]),
        ("channels", [{**CHANNEL, "id": "Li Ming"}]),
        ("channels", [{**CHANNEL, "id": "c13800138000"}]),
        ("channels", [{**CHANNEL, "id": 7}]),
        ("channels", [{**CHANNEL, "zh": "x" * 41}]),
        ("channels", [{**CHANNEL, "en": "a\nb"}]),
        ("channels", [{**CHANNEL, "active": 1}]),
        ("channels", [{**CHANNEL, "note": "王丽华"}]),
        ("channels", [CHANNEL, CHANNEL]),
        ("channels", [{**CHANNEL, "adverts": [ADVERT, ADVERT]}]),
        ("channels", [{**CHANNEL, "adverts": [CHANNEL]}]),
        ("channels", [{**CHANNEL, "id": f"c{n}"} for n in range(25)]),
    ],
)
def test_settings_can_only_be_lowered(field: str, value: object) -> None:
    raw = golden("config")
    raw["orders"][0]["body"][field] = value
    assert [faulty.code for faulty in read(raw).faulty] == ["malformed"]
    (sound,) = read(golden("config")).orders
    body: Any = dataclasses.replace(sound.body, **{field: value})  # type: ignore[arg-type]
    with pytest.raises(WireFault, match=f"{field}: expected"):
        codec.encode(Orders(epoch="e" * 32, orders=(Order(seq=1, body=body),)))


def test_an_order_of_a_newer_hub_is_told_apart_from_those_beside_it() -> None:
    raw = golden("erase")
    newer = {"v": 1, "kind": "dance", "seq": 4, "body": {"steps": 3}}
    raw["orders"].append(newer)
    message = read(raw)
    assert [(order.seq, type(order.body)) for order in message.orders] == [(3, EraseOrder)]
    assert [(faulty.seq, faulty.code) for faulty in message.faulty] == [(4, "unknown")]


@pytest.mark.parametrize("change", [{"seq": 0}, {"seq": None}, {"seq": True}])
def test_an_order_without_a_number_makes_the_message_a_fault(change: dict[str, Any]) -> None:
    raw = golden("erase")
    raw["orders"][0].update(change)
    raw["orders"][0]["kind"] = "dance"
    with pytest.raises(WireFault, match=r"orders\[0\].seq: expected"):
        read(raw)


def test_a_message_of_orders_holds_some_and_not_too_many() -> None:
    order = Order(seq=1, body=EraseOrder(hash="0" * 64))
    for count in (0, 41):
        raw = golden("void")
        raw["orders"] *= count
        with pytest.raises(WireFault, match="expected a list of 1 to 40 items"):
            read(raw)
        orders = Orders(epoch="e" * 32, orders=(order,) * count)
        with pytest.raises(WireFault, match="expected a list of 1 to 40 items"):
            codec.encode(orders)


def test_what_head_office_leaves_to_the_box_is_not_named() -> None:
    """So that a box of an older release takes what it knows."""
    nothing: dict[str, Any] = dict.fromkeys(
        ("name", "hours", "mode_at_most", "window_s_at_most", "since", "who", "wifi")
    )
    order = Order(seq=1, body=ConfigOrder(version=1795329240123, **nothing))
    sent = json.loads(codec.inflated(codec.encode(Orders(epoch="e" * 32, orders=(order,)))))
    assert sent["orders"][0]["body"] == {"version": 1795329240123}
    assert read(sent).orders == (order,)
