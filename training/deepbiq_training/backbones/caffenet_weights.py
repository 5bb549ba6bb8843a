"""CaffeNet's weights: the `.caffemodel` of BVLC CaffeNet, Places-CNN or Hybrid-CNN, with its mean file."""

from __future__ import annotations

from pathlib import Path

import torch

from deepbiq_training.backbones.caffemodel import read_caffemodel, read_mean
from deepbiq_training.backbones.caffenet import CaffeNet
from deepbiq_training.backbones.weights import WeightsOrigin, network_with, read_weights_file


def load_caffenet(path: Path, mean: Path) -> tuple[CaffeNet, WeightsOrigin]:
    """Reads the network from a `.caffemodel` and its mean file.

    Args:
        path: The `.caffemodel`, with layers as deploy.prototxt names them (conv1 to fc8).
        mean: The `.binaryproto` of the mean picture that the weights were trained with.

    Returns:
        The network in evaluation mode, and where its weights came from.

    Raises:
        WeightsError: When a file is unreadable, or names or shapes differ from CaffeNet's.
    """
    data, sha256 = read_weights_file(path)
    mean_data, mean_sha256 = read_weights_file(mean)
    mean_bgr = torch.tensor(read_mean(mean_data, mean))
    tensors = {name: torch.from_numpy(array) for name, array in read_caffemodel(data, path).items()}
    network = network_with({"mean_bgr": mean_bgr, **tensors}, CaffeNet, path=path, title="CaffeNet")
    return network, WeightsOrigin(path.name, sha256, "unknown", mean_sha256)
