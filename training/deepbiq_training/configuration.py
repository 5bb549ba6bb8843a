"""What a training depends on, by name: so that nothing is gone on with, or written over, under other settings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deepbiq.datasets import RatedPicture
from deepbiq_training.backbones import WeightsOrigin
from deepbiq_training.checkpoint import DESCRIPTION, CheckpointError, read_description

Configuration = Mapping[str, str | int | float | None]
"""Every setting that the weights depend on, by name."""


def picture_digest(pictures: Sequence[RatedPicture]) -> str:
    """Tells lists of pictures apart: how many, and a checksum of their names (with the folder) and scores."""
    listed = json.dumps([[*picture.path.absolute().parts[-2:], picture.mos] for picture in pictures])
    return f"{len(pictures)} ({hashlib.sha256(listed.encode()).hexdigest()[:16]})"


def differences(found: Configuration, wanted: Configuration) -> list[str]:
    """Describes each setting that differs."""
    return [
        f"{name} was {found.get(name)}, now it is {wanted.get(name)}"
        for name in dict.fromkeys((*found, *wanted))
        if found.get(name) != wanted.get(name)
    ]


def check_out(folder: Path, wanted: Mapping[str, Any]) -> None:
    """Checks, before anything is trained, that a folder holds no finished checkpoint of other settings.

    The same training may be repeated. Settings that an older checkpoint does not tell are not compared.

    Args:
        folder: Of the checkpoint to be.
        wanted: What its `checkpoint.json` will say, as far as that is known before the training.

    Raises:
        CheckpointError: When the folder holds another checkpoint, or a damaged `checkpoint.json`; the message names
            the settings that differ.
    """
    if not (folder / DESCRIPTION).exists():
        return
    found, now = _configuration(read_description(folder)), _configuration(wanted)
    known = found.keys() & now.keys()
    differing = differences(
        {name: value for name, value in found.items() if name in known},
        {name: value for name, value in now.items() if name in known},
    )
    if differing:
        raise CheckpointError(
            f"{folder} holds a finished checkpoint of other settings: {'; '.join(differing)}. Choose another folder"
        )


def _configuration(told: Mapping[str, Any]) -> Configuration:
    """Collects the settings from what a `checkpoint.json` says."""
    tuned, quantised = told.get("fine_tuning"), told.get("qat")
    if quantised:
        kind, start = "quantisation-aware", quantised["weights_before"]
    elif tuned:
        kind, start = "fine-tuned", tuned["pre_trained"]
    else:
        kind, start = "frozen", told["weights"]
    recipe = (quantised or tuned or {"recipe": {}})["recipe"]
    return {
        "training": kind,
        "backbone": told["backbone"],
        "starting weights": WeightsOrigin(**start).key,
        "data set": told["data_set"]["name"],
        "number of pictures": told["data_set"]["pictures"],
        "number of validation pictures": told["validation"]["pictures"],
        **told.get("pictures", {}),
        "training scale": told["training_scale"]["short_side"],
        "seed": (quantised or told)["seed"],
        **{name.replace("_", "-"): value for name, value in recipe.items()},
    }
