"""How Home Assistant learns of a camera: one message of its device-based MQTT discovery (since 2024.11)."""

from __future__ import annotations

import re
from typing import Any

ORIGIN = "deepbiq"


def discovery_topic(prefix: str, topic: str, camera: str) -> str:
    """Returns where a camera's discovery message goes.

    Args:
        prefix: Of the discovery, usually `homeassistant`.
        topic: Before every topic of this program.
        camera: The camera's name.
    """
    return f"{prefix}/device/{_identifier(topic, camera)}/config"


def discovery_message(topic: str, camera: str, version: str, expire_after_s: int) -> dict[str, Any]:
    """Returns a camera's discovery message, JSON-ready.

    Args:
        topic: Before every topic of this program.
        camera: The camera's name.
        version: Of this program.
        expire_after_s: Seconds without a result after which the score is shown as unavailable.
    """
    identifier = _identifier(topic, camera)
    components = _components(f"{topic}/{camera}", expire_after_s)
    alone = {"availability": [{"topic": f"{topic}/availability"}]}
    components["connected"] |= alone  # a lost camera has no picture, but that it is lost stays known
    for name, component in components.items():
        component["unique_id"] = f"{identifier}_{name}"
    return {
        "device": {
            "identifiers": [identifier],
            "name": f"Camera {camera}",
            "manufacturer": ORIGIN,
            "model": "Picture quality",
            "sw_version": version,
        },
        "origin": {"name": ORIGIN, "sw_version": version},
        "availability": [{"topic": f"{topic}/availability"}, {"topic": f"{topic}/{camera}/availability"}],
        "availability_mode": "all",
        "components": components,
    }


def _identifier(topic: str, camera: str) -> str:
    # Home Assistant allows nothing else in the topic of a discovery message.
    return re.sub(r"[^A-Za-z0-9_-]", "_", f"{ORIGIN}_{topic}_{camera}")


def _components(topic: str, expire_after_s: int) -> dict[str, dict[str, Any]]:
    return {
        "score": {
            "platform": "sensor",
            "name": "Score",
            "icon": "mdi:image-check",
            "state_topic": f"{topic}/result",
            "value_template": "{{ value_json.score }}",
            "state_class": "measurement",
            "suggested_display_precision": 0,
            "expire_after": expire_after_s,
        },
        "verdict": {
            "platform": "sensor",
            "name": "Verdict",
            "device_class": "enum",
            "options": ["accept", "warn", "reject"],
            "state_topic": f"{topic}/verdict",
            "value_template": "{{ value_json.verdict }}",
            "json_attributes_topic": f"{topic}/verdict",
            "json_attributes_template": "{{ {'reasons': value_json.reasons} | tojson }}",
        },
        "age": {
            "platform": "sensor",
            "name": "Age of result",
            "device_class": "duration",
            "unit_of_measurement": "s",
            "state_topic": f"{topic}/result",
            "value_template": "{{ value_json.age_ms / 1000 }}",
            "state_class": "measurement",
            "entity_category": "diagnostic",
            "expire_after": expire_after_s,
        },
        "drift": {
            "platform": "binary_sensor",
            "name": "Lasting fall",
            "device_class": "problem",
            "state_topic": f"{topic}/drift",
            "value_template": "{{ 'ON' if value_json.alarm else 'OFF' }}",
        },
        "connected": {
            "platform": "binary_sensor",
            "name": "Connected",
            "device_class": "connectivity",
            "state_topic": f"{topic}/state",
            "value_template": "{{ 'ON' if value_json.state == 'live' else 'OFF' }}",
            "entity_category": "diagnostic",
        },
    }
