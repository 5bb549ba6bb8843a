"""`deepbiq config`: check the configuration of `deepbiq watch` and show what it comes to."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from deepbiq.extras import require_extra


class ConfigFormat(str, Enum):
    """How a configuration is printed."""

    TOML = "toml"
    JSON = "json"


def config(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="TOML of `deepbiq watch` (default: none, every key has its default).", show_default=False
        ),
    ] = None,
    fmt: Annotated[ConfigFormat, typer.Option("--format", help="How the result is printed.")] = ConfigFormat.TOML,
) -> None:
    """Check a configuration of `deepbiq watch` and print it in full, defaults included.

    Without a file it prints a configuration to start from:  deepbiq config > watch.toml

    Unknown keys and values out of range end with exit code 2 and a line that names them. Passwords in the addresses
    of sources are not printed.
    """
    require_extra("camera", "pydantic", "tomlkit")
    from deepbiq.camera.config import WatchConfig, read_config
    from deepbiq.camera.config_text import config_text, shown_config

    found = WatchConfig() if file is None else read_config(file)
    if fmt is ConfigFormat.JSON:
        typer.echo(json.dumps(shown_config(found).model_dump(mode="json"), indent=2))
    else:
        typer.echo(config_text(found), nl=False)
