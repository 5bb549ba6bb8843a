"""A configuration as TOML: every key with its value and what it means."""

from __future__ import annotations

import tomlkit
from pydantic import BaseModel
from tomlkit.items import Table

from deepbiq.camera.config import WatchConfig
from deepbiq.camera.sources import redact


def config_text(config: WatchConfig) -> str:
    """Writes a configuration out in full, as a file that `deepbiq watch --config` takes.

    Keys without a value stand as comments. Passwords in the addresses of sources are left out.

    Args:
        config: Checked.

    Returns:
        TOML with a comment above every key that is explained.
    """
    document = tomlkit.document()
    for name in WatchConfig.model_fields:
        if name != "camera":
            document.add(name, _table(getattr(config, name)))
    cameras = tomlkit.aot()
    for camera in shown_config(config).camera:
        cameras.append(_table(camera))
    if config.camera:
        document.add("camera", cameras)
    return tomlkit.dumps(document)


def shown_config(config: WatchConfig) -> WatchConfig:
    """Returns the configuration without the passwords in the addresses of its sources."""
    cameras = tuple(camera.model_copy(update={"source": redact(camera.source)}) for camera in config.camera)
    return config.model_copy(update={"camera": cameras})


def _table(section: BaseModel) -> Table:
    table = tomlkit.table()
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if field.description:
            table.add(tomlkit.comment(field.description))
        if value is None:
            table.add(tomlkit.comment(f"{name} ="))
        elif isinstance(value, BaseModel):
            table.add(name, _table(value))
        else:
            table.add(name, value if isinstance(value, (bool, int, float, str)) else str(value))
    return table
