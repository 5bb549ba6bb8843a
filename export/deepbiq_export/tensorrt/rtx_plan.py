"""Keeping a plan of TensorRT-RTX: a file, and beside it what it is and what it is not."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from deepbiq.engines.tensorrt.build_lock import build_lock
from deepbiq.engines.tensorrt.request import BuildRequest
from deepbiq.errors import OptionError
from deepbiq.files import write_atomically
from deepbiq_export.tensorrt.builder import BuiltPlan

WHAT_IT_IS = (
    "a plan of TensorRT-RTX shows that the graph parses and compiles; it runs on desktop RTX GPUs only, by "
    "TensorRT-RTX of the same version, and is no engine for a Jetson"
)


def keep_rtx_plan(folder: Path, name: str, request: BuildRequest, built: BuiltPlan) -> Path:
    """Writes a plan and its description; an older one of the same name is replaced.

    Args:
        folder: Where to; made when it is missing.
        name: File name without a suffix.
        request: What was asked for.
        built: What was built.

    Returns:
        The path of the plan; the description has the same name with the suffix .json.

    Raises:
        OptionError: When the folder cannot be made or written to, or the disk is full.
    """
    path, lock = folder / f"{name}.plan", folder / f".{name}.lock"
    description = {
        "what": WHAT_IT_IS,
        "built_by": built.library,
        "graph": request.graph.key,
        "onnx_sha256": hashlib.sha256(request.graph.model).hexdigest(),
        "family": request.family,
        "shapes": [list(shape) for shape in request.shapes.axes],
        "workspace_bytes": request.workspace_bytes,
        "plan_sha256": hashlib.sha256(built.plan).hexdigest(),
        "plan_bytes": len(built.plan),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # So that two builds at once never leave the plan of one beside the description of the other.
        with build_lock(lock, waiting=lambda: None):
            write_atomically(path, built.plan)
            write_atomically(path.with_suffix(".json"), json.dumps(description, indent=2).encode() + b"\n")
    except OSError as error:
        raise OptionError(f"{path}: the plan cannot be written ({error.strerror}): give another --out") from error
    return path
