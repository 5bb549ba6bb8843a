"""What tuning found, kept in deepbiq's cache folder: a file for every model, plan and machine.

The file is only ever a shortcut. Where it is missing, damaged, or from another machine, model or version, a scorer
starts as if nobody had tuned.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deepbiq import __version__
from deepbiq.bundle import Bundle
from deepbiq.cache_folder import cache_folder, keep
from deepbiq.configuration import Configuration
from deepbiq.cores import usable_cores
from deepbiq.errors import EngineError
from deepbiq.processor import processor
from deepbiq.setting import Setting
from deepbiq.tuning.trials import Trial

SCHEMA = 1
_FOLDER = "tuning"
LIBRARIES = ("onnxruntime", "tensorrt")

Circumstances = Mapping[str, Any]
"""JSON values by name: everything that a measurement holds for."""


def circumstances_of(bundle: Bundle, setting: Setting) -> Circumstances:
    """Lists what a measurement holds for: it is used only where all of it is the same."""
    name, features = processor()
    return {
        "model": bundle.model_id,
        "plan": str(setting.plan),
        "pooling": setting.pooling,
        "short_side": setting.scale.short_side,
        "deepbiq": __version__,
        "libraries": {library: _version(library) for library in LIBRARIES},
        "processor": name,
        "features": features,
        "cores": usable_cores(),
    }


def save_trials(bundle: Bundle, setting: Setting, trials: Sequence[Trial]) -> Path:
    """Keeps trials for `load_trials`, in place of earlier ones.

    Returns:
        The file.

    Raises:
        OptionError: When it cannot be written.
    """
    circumstances = circumstances_of(bundle, setting)
    content = {"schema": SCHEMA, "circumstances": circumstances, "trials": [asdict(trial) for trial in trials]}
    return keep(_FOLDER, _name_of(circumstances), json.dumps(content, indent=2).encode() + b"\n")


def load_trials(bundle: Bundle, setting: Setting) -> list[Trial]:
    """Reads what was found for this bundle, setting and machine; nothing where that is unknown or unreadable."""
    try:
        folder = cache_folder() / _FOLDER
        # Looking at the processor and at package versions costs a millisecond that nobody has to spend in vain.
        if not folder.is_dir():
            return []
        circumstances = circumstances_of(bundle, setting)
        content = json.loads((folder / _name_of(circumstances)).read_bytes())
        if content["schema"] != SCHEMA or content["circumstances"] != circumstances:
            return []
        return [_trial_of(item) for item in content["trials"]]
    except (OSError, EngineError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _trial_of(item: Mapping[str, Any]) -> Trial:
    ms, fault, told = item["ms"], item["fault"], item["configuration"]
    engine, precision, threads = told["engine"], told["precision"], told["threads"]
    if not (isinstance(engine, str) and isinstance(precision, str) and isinstance(threads, int | None)):
        raise TypeError("a configuration has a field of another type")
    if not (isinstance(ms, float | None) and isinstance(fault, str | None)):
        raise TypeError("a trial has a field of another type")
    return Trial(Configuration(engine, precision, threads), ms, fault)


def _name_of(circumstances: Circumstances) -> str:
    digest = hashlib.sha256(json.dumps(circumstances, sort_keys=True).encode()).hexdigest()
    return f"{digest[:32]}.json"


def _version(package: str) -> str | None:
    # Imported here, as it takes longer than the rest of this package, and only a machine that was tuned needs it.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None
