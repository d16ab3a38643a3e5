"""Introduces the box to Home Assistant: device-based MQTT discovery (Home Assistant 2024.12 and
later; https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload). Pure.
"""

import json
from collections.abc import Sequence
from typing import Any, Final, Literal

from edge.local.topics import LocalTopics
from menkou import __version__

Language = Literal["en", "zh"]
ALERTS: Final = ("member_arrived",)
"""The kinds of alert that the event entity knows."""
_NAMES: Final[dict[Language, dict[str, str]]] = {
    "en": {
        "occupancy": "People in the shop",
        "visitors_today": "Visitors today",
        "entered_today": "Entered today",
        "left_today": "Left today",
        "state": "Box",
        "clock_ok": "Clock",
        "arrival": "Arrival",
        "camera": "Camera {}",
    },
    "zh": {
        "occupancy": "店内人数",
        "visitors_today": "今日到店人数",
        "entered_today": "今日进店人次",
        "left_today": "今日离店人次",
        "state": "门口盒子",
        "clock_ok": "时钟",
        "arrival": "到店提醒",
        "camera": "摄像头 {}",
    },
}


def discovery_of(
    topics: LocalTopics, *, shop_name: str, cameras: Sequence[str], language: Language
) -> bytes:
    """Return the discovery message of a box with cameras of these names."""
    words = _NAMES[language]
    parts: dict[str, dict[str, Any]] = {
        "occupancy": _figure("mdi:account-multiple", "measurement"),
        "visitors_today": _figure("mdi:walk", "total_increasing"),
        "entered_today": _figure("mdi:login", "total_increasing"),
        "left_today": _figure("mdi:logout", "total_increasing"),
        "state": {
            "platform": "sensor",
            "device_class": "enum",
            "options": ["ok", "attention"],
            "entity_category": "diagnostic",
            "json_attributes_topic": topics.state,
            "json_attributes_template": "{{ {'notices': value_json.notices} | tojson }}",
        },
        "clock_ok": {
            "platform": "binary_sensor",
            # `problem` is on when something is wrong.
            "device_class": "problem",
            "entity_category": "diagnostic",
            "value_template": "{{ 'OFF' if value_json.clock_ok else 'ON' }}",
        },
        "arrival": {
            "platform": "event",
            "event_types": list(ALERTS),
            "icon": "mdi:bell-ring",
            "state_topic": topics.alert,
        },
    }
    for key, part in parts.items():
        part["name"] = words[key]
        if part["platform"] == "sensor":
            part["value_template"] = f"{{{{ value_json.{key} }}}}"
    parts |= {f"camera_{name}": _camera(name, words["camera"]) for name in cameras}
    for key, part in parts.items():
        part["unique_id"] = f"{topics.device_id}-{key}"
    return _message(topics, shop_name, parts)


def _figure(icon: str, state_class: str) -> dict[str, Any]:
    return {"platform": "sensor", "icon": icon, "state_class": state_class}


def _camera(name: str, words: str) -> dict[str, Any]:
    # The name is of letters, digits, _ and - (`edge.config_values.camera_name`).
    good = f"value_json.cameras['{name}'] == 'ok'"
    return {
        "platform": "binary_sensor",
        "device_class": "connectivity",
        "entity_category": "diagnostic",
        "name": words.format(name),
        "value_template": f"{{{{ 'ON' if {good} else 'OFF' }}}}",
    }


def _message(topics: LocalTopics, shop_name: str, parts: dict[str, dict[str, Any]]) -> bytes:
    message = {
        "device": {
            "identifiers": [topics.device_id],
            "name": f"{shop_name} {topics.address.box}",
            "manufacturer": "Menkou",
            "model": "门口 box",
            "sw_version": __version__,
        },
        "origin": {"name": "Menkou", "sw_version": __version__},
        "components": parts,
        "state_topic": topics.state,
        "availability_topic": topics.availability,
        "qos": 1,
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
