"""The state of a fine-tuning on disk: one safetensors file, all that is no tensor as JSON in its header.

One file is written atomically, so whatever happens there is a whole state, the latest or the one before. Random
numbers need no state: they are functions of the seed and the step.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from deepbiq.files import write_atomically
from deepbiq_training.checkpoint import CheckpointError
from deepbiq_training.configuration import Configuration, differences

SCHEMA = 1
_HEADER = "deepbiq"
_STEPS = "step"
"""AdamW's own count, the one entry of its state that has not the parameter's shape."""


@dataclass(frozen=True)
class Best:
    """The epoch with the highest SROCC on the validation part so far; epochs are counted from 1."""

    epoch: int
    plcc: float
    srocc: float


@dataclass(frozen=True)
class Progress:
    """How far a fine-tuning is.

    Attributes:
        step: Steps done.
        seconds: Time spent on them.
        best: None before the first validation.
        stale_epochs: Epochs since the best one.
        finished: Whether nothing is left to do.
    """

    step: int = 0
    seconds: float = 0.0
    best: Best | None = None
    stale_epochs: int = 0
    finished: bool = False


@dataclass(frozen=True, eq=False)
class Trained:
    """What a step changes, in place.

    Attributes:
        network: The weights.
        average: Their moving average.
        optimizer: AdamW over the network's parameters.
    """

    network: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer


def write_state(path: Path, configuration: Configuration, progress: Progress, trained: Trained) -> None:
    """Writes a state; the one that was there is replaced.

    Raises:
        OSError: When the disk is full or the folder not writable; the old state is then still there.
    """
    tensors = {f"network.{name}": tensor for name, tensor in trained.network.state_dict().items()}
    tensors |= {f"average.{name}": tensor for name, tensor in trained.average.state_dict().items()}
    for name, parameter in _trained_parameters(trained):
        for entry, tensor in trained.optimizer.state[parameter].items():
            tensors[f"optimizer.{name}.{entry}"] = tensor
    header = {"schema": SCHEMA, "configuration": dict(configuration), "progress": asdict(progress)}
    write_atomically(path, to_safetensors(tensors, {_HEADER: json.dumps(header)}))


def read_state(path: Path, configuration: Configuration, trained: Trained) -> Progress:
    """Reads a state into a network, its average and its optimiser.

    Args:
        path: The file; when it is missing the training starts from the beginning and nothing is changed.
        configuration: What is to be trained now.
        trained: Filled in place.

    Raises:
        CheckpointError: When the file is damaged, or was written under another configuration; the message names
            the settings that differ.
    """
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        return Progress()
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})[_HEADER])
            if header["schema"] != SCHEMA:
                raise CheckpointError(f"{path}: schema {header['schema']}, this deepbiq reads schema {SCHEMA}")
            _check_configuration(path, header["configuration"], configuration)
            _fill(trained, {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118  # not a mapping
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(
            f"{path}: no intact state of a fine-tuning ({error}): delete it to begin again"
        ) from error
    return _progress(header["progress"])


def to_safetensors(tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """Serialises tensors from any device and layout."""
    from safetensors.torch import save

    return save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, metadata)


def _trained_parameters(trained: Trained) -> Iterator[tuple[str, nn.Parameter]]:
    return ((name, parameter) for name, parameter in trained.network.named_parameters() if parameter.requires_grad)


def _fill(trained: Trained, tensors: Mapping[str, Tensor]) -> None:
    for prefix, module in (("network.", trained.network), ("average.", trained.average)):
        module.load_state_dict(
            {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        )
    for name, parameter in _trained_parameters(trained):
        prefix = f"optimizer.{name}."
        trained.optimizer.state[parameter] = {
            entry.removeprefix(prefix): _like(tensor, parameter, is_count=entry.endswith(f".{_STEPS}"))
            for entry, tensor in tensors.items()
            if entry.startswith(prefix)
        }


def _like(tensor: Tensor, parameter: nn.Parameter, *, is_count: bool) -> Tensor:
    """Gives a moment the device and memory layout of its parameter, so that a step rounds as it would have."""
    return tensor.clone() if is_count else torch.empty_like(parameter.detach()).copy_(tensor)


def _check_configuration(path: Path, found: Configuration, wanted: Configuration) -> None:
    differing = differences(found, wanted)
    if differing:
        raise CheckpointError(
            f"{path.parent} holds a fine-tuning with other settings: {'; '.join(differing)}. Go on with the "
            "settings that it was begun with, or choose another folder"
        )


def _progress(stored: dict[str, object]) -> Progress:
    best = stored.pop("best")
    return Progress(**stored, best=Best(**best) if isinstance(best, dict) else None)  # type: ignore[arg-type]  # JSON
