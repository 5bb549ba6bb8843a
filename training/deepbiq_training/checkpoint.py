"""The checkpoint that training leaves: a folder that `deepbiq export` turns into a bundle.

`backbone.safetensors` and `regressors/*.npz` are written first, beside those of the checkpoint that they replace,
then `checkpoint.json` with their SHA-256, then they take their names. Interrupted at any moment, the folder holds
the old checkpoint or the new one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import deepbiq
from deepbiq.errors import DeepBIQError
from deepbiq.files import write_atomically
from deepbiq_training.backbones import Backbone, restore_backbone

SCHEMA = 1
DESCRIPTION = "checkpoint.json"
BACKBONE_FILE = "backbone.safetensors"
_NEW = ".new"


class CheckpointError(DeepBIQError, ValueError):
    """A folder is no checkpoint, or not an intact one."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained model.

    Attributes:
        description: The content of `checkpoint.json`; `deepbiq_training.frozen` composes it.
        backbone: The network with its weights, in evaluation mode.
        regressors: The npz files' bytes by their path in the folder.
    """

    description: Mapping[str, Any]
    backbone: Backbone
    regressors: Mapping[str, bytes]


def write_checkpoint(
    folder: Path, description: Mapping[str, object], backbone: Backbone, regressors: Mapping[str, bytes]
) -> None:
    """Writes a checkpoint; one that was there is replaced.

    Args:
        folder: Made when missing.
        description: What `checkpoint.json` says besides `schema` and `files`.
        backbone: The network.
        regressors: npz bytes by path inside the folder.

    Raises:
        OSError: When the disk is full or the folder not writable; the old checkpoint is then still there.
    """
    from safetensors.torch import save

    files = {BACKBONE_FILE: save(backbone.state_dict()), **regressors}
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    text = json.dumps({"schema": SCHEMA, **description, "files": digests}, indent=2)
    try:
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(_new_file(folder, name, digests[name]), data)
        write_atomically(folder / DESCRIPTION, text.encode() + b"\n")
    finally:
        _settle(folder, files)


def read_checkpoint(folder: Path) -> Checkpoint:
    """Reads a checkpoint and checks every file against its SHA-256.

    Raises:
        CheckpointError: When the folder is no checkpoint, or a file is missing, changed or of another network.
    """
    from safetensors.torch import load

    description = read_description(folder)
    try:
        files = {name: _read_file(folder, name, digest) for name, digest in description["files"].items()}
        backbone = restore_backbone(description["backbone"], load(files.pop(BACKBONE_FILE)))
    except (AttributeError, KeyError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{folder}: {DESCRIPTION} and the files do not belong together ({error})") from error
    return Checkpoint(description, backbone, files)


def read_description(folder: Path) -> dict[str, Any]:
    """Reads what a checkpoint says of itself.

    Raises:
        CheckpointError: When the folder is no checkpoint.
    """
    try:
        description = json.loads((folder / DESCRIPTION).read_bytes())
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder} is no checkpoint of a finished training: {error}") from error
    found = description.get("schema") if isinstance(description, dict) else None
    if found != SCHEMA:
        raise CheckpointError(f"{folder}: schema {found}, this deepbiq reads schema {SCHEMA}: train again")
    return dict(description)


def versions_of(libraries: Mapping[str, ModuleType]) -> dict[str, str]:
    """Lists deepbiq's version and those of libraries, as they say: OpenCV may have no package to ask."""
    return {"deepbiq": deepbiq.__version__, **{name: str(found.__version__) for name, found in libraries.items()}}


def _new_file(folder: Path, name: str, digest: str) -> Path:
    """Names a file of a checkpoint before it takes its own name."""
    return folder / f"{name}.{digest}{_NEW}"


def _settle(folder: Path, names: Iterable[str]) -> None:
    """Gives the new files that `checkpoint.json` tells of their own names, and deletes the others."""
    try:
        told = read_description(folder)["files"]
    except CheckpointError:
        told = {}
    for name in names:
        wanted = _new_file(folder, name, told.get(name, ""))
        for path in (folder / name).parent.glob(f"{Path(name).name}.*{_NEW}"):
            if path == wanted:
                path.replace(folder / name)
            else:
                path.unlink()


def _read_file(folder: Path, name: str, digest: str) -> bytes:
    new = _new_file(folder, name, digest)
    try:
        data = (new if new.exists() else folder / name).read_bytes()
    except OSError as error:
        raise CheckpointError(f"{folder}: {name} cannot be read: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise CheckpointError(f"{folder}: {name} does not match its SHA-256: train again")
    return data
