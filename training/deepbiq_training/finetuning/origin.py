"""Where fine-tuned weights came from."""

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
    digest = hashlib.sha256(to_safetensors(backbone.state_dict())).hexdigest()
    return WeightsOrigin(f"{before.source}, fine-tuned on {data_set}", digest, before.licence)
