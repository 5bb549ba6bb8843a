"""Where engines are kept, and who may write there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from deepbiq.cache_folder import CACHE_VARIABLE, cache_folder
from deepbiq.errors import EngineError


def engine_folder() -> Path:
    """Returns the folder of the engines: `engines` in deepbiq's cache folder. It need not exist.

    Raises:
        EngineError: When the environment names no place.
    """
    return cache_folder() / "engines"


def prepare_folder(folder: Path) -> None:
    """Makes the folder, for the user alone, and checks that an existing one can be trusted.

    Raises:
        EngineError: When it cannot be made or written to, or everybody may write to it: a plan is executable.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = folder.stat().st_mode
    except OSError as error:
        raise EngineError(f"{folder}: no place for engines ({error.strerror}): set {CACHE_VARIABLE}") from error
    if mode & stat.S_IWOTH:
        raise EngineError(f"{folder}: everybody may put engines there, which this user would run: chmod o-w it")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise EngineError(f"{folder}: not writable: set {CACHE_VARIABLE} to another folder")
