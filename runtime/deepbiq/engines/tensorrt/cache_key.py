"""What an engine depends on: an engine of the cache is used only where all of it is the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from deepbiq.cuda import Cuda, Device
from deepbiq.engines.tensorrt.request import BuildRequest

RECIPE = 1
"""Number of the builder's own settings; raised when it would make another engine of the same request."""

Ingredients = Mapping[str, Any]
"""JSON values by name."""


@dataclass(frozen=True)
class Environment:
    """The machine's share of the ingredients.

    Attributes:
        tensorrt: Version of TensorRT.
        gpu: Name of the device.
        compute_capability: For example `8.7`.
        cuda_driver: CUDA version that the driver supports.
        cuda_runtime: CUDA version of the package that gives access to it.
        l4t: Release of Jetson Linux; None on other machines.
    """

    tensorrt: str
    gpu: str
    compute_capability: str
    cuda_driver: str
    cuda_runtime: str
    l4t: str | None


def environment_of(device: Device, cuda: Cuda, tensorrt: str) -> Environment:
    """Describes this machine.

    Args:
        device: The device.
        cuda: Access to it.
        tensorrt: Version of TensorRT.
    """
    return Environment(
        tensorrt=tensorrt,
        gpu=device.name,
        compute_capability=device.capability,
        cuda_driver=device.driver,
        cuda_runtime=cuda.runtime,
        l4t=device.l4t,
    )


def ingredients_of(request: BuildRequest, environment: Environment) -> Ingredients:
    """Lists everything that an engine depends on, as the sidecar states it."""
    graph = request.graph
    return {
        "onnx_sha256": hashlib.sha256(graph.model).hexdigest(),
        "precision": graph.key,
        "output": graph.output_name,
        "family": request.family,
        "shapes": [list(shape) for shape in request.shapes.axes],
        "workspace_bytes": request.workspace_bytes,
        "dla_core": request.dla_core,
        "recipe": RECIPE,
        **asdict(environment),
    }


def key_of(ingredients: Ingredients) -> str:
    """Returns the SHA-256 of ingredients in one fixed notation, in hexadecimal digits."""
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True).encode()).hexdigest()
