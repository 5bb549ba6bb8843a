"""Where weights that were trained further came from."""

from __future__ import annotations

import hashlib

from deepbiq_training.backbones import Backbone, WeightsOrigin
from deepbiq_training.finetuning.state import to_safetensors


def fine_tuned_origin(backbone: Backbone, before: WeightsOrigin, data_set: str) -> WeightsOrigin:
    """Names fine-tuned weights; their checksum is that of the weights file that a checkpoint holds.

    Args:
        backbone: With the fine-tuned weights, its mean among them where it has one.
        before: Of the weights that the fine-tuning started from.
        data_set: What it was fine-tuned on.
    """
    return trained_origin(backbone, before, f"fine-tuned on {data_set}")


def trained_origin(backbone: Backbone, before: WeightsOrigin, how: str) -> WeightsOrigin:
    """Names weights that were trained further.

    Args:
        backbone: With the new weights, its mean among them where it has one.
        before: Of the weights that the training started from.
        how: What was done to them.
    """
    digest = hashlib.sha256(to_safetensors(backbone.state_dict())).hexdigest()
    return WeightsOrigin(f"{before.source}, {how}", digest, before.licence)
