"""AlexNet's weights: the state dict that torchvision publishes, or one with the same names."""

from __future__ import annotations

from pathlib import Path

from deepbiq_training.backbones.alexnet import AlexNet
from deepbiq_training.backbones.weights import WeightsOrigin, network_with, parse_state_dict, read_weights_file


def load_alexnet(path: Path) -> tuple[AlexNet, WeightsOrigin]:
    """Reads the network from a weights file.

    Args:
        path: torchvision's state dict, as `torch.save` or safetensors (by the file's ending) wrote it.

    Returns:
        The network in evaluation mode, and where its weights came from.

    Raises:
        WeightsError: When the file is unreadable, or names or shapes differ from AlexNet's.
    """
    data, sha256 = read_weights_file(path)
    network = network_with(parse_state_dict(data, path), AlexNet, path=path, title="torchvision's AlexNet")
    return network, WeightsOrigin(path.name, sha256, "unknown")
