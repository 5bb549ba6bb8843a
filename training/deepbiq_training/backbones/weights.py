"""Weights files: reading them without executing anything, and saying how they differ from a network.

Every name and shape must be accounted for: weights of another architecture are refused with the differences listed.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from deepbiq.errors import DeepBIQError
from deepbiq_training.backbones.backbone import Backbone

_LISTED = 5
_Network = TypeVar("_Network", bound=Backbone)


class WeightsError(DeepBIQError, ValueError):
    """A weights file cannot be read or belongs to another network; the message lists the differences."""


@dataclass(frozen=True)
class WeightsOrigin:
    """Where weights came from.

    Attributes:
        source: Package or file name.
        sha256: Of the file.
        licence: SPDX identifier, or `unknown`.
        mean_sha256: Of the mean file that belongs to the weights; None for networks that need none.
    """

    source: str
    sha256: str
    licence: str
    mean_sha256: str | None = None

    @property
    def key(self) -> str:
        """A SHA-256 of everything that the network computes with; the weights' own where there is no mean file."""
        if self.mean_sha256 is None:
            return self.sha256
        return hashlib.sha256(f"{self.sha256} {self.mean_sha256}".encode()).hexdigest()


def read_weights_file(path: Path) -> tuple[bytes, str]:
    """Reads a file and computes its SHA-256.

    Raises:
        WeightsError: When it cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}") from error
    return data, hashlib.sha256(data).hexdigest()


def parse_state_dict(data: bytes, path: Path) -> dict[str, Tensor]:
    """Parses a state dict.

    Args:
        data: The file's bytes: safetensors where the name ends so, otherwise what `torch.save` wrote.
        path: Its name, for that and for errors.

    Returns:
        Tensors on the CPU by name.

    Raises:
        WeightsError: When it is neither, or something else than a state dict.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load

            return load(data)
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:
        # Either library raises whatever its parsing ran into.
        reason = f"{type(error).__name__}: {error}"
        raise WeightsError(f"{path}: not a readable PyTorch weights file ({reason})") from error
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{path}: expected a state dict (names to tensors), found {type(state).__name__}")
    return dict(state)


def network_with(state: Mapping[str, Tensor], kind: type[_Network], *, path: Path, title: str) -> _Network:
    """Builds a network with given weights and as many classes as they have.

    Args:
        state: Tensors by the network's names.
        kind: The network's class.
        path: Where the weights came from, for errors.
        title: What people call the network.

    Returns:
        The network in evaluation mode.

    Raises:
        WeightsError: When names or shapes differ from the network's, or values are no finite numbers; the message
            lists the tensors.
    """
    network = kind(_class_count(state, f"{kind.last_layer}.weight"))
    differences = _differences(state, network.state_dict())
    if differences:
        raise WeightsError(f"{path}: not {title}: {_listing(differences)}")
    damaged = [name for name, tensor in state.items() if not torch.isfinite(tensor).all()]
    if damaged:
        raise WeightsError(f"{path}: NaN or infinite values in {_listing(damaged)}: take an undamaged file")
    network.load_state_dict(state)
    return network.eval()


def _listing(items: Sequence[str]) -> str:
    more = f"; and {len(items) - _LISTED} more" if len(items) > _LISTED else ""
    return f"{'; '.join(items[:_LISTED])}{more}"


def _class_count(state: Mapping[str, Tensor], name: str) -> int:
    """Counts the rows of the last layer; 1 where it is missing, which is then listed as a difference."""
    return state[name].shape[0] if name in state and state[name].ndim == 2 else 1


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
