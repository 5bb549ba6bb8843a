"""Where deepbiq keeps what it can make again: engines for this device, the configuration that is fastest here."""

from __future__ import annotations

import os
from pathlib import Path

from deepbiq.errors import EngineError, OptionError
from deepbiq.files import write_atomically

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


def keep(kind: str, name: str, data: bytes) -> Path:
    """Writes a file into a folder of the cache, for the user alone; an existing file is replaced.

    Args:
        kind: The folder's name.
        name: The file's.
        data: The whole content.

    Returns:
        The file.

    Raises:
        OptionError: When it cannot be written.
    """
    try:
        file = cache_folder() / kind / name
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(file, data)
    except (OSError, EngineError) as error:
        raise OptionError(
            f"{kind}/{name} cannot be kept ({error}): set {CACHE_VARIABLE} to another folder"
        ) from error
    return file
