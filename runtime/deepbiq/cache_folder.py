"""Where deepbiq keeps what it can make again: engines for this device, the configuration that is fastest here."""

from __future__ import annotations

import os
from pathlib import Path

from deepbiq.errors import EngineError

CACHE_VARIABLE = "DEEPBIQ_CACHE"
"""Environment variable: deepbiq's cache folder. Without it, it is `deepbiq` in XDG_CACHE_HOME or ~/.cache."""


def cache_folder() -> Path:
    """Returns deepbiq's cache folder. It need not exist.

    Raises:
        EngineError: When the environment names no place.
    """
    own = os.environ.get(CACHE_VARIABLE)
    if own:
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME", "")
    try:
        # The XDG specification lets relative paths be ignored.
        base = Path(shared) if Path(shared).is_absolute() else Path.home() / ".cache"
    except RuntimeError as error:
        raise EngineError(f"no home folder to keep engines in ({error}): set {CACHE_VARIABLE}") from error
    return base / "deepbiq"
