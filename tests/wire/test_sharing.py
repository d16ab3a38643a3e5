"""What travels from box to box: nothing but ids, keys, certificates, and bounded sealed bytes."""

import json
from pathlib import Path
from typing import Any

import pytest

from edge.wire import codec
from edge.wire.codec import WireFault
from edge.wire.messages import PAYLOAD_BYTES_MAX
from edge.wire.sharing import BUNDLES_MAX
from tests.wire.test_allow_list import NOT_TEXT, NUMBERS, TEXTS

GOLDEN = Path(__file__).parent / "v1"
STATED = ("place", "at", "profile_key", "template_key", "certificates", "signature")
BUNDLED = ("place", "id", "rev", "certificates", "signature")


def golden(name: str) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text())
    return raw


def refused(raw: dict[str, Any]) -> str:
    with pytest.raises(WireFault) as fault:
        codec.decode_up(json.dumps(raw).encode())
    return str(fault.value)


@pytest.mark.parametrize("field", STATED)
def test_no_field_of_a_boxs_keys_holds_a_name_a_face_or_an_address(field: str) -> None:
    for label, value in (TEXTS | NOT_TEXT | NUMBERS).items():
        raw = golden("sharing")
        raw["statement"][field] = value
        said = refused(raw)
        assert f"statement.{field}: expected" in said, label
        assert not isinstance(value, str) or value not in said


@pytest.mark.parametrize("field", BUNDLED)
def test_no_open_field_of_a_bundle_holds_a_name_a_face_or_an_address(field: str) -> None:
    for label, value in (TEXTS | NOT_TEXT | NUMBERS).items():
        raw = golden("shared")
        raw["bundles"][0][field] = value
        assert f"bundles[0].{field}: expected" in refused(raw), label


@pytest.mark.parametrize("field", ["sealed_profile", "sealed_template"])
def test_what_is_sealed_is_base64_of_a_bounded_size(field: str) -> None:
    for value in ("A" * 6_001, "A" * 63, "张三" * 40, [0.1] * 128, 7):
        raw = golden("shared")
        raw["bundles"][0][field] = value
        assert f"bundles[0].{field}: expected 64 to 6,000 characters of base64" in refused(raw)


@pytest.mark.parametrize("place", ["message", "statement", "bundle"])
@pytest.mark.parametrize("field", ["name", "vector", "template", "subject", "photo"])
def test_nothing_takes_a_field_that_is_not_declared(place: str, field: str) -> None:
    raw = golden("shared" if place == "bundle" else "sharing")
    held = {"message": raw, "statement": raw.get("statement"), "bundle": raw.get("bundles")}[place]
    (held[0] if isinstance(held, list) else held)[field] = "x"  # type: ignore[index]
    assert f"unknown field {field!r}" in refused(raw)


def test_the_largest_bundles_fit_into_one_message() -> None:
    raw = golden("shared")
    largest = {
        **raw["bundles"][0],
        "place": f"{'s' * 64}/{'b' * 64}",
        "sealed_profile": "A" * 6_000,
        "sealed_template": "A" * 6_000,
        "certificates": ["MII" + "A" * 2_796] * 3,
        "signature": "A" * 512,
    }
    raw["bundles"] = [largest] * BUNDLES_MAX
    payload = json.dumps(raw).encode()
    assert len(payload) < PAYLOAD_BYTES_MAX
    message, _ = codec.decode_up(payload)
    assert codec.decode_up(codec.encode(message)) == (message, ())
    raw["bundles"].append(largest)
    assert "expected a list of 1 to 10 items" in refused(raw)


def test_a_list_of_shops_holds_ids_and_not_too_many() -> None:
    for shops in (["张三"], ["a b"], [7], "nj-001", ["s"] * 2_501):
        raw = golden("sharing")
        raw["shops"] = shops
        assert "sharing.shops: expected a list of at most 2500 shops' ids" in refused(raw)
